// Package verify reads what both vendors show in the end and compares it with what was expected, item by item and field
// by field.
//
// It is the judge of the demo, so it shares nothing with what it judges: it imports none of planner, connector, store and
// record, reads the vendors' raw JSON (package wire), and knows one rule only: an expectation is a literal. Every item
// that a side holds must be expected, every item expected must be there once, each of its fields must read as the
// expectation says, fields that nobody expects must be empty, and what was deleted must be gone. Check does this for the
// demo's story, whose expectations are literal tables beside the scenario; CheckPairs (see pairs.go) does it for address
// books and exports that a user brings, where what is expected follows from what was loaded.
package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/demo/wire"
)

// World is where the outcome is read from.
type World struct {
	CRM       wire.Salesforce
	Books     map[string]wire.People   // rep → that rep's address book
	Calendars map[string]wire.Calendar // rep → that rep's calendar
	From, To  time.Time                // the part of time that is read of calendars; default a year back and two ahead
	// Mails counts the messages that the vendors sent to anybody; nil when the world cannot send any.
	Mails func(context.Context) (int, error)
}

// Item is one item as a vendor shows it: its id there, and its fields by flat names (see flatten.go).
type Item struct {
	ID     string
	Fields map[string]string
}

// Snapshot is all that both sides hold at one moment.
type Snapshot struct {
	CRM     []Item            // live contacts
	Deleted []Item            // contacts in the recycle bin
	Books   map[string][]Item // rep → entries

	Events        []Item            // live events
	DeletedEvents []Item            // events in the recycle bin
	Calendars     map[string][]Item // rep → events, every occurrence by itself
	Mails         int
}

// Read takes a snapshot. Errors: those of package wire, naming what was being read.
func Read(ctx context.Context, w World) (Snapshot, error) {
	s := Snapshot{Books: map[string][]Item{}, Calendars: map[string][]Item{}}
	var err error
	if s.CRM, s.Deleted, err = readCRM(ctx, w.CRM); err != nil {
		return s, err
	}
	if s.Events, s.DeletedEvents, err = readEvents(ctx, w.CRM); err != nil {
		return s, err
	}
	if w.From.IsZero() {
		w.From, w.To = time.Now().AddDate(-1, 0, 0), time.Now().AddDate(2, 0, 0)
	}
	for rep, calendar := range w.Calendars {
		if s.Calendars[rep], err = readCalendar(ctx, calendar, w.From, w.To); err != nil {
			return s, fmt.Errorf("%s: %w", rep, err)
		}
	}
	for rep, book := range w.Books {
		people, err := book.Connections(ctx)
		if err != nil {
			return s, fmt.Errorf("%s: %w", rep, err)
		}
		s.Books[rep] = []Item{}
		for _, p := range people {
			s.Books[rep] = append(s.Books[rep], Item{ID: wire.Text(p, "resourceName"), Fields: FlattenPerson(p)})
		}
	}
	if w.Mails != nil {
		if s.Mails, err = w.Mails(ctx); err != nil {
			return s, fmt.Errorf("count the mails sent: %w", err)
		}
	}
	return s, nil
}

// Want is what a field may read: one value, or in JSON a list of values of which any will do.
type Want []string

// UnmarshalJSON reads a string or a list of strings.
func (w *Want) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*w = Want{one}
		return nil
	}
	var many []string
	if err := json.Unmarshal(b, &many); err != nil {
		return fmt.Errorf("a field is a string or a list of strings: %w", err)
	}
	*w = many
	return nil
}

// String shows the wish in a message.
func (w Want) String() string {
	quoted := make([]string, len(w))
	for i, v := range w {
		quoted[i] = fmt.Sprintf("%q", v)
	}
	return strings.Join(quoted, " or ")
}

// Expected is one item by all its fields. It is found by its email address, or without one by its name.
type Expected map[string]Want

// Gone is an item that must not be there, and why. Key is its email address, or without one its name.
type Gone struct {
	Key string `json:"key"`
	Why string `json:"why"`
}

// Expect is a whole world as it should be.
type Expect struct {
	CRM     []Expected            `json:"crm"`
	Deleted []Gone                `json:"crm_deleted"` // must lie in the recycle bin
	Books   map[string][]Expected `json:"books"`
	Gone    map[string][]Gone     `json:"books_gone"` // must not be in that book
	// Kept holds, per place ("Salesforce" or a rep), the ids that items had when the story began, by key: they must be
	// the same items still, not deleted and made anew. Items made in the story are not in it.
	Kept map[string]map[string]string `json:"-"`
}

// Difference is one thing that is not as expected.
type Difference struct {
	Where string // "Salesforce", "alice's address book"
	Item  string // email address or name; "" when it concerns the whole place
	What  string
}

// String is the line that the demo prints.
func (d Difference) String() string {
	if d.Item == "" {
		return d.Where + ": " + d.What
	}
	return d.Where + ": " + d.Item + ": " + d.What
}

// Salesforce is how the CRM is called in Expect.Kept and in differences.
const Salesforce = "Salesforce"

