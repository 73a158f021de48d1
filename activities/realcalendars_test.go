package activities_test

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/demo/load"
	"github.com/repsync/repsync/internal/oracle"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/sandbox"
)

// Real calendars travel through the real engine: .ics → alice's calendar → CRM → bob's calendar, and what bob and the
// CRM's people change there comes back to alice. What must be seen on each side, over two years, is told by a judge
// that shares nothing with the engine (package oracle).
func TestRealCalendars(t *testing.T) {
	t.Parallel()
	files := realCalendars(t)
	total := &calendarTally{parked: map[planner.Reason]int{}, refused: map[string]int{}}
	t.Cleanup(func() {
		t.Logf("real calendars: %d files, %d series and %d single events loaded; occurrences compared, on any side: %d; parked: %v; refused by the loader: %v",
			total.files, total.series, total.singles, total.compared, total.parked, total.refused)
	})
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			(&calendarJourney{t: t, file: filepath.Base(file), total: total}).run(file)
		})
	}
}

// realCalendars lists the files: data that nobody on this project wrote, which is not part of it.
func realCalendars(t *testing.T) []string {
	t.Helper()
	root := os.Getenv("REPSYNC_TESTDATA")
	if root == "" {
		root = "../../shared/data"
	}
	dir := filepath.Join(root, "ics")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no real calendars in " + dir + ": set REPSYNC_TESTDATA to the directory that holds ics/")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.ics"))
	require.NoError(t, err)
	names := map[string]bool{}
	for _, f := range files {
		names[filepath.Base(f)] = true
	}
	for f := range realCases {
		require.True(t, names[f], "the table speaks of %s, which is not there", f)
	}
	return files
}

// calendarTally is what was looked at, in all files.
type calendarTally struct {
	sync.Mutex
	files, series, singles, compared int
	parked                           map[planner.Reason]int
	refused                          map[string]int // the loader's reasons
}

func (c *calendarTally) add(parked map[planner.Reason]int) {
	c.Lock()
	defer c.Unlock()
	for reason, n := range parked {
		c.parked[reason] += n
	}
}

// zones are those of the calendars.
var zones = map[string]string{"alice": "UTC", "bob": "America/St_Johns"}

// year is half of what is compared.
const year = 365 * days

// longest is how long an event of Salesforce may be. (Object Reference, "Event", "Multiday Events".)
const longest = 14 * days

// calendarJourney is the way of one file.
type calendarJourney struct {
	t     *testing.T
	file  string
	total *calendarTally
	w     *world
	now   time.Time // the middle of what is compared
}

func (j *calendarJourney) run(path string) {
	text, err := os.ReadFile(path)
	require.NoError(j.t, err)
	c := realCases[j.file]
	j.now = busiest(oracle.Occurrences(j.t, text, time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)))
	alice := slices.DeleteFunc(oracle.Occurrences(j.t, text, j.now.Add(-year), j.now.Add(year)), func(o oracle.Instant) bool { return o.UID == c.unsaid && c.unsaid != "" })
	var fits []oracle.Instant // what Salesforce can hold, as it holds it
	for _, o := range alice {
		if o.Summary = strings.TrimSpace(o.Summary); o.End.Sub(o.Start) <= longest {
			fits = append(fits, o)
		}
	}
	tooLong := len(alice) - len(fits)

	j.w = worldAt(j.t, sandbox.ClockAt(j.now), "alice", "bob")
	require.NoError(j.t, j.w.box.Google.Calendar(address("bob")).SetTimeZone(zones["bob"]))
	j.w.eventsBothWays("  private: sync\n  window: {past: 370d, future: 370d}\n  deletes: {from_crm: propagate, from_mailbox: propagate}\n" +
		"guard: {empty_side: ignore, deletes: {max: 10000, percent: 100}, overwrites: {max: 10000, percent: 100}, creates: {max: 10000, first_sync: 60000}}\n")
	j.load(text, c)
	j.compare("alice's calendar, loaded", alice, j.google("alice"))

	j.w.converged("alice")
	j.compare("the CRM", fits, j.crm())
	j.compare("alice's calendar", alice, j.google("alice"))
	require.Empty(j.t, j.google("bob"))
	j.parked(map[planner.Reason]int{planner.ReasonEventTooLong: tooLong})

	for id := range j.w.crmEvents() {
		_, err := j.w.box.Salesforce.Insert("EventRelation", fields{"EventId": id, "RelationId": j.w.users["bob"], "IsInvitee": true}, j.w.users["alice"])
		require.NoError(j.t, err)
	}
	j.w.converged()
	j.compare("the CRM, shared", fits, j.crm())
	j.compare("bob's calendar", fits, j.google("bob"))
	j.compare("alice's calendar, shared", alice, j.google("alice"))

	edits := j.edit(c)
	j.w.converged()
	bob, crm := fits, fits
	parked := map[planner.Reason]int{planner.ReasonEventTooLong: tooLong}
	for _, e := range edits {
		bob = e.on(bob)
		switch {
		case c.private && e.bobs: // of a private event only its owner's edits count
			parked[planner.ReasonCRMDeniesEdit] = 1
			continue
		case c.outside:
			parked[planner.ReasonNotOurs]++
		default:
			alice = e.on(alice)
		}
		crm = e.on(crm)
	}
	j.compare("the CRM, edited", crm, j.crm())
	j.compare("bob's calendar, edited", bob, j.google("bob"))
	j.compare("alice's calendar, edited", alice, j.google("alice"))
	j.parked(parked)
	j.total.add(parked)
}

