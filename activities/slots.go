package activities

import (
	"cmp"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/series"
	"github.com/repsync/repsync/internal/store"
)

// Occurrences of a series by the slots of its rule, whatever words their starts are told in.

// expanded is what a master's rule gives inside the window, or the code of why it cannot be expanded exactly.
type expanded struct {
	slots []series.Slot
	code  string
}

func expand(masters []store.Staged, from, to time.Time) map[string]expanded {
	out := map[string]expanded{}
	for _, m := range masters {
		slots, err := series.Expand(m.Obs.Item.Fields, from, to)
		e := expanded{slots: slots}
		if err != nil {
			e.code = cmp.Or(series.Code(err), series.Code(series.ErrUnreadable))
		}
		out[m.Obs.Item.ID] = e
	}
	return out
}

// namesOf lists the ids of linked occurrences by series and instant.
func namesOf(links []planner.Link) map[string]string {
	out := map[string]string{}
	for _, l := range links {
		if ref := connector.ParseRef(l.Mailbox.ID); ref.Occurrence != "" {
			if at, err := record.ParseMoment(ref.Occurrence); err == nil {
				out[instant(ref.ID, at)] = l.Mailbox.ID
			}
		}
	}
	return out
}

// instant names an occurrence whatever zone its start is told in.
func instant(id string, at record.Moment) string {
	if at.Date {
		return id + "#" + at.Key()
	}
	return id + "#" + at.At.UTC().Format(time.RFC3339)
}

// momentOf is the original start in an occurrence's id.
func momentOf(id string) (record.Moment, bool) {
	at, err := record.ParseMoment(connector.ParseRef(id).Occurrence)
	return at, err == nil
}

// startOf is an occurrence's original start, or a single event's own.
func startOf(r store.Staged) (record.Moment, bool) {
	if at, ok := momentOf(r.ID); ok {
		return at, true
	}
	span, err := record.ParseSpan(r.Obs.Item.Fields[record.FieldTime])
	return span.Start, err == nil
}

// mustMoment reads a key that this process has made.
func mustMoment(key string) record.Moment {
	at, err := record.ParseMoment(key)
	if err != nil {
		panic("a slot's key is a moment")
	}
	return at
}
