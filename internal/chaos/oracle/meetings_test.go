package oracle

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/chaos/scenario"
)

// weekly is a series of three.
const weekly = `
box alice create m1 subject=Jour start=60 length=30 rule=FREQ=WEEKLY;COUNT=3
run alice
`

// three is what a series of three looks like on a side, with another text for some of its occurrences; "-" leaves one out.
func three(side string, other ...string) string {
	var b strings.Builder
	for i := range 3 {
		text := fmt.Sprintf("subject=Jour start=%d", 60+i*7*24*60)
		if i < len(other) && other[i] != "" {
			text = other[i]
		}
		if text != "-" {
			fmt.Fprintf(&b, "%s alice m1 %s\n", side, text)
		}
	}
	return b.String()
}

const met = `
crm alice create m1 subject=Talk start=60
run alice
`

func TestMeetings(t *testing.T) {
	t.Parallel()
	outcomes(t, []outcome{
		{
			name: "a new record", policy: "events=both", story: met,
			ok: []string{"crm alice m1 subject=Talk start=60\nbox alice m1 subject=Talk start=60"},
			bad: map[string]string{
				"crm alice m1 subject=Talk start=60":                                                                         "lost mailbox",
				"crm alice m1 subject=Talk start=60\nbox alice m1 subject=Talk start=61":                                     "lost mailbox time",
				"crm alice m1 subject=Talk start=60\nbox alice m1 subject=Talk start=60\nbox alice m1 subject=Talk start=60": "doubled mailbox",
				"crm alice m1 subject=Talk start=60\nbox alice m1 subject=Talk start=60\nbox bob m1 subject=Talk start=60":   "forbidden mailbox",
				"crm alice m1 subject=Talk start=60\nbox alice m1 subject=Talk start=60\nbox alice m7 subject=Talk start=60": "unexplained",
				"crm alice m1 subject=Talk start=60 location=Room\nbox alice m1 subject=Talk start=60 location=Room":         "diverged crm location, diverged mailbox location",
				"crm bob m1 subject=Talk start=60\nbox alice m1 subject=Talk start=60":                                       "forbidden crm owner",
			},
		},
		{
			name: "moved in the mailbox", policy: "events=both", story: met + "box alice edit m1 start=90\nrun alice",
			ok:  []string{"crm alice m1 subject=Talk start=90\nbox alice m1 subject=Talk start=90"},
			bad: map[string]string{"crm alice m1 subject=Talk start=60\nbox alice m1 subject=Talk start=90": "lost crm time"},
		},
		{
			name: "moved one way, against it", policy: "events=crm_to_mailbox", story: met + "box alice edit m1 start=90\nrun alice",
			ok:  []string{"crm alice m1 subject=Talk start=60\nbox alice m1 subject=Talk start=90"},
			bad: map[string]string{"crm alice m1 subject=Talk start=90\nbox alice m1 subject=Talk start=90": "forbidden crm time"},
		},
		{
			name: "deleted in the CRM", policy: "events=both", story: met + "crm alice delete m1\nrun alice",
			ok:  []string{"bin alice m1 subject=Talk start=60"},
			bad: map[string]string{"box alice m1 subject=Talk start=60": "resurrected mailbox"},
		},
		{
			name: "private is left out", policy: "events=both", story: "box alice create m1 subject=Talk start=60 private=true\nrun alice",
			ok:  []string{"box alice m1 subject=Talk start=60 private=true"},
			bad: map[string]string{"box alice m1 subject=Talk start=60 private=true\ncrm alice m1 subject=Talk start=60 private=true": "forbidden crm"},
		},
		{
			name: "becomes private", policy: "events=both", story: "box alice create m1 subject=Talk start=60\nrun alice\nbox alice edit m1 private=true\nrun alice",
			ok:  []string{"box alice m1 subject=Talk start=60 private=true"},
			bad: map[string]string{"box alice m1 subject=Talk start=60 private=true\ncrm alice m1 subject=Talk start=60": "resurrected crm"},
		},
		{
			name: "private syncs", policy: "events=both private=sync", story: "box alice create m1 subject=Talk start=60 private=true\nrun alice",
			ok:  []string{"box alice m1 subject=Talk start=60 private=true\ncrm alice m1 subject=Talk start=60 private=true"},
			bad: map[string]string{"box alice m1 subject=Talk start=60 private=true\ncrm alice m1 subject=Talk start=60": "lost crm private"},
		},
		{
			name: "private shows as busy", policy: "events=both private=busy", story: "box alice create m1 subject=Talk start=60 location=Room private=true\nrun alice\nbox alice edit m1 start=90 location=Hall\nrun alice",
			ok: []string{"box alice m1 subject=Talk start=90 location=Hall private=true\ncrm alice Busy start=90 private=true"},
			bad: map[string]string{
				"box alice m1 subject=Talk start=90 location=Hall private=true\ncrm alice Busy start=60 private=true":                                       "lost crm",
				"box alice m1 subject=Talk start=90 location=Hall private=true\ncrm alice Busy start=90 location=Hall private=true":                         "lost crm",
				"box alice m1 subject=Talk start=90 location=Hall private=true\ncrm alice m1 subject=Talk start=90 location=Hall private=true":              "forbidden crm location, forbidden crm subject",
				"box alice m1 subject=Talk start=90 location=Hall private=true\ncrm alice Busy start=90 private=true\ncrm alice Busy start=90 private=true": "unexplained place 0",
				"box alice Busy start=90 private=true\ncrm alice Busy start=90 private=true":                                                                "lost mailbox",
			},
		},
		{
			name: "busy, and open again", policy: "events=both private=busy", story: "box alice create m1 subject=Talk start=60 private=true\nrun alice\nbox alice edit m1 private=false\nrun alice",
			ok: []string{"box alice m1 subject=Talk start=60\ncrm alice m1 subject=Talk start=60"},
		},
		{
			name: "a copy becomes private", policy: "events=both private=busy", story: met + "box alice edit m1 private=true\nrun alice",
			ok:  []string{"box alice m1 subject=Talk start=60 private=true\ncrm alice Busy start=60 private=true", "box alice m1 subject=Talk start=60 private=true\ncrm alice m1 subject=Talk start=60"},
			bad: map[string]string{"box alice Busy start=60 private=true\ncrm alice Busy start=60 private=true": "x"},
		},
		{
			name: "outside the window", policy: "events=both future=30", story: "crm alice create m1 subject=Talk start=57600\nrun alice",
			ok:  []string{"crm alice m1 subject=Talk start=57600"},
			bad: map[string]string{"crm alice m1 subject=Talk start=57600\nbox alice m1 subject=Talk start=57600": "forbidden mailbox"},
		},
		{
			name: "enters the window as time passes", policy: "events=both future=30", story: "crm alice create m1 subject=Talk start=57600\nrun alice\nwait 300h\nrun alice",
			ok:  []string{"crm alice m1 subject=Talk start=57600\nbox alice m1 subject=Talk start=57600"},
			bad: map[string]string{"crm alice m1 subject=Talk start=57600": "lost mailbox"},
		},
		{
			name: "a series", policy: "events=both", story: weekly,
			ok: []string{three("crm") + three("box")},
			bad: map[string]string{
				three("crm", "-") + three("box"):                                   "lost crm",
				three("crm") + three("box") + "crm alice m1 subject=Jour start=60": "doubled crm",
				three("crm", "", "subject=Jour start=90") + three("box"):           "lost crm time",
			},
		},
		{
			name: "series are left out", policy: "events=both no_series=true", story: weekly,
			ok:  []string{three("box")},
			bad: map[string]string{three("box") + three("crm"): "forbidden crm, forbidden crm, forbidden crm"},
		},
		{
			name: "one occurrence is moved", policy: "events=both", story: weekly + "box alice edit m1@1 start=10200 subject=Moved\nrun alice",
			ok:  []string{three("crm", "", "subject=Moved start=10200") + three("box", "", "subject=Moved start=10200")},
			bad: map[string]string{three("crm") + three("box", "", "subject=Moved start=10200"): "lost crm subject, lost crm time"},
		},
		{
			name: "one is moved, one deleted, then all are renamed", policy: "events=both from_mailbox=propagate",
			story: weekly + "box alice edit m1@1 start=10200\nbox alice delete m1@2\nrun alice\nbox alice edit m1 subject=New\nrun alice",
			ok:    []string{three("crm", "subject=New start=60", "subject=Jour start=10200", "-") + three("box", "subject=New start=60", "subject=Jour start=10200", "-")},
			bad: map[string]string{
				three("crm", "subject=New start=60", "subject=Jour start=10200") + three("box", "subject=New start=60", "subject=Jour start=10200", "-"): "resurrected crm",
			},
		},
		{
			name: "a record of one occurrence is edited", policy: "events=both", story: weekly + "crm alice edit m1@1 location=Room\nrun alice",
			ok:  []string{three("crm", "", "subject=Jour start=10140 location=Room") + three("box", "", "subject=Jour start=10140 location=Room")},
			bad: map[string]string{three("crm", "", "subject=Jour start=10140 location=Room") + three("box"): "lost mailbox location"},
		},
		{
			name: "all are moved", policy: "events=both", story: weekly + "box alice edit m1@1 subject=Other\nrun alice\nbox alice edit m1 start=90\nrun alice",
			ok: []string{three("crm", "subject=Jour start=90", "subject=Jour start=10170", "subject=Jour start=20250") + three("box", "subject=Jour start=90", "subject=Jour start=10170", "subject=Jour start=20250")},
		},
		{
			name: "a series is deleted", policy: "events=both from_mailbox=propagate", story: weekly + "box alice delete m1\nrun alice",
			ok:  []string{""},
			bad: map[string]string{three("crm", "-"): "resurrected crm, resurrected crm"},
		},
		{
			name: "guests", policy: "events=both", story: "box alice create m1 subject=Talk start=60 guests=bob\nrun bob\nrun alice\nbox bob edit m1 location=Elsewhere\nrun bob",
			ok: []string{
				"crm alice m1 subject=Talk start=60\nbox alice m1 subject=Talk start=60\nbox bob m1 subject=Talk start=60 location=Elsewhere",
				"crm alice m1 subject=Talk start=60\nbox alice m1 subject=Talk start=60",
			},
			bad: map[string]string{
				"crm alice m1 subject=Talk start=60\ncrm bob m1 subject=Talk start=60\nbox alice m1 subject=Talk start=60\nbox bob m1 subject=Talk start=60": "doubled crm",
				"crm alice m1 subject=Talk start=60 location=Elsewhere\nbox alice m1 subject=Talk start=60\nbox bob m1 subject=Talk start=60":                "diverged crm location",
				"crm alice m1 subject=Talk start=60\nbox bob m1 subject=Talk start=60":                                                                       "lost mailbox",
			},
		},
		{
			name: "a guest declines what is deleted in the CRM", policy: "events=both", story: "box alice create m1 subject=Talk start=60 guests=bob\nrun alice\nrun bob\nbox bob delete m1\ncrm bob delete m1\nrun alice",
			ok:  []string{"", "crm alice m1 subject=Talk start=60\nbox alice m1 subject=Talk start=60"},
			bad: map[string]string{"box alice m1 subject=Talk start=60": "x"},
		},
		{
			name: "a guest's answer was carried before the delete in the CRM", policy: "events=both", story: "box alice create m1 subject=Talk start=60 guests=bob\nrun alice\nrun bob\nbox bob delete m1\nrun alice\ncrm bob delete m1\nrun alice",
			ok:  []string{""},
			bad: map[string]string{"crm alice m1 subject=Talk start=60\nbox alice m1 subject=Talk start=60": "resurrected crm, resurrected mailbox"},
		},
		{
			name: "a race", policy: "events=both", story: weekly + "began alice\nbox alice edit m1@0 location=A\nbox alice edit m1@1 location=B\ncut alice\nbegan alice\ncut alice",
			ok:  []string{three("crm", "subject=Jour start=60 location=A", "subject=Jour start=10140 location=B") + three("box", "subject=Jour start=60 location=A", "subject=Jour start=10140 location=B")},
			bad: map[string]string{three("crm", "subject=Jour start=60 location=A") + three("box", "subject=Jour start=60 location=A", "subject=Jour start=10140 location=B"): "lost crm location"},
		},
	})
}

