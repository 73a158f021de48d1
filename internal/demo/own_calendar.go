package demo

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/repsync/repsync/internal/demo/load"
	"github.com/repsync/repsync/internal/demo/verify"
	"github.com/repsync/repsync/internal/demo/wire"
)

const (
	// furthest is how far a policy's window may reach, in days.
	furthest = 3650
	// nearest is how far it reaches at least, so that a series without end shows some of itself.
	nearest = 90
	// margin is added on either side, in days, so that nothing of the file stands at an edge.
	margin = 3
)

// reach is how far a window reaches from now, in days.
type reach struct{ past, future int }

// loadICS loads the user's calendar, and returns how far the window must reach to show it.
func (s *stage) loadICS(ctx context.Context, path string) (reach, error) {
	f, err := os.Open(path)
	if err != nil {
		return reach{}, fmt.Errorf("open your calendar: %w", err)
	}
	defer f.Close()
	events, problems, err := load.ICS(f, time.UTC)
	if err != nil {
		return reach{}, fmt.Errorf("%s: %w", path, err)
	}
	n, refused, err := load.IntoCalendar(ctx, s.world.Calendars[You.Name], events)
	if err != nil {
		return reach{}, fmt.Errorf("%s: %w", path, err)
	}
	s.loaded(path, n, "event", append(problems, refused...), nil)
	r, early := reachOf(time.Now(), events)
	s.say("    the policy's window reaches %d days back and %d days ahead", r.past, r.future)
	if early > 0 {
		s.say("    %s earlier than that: no policy's window reaches further back than ten years. They stay in the calendar alone, but for", begin(early))
		s.say("    what recurs into the window")
	}
	return r, nil
}

func begin(n int) string {
	if n == 1 {
		return "1 event begins"
	}
	return fmt.Sprintf("%d events begin", n)
}

// reachOf is how far a window must reach to show events, from the first start to the last, and how many begin earlier than
// any window.
func reachOf(now time.Time, events []load.Item) (r reach, early int) {
	r = reach{nearest, nearest}
	for _, e := range events {
		at, err := time.Parse(time.RFC3339, wire.Text(e.Fields, "start", "dateTime"))
		if day := wire.Text(e.Fields, "start", "date"); day != "" {
			at, err = time.Parse(time.DateOnly, day)
		}
		if err != nil {
			continue // a cancelled occurrence has none
		}
		days := int(at.Sub(now).Hours() / 24)
		r.past, r.future = max(r.past, margin-days), max(r.future, margin+days)
		if -days >= furthest {
			early++
		}
	}
	return reach{min(r.past, furthest), min(r.future, furthest)}, early
}

// policy is the part of the policy for data of the user's own that speaks of events.
func (r reach) policy() string {
	return fmt.Sprintf(`events:
  direction: both
  private: sync
  exclude: {declined: false}
  window: {past: %dd, future: %dd}
`, r.past, r.future)
}

// window is the same in time.
func (r reach) window(now time.Time) verify.Window {
	return verify.Window{From: now.AddDate(0, 0, -r.past), To: now.AddDate(0, 0, r.future)}
}

// judgeCalendar has the calendar compared with the CRM, and tells how much of it was.
func (s *stage) judgeCalendar(before, after verify.Snapshot, parked []verify.Parked, r reach) []verify.Difference {
	diffs, seen := verify.CheckCalendar(before, after, You.Name, parked, r.window(time.Now()))
	s.say("  inside the window your calendar shows %s: %d to be in Salesforce at the same instants, %d parked",
		count(seen.Inside+seen.Parked, "occurrence"), seen.Inside, seen.Parked)
	if seen.Inside+seen.Parked == 0 {
		s.say("  so there was nothing to sync, and there is nothing to compare")
	}
	return diffs
}

// around is how far beyond the window calendars are read, in days: what lies there must be as it was.
const around = 365

// seenOwn is the world as the verifier reads it.
func (s *stage) seenOwn(r reach) verify.World {
	w := s.vendors.seen(s.world)
	w.From, w.To = time.Now().AddDate(0, 0, -r.past-around), time.Now().AddDate(0, 0, r.future+around)
	return w
}

// policyOfOwn is the policy for data of the user's own.
func policyOfOwn(c Config, r reach) []byte {
	if c.ICS == "" {
		return ownPolicy
	}
	return append(append([]byte{}, ownPolicy...), r.policy()...)
}
