package salesforce

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// population is an object that holds people, and which of its rows count.
type population struct {
	kind   connector.PersonKind
	object string
	fields []string // beside Id and Email, where there
	needs  string   // a field without which the object's rows cannot be told apart
	where  string
}

var populations = []population{
	{connector.PersonContact, "Contact", []string{"AccountId", "LastActivityDate", "SystemModstamp"}, "Email", ""},
	{connector.PersonLead, "Lead", []string{"LastActivityDate", "SystemModstamp"}, "IsConverted", " AND IsConverted = false"},
	{connector.PersonUser, "User", []string{"SystemModstamp"}, "IsActive", " AND IsActive = true"},
}

// People finds contacts, unconverted leads and active users by address, in one query per object and as many addresses as a URI holds. An
// object or an address field that describe does not show is left out. SOQL compares text without case (SOQL and SOSL
// Reference, "Comparison Operators"); what else of an address is the same is decided here.
// Errors: Retry, Reconnect.
func (c *crm) People(ctx context.Context, emails []string) (map[string][]connector.Person, error) {
	asked := map[string]bool{}
	var list []string
	for _, e := range emails {
		if e = record.NormalEmail(e); e != "" && !asked[e] {
			asked[e] = true
			list = append(list, e)
		}
	}
	found := map[string][]connector.Person{}
	if len(list) == 0 {
		return found, nil
	}
	for _, p := range populations {
		err := c.population(ctx, p, list, func(email string, one connector.Person) {
			if asked[email] {
				found[email] = append(found[email], one)
			}
		})
		if err != nil && !notServed(err) {
			return nil, err
		}
	}
	for _, all := range found {
		slices.SortFunc(all, func(a, b connector.Person) int { return cmp.Compare(a.ID, b.ID) })
	}
	return found, nil
}

// population hands each person of one object who has one of the addresses to f.
func (c *crm) population(ctx context.Context, p population, emails []string, f func(string, connector.Person)) error {
	d, err := c.describe(ctx, p.object)
	if err != nil || d.byName["Email"] == nil || d.byName[p.needs] == nil {
		return err
	}
	fields := d.list(append([]string{"Id", "Email"}, p.fields...))
	for _, batch := range idBatches(emails, c.room(fields+p.where)) {
		err := c.each(ctx, "find "+p.object, fields, p.object, "Email IN ("+quoteAll(batch)+")"+p.where, false, func(raw json.RawMessage) error {
			f(person(p.kind, raw))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// person reads one row of a population; without an address it is nobody.
func person(kind connector.PersonKind, raw json.RawMessage) (string, connector.Person) {
	var row struct{ ID, Email, AccountID, LastActivityDate, SystemModstamp string }
	if json.Unmarshal(raw, &row) != nil || !itemID.MatchString(row.ID) {
		return "", connector.Person{}
	}
	p := connector.Person{Kind: kind, ID: row.ID, Account: row.AccountID}
	p.Modified, _ = parseStamp(row.SystemModstamp)
	p.LastActivity, _ = time.Parse(time.DateOnly, row.LastActivityDate)
	return record.NormalEmail(row.Email), p
}