// edit is what a person did to one occurrence.
type edit struct {
	was, is       oracle.Instant
	bobs, deleted bool
}

// edit lets bob and somebody in the CRM change one occurrence here and there. Where there are fewer occurrences than edits,
// they follow each other.
func (j *calendarJourney) edit(c realCase) []edit {
	j.t.Helper()
	people := []func(id string, was oracle.Instant) edit{
		func(id string, was oracle.Instant) edit { // bob moves it
			is := moved(was, 1)
			j.w.editEvent("bob", j.w.eventPeer("bob", id), googleTimes(is))
			return edit{was: was, is: is, bobs: true}
		},
		func(id string, was oracle.Instant) edit { // the CRM renames it
			is := was
			is.Summary = "Renamed in the CRM"
			j.w.editCRMEvent("alice", id, fields{"Subject": is.Summary})
			return edit{was: was, is: is}
		},
		func(id string, was oracle.Instant) edit { // bob renames it
			is := was
			is.Summary = "Renamed by Bob"
			j.w.editEvent("bob", j.w.eventPeer("bob", id), fields{"summary": is.Summary})
			return edit{was: was, is: is, bobs: true}
		},
		func(id string, was oracle.Instant) edit { // the CRM moves it
			is := moved(was, -2)
			end := is.End
			if is.Date {
				end = end.AddDate(0, 0, -1)
			}
			j.w.editCRMEvent("alice", id, fields{"StartDateTime": is.Start.Format(time.RFC3339), "EndDateTime": end.Format(time.RFC3339)})
			return edit{was: was, is: is}
		},
		func(id string, was oracle.Instant) edit { // the CRM deletes it
			j.w.deleteCRMEvent("alice", id)
			return edit{was: was, deleted: true}
		},
	}
	var out []edit
	if c.private { // the last word is bob's, so that it stands
		people = []func(string, oracle.Instant) edit{people[1], people[3], people[0]}
	}
	for len(people) > 0 {
		if len(out) > 0 {
			j.w.settle()
		}
		rows := j.w.crmEvents()
		ids := slices.SortedFunc(maps.Keys(rows), func(a, b string) int {
			return cmp.Or(strings.Compare(instantOf(j.t, rows[a]).String(), instantOf(j.t, rows[b]).String()), strings.Compare(a, b))
		})
		n := min(len(ids), len(people))
		if n == 0 {
			break
		}
		for i, does := range people[:n] {
			id := ids[(2*i+1)*len(ids)/(2*n)]
			out = append(out, does(id, instantOf(j.t, rows[id])))
		}
		people = people[n:]
	}
	return out
}

// moved is an occurrence some hours, or days, later.
func moved(o oracle.Instant, by int) oracle.Instant {
	d := time.Duration(by) * time.Hour
	if o.Date {
		d *= 24
	}
	o.Start, o.End = o.Start.Add(d), o.End.Add(d)
	return o
}

