package demo

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/demo/scenario"
	"github.com/repsync/repsync/internal/demo/verify"
	"github.com/repsync/repsync/internal/demo/wire"
	"github.com/repsync/repsync/internal/sandbox"
	"github.com/repsync/repsync/internal/sandbox/google"
	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

// spoiler is one way to spoil a right end.
type spoiler struct {
	name  string
	spoil func(ctx context.Context, w scenario.World) error
	want  string // how one of the differences begins, see begins
}

// A right end is written into the sandboxes, spoiled in one way through the vendors' own APIs, and judged. Each way must
// end the process with 1, for the reason that it is.
func TestVerifierSeesEveryMutation(t *testing.T) {
	t.Parallel()
	cases := append(meetingSpoilers(), []spoiler{
		{"drop: an entry is gone", func(ctx context.Context, w scenario.World) error {
			return w.Books["bob"].Delete(ctx, the(ctx, w, "bob", "mei.chen@vega.test"))
		}, "bob's address book: mei.chen@vega.test: is missing"},
		{"drop: a record is gone", func(ctx context.Context, w scenario.World) error {
			return w.CRM.Delete(ctx, "Contact", theContact(ctx, w, "paula.vance@tamarind.test"))
		}, "Salesforce: paula.vance@tamarind.test: is missing"},
		{"double: the same entry twice", func(ctx context.Context, w scenario.World) error {
			return copyEntry(ctx, w, "alice", "keiko.tanaka@halden.test")
		}, "alice's address book: keiko@tanaka.test: is there 2 times"},
		{"double: two records for the person whom both reps added", func(ctx context.Context, w scenario.World) error {
			_, err := w.CRM.Create(ctx, "Contact", wire.Object{"FirstName": "Zofia", "LastName": "Wiśniewska", "Email": "zofia.wisniewska@polaris.test"})
			return err
		}, "Salesforce: zofia.wisniewska@polaris.test: is there 2 times"},
		{"double: by name only", func(ctx context.Context, w scenario.World) error {
			_, err := w.Books["bob"].Create(ctx, wire.Object{"names": []wire.Object{{"givenName": "Mei", "familyName": "Chen"}}})
			return err
		}, "bob's address book: mei chen: 2 items bear this name, expected 1"},
		{"revert: a title is the old one again", func(ctx context.Context, w scenario.World) error {
			return w.CRM.Update(ctx, "Contact", theContact(ctx, w, "benedikt.sorensen@nordlys.test"), wire.Object{"Title": "Grid Engineer"})
		}, `Salesforce: benedikt.sorensen@nordlys.test: Title is "Grid Engineer", want "Head of Grid Planning"`},
		{"revert: the owner is the old one again", func(ctx context.Context, w scenario.World) error {
			users, err := w.CRM.Query(ctx, "SELECT Id FROM User WHERE Email = 'alice@acme.test'")
			if err != nil {
				return err
			}
			return w.CRM.Update(ctx, "Contact", theContact(ctx, w, "farid.haddad@tamarind.test"), wire.Object{"OwnerId": users[0]["Id"]})
		}, `Salesforce: farid.haddad@tamarind.test: Owner is "alice@acme.test", want "bob@acme.test"`},
		{"wrong field: the work phone stands under mobile", func(ctx context.Context, w scenario.World) error {
			return w.Books["bob"].Edit(ctx, the(ctx, w, "bob", "victor.mensah@tamarind.test"), []string{"phoneNumbers"}, func(p wire.Object) {
				p["phoneNumbers"] = []wire.Object{{"type": "mobile", "value": "+1 416 555 0201"}}
			})
		}, `bob's address book: victor.mensah@tamarind.test: phoneNumbers.mobile is "+1 416 555 0201", want it empty`},
		{"wrong field: what Repsync does not map was emptied", func(ctx context.Context, w scenario.World) error {
			return w.CRM.Update(ctx, "Contact", theContact(ctx, w, "keiko.tanaka@halden.test"), wire.Object{"LeadSource": nil})
		}, `Salesforce: keiko.tanaka@halden.test: LeadSource is empty, want "Partner Referral"`},
		{"resurrect: the entry that alice deleted is back", func(ctx context.Context, w scenario.World) error {
			_, err := w.Books["alice"].Create(ctx, wire.Object{"names": []wire.Object{{"givenName": "Chiara", "familyName": "Lombardi"}},
				"emailAddresses": []wire.Object{{"type": "work", "value": "chiara.lombardi@quillfish.test"}}})
			return err
		}, "alice's address book: chiara.lombardi@quillfish.test: is there again, though it should be gone: alice deleted the entry, and the policy says that it stays away"},
		{"resurrect: the contact deleted in Salesforce is back", func(ctx context.Context, w scenario.World) error {
			_, err := w.CRM.Create(ctx, "Contact", wire.Object{"FirstName": "Hugo", "LastName": "Carvalho", "Email": "hugo.carvalho@brightwater.test"})
			return err
		}, "Salesforce: hugo.carvalho@brightwater.test: is there again, though it should be gone: deleted in Salesforce"},
		{"unwanted extra: a friend is in the CRM", func(ctx context.Context, w scenario.World) error {
			_, err := w.CRM.Create(ctx, "Contact", wire.Object{"FirstName": "Nora", "LastName": "Whitfield", "Email": "nora.whitfield@freemail.test"})
			return err
		}, "Salesforce: nora.whitfield@freemail.test: nobody expects this item"},
		{"unwanted extra: another user's record is in an address book", func(ctx context.Context, w scenario.World) error {
			_, err := w.Books["alice"].Create(ctx, wire.Object{"names": []wire.Object{{"givenName": "Otto", "familyName": "Brandt"}},
				"emailAddresses": []wire.Object{{"type": "work", "value": "otto.brandt@cobalt.test"}}})
			return err
		}, "alice's address book: otto.brandt@cobalt.test: nobody expects this item"},
		{"an item was deleted and made anew", func(ctx context.Context, w scenario.World) error {
			resource := the(ctx, w, "alice", "amara.okafor@halden.test")
			if err := copyEntry(ctx, w, "alice", "amara.okafor@halden.test"); err != nil {
				return err
			}
			return w.Books["alice"].Delete(ctx, resource)
		}, "alice's address book: amara.okafor@halden.test: is not the item of the start"},
	}...)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v, w, expect := rightEnd(t)
			require.NoError(t, c.spoil(t.Context(), w))

			_, err := judge(t.Context(), io.Discard, v.seen(w), expect, "at the end")
			require.Equal(t, 1, ExitCode(err))
			var d *Disagreement
			require.ErrorAs(t, err, &d)
			require.True(t, slices.ContainsFunc(d.Differences, func(x verify.Difference) bool { return begins(x.String(), c.want) }), "got %v", err)
		})
	}
}

