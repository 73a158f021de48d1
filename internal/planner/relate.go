package planner

import (
	"cmp"
	"slices"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// RelateRules say which CRM records an event is related to.
type RelateRules struct {
	Contacts, Leads, Accounts bool
	OnTie                     string // review | newest | oldest | most_recent_activity
}

// Relate returns the CRM records that an event concerns through its attendees, the rep not counted. people are the CRM's
// by normalised address, as connector.CRM.People found them. was are the ids that Repsync related before: of those that
// are no longer wanted, each comes as Gone.
//
// An attendee who is a user is related as that user, else as a contact, else as a lead. Where several records have the
// address, the one that was related before stays, so that nothing is written for another record's sake; else on_tie
// decides, and under review that attendee is not related and tie is true. Contacts and leads come first, by address, so
// that the event is with the first of them; then users; then the account of the first contact.
func Relate(attendees []record.Attendee, rep string, people map[string][]connector.Person, r RelateRules, was []string) (relations []record.Relation, tie bool) {
	var with, users []record.Relation
	account := ""
	sorted := slices.SortedFunc(slices.Values(attendees), func(a, b record.Attendee) int {
		return cmp.Compare(record.NormalEmail(a.Email), record.NormalEmail(b.Email))
	})
	for _, a := range sorted {
		email := record.NormalEmail(a.Email)
		if email == record.NormalEmail(rep) {
			continue
		}
		found := r.closest(people[email])
		if len(found) == 0 {
			continue
		}
		who, ok := r.choose(found, was)
		tie = tie || !ok
		switch one := (record.Relation{ID: who.ID, Answer: a.Answer}); {
		case !ok || related(slices.Concat(with, users), one.ID):
		case who.Kind == connector.PersonUser:
			users = append(users, one)
		default:
			with = append(with, one)
			account = cmp.Or(account, who.Account)
		}
	}
	relations = slices.Concat(with, users)
	if r.Accounts && account != "" {
		relations = append(relations, record.Relation{ID: account})
	}
	for _, id := range was {
		if !related(relations, id) {
			relations = append(relations, record.Relation{ID: id, Gone: true})
		}
	}
	return relations, tie
}

// closest returns the people of the first kind that there are any of and that the rules let be related.
func (r RelateRules) closest(people []connector.Person) []connector.Person {
	for _, kind := range []connector.PersonKind{connector.PersonUser, connector.PersonContact, connector.PersonLead} {
		if kind == connector.PersonContact && !r.Contacts || kind == connector.PersonLead && !r.Leads {
			continue
		}
		var found []connector.Person
		for _, p := range people {
			if p.Kind == kind {
				found = append(found, p)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// choose picks one of several people, the smallest id where a rule finds two equal; not ok is for a person to decide.
func (r RelateRules) choose(found []connector.Person, was []string) (connector.Person, bool) {
	found = slices.SortedFunc(slices.Values(found), func(a, b connector.Person) int { return cmp.Compare(a.ID, b.ID) })
	if i := slices.IndexFunc(found, func(p connector.Person) bool { return slices.Contains(was, p.ID) }); i >= 0 {
		return found[i], true
	}
	var later func(a, b connector.Person) int
	switch {
	case len(found) == 1:
		return found[0], true
	case r.OnTie == "newest":
		later = func(a, b connector.Person) int { return a.Modified.Compare(b.Modified) }
	case r.OnTie == "oldest":
		later = func(a, b connector.Person) int { return b.Modified.Compare(a.Modified) }
	case r.OnTie == "most_recent_activity":
		later = func(a, b connector.Person) int { return a.LastActivity.Compare(b.LastActivity) }
	default:
		return connector.Person{}, false
	}
	return slices.MaxFunc(found, later), true
}

func related(to []record.Relation, id string) bool {
	return slices.ContainsFunc(to, func(r record.Relation) bool { return r.ID == id })
}