// Which occurrence is which after a series was moved far can be told by those that came first, if they are linked.
func TestSeriesMovedWithoutItsFirst(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, policy, to string
		judged           bool
	}{
		{"the first lies outside the window", "events=both past=1", "14850", false},
		{"all are linked", "events=both past=30", "14850", true},
		{"to another hour of the day", "events=both past=1", "-5310", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := begin(t, change(scenario.Policy{}, strings.Fields(c.policy)))
			s.play("box alice create m1 subject=Jour start=-5370 rule=FREQ=WEEKLY;COUNT=3\nrun alice\nbox alice edit m1 start=" + c.to)
			require.Equal(t, c.judged, len(s.o.Unjudged()) == 0, s.o.Unjudged())
		})
	}
}

// TestLayOut holds which occurrences a rule has.
func TestLayOut(t *testing.T) {
	t.Parallel()
	const d = 24 * 60
	for _, c := range []struct {
		rule string
		want []int
		ok   bool
	}{
		{"", []int{0}, true},
		{"FREQ=DAILY;COUNT=3", []int{0, d, 2 * d}, true},
		{"FREQ=DAILY;INTERVAL=2;COUNT=3", []int{0, 2 * d, 4 * d}, true},
		{"FREQ=WEEKLY;COUNT=2", []int{0, 7 * d}, true},
		{"FREQ=WEEKLY;BYDAY=MO,WE;COUNT=4", []int{0, 2 * d, 7 * d, 9 * d}, true},
		{"FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;COUNT=4", []int{0, 2 * d, 14 * d, 16 * d}, true},
		{"FREQ=WEEKLY;BYDAY=TU;COUNT=4", nil, false},
		{"FREQ=WEEKLY", nil, false},
		{"FREQ=MONTHLY;COUNT=3", nil, false},
		{"FREQ=DAILY;COUNT=3;UNTIL=20260401", nil, false},
	} {
		got, ok := layOut(c.rule, scenario.Start)
		require.Equal(t, c.ok, ok, c.rule)
		require.Equal(t, c.want, got, c.rule)
	}
}