// begins tells whether a text begins as a pattern says, in which * stands for anything.
func begins(text, pattern string) bool {
	first, rest, more := strings.Cut(pattern, "*")
	text, ok := strings.CutPrefix(text, first)
	for ok && more {
		first, rest, more = strings.Cut(rest, "*")
		_, text, ok = strings.Cut(text, first)
	}
	return ok
}

func TestVerifierAgreesWithTheRightEnd(t *testing.T) {
	t.Parallel()
	v, w, expect := rightEnd(t)
	var out strings.Builder
	_, err := judge(t.Context(), &out, v.seen(w), expect, "at the end")
	require.NoError(t, err)
	require.Contains(t, out.String(), "49 contacts and 14 events in Salesforce, 4 in the recycle bin, 55 entries in 2 address books, 17 events in 2 calendars; 0 mails sent")
}

func TestExitCode(t *testing.T) {
	t.Parallel()
	require.Equal(t, 0, ExitCode(nil))
	require.Equal(t, 1, ExitCode(errors.Join(errors.New("act 3"), &Disagreement{})))
	require.Equal(t, 1, ExitCode(errors.New("no Postgres")))
	require.True(t, disagrees(errors.Join(errors.New("act 3"), &Disagreement{})))
	require.False(t, disagrees(errors.New("no Postgres")))
}