// Check compares a snapshot with what was expected. An empty list means agreement.
func Check(s Snapshot, e Expect) []Difference {
	diffs := place{name: Salesforce, keyOf: contactKeys, kept: e.Kept[Salesforce]}.check(s.CRM, e.CRM, e.Deleted)
	diffs = append(diffs, checkBin(s.Deleted, e.Deleted, contactKeys)...)
	for _, rep := range slices.Sorted(maps.Keys(e.Books)) {
		at := place{name: Book(rep), keyOf: PersonKeys, kept: e.Kept[rep]}
		diffs = append(diffs, at.check(s.Books[rep], e.Books[rep], e.Gone[rep])...)
	}
	for _, rep := range slices.Sorted(maps.Keys(s.Books)) {
		if _, ok := e.Books[rep]; !ok && len(s.Books[rep]) > 0 {
			diffs = append(diffs, Difference{Book(rep), "", fmt.Sprintf("holds %d entries; nobody expects this book", len(s.Books[rep]))})
		}
	}
	if s.Mails != 0 {
		diffs = append(diffs, Difference{"mail", "", fmt.Sprintf("%d messages were sent; a sync sends none", s.Mails)})
	}
	return diffs
}

// checkBin compares the recycle bin with what must lie in it.
func checkBin(bin []Item, expected []Gone, keyOf func(map[string]string) []string) []Difference {
	var diffs []Difference
	for _, gone := range expected {
		if !slices.ContainsFunc(bin, func(it Item) bool { return slices.Contains(keyOf(it.Fields), gone.Key) }) {
			diffs = append(diffs, Difference{Salesforce, gone.Key, "is not in the recycle bin (" + gone.Why + ")"})
		}
	}
	for _, it := range bin {
		keys := keyOf(it.Fields)
		if !slices.ContainsFunc(expected, func(g Gone) bool { return slices.Contains(keys, g.Key) }) {
			diffs = append(diffs, Difference{Salesforce, keys[0], "lies in the recycle bin, and nobody deleted it"})
		}
	}
	return diffs
}

// Book is how a rep's address book is called in differences. The rep "you" is whoever reads them.
func Book(rep string) string {
	if rep == "you" {
		return "your address book"
	}
	return rep + "'s address book"
}

// place compares one side's items with the expectations for them.
type place struct {
	name  string
	keyOf func(map[string]string) []string
	kept  map[string]string
}

func (p place) check(items []Item, expected []Expected, gone []Gone) []Difference {
	var diffs []Difference
	report := func(item, format string, args ...any) {
		diffs = append(diffs, Difference{p.name, item, fmt.Sprintf(format, args...)})
	}
	byKey := map[string][]Item{}
	for _, it := range items {
		for _, k := range p.keyOf(it.Fields) {
			byKey[k] = append(byKey[k], it)
		}
	}
	taken := map[string]bool{}
	names := map[string]int{}
	for _, e := range expected {
		fields := e.first()
		key := p.keyOf(fields)[0]
		names[nameOf(fields)]++
		found := slices.DeleteFunc(slices.Clone(byKey[key]), func(it Item) bool { return taken[it.ID] })
		switch {
		case len(found) == 0:
			report(key, "is missing")
			continue
		case len(found) > 1:
			report(key, "is there %d times", len(found))
		}
		best := closest(found, e)
		for _, it := range found {
			taken[it.ID] = true
		}
		if id := p.kept[key]; id != "" && id != best.ID {
			report(key, "is not the item of the start (%s) but another one (%s)", id, best.ID)
		}
		for _, d := range e.compare(best.Fields) {
			report(key, "%s", d)
		}
	}
	seen := map[string]int{}
	for _, it := range items {
		seen[nameOf(it.Fields)]++
		if taken[it.ID] {
			continue
		}
		keys := p.keyOf(it.Fields)
		if i := slices.IndexFunc(gone, func(g Gone) bool { return slices.Contains(keys, g.Key) }); i >= 0 {
			report(gone[i].Key, "is there again, though it should be gone: %s", gone[i].Why)
			continue
		}
		report(keys[0], "nobody expects this item")
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		if want := names[name]; name != "" && want > 0 && seen[name] > want {
			report(name, "%d items bear this name, expected %d", seen[name], want)
		}
	}
	return diffs
}

// first is the expectation with the first of the values that each field may have.
func (e Expected) first() map[string]string {
	fields := make(map[string]string, len(e))
	for k, w := range e {
		if len(w) > 0 {
			fields[k] = w[0]
		}
	}
	return fields
}

// compare lists how fields differ from what is expected.
func (e Expected) compare(fields map[string]string) []string {
	var diffs []string
	for _, k := range slices.Sorted(maps.Keys(e)) {
		got, ok := fields[k]
		switch {
		case !ok:
			diffs = append(diffs, fmt.Sprintf("%s is empty, want %s", k, e[k]))
		case !slices.Contains(e[k], got):
			diffs = append(diffs, fmt.Sprintf("%s is %q, want %s", k, got, e[k]))
		}
	}
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		if _, ok := e[k]; !ok {
			diffs = append(diffs, fmt.Sprintf("%s is %q, want it empty", k, fields[k]))
		}
	}
	return diffs
}

// closest picks the item that differs least, so that a double is compared with its better half.
func closest(items []Item, e Expected) Item {
	return slices.MinFunc(items, func(a, b Item) int { return len(e.compare(a.Fields)) - len(e.compare(b.Fields)) })
}
