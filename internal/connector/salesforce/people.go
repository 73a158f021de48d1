package salesforce

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// populations are the objects that hold people, and which of their rows count.
var populations = []struct {
	kind   connector.PersonKind
	object string
	needs  string // a field without which the object's rows cannot be told apart
	where  string
}{
	{connector.PersonContact, "Contact", "", ""},
	{connector.PersonLead, "Lead", "IsConverted", "IsConverted = false"},
	{connector.PersonUser, "User", "IsActive", "IsActive = true"},
}

// People finds contacts, unconverted leads and active users by address, in one query per object and 200 addresses. An
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
		d, err := c.describe(ctx, p.object)
		if notServed(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if d.byName["Email"] == nil || p.needs != "" && d.byName[p.needs] == nil {
			continue
		}
		fields := []string{"Id", "Email"}
		for _, name := range []string{"AccountId", "LastActivityDate", "SystemModstamp"} {
			if d.byName[name] != nil && (name != "AccountId" || p.kind == connector.PersonContact) {
				fields = append(fields, name)
			}
		}
		for _, batch := range batches(list, room(strings.Join(fields, ",")+p.where)) {
			where := "Email IN (" + quoteAll(batch) + ")"
			if p.where != "" {
				where += " AND " + p.where
			}
			err := c.each(ctx, "find "+p.object, strings.Join(fields, ","), p.object, where, false, func(raw json.RawMessage) error {
				if e, one := person(p.kind, raw); asked[e] {
					found[e] = append(found[e], one)
				}
				return nil
			})
			if notServed(err) {
				break
			}
			if err != nil {
				return nil, err
			}
		}
	}
	for _, all := range found {
		slices.SortFunc(all, func(a, b connector.Person) int { return cmp.Compare(a.ID, b.ID) })
	}
	return found, nil
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
