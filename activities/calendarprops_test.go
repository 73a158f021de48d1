package activities_test

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/repsync/repsync/internal/oracle"
	"github.com/repsync/repsync/internal/sandbox"
)

// oddZones are where clocks do what few programs expect, each at a time when they are about to.
var oddZones = []struct{ zone, today, odd string }{
	{"Australia/Lord_Howe", "2026-03-25", "half an hour of daylight saving"},
	{"Africa/Casablanca", "2026-02-05", "daylight saving all year but in Ramadan"},
	{"Asia/Kathmandu", "2026-03-25", "a quarter of an hour"},
	{"Pacific/Apia", "2011-12-15", "30 December 2011 did not take place"},
	{"America/St_Johns", "2011-03-01", "clocks changed at one minute past midnight"},
	{"Europe/Dublin", "2026-10-15", "winter time is the exception"},
	{"UTC", "2028-02-15", "a leap day"},
}

// TestRandomCalendarsEndInAgreement lets people make and change series and single events on both sides, as rapid draws it,
// and holds after every rest that both sides show the same instants to the same judge, that a side which alone was edited
// shows what its people made of it, and in the end that nothing is written any more.
func TestRandomCalendarsEndInAgreement(t *testing.T) {
	t.Parallel()
	fewChecks(t, "5")
	for i, z := range oddZones {
		t.Run(z.zone, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				steps := rapid.SliceOfN(rapid.Custom(drawStep), 1, 8).Draw(rt, "steps")
				if !t.Run("", func(t *testing.T) { runCalendar(t, i, steps) }) {
					rt.Fatalf("oddZones[%d]: %s", i, listing(steps))
				}
			})
		})
	}
}

// Examples that once failed, as rapid left them.
func TestCalendarsThatOnceDisagreed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		place int
		steps []calendarStep
	}{
		"in the hour that Dublin's clocks repeat":      {5, []calendarStep{{"rest", 0, 0, 0}, {"make series", 1, 18, 54}}},
		"a series with an exception becomes one event": {5, []calendarStep{{"make series", 0, 0, 0}, {"change occurrence", 0, 12, 0}, {"change series", 48, 13, 0}}},
		"an exception is read again with its series":   {0, []calendarStep{{"make series", 45, 41, 49}, {"change occurrence", 3, 1, 18}, {"rest", 5, 11, 38}, {"lose token", 41, 49, 58}}},
		"days around the one that Apia left out":       {3, []calendarStep{{"make series", 49, 56, 24}, {"rest", 0, 0, 0}, {"change series", 0, 2, 2}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runCalendar(t, c.place, c.steps)
		})
	}
}

// fewChecks bounds what rapid draws, unless the command line says how much.
func fewChecks(t *testing.T, n string) {
	t.Helper()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		require.NoError(t, flag.Set("rapid.checks", n))
	}
}

// calendarStep is one thing that somebody does. Numbers choose among what there is.
type calendarStep struct {
	does    string
	a, b, c int
}

// deeds are what steps do, the more often named the more often drawn.
var deeds = []string{"rest", "lose token", "make series", "make series", "make event", "make CRM event", "change occurrence", "change occurrence", "change CRM event", "change CRM event", "change series", "change series", "split series", "make recurring"}

func drawStep(t *rapid.T) calendarStep {
	n := func(name string) int { return rapid.IntRange(0, 59).Draw(t, name) }
	return calendarStep{rapid.SampledFrom(deeds).Draw(t, "does"), n("a"), n("b"), n("c")}
}

// listing prints steps as a table of regressions has them.
func listing(steps []calendarStep) string {
	var b strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&b, "{%q, %d, %d, %d}, ", s.does, s.a, s.b, s.c)
	}
	return "{" + strings.TrimSuffix(b.String(), ", ") + "}"
}

// office is one rep with a calendar, and the CRM beside it.
type office struct {
	*world
	zone            *time.Location
	today, from, to time.Time // what is compared lies inside the policy's window
	touched         map[string]bool
	trace           []string
}

// runCalendar has people do all this.
func runCalendar(t *testing.T, place int, steps []calendarStep) {
	t.Helper()
	zone, err := time.LoadLocation(oddZones[place].zone)
	require.NoError(t, err)
	today, err := time.ParseInLocation(time.DateOnly, oddZones[place].today, zone)
	require.NoError(t, err)
	o := &office{world: worldAt(t, sandbox.ClockAt(today.Add(12*time.Hour)), "alice"), zone: zone, today: today,
		from: today.AddDate(0, 0, -10), to: today.AddDate(0, 0, 30), touched: map[string]bool{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(oddZones[place].zone, listing(steps), "\n"+strings.Join(o.trace, "\n"))
		}
	})
	require.NoError(t, o.box.Google.Calendar(address("alice")).SetTimeZone(zone.String()))
	o.eventsBothWays("  window: {past: 12d, future: 32d}\n  deletes: {from_crm: propagate, from_mailbox: propagate}\n" +
		"guard: {empty_side: ignore, deletes: {max: 10000, percent: 100}, overwrites: {max: 10000, percent: 100}}\n")
	for _, s := range steps {
		o.step(s)
	}
	o.rest()
	o.converged()
	o.agree()
	require.Empty(t, o.parked("alice"))
}

