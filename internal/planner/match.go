package planner

import (
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// Candidate is an item of the other side that may be the same as one's own.
type Candidate struct {
	Item         connector.Item
	Visible      bool      // the rep may read it
	Taken        bool      // linked for this rep already
	LastActivity time.Time // zero when not known
}

// Match is the outcome of Choose.
type Match struct {
	ID     string // the chosen candidate, "" when there is none
	Reason Reason // ReasonAmbiguousMatch, ReasonMatchNotVisible: parked. With neither id nor reason nothing matches: create
}

// Choose picks the candidate that an unlinked item is the same as: by any of its strong keys first (a person's email
// addresses, a meeting's UID), and only where no candidate shares one, by name and company, or by subject and time. byKey
// and byName may hold more than what matches.
//
// One candidate is the match. Several are ambiguous; so is one that is linked for this rep already (two of the rep's
// contacts with one address) and one of the same address but another given name (two people who share an address).
// What is ambiguous goes by the policy's on_ambiguous: parked for review, created, or one of the candidates is picked.
func Choose(own connector.Item, byKey, byName []Candidate, r Rules) Match {
	keys := StrongKeys(own.Fields)
	sharesKey := func(c Candidate) bool {
		theirs := StrongKeys(c.Item.Fields)
		return slices.ContainsFunc(keys, func(k string) bool { return slices.Contains(theirs, k) })
	}
	shares := func(key func(record.Fields) string) func(Candidate) bool {
		mine := key(own.Fields)
		return func(c Candidate) bool { return mine != "" && key(c.Item.Fields) == mine }
	}

	var found []Candidate
	if slices.Contains(r.MatchBy, "email") || slices.Contains(r.MatchBy, "uid") {
		found = distinct(byKey, sharesKey)
	}
	if len(found) == 0 && slices.Contains(r.MatchBy, "name_and_company") {
		found = distinct(byName, shares(record.NameKey))
	}
	if len(found) == 0 && slices.Contains(r.MatchBy, "subject_and_time") {
		found = distinct(byName, shares(SubjectKey))
	}
	switch {
	case len(found) == 0:
		return Match{}
	case len(found) == 1 && !found[0].Taken && samePerson(own.Fields, found[0].Item.Fields):
		return found[0].match()
	default:
		return pick(found, r.OnAmbiguous)
	}
}

// pick applies on_ambiguous. Only candidates that are still free can be picked; without one the item is parked.
func pick(found []Candidate, rule string) Match {
	free := slices.DeleteFunc(found, func(c Candidate) bool { return c.Taken })
	var later func(a, b Candidate) int
	switch rule {
	case "create":
		return Match{}
	case "newest":
		later = func(a, b Candidate) int { return a.Item.Version.At.Compare(b.Item.Version.At) }
	case "oldest":
		later = func(a, b Candidate) int { return b.Item.Version.At.Compare(a.Item.Version.At) }
	case "most_recent_activity":
		later = func(a, b Candidate) int { return a.LastActivity.Compare(b.LastActivity) }
	}
	if later == nil || len(free) == 0 {
		return Match{Reason: ReasonAmbiguousMatch}
	}
	return slices.MaxFunc(free, later).match() // of equals the first, which has the smallest id
}

// match is a candidate's own outcome: what the rep may not see is parked, since a copy of it would be a double and a
// link to it a leak.
func (c Candidate) match() Match {
	if !c.Visible {
		return Match{Reason: ReasonMatchNotVisible}
	}
	return Match{ID: c.Item.ID}
}

// distinct returns the candidates that pass, each item once, ordered by id.
func distinct(list []Candidate, pass func(Candidate) bool) []Candidate {
	var out []Candidate
	for _, c := range list {
		if pass(c) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b Candidate) int { return strings.Compare(a.Item.ID, b.Item.ID) })
	return slices.CompactFunc(out, func(a, b Candidate) bool { return a.Item.ID == b.Item.ID })
}

// samePerson reports whether the given names of two items that share an address may be one person's: one is missing, or
// one begins with the other ("Chris" and "Christopher", "J." and "Jane"). A family name may change.
func samePerson(a, b record.Fields) bool {
	x, y := record.Fold(a[record.FieldGiven]), record.Fold(b[record.FieldGiven])
	return strings.HasPrefix(x, y) || strings.HasPrefix(y, x)
}

// StrongKeys returns the keys that a create in the CRM claims, sorted: every address of a person; of a meeting its UID,
// and of one occurrence of a series also the original start, as an instant or a date, however its zone is called.
func StrongKeys(f record.Fields) []string {
	emails := record.Emails(f)
	keys := make([]string, 0, len(emails)+1)
	for _, e := range emails {
		keys = append(keys, "email:"+e)
	}
	if uid := f[record.FieldUID]; uid != "" {
		keys = append(keys, "uid:"+uid+originalStart(f[record.FieldOccurrence]))
	}
	return keys
}

// originalStart is what the key of one occurrence of a series has beyond the series' own.
func originalStart(occurrence string) string {
	at, err := record.ParseMoment(occurrence)
	switch {
	case occurrence == "":
		return ""
	case err != nil:
		return "#" + occurrence
	case at.Date:
		return "#" + at.String()
	}
	return "#" + at.At.UTC().Format(time.RFC3339)
}

// SubjectKey returns the key by which events are matched that share no UID: subject, start and end, "" without a subject
// or a time.
func SubjectKey(f record.Fields) string {
	subject, at := record.Fold(f[record.FieldSubject]), record.Comparable(record.Normaliser, record.FieldTime, f[record.FieldTime])
	if subject == "" || at == "" {
		return ""
	}
	return subject + "\n" + at
}
