package verify

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Agenda is what the calendars of both sides must show.
type Agenda struct {
	CRM       []Meeting            `json:"crm"`
	Deleted   []Cancelled          `json:"crm_deleted"` // must lie in the recycle bin
	Calendars map[string][]Meeting `json:"calendars"`
	Gone      map[string][]Gone    `json:"calendars_gone"` // subjects that must not be in that calendar
}

// Meeting is one event or one occurrence by all its fields, and when it is. It is found by its subject and its start.
type Meeting struct {
	When   When
	Fields Expected
}

// UnmarshalJSON reads {"when": {…}, "Subject": "…", …}.
func (m *Meeting) UnmarshalJSON(b []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	if err := json.Unmarshal(raw["when"], &m.When); err != nil {
		return fmt.Errorf("when: %w", err)
	}
	delete(raw, "when")
	m.Fields = Expected{}
	for k, v := range raw {
		var w Want
		if err := json.Unmarshal(v, &w); err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
		m.Fields[k] = w
	}
	return nil
}

// on is the meeting with its instants.
func (m Meeting) on(today Today) (Expected, error) {
	span, err := m.When.Span(today)
	if err != nil {
		return nil, err
	}
	e := maps.Clone(m.Fields)
	start, end := span.Words()
	e[fieldStart], e[fieldEnd] = Want{start}, Want{end}
	return e, nil
}

// Cancelled is an event that must lie in the recycle bin, and why.
type Cancelled struct {
	Subject string `json:"subject"`
	When    When   `json:"when"`
	Why     string `json:"why"`
}

// CheckAgenda compares the events of a snapshot with what was expected on that day. kept holds, by place, the ids that a
// subject's events had earlier: they must be the same events still, not deleted and made anew. Error: an expectation that
// cannot be understood.
func CheckAgenda(s Snapshot, a Agenda, today Today, kept map[string]map[string][]string) ([]Difference, error) {
	crm, err := onDay(a.CRM, today)
	if err != nil {
		return nil, err
	}
	var bin []Gone
	for _, c := range a.Deleted {
		span, err := c.When.Span(today)
		if err != nil {
			return nil, err
		}
		start, _ := span.Words()
		bin = append(bin, Gone{c.Subject + " at " + start, c.Why})
	}
	diffs := place{name: Salesforce, keyOf: eventKeys}.check(s.Events, crm, bin)
	diffs = append(diffs, checkBin(s.DeletedEvents, bin, eventKeys)...)
	diffs = append(diffs, anew(Salesforce, s.Events, kept[Salesforce])...)
	for _, rep := range slices.Sorted(maps.Keys(s.Calendars)) {
		want, err := onDay(a.Calendars[rep], today)
		if err != nil {
			return nil, err
		}
		diffs = append(diffs, place{name: Calendar(rep), keyOf: eventKeys}.check(s.Calendars[rep], want, a.Gone[rep])...)
		diffs = append(diffs, anew(Calendar(rep), s.Calendars[rep], kept[rep])...)
	}
	return diffs, nil
}

func onDay(meetings []Meeting, today Today) ([]Expected, error) {
	out := make([]Expected, len(meetings))
	for i, m := range meetings {
		var err error
		if out[i], err = m.on(today); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// IDs lists the events of a snapshot by place and subject, as CheckAgenda wants them.
func IDs(s Snapshot) map[string]map[string][]string {
	ids := map[string]map[string][]string{Salesforce: bySubject(s.Events)}
	for rep, items := range s.Calendars {
		ids[rep] = bySubject(items)
	}
	return ids
}

// bySubject lists ids by subject. An occurrence in a calendar has its series' id: Google names it by its start, and so
// otherwise when the series moves.
func bySubject(items []Item) map[string][]string {
	m := map[string][]string{}
	for _, it := range items {
		subject := eventKeys(it.Fields)[1]
		id, _, _ := strings.Cut(it.ID, "_")
		if !slices.Contains(m[subject], id) {
			m[subject] = append(m[subject], id)
		}
	}
	return m
}

// anew reports subjects of which events that were there are gone and others have taken their place.
func anew(where string, items []Item, kept map[string][]string) []Difference {
	now := bySubject(items)
	var diffs []Difference
	for _, subject := range slices.Sorted(maps.Keys(now)) {
		was := kept[subject]
		gone, fresh := without(was, now[subject]), without(now[subject], was)
		if n := min(len(gone), len(fresh)); n > 0 {
			diffs = append(diffs, Difference{where, subject, fmt.Sprintf("%d of the events that were there are gone, and others made in their place", n)})
		}
	}
	return diffs
}

// without is the elements of a that b does not have.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// Calendar is how a rep's calendar is called in differences. The rep "you" is whoever reads them.
func Calendar(rep string) string {
	if rep == "you" {
		return "your calendar"
	}
	return rep + "'s calendar"
}