func googleTimes(o oracle.Instant) fields {
	if o.Date {
		return fields{"start": onDate(o.Start), "end": onDate(o.End)}
	}
	return fields{"start": at(o.Start), "end": at(o.End)}
}

// on is what a list of occurrences becomes. White space around a subject, which Salesforce does not keep, stays where
// nobody renamed the event.
func (e edit) on(all []oracle.Instant) []oracle.Instant {
	all = slices.Clone(all)
	i := slices.IndexFunc(all, func(o oracle.Instant) bool {
		return o.Start.Equal(e.was.Start) && o.End.Equal(e.was.End) && o.Date == e.was.Date && strings.TrimSpace(o.Summary) == e.was.Summary
	})
	if e.deleted {
		return slices.Delete(all, i, i+1)
	}
	all[i].Start, all[i].End = e.is.Start, e.is.End
	if e.is.Summary != e.was.Summary {
		all[i].Summary = e.is.Summary
	}
	return all
}

// busiest is the middle of the two years in which most of a calendar's series and single events occur.
func busiest(all []oracle.Instant) time.Time {
	best, most := 2020, 0
	for y := 1991; y < 2029; y++ {
		seen := map[string]bool{}
		for _, o := range all {
			if at := o.Start.Year(); at == y-1 || at == y {
				seen[o.UID+o.Summary] = true
			}
		}
		if len(seen) > most {
			best, most = y, len(seen)
		}
	}
	return time.Date(best, 1, 1, 0, 0, 0, 0, time.UTC)
}

// load puts a file into alice's calendar, as an import does.
func (j *calendarJourney) load(text []byte, c realCase) {
	items, problems, err := load.ICS(bytes.NewReader(text), time.UTC)
	require.NoError(j.t, err)
	refused := map[string]int{}
	for _, p := range problems {
		refused[p.Reason]++
	}
	want := c.refused
	if want == nil {
		want = map[string]int{}
	}
	require.Equal(j.t, want, refused, "what the loader refuses, and why")
	calendar := j.w.box.Google.Calendar(address("alice"))
	series, singles := 0, 0
	for _, item := range items {
		switch {
		case item.Fields["recurrence"] != nil:
			series++
		case item.Fields["originalStartTime"] == nil:
			singles++
		}
		put := calendar.Import
		if item.Fields["iCalUID"] == nil {
			put = calendar.Insert
		}
		_, err := put(item.Fields)
		if err != nil && c.sequence { // Google takes no changed occurrence that is older than its series
			require.ErrorContains(j.t, err, "Invalid sequence value")
			delete(item.Fields, "sequence")
			refused["sequence below the series' own, by Google: loaded without"]++
			_, err = put(item.Fields)
		}
		require.NoError(j.t, err, "line %d", item.Line)
	}
	j.total.Lock()
	defer j.total.Unlock()
	j.total.files++
	j.total.series += series
	j.total.singles += singles
	for reason, n := range refused {
		j.total.refused[reason] += n
	}
}

// google is what a calendar shows over the two years, by the judge's reading of what the vendor lists.
func (j *calendarJourney) google(rep string) []oracle.Instant {
	j.t.Helper()
	list, err := j.w.box.Google.Calendar(address(rep)).List(map[string][]string{"showDeleted": {"true"}})
	require.NoError(j.t, err)
	answer := oracle.OfGoogle(j.t, list, zones[rep], j.now.Add(-year), j.now.Add(year))
	require.Empty(j.t, answer.Problems)
	return answer.Occurrences
}

// crm is what the CRM shows over the two years, row by row.
func (j *calendarJourney) crm() []oracle.Instant {
	j.t.Helper()
	var all []oracle.Instant
	for _, row := range j.w.crmEvents() {
		o := instantOf(j.t, row)
		if o.Start.Before(j.now.Add(year)) && (o.End.After(j.now.Add(-year)) || !o.Start.Before(j.now.Add(-year))) {
			all = append(all, o)
		}
	}
	return all
}

// instantOf reads a row of Salesforce: an all-day event's last day belongs to it.
func instantOf(t *testing.T, row fields) oracle.Instant {
	t.Helper()
	start, ok := row["StartDateTime"].(time.Time)
	require.True(t, ok)
	end, ok := row["EndDateTime"].(time.Time)
	require.True(t, ok)
	subject, _ := row["Subject"].(string)
	o := oracle.Instant{Start: start.UTC(), End: end.UTC(), Summary: subject, Date: row["IsAllDayEvent"] == true}
	if o.Date {
		o.End = o.End.AddDate(0, 0, 1)
	}
	return o
}