// The story's own edits do on both sides what the table says, as far as no sync is needed for it.
func TestEditsAreThoseOfTheStory(t *testing.T) {
	t.Parallel()
	v := testVendors(t)
	v.hire(scenario.Reps)
	w := v.world(scenario.Reps)
	kept, err := scenario.Seed(t.Context(), w)
	require.NoError(t, err)
	require.Len(t, kept[verify.Salesforce], 44)
	for _, c := range [][]any{{"alice", "benedikt.sorensen@nordlys.test"}, {"alice", "chiara.lombardi@quillfish.test"}, {"alice", "dmitri.volkov@cobalt.test"}, {"alice", "eun-ji.park@vega.test"}} {
		email := c[1].(string)
		_, err := w.Books["alice"].Create(t.Context(), wire.Object{"emailAddresses": []wire.Object{{"type": "work", "value": email}}, "organizations": []wire.Object{{"name": "X", "department": "kept"}}})
		require.NoError(t, err)
	}
	for _, e := range scenario.Edits() {
		require.NoError(t, e.Do(t.Context(), w))
	}
	s, err := verify.Read(t.Context(), v.seen(w))
	require.NoError(t, err)
	require.Len(t, s.CRM, 43)
	require.Len(t, s.Deleted, 1)
	volkov := find(t, s.Books["alice"], "emailAddresses.work", "dmitri.volkov@cobalt.test")
	require.Equal(t, map[string]string{"emailAddresses.work": "dmitri.volkov@cobalt.test", "organizations.name": "X", "organizations.department": "kept",
		"organizations.title": "Head of Fleet Operations"}, volkov)
	require.Equal(t, "bob@acme.test", find(t, s.CRM, "Email", "greta.lindqvist@nordlys.test")["Owner"])
	require.Equal(t, "+1 512 555 7702", find(t, s.Books["alice"], "emailAddresses.work", "eun-ji.park@vega.test")["phoneNumbers.mobile"])
	for _, rep := range []string{"alice", "bob"} {
		require.Equal(t, "Polaris Ventures", find(t, s.Books[rep], "emailAddresses.work", "zofia.wisniewska@polaris.test")["organizations.name"])
	}
}

func find(t *testing.T, items []verify.Item, field, value string) map[string]string {
	t.Helper()
	i := slices.IndexFunc(items, func(it verify.Item) bool { return it.Fields[field] == value })
	require.GreaterOrEqual(t, i, 0, "%s %s", field, value)
	return items[i].Fields
}

// testVendors runs both sandboxes.
func testVendors(t *testing.T) vendors {
	t.Helper()
	outbox := &sandbox.Outbox{}
	g, err := google.New(google.Config{Mail: func(m google.Mail) {
		outbox.Add(sandbox.Mail{Vendor: "google", From: m.From, To: m.To, Reason: m.Kind})
	}})
	require.NoError(t, err)
	v := vendors{salesforce: salesforce.New(salesforce.Config{}), google: g, mails: func() int { return len(outbox.All()) }}
	sf, people := httptest.NewServer(v.salesforce), httptest.NewServer(v.google)
	t.Cleanup(sf.Close)
	t.Cleanup(people.Close)
	v.salesforceURL, v.googleURL = sf.URL, people.URL
	return v
}

