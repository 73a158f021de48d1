// Package oracle is an independent judge of calendars, for tests: it says which occurrences a calendar shows in a period.
//
// Rules are expanded by ical.js (the calendar library of Thunderbird), which node runs, and zones are node's own (ICU's).
// Nothing here is shared with Repsync: the .ics text and Google Calendar's JSON are read by the scripts in js/, so that a
// mistake of ours cannot hide by being made twice. It reads an original .ics file, or the events of a calendar as
// events.list shows them (masters, changed occurrences, cancelled ones), and the two can be held against each other.
//
// Where RFC 5545 leaves a choice, the judge follows what Google Calendar does, as package series does, but by code of
// its own: DTSTART is an occurrence beside its rule (ical.js alone leaves it out), unless the rule ended before; UNTIL as a
// date is a whole day; a zone named as in the IANA database is that one, whatever the file's VTIMEZONE says, and any other
// TZID is what its VTIMEZONE says. Of several copies of one event the newest counts. RANGE=THISANDFUTURE is not judged: it
// is a problem, as is all else that cannot be read.
//
// Where ical.js is known to err, js/fits.mjs sets it right.
//
// Without node and npm, or without a way to fetch ical.js once, tests that need the judge are skipped and say so.
package oracle

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Instant is one occurrence that a calendar shows.
type Instant struct {
	UID        string
	Start, End time.Time // in UTC; of an all-day event, midnights of UTC, the end exclusive
	Date       bool      // all day
	Summary    string
}

// String is an occurrence in one line, fit to be compared: start, end, UID and summary.
func (i Instant) String() string {
	form := time.RFC3339
	if i.Date {
		form = time.DateOnly
	}
	return fmt.Sprintf("%s/%s %s %q", i.Start.Format(form), i.End.Format(form), i.UID, i.Summary)
}

// Answer is what the judge says.
type Answer struct {
	Occurrences []Instant // ordered by start, end, UID and summary
	Problems    []string  // what of the calendar could not be judged
}

// Occurrences returns what an .ics file shows in [from, to). A time without zone is in the file's X-WR-TIMEZONE, or UTC.
func Occurrences(t testing.TB, ics []byte, from, to time.Time) []Instant {
	t.Helper()
	return Judge(t, ics, "UTC", from, to).Occurrences
}

// Judge is Occurrences with the zone that a calendar without one has, and with what could not be judged.
func Judge(t testing.TB, ics []byte, zone string, from, to time.Time) Answer {
	t.Helper()
	return ask(t, question{ICS: new(string(ics)), Zone: zone, From: from, To: to})
}

// OfGoogle returns what a calendar of Google shows in [from, to): events is the items of events.list with
// singleEvents=false and showDeleted=true, zone the calendar's. Bodies for events.import, whose changed occurrences lack
// recurringEventId, are understood as well. The UID of an Instant is the event's iCalUID.
func OfGoogle(t testing.TB, events []map[string]any, zone string, from, to time.Time) Answer {
	t.Helper()
	if events == nil {
		events = []map[string]any{}
	}
	return ask(t, question{Google: events, Zone: zone, From: from, To: to})
}

// question is what oracle.mjs reads.
type question struct {
	ICS    *string          `json:"ics,omitempty"`
	Google []map[string]any `json:"google,omitzero"`
	Zone   string           `json:"zone"`
	From   time.Time        `json:"from"`
	To     time.Time        `json:"to"`
}

// judge is the one node process of a test binary. It ends with its standard input, and so with the tests.
var judge struct {
	sync.Mutex
	in  *json.Encoder
	out *json.Decoder
}

func ask(t testing.TB, q question) Answer {
	t.Helper()
	dir := install(t)
	judge.Lock()
	defer judge.Unlock()
	if judge.in == nil {
		cmd := exec.CommandContext(context.Background(), "node", "oracle.mjs")
		cmd.Dir = dir
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		judge.in, judge.out = json.NewEncoder(in), json.NewDecoder(out)
	}
	var raw struct {
		Occurrences []struct {
			UID, Summary, Start, End string
			Date                     bool
		}
		Problems []string
		Error    string
	}
	require.NoError(t, judge.in.Encode(q))
	require.NoError(t, judge.out.Decode(&raw), "node ended")
	require.Empty(t, raw.Error)
	answer := Answer{Problems: raw.Problems}
	for _, o := range raw.Occurrences {
		form := time.RFC3339
		if o.Date {
			form = time.DateOnly
		}
		start, err := time.Parse(form, o.Start)
		require.NoError(t, err)
		end, err := time.Parse(form, o.End)
		require.NoError(t, err)
		answer.Occurrences = append(answer.Occurrences, Instant{UID: o.UID, Start: start, End: end, Date: o.Date, Summary: o.Summary})
	}
	slices.SortFunc(answer.Occurrences, func(a, b Instant) int { return cmp.Compare(a.String(), b.String()) })
	return answer
}
