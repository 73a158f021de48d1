package connectortest

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// act changes an item as a person does.
func (f *Fake) act(t testing.TB, ref connector.Ref, change func(*fakeItem)) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	it := f.items[ref]
	require.NotNil(t, it)
	change(it)
	f.put(it)
}

// FakeRecord is the n-th good record of a fake, which gives a time to events.
func FakeRecord(kind record.Kind, n int) record.Fields {
	out := record.Fields{
		record.FieldGiven: fmt.Sprintf("Given%d", n), record.FieldFamily: fmt.Sprintf("Family%d", n),
		record.FieldCompany: fmt.Sprintf("Company %d", n), record.FieldTitle: fmt.Sprintf("Title %d", n),
		record.FieldEmail: fmt.Sprintf("person.%d@acme.test", n),
	}
	if kind == record.Event {
		out[record.FieldTime] = fakeTime(time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Minute))
	}
	return out
}

// fakeTime is an hour from a start.
func fakeTime(start time.Time) string {
	return record.Span{Start: record.Moment{At: start}, End: record.Moment{At: start.Add(time.Hour)}}.String()
}

func (f *Fake) record(n int) record.Fields { return FakeRecord(f.Kind, n) }

// World is the fake's own: the person and the server are the fake itself.
func (f *Fake) World() *World {
	id := func(s string) connector.Ref { return connector.Ref{ID: s} }
	w := &World{
		Connector: f, Kind: f.Kind, Org: f.Org, PageSize: f.PageSize, Record: f.record, Text: record.FieldTitle,
		Samples: record.Fields{record.FieldGiven: "G", record.FieldTitle: "T", record.FieldNotes: "N\nn", record.FieldBirthday: "1970-01-02", record.FieldFamily: "F"},
		Refused: func(canary string) record.Fields {
			r := f.record(999)
			r[record.FieldEmail] = canary + " is none"
			return r
		},
		Create: func(_ testing.TB, fields record.Fields) string {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.insert(fields, "", "").ref.ID
		},
		Edit: func(t testing.TB, s string, fields record.Fields) {
			f.act(t, id(s), func(it *fakeItem) {
				changed := maps.Clone(it.fields)
				maps.Copy(changed, fields)
				it.fields = canonical(changed)
			})
		},
		Delete:  func(t testing.TB, s string) { f.act(t, id(s), func(it *fakeItem) { it.deleted = true }) },
		Restore: func(t testing.TB, s string) { f.act(t, id(s), func(it *fakeItem) { it.deleted = false }) },
		Hide:    func(t testing.TB, s string) { f.act(t, id(s), func(it *fakeItem) { it.hidden = true }) },
		Mark:    func(t testing.TB, s, marker string) { f.act(t, id(s), func(it *fakeItem) { it.key = marker }) },
		Break:   func(t testing.TB, s string) { f.act(t, id(s), func(it *fakeItem) { it.broken = true }) },
		Merge: func(t testing.TB, winner, loser string) {
			f.act(t, id(loser), func(it *fakeItem) { it.deleted, it.into = true, winner })
		},
		Living: func(testing.TB) int {
			f.mu.Lock()
			defer f.mu.Unlock()
			n := 0
			for _, it := range f.items {
				if !it.deleted {
					n++
				}
			}
			return n
		},
		Unmapped: func(t testing.TB, s string) func(testing.TB) {
			f.act(t, id(s), func(it *fakeItem) { it.unmapped = "a label" })
			return func(t testing.TB) {
				f.mu.Lock()
				defer f.mu.Unlock()
				require.Equal(t, "a label", f.items[id(s)].unmapped)
			}
		},
		MissingID: "item-999999", Settle: func(testing.TB) {},
		ExpireCursors: func(testing.TB) { f.set(func() { f.epoch++ }) },
		LoseAnswer:    func(testing.TB) { f.set(func() { f.lose = true }) },
		Busy:          func(testing.TB) { f.set(func() { f.busy = true }) },
		Hang: func(testing.TB) func() {
			gate := make(chan struct{})
			f.set(func() { f.hang = gate })
			return func() { f.set(func() { f.hang = nil }); close(gate) }
		},
	}
	if f.Kind == record.Event {
		w.Series = f.series()
	}
	return w
}

func (f *Fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// series is what a person does with a fake's series. An occurrence that nobody changed is not an item of its own.
func (f *Fake) series() *Series {
	day := func(d int) time.Time { return time.Date(2026, 11, d, 9, 0, 0, 0, time.UTC) }
	exception := func(t testing.TB, master string, d int, change func(*fakeItem)) connector.Ref {
		t.Helper()
		f.mu.Lock()
		defer f.mu.Unlock()
		of := f.items[connector.Ref{ID: master}]
		require.NotNil(t, of)
		ref := connector.Ref{ID: master, Occurrence: day(d).Format("2006-01-02T15:04:05") + "[Europe/Berlin]"}
		it := &fakeItem{ref: ref, fields: maps.Clone(of.fields), owner: of.owner}
		it.fields[record.FieldTime] = fakeTime(day(d))
		change(it)
		f.put(it)
		return ref
	}
	return &Series{
		Window:  Window{From: day(1), To: day(28)},
		Outside: Window{From: day(1).AddDate(1, 0, 0), To: day(28).AddDate(1, 0, 0)},
		CreateSeries: func(testing.TB) string {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.insert(f.record(0), "", "").ref.ID
		},
		MoveOne: func(t testing.TB, master, text string) connector.Ref {
			return exception(t, master, 21, func(it *fakeItem) { it.fields[record.FieldTitle] = text })
		},
		CancelOne: func(t testing.TB, master string) connector.Ref {
			return exception(t, master, 22, func(it *fakeItem) { it.deleted = true })
		},
		Orphan: func(t testing.TB, master string) connector.Ref {
			return exception(t, master, 23, func(it *fakeItem) { it.orphan = true })
		},
	}
}