func (o *office) note(side, format string, args ...any) {
	o.touched[side] = true
	o.trace = append(o.trace, "  "+fmt.Sprintf(format, args...))
}

// rest passes until nothing is left to do. Of a side that was edited alone, nothing is lost.
func (o *office) rest() {
	o.t.Helper()
	mailbox, crm := shown(o.mailboxShows()), shown(o.crmShows())
	o.settle()
	o.agree()
	if !o.touched["crm"] {
		require.Equal(o.t, mailbox, shown(o.mailboxShows()), "the mailbox alone was edited")
	}
	if !o.touched["mailbox"] {
		require.Equal(o.t, crm, shown(o.crmShows()), "the CRM alone was edited")
	}
	clear(o.touched)
	o.trace = append(o.trace, "  rest")
}

// agree holds that both sides show the same.
func (o *office) agree() {
	o.t.Helper()
	require.Equal(o.t, shown(o.mailboxShows()), shown(o.crmShows()), "mailbox and CRM")
}

func (o *office) mailboxShows() []oracle.Instant {
	o.t.Helper()
	answer := oracle.OfGoogle(o.t, o.list(fields{"showDeleted": "true"}), o.zone.String(), o.from, o.to)
	require.Empty(o.t, answer.Problems)
	return answer.Occurrences
}

func (o *office) crmShows() []oracle.Instant {
	o.t.Helper()
	var all []oracle.Instant
	for _, row := range o.crmEvents() {
		if i := instantOf(o.t, row); i.Start.Before(o.to) && (i.End.After(o.from) || !i.Start.Before(o.from)) {
			all = append(all, i)
		}
	}
	return all
}

// list asks the vendor for events.
func (o *office) list(query fields) []map[string]any {
	o.t.Helper()
	q := map[string][]string{}
	for k, v := range query {
		q[k] = []string{fmt.Sprint(v)}
	}
	list, err := o.box.Google.Calendar(address("alice")).List(q)
	require.NoError(o.t, err)
	return list
}

// step does one thing.
func (o *office) step(s calendarStep) {
	o.t.Helper()
	switch s.does {
	case "rest":
		o.rest()
	case "lose token": // the next pass reads everything
		o.box.Google.ExpireCalendarTokens("")
	case "make series":
		e := o.newEvent(s.a, s.b)
		e["recurrence"] = o.rule(e, s.c)
		o.note("mailbox", "make series %v %v %v", e["start"], e["end"], e["recurrence"])
		o.event("alice", e)
	case "make event":
		e := o.newEvent(s.a, s.b)
		o.note("mailbox", "make event %v %v", e["start"], e["end"])
		o.event("alice", e)
	case "make CRM event":
		start := o.wall(s.a, s.b)
		o.note("crm", "make CRM event %s", start)
		f := crmMeeting(fmt.Sprint("Visit ", s.c), start)
		if s.c%4 == 0 {
			day := time.Date(start.Year(), start.Month(), start.Day(), 0, 0, 0, 0, time.UTC).Format(time.RFC3339)
			f = fields{"Subject": "Fair", "IsAllDayEvent": true, "StartDateTime": day, "EndDateTime": day}
		}
		o.crmEvent("alice", f)
	case "change occurrence":
		all := o.list(fields{"singleEvents": "true", "timeMin": o.from.Format(time.RFC3339), "timeMax": o.to.Format(time.RFC3339)})
		if len(all) > 0 {
			o.changeEvent(all[s.a%len(all)], s.b, s.c)
		}
	case "change CRM event":
		rows := slices.SortedFunc(maps.Values(o.crmEvents()), func(a, b fields) int {
			return cmp.Or(cmp.Compare(instantOf(o.t, a).String(), instantOf(o.t, b).String()), cmp.Compare(a["Id"].(string), b["Id"].(string)))
		})
		if len(rows) > 0 {
			o.changeRow(rows[s.a%len(rows)], s.b, s.c)
		}
	default:
		recurring := s.does != "make recurring"
		all := slices.DeleteFunc(o.list(nil), func(e map[string]any) bool {
			return (e["recurrence"] != nil) != recurring || e["recurringEventId"] != nil
		})
		if len(all) == 0 {
			return
		}
		switch e := all[s.a%len(all)]; s.does {
		case "change series":
			o.changeSeries(e, s.b, s.c)
		case "split series":
			o.split(e, s.b, s.c)
		case "make recurring":
			rule := o.rule(e, s.c)
			o.note("mailbox", "make %v %v recur %v", e["summary"], e["start"], rule)
			o.editEvent("alice", e["id"].(string), fields{"recurrence": rule})
		}
	}
}
