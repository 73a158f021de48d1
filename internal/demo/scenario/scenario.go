// Package scenario is the demo's story: the org acme, its reps alice and bob, the people that they know, what everybody
// edits, and what must be there afterwards.
//
// All of it is literal. start.json holds the world before Repsync, as the vendors' own JSON; after_first_sync.json and
// after_edits.json hold every item of both sides as it must read then, each field of it, and what must be gone. They are
// tables to be read and kept by hand: nothing computes them, least of all the code that they judge. edits.go holds what
// people do in between. The meetings have tables of their own (calendar.json, calendar_after_first_sync.json and so on),
// in which dates are told by days from the day of the run or from the next change of the clocks; see verify.When.
//
// Who is who in the story:
//
//   - alice and bob are reps; carol owns records and has no mailbox that syncs, so that hers stay out of both address
//     books, but for Nadia Rahman, whom bob has had in his since long ago.
//   - Amara Okafor, Keiko Tanaka, María José Fernández and Nikolai Petrov are alice's, and bob knows them too: four
//     records with two entries each.
//   - Inés Navarro and Anaïs Moreau stand in an address book without an email address and are found by name and company.
//   - There are two people called Jonas Weber. They are not one.
//   - Zachary Stone is archived. Nora, Pete, Ruth, Theo and Bea are friends. The policy leaves them out.
//   - "Plumber" has no family name, which Salesforce asks for: that entry is parked, and stays as it is.
//   - alice lives by the clocks of Berlin, bob by those of New York. Of the meetings, see Cast.
package scenario

import (
	"bytes"
	"context"
	_ "embed" // the tables of the story
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/repsync/repsync/internal/demo/verify"
	"github.com/repsync/repsync/internal/demo/wire"
)

// Org is the story's org.
const Org = "acme"

// Rep is a rep of the story.
type Rep struct{ Name, Email, FullName string }

// Reps are those whose address books sync.
var Reps = []Rep{
	{"alice", "alice@acme.test", "Alice Archer"},
	{"bob", "bob@acme.test", "Bob Bishop"},
}

// Carol has no mailbox that syncs. She keeps the CRM in order, and it is she who edits there.
var Carol = Rep{"carol", "carol@acme.test", "Carol Cooper"}

// Profile is the Salesforce profile of all three. Acme is small: whoever has it may see and edit every record.
const Profile = "Field Sales"

// Policy is the policy document of the story.
//
//go:embed policy.yaml
var Policy []byte

var (
	//go:embed start.json
	startJSON []byte
	//go:embed after_first_sync.json
	firstJSON []byte
	//go:embed after_edits.json
	editsJSON []byte
)

// World is the two vendors as the story's people reach them: Salesforce with carol's sign-in, each address book and
// calendar with its owner's.
type World struct {
	CRM       wire.Salesforce
	Books     map[string]wire.People
	Calendars map[string]wire.Calendar
	Today     verify.Today // the day on which the story is played
}

// start is the world before Repsync.
type start struct {
	Accounts []string                 `json:"accounts"`
	Contacts []map[string]string      `json:"contacts"` // API names; Account and Owner by name and email address
	Books    map[string][]wire.Object `json:"books"`
}

// Seed puts the start in place and returns the ids of all items, as verify.Expect.Kept wants them.
func Seed(ctx context.Context, w World) (kept map[string]map[string]string, err error) {
	var s start
	if err := decode(startJSON, &s); err != nil {
		return nil, fmt.Errorf("start.json: %w", err)
	}
	kept = map[string]map[string]string{}
	if kept[verify.Salesforce], err = seedCRM(ctx, w.CRM, s); err != nil {
		return nil, err
	}
	for _, rep := range slices.Sorted(maps.Keys(s.Books)) {
		ids, err := w.Books[rep].CreateAll(ctx, s.Books[rep])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", rep, err)
		}
		kept[rep] = map[string]string{}
		for i, person := range s.Books[rep] {
			for _, key := range verify.PersonKeys(verify.FlattenPerson(person)) {
				kept[rep][key] = ids[i]
			}
		}
	}
	return kept, seedCalendars(ctx, w)
}

func seedCRM(ctx context.Context, crm wire.Salesforce, s start) (map[string]string, error) {
	accounts := make([]wire.Object, len(s.Accounts))
	for i, name := range s.Accounts {
		accounts[i] = wire.Object{"Name": name}
	}
	ids, err := createAll(ctx, crm, "Account", accounts)
	if err != nil {
		return nil, err
	}
	accountID := map[string]string{}
	for i, name := range s.Accounts {
		accountID[name] = ids[i]
	}
	users, err := crm.Query(ctx, "SELECT Id, Email FROM User")
	if err != nil {
		return nil, err
	}
	userID := map[string]string{}
	for _, u := range users {
		userID[wire.Text(u, "Email")] = wire.Text(u, "Id")
	}
	contacts := make([]wire.Object, len(s.Contacts))
	for i, fields := range s.Contacts {
		contacts[i] = wire.Object{"AccountId": accountID[fields["Account"]], "OwnerId": userID[fields["Owner"]]}
		for k, v := range fields {
			if k != "Account" && k != "Owner" {
				contacts[i][k] = v
			}
		}
	}
	if ids, err = createAll(ctx, crm, "Contact", contacts); err != nil {
		return nil, err
	}
	kept := map[string]string{}
	for i, fields := range s.Contacts {
		kept[strings.ToLower(fields["Email"])] = ids[i]
	}
	return kept, nil
}

// createAll makes records that the org must not refuse.
func createAll(ctx context.Context, crm wire.Salesforce, object string, records []wire.Object) ([]string, error) {
	ids, refused, err := crm.CreateAll(ctx, object, records)
	if err != nil {
		return nil, err
	}
	for i, why := range refused {
		if why != "" {
			return nil, fmt.Errorf("create %s number %d of the start: %s", object, i+1, why)
		}
	}
	return ids, nil
}

// AfterFirstSync is the world as it must be once the first sync is over.
func AfterFirstSync(kept map[string]map[string]string) (verify.Expect, error) {
	return expectation("after_first_sync.json", firstJSON, kept)
}

// AfterEdits is the world as it must be once everybody's edits are on both sides.
func AfterEdits(kept map[string]map[string]string) (verify.Expect, error) {
	return expectation("after_edits.json", editsJSON, kept)
}

func expectation(name string, table []byte, kept map[string]map[string]string) (e verify.Expect, err error) {
	if err := decode(table, &e); err != nil {
		return e, fmt.Errorf("%s: %w", name, err)
	}
	e.Kept = kept
	return e, nil
}

// again decodes a part of a table into another type.
func again(part, into any) error {
	b, err := json.Marshal(part)
	if err != nil {
		return err
	}
	return decode(b, into)
}

// decode refuses a key that it does not know: a misspelt one would be an expectation that nobody checks.
func decode(table []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(table))
	d.DisallowUnknownFields()
	return d.Decode(into)
}