// rightEnd writes the world of after_edits.json and calendar_after_retiming.json into fresh sandboxes, with no engine in
// between.
func rightEnd(t *testing.T) (vendors, scenario.World, expected) {
	t.Helper()
	v := testVendors(t)
	v.hire(scenario.Reps)
	w := v.world(scenario.Reps)
	ctx := t.Context()
	kept := map[string]map[string]string{verify.Salesforce: {}}
	expect, err := scenario.AfterEdits(kept)
	require.NoError(t, err)

	gone, err := w.CRM.Create(ctx, "Contact", wire.Object{"LastName": "Carvalho", "Email": "hugo.carvalho@brightwater.test"})
	require.NoError(t, err)
	require.NoError(t, w.CRM.Delete(ctx, "Contact", gone))
	accounts := map[string]string{}
	for _, fields := range expect.CRM {
		record := wire.Object{}
		for k, want := range fields {
			switch k {
			case "Owner":
				record["OwnerId"] = v.userID(want[0])
			case "Account":
				if accounts[want[0]] == "" {
					accounts[want[0]], err = w.CRM.Create(ctx, "Account", wire.Object{"Name": want[0]})
					require.NoError(t, err)
				}
				record["AccountId"] = accounts[want[0]]
			default:
				record[k] = want[0]
			}
		}
		kept[verify.Salesforce][wire.Text(record, "Email")], err = w.CRM.Create(ctx, "Contact", record)
		require.NoError(t, err)
	}
	for rep, entries := range expect.Books {
		kept[rep] = map[string]string{}
		people := make([]wire.Object, len(entries))
		for i, fields := range entries {
			people[i] = unflatten(fields)
		}
		ids, err := w.Books[rep].CreateAll(ctx, people)
		require.NoError(t, err)
		for i := range people {
			for _, key := range verify.PersonKeys(verify.FlattenPerson(wire.Clean(people[i]))) {
				kept[rep][key] = ids[i]
			}
		}
	}
	agenda, err := scenario.AgendaAfterRetiming()
	require.NoError(t, err)
	rightAgenda(t, w, agenda)
	s, err := verify.Read(ctx, v.seen(w))
	require.NoError(t, err)
	return v, w, expected{today: w.Today, kept: kept, ids: verify.IDs(s), people: scenario.AfterEdits, meetings: scenario.AgendaAfterRetiming}
}

// unflatten builds a person of the People API from the flat form that the tables are written in.
func unflatten(fields verify.Expected) wire.Object {
	values := map[string]map[string]wire.Object{} // field → label → value
	for _, path := range slices.Sorted(maps.Keys(fields)) {
		parts := strings.Split(path, ".")
		field, label, key := parts[0], "", "value"
		switch {
		case len(parts) == 3:
			label, key = parts[1], parts[2]
		case len(parts) == 2 && slices.Contains([]string{"names", "organizations"}, field):
			key = parts[1]
		case len(parts) == 2:
			label = parts[1]
		}
		if field == "relations" {
			key = "person"
		}
		if values[field] == nil {
			values[field] = map[string]wire.Object{}
		}
		if values[field][label] == nil {
			values[field][label] = wire.Object{}
			if label != "" && field == "userDefined" {
				values[field][label]["key"] = label
			} else if label != "" {
				values[field][label]["type"] = label
			}
		}
		value := any(fields[path][0])
		if field == "birthdays" || field == "events" {
			key, value = "date", day(fields[path][0])
		}
		values[field][label][key] = value
	}
	person := wire.Object{}
	for field, byLabel := range values {
		var list []wire.Object
		for _, label := range slices.Sorted(maps.Keys(byLabel)) {
			list = append(list, byLabel[label])
		}
		person[field] = list
	}
	return person
}

// day is google.type.Date of 1980-03-22 or --03-22.
func day(s string) wire.Object {
	number := func(s string) int {
		n := 0
		for _, c := range s {
			n = n*10 + int(c-'0')
		}
		return n
	}
	d := wire.Object{"month": number(s[len(s)-5 : len(s)-3]), "day": number(s[len(s)-2:])}
	if !strings.HasPrefix(s, "--") {
		d["year"] = number(s[:4])
	}
	return d
}

// the is the resourceName of the only entry with an email address, "" for none or several.
func the(ctx context.Context, w scenario.World, rep, email string) string {
	if found, err := w.Books[rep].WithEmail(ctx, email); err == nil && len(found) == 1 {
		return found[0]
	}
	return ""
}

// theContact is the id of the first contact with an email address, "" for none.
func theContact(ctx context.Context, w scenario.World, email string) string {
	if rows, err := w.CRM.Query(ctx, "SELECT Id FROM Contact WHERE Email = '"+email+"'"); err == nil && len(rows) > 0 {
		return wire.Text(rows[0], "Id")
	}
	return ""
}

// copyEntry makes a second entry with the content of the first.
func copyEntry(ctx context.Context, w scenario.World, rep, email string) error {
	person, err := w.Books[rep].Get(ctx, the(ctx, w, rep, email))
	if err != nil {
		return err
	}
	for _, key := range []string{"resourceName", "etag", "metadata", "memberships"} {
		delete(person, key)
	}
	_, err = w.Books[rep].Create(ctx, person)
	return err
}