// shown is a list of occurrences in lines that can be compared between vendors, whose ids are their own.
func shown(all []oracle.Instant) []string {
	out := []string{}
	for _, o := range all {
		o.UID = ""
		out = append(out, o.String())
	}
	slices.Sort(out)
	return out
}

// compare holds a side to what must be there: nothing is missing, nothing doubled, nothing shifted.
func (j *calendarJourney) compare(side string, wanted, got []oracle.Instant) {
	j.t.Helper()
	want, is := shown(wanted), shown(got)
	if missing, extra := without(want, is), without(is, want); len(missing)+len(extra) > 0 {
		j.w.dump()
		require.Fail(j.t, side+" shows other occurrences", "%d wanted, %d shown; missing %d: %v; too many %d: %v", len(want), len(got), len(missing), first(missing), len(extra), first(extra))
	}
	j.total.Lock()
	defer j.total.Unlock()
	j.total.compared += len(want)
}

// without is what a has and b has not, as often.
func without(a, b []string) []string {
	n := map[string]int{}
	for _, s := range b {
		n[s]++
	}
	var out []string
	for _, s := range a {
		if n[s]--; n[s] < 0 {
			out = append(out, s)
		}
	}
	return out
}

func first(list []string) []string { return list[:min(len(list), 5)] }

// parked holds that what is parked for the reps is parked for these reasons, so many of each, and nothing else is.
func (j *calendarJourney) parked(want map[planner.Reason]int) {
	j.t.Helper()
	got := map[planner.Reason]int{}
	for _, rep := range []string{"alice", "bob"} {
		for reason, all := range j.w.parked(rep) {
			got[reason] += len(all)
		}
	}
	maps.DeleteFunc(want, func(_ planner.Reason, n int) bool { return n == 0 })
	require.Equal(j.t, want, got, "what is parked, and why")
}

// realCase is what is particular about a file.
type realCase struct {
	refused  map[string]int // the loader's reasons, and how often
	unsaid   string         // the UID of a series that the judge reads and the loader refuses
	sequence bool           // an occurrence has a lower SEQUENCE than its series
	private  bool           // Salesforce lets nobody but its owner change it
	outside  bool           // somebody outside organises: what the CRM changes is not written to alice's copy
}

// What the loader refuses.
const (
	olderCopy = "another copy of the same event is newer"
	notEvent  = "a to-do, a journal or a busy time: Google Calendar takes events"
	endsFirst = "the event ends before it starts"
)

var realCases = map[string]realCase{
	"bad_rrule_missing_until_event.ics":      {refused: map[string]int{"the recurrence rule is not one of RFC 5545": 1}, unsaid: "blabla"}, // "UNTL=": ical.js skips the part and goes on for ever
	"issue_113_period_in_rdate.ics":          {refused: map[string]int{"an RDATE with an end of its own, which Google Calendar cannot say": 1}, unsaid: "1"},
	"end_before_start_event.ics":             {refused: map[string]int{endsFirst: 1}},
	"issue_132_swapped_start_and_end.ics":    {refused: map[string]int{endsFirst: 1, notEvent: 1}},
	"issue_201_test_matrix.ics":              {refused: map[string]int{notEvent: 15, "an all-day event lasts hours": 1, "one of start and end is a date and the other a time": 4}},
	"issue_61_time_zone_error.ics":           {refused: map[string]int{"the line is not NAME:value; the rest of its event is loaded": 1}},
	"issue_148_edge_case_2.ics":              {refused: map[string]int{olderCopy: 1}, sequence: true},
	"issue_148_exdate_and_rdate_updated.ics": {refused: map[string]int{olderCopy: 1}},
	"issue_164_duplicated_event.ics":         {refused: map[string]int{olderCopy: 1}},
	"issue_253_edge_case_1.ics":              {sequence: true},
	"recurrence_sequence_number.ics":         {sequence: true},
	"issue_179_example.ics":                  {private: true},
	"issue_4.ics":                            {outside: true},
}
