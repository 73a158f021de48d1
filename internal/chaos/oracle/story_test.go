package oracle

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/chaos/scenario"
)

// story plays a history by hand. Steps and what is seen are written as words:
//
//	crm alice create p1 title=Boss       a deed
//	run alice                            a clean run with nothing inside
//	began alice / ended alice / cut alice
//	policy both                          another policy
//	crm alice p1 title=Boss              seen: a record of alice's
//	box alice p1 title=Boss              seen: an entry
//	bin alice p1                         seen: a deleted record
type story struct {
	t      testing.TB
	o      *Oracle
	at     time.Time
	policy scenario.Policy
	told   []scenario.Verdict
}

func begin(t *testing.T, p scenario.Policy) *story {
	t.Helper()
	return &story{t: t, policy: p, at: scenario.Start, o: New(scenario.Scenario{Orgs: []scenario.Org{
		{Name: "acme", Reps: []string{"alice", "bob"}, Policy: p},
		{Name: "globex", Reps: []string{"gina"}, Policy: p},
	}})}
}

// pairsOf reads "title=Boss" words. A person has an address unless told otherwise.
func pairsOf(item string, pairs []string, made bool) map[string]string {
	out := map[string]string{}
	if made && !isMeeting(item) {
		out["email"] = item + "@shared.test"
	}
	for _, pair := range pairs {
		k, v, _ := strings.Cut(pair, "=")
		out[k] = strings.ReplaceAll(v, "_", " ")
	}
	return out
}

func (s *story) play(script string) {
	for line := range strings.Lines(script) {
		s.step(strings.Fields(line))
	}
}

func (s *story) step(w []string) {
	s.at = s.at.Add(time.Minute)
	if len(w) == 0 {
		return
	}
	e := scenario.Entry{At: s.at, Org: "acme"}
	switch w[0] {
	case "run":
		s.step([]string{"began", w[1]})
		s.step([]string{"ended", w[1]})
		return
	case "began":
		e.What, e.Rep = scenario.Began, w[1]
	case "ended", "cut":
		e.What, e.Rep, e.Clean = scenario.Ended, w[1], w[0] == "ended"
	case "backup", "recover":
		e.What, e.Step, e.Org = scenario.Deed, scenario.Step{Do: scenario.Verb(w[0])}, ""
	case "release":
		e.What, e.Rep, e.Step = scenario.Deed, w[1], scenario.Step{Do: scenario.Release, Rep: w[1]}
	case "policy":
		p := change(s.policy, w[1:])
		s.policy = p
		e.What, e.Step = scenario.Applied, scenario.Step{Do: scenario.Apply, Policy: &p}
	case "wait":
		d, err := time.ParseDuration(w[1])
		require.NoError(s.t, err)
		s.at = s.at.Add(d)
		return
	default:
		side := map[string]string{"crm": scenario.CRM, "box": scenario.Mailbox}[w[0]]
		require.NotEmpty(s.t, side, w)
		verb := scenario.Verb(w[2])
		e.What, e.Rep = scenario.Deed, w[1]
		e.Step = scenario.Step{Do: verb, Org: e.Org, Rep: w[1], Side: side, Item: w[3]}
		if verb == scenario.Reassign {
			e.Step.To = w[4]
		} else {
			e.Step.Set = pairsOf(w[3], w[4:], verb == scenario.Create)
		}
	}
	s.o.Note(e)
}

// change returns a policy with words like "contacts=both" applied.
func change(p scenario.Policy, words []string) scenario.Policy {
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		if v == "-" {
			v = ""
		}
		switch k {
		case "contacts":
			p.Contacts = v
		case "conflict":
			p.Conflict = v
		case "from_crm":
			p.FromCRM = v
		case "from_mailbox":
			p.FromMailbox = v
		case "drift":
			p.Drift = v
		case "filter":
			p.Filter = v
		case "on_exit":
			p.OnExit = v
		case "events":
			p.Events = v
		case "private":
			p.Private = v
		case "no_series":
			p.NoSeries = v == "true"
		case "max_deletes":
			if _, err := fmt.Sscan(v, &p.MaxDeletes); err != nil {
				panic(err)
			}
		case "past":
			if _, err := fmt.Sscan(v, &p.Past); err != nil {
				panic(err)
			}
		case "future":
			if _, err := fmt.Sscan(v, &p.Future); err != nil {
				panic(err)
			}
		default:
			panic(w)
		}
	}
	return p
}

// snapshot reads what is seen.
func snapshot(seenLines string) Snapshot {
	snap := Snapshot{orgs: map[string]*seen{"acme": {}, "globex": {}}}
	for line := range strings.Lines(seenLines) {
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		r := row{rep: w[1], name: w[2], id: "crm " + w[2], deleted: w[0] == "bin"}
		if w[0] == "box" {
			r.at, r.id = box, "box "+w[2]+" "+w[1]
		}
		if isMeeting(r.name) || r.name == busyName {
			snap.orgs["acme"].events = append(snap.orgs["acme"].events, eventRow(r, pairsOf(w[2], w[3:], false)))
			continue
		}
		v := pairsOf(w[2], w[3:], true)
		for f, name := range personFields {
			r.v[f] = v[name]
		}
		r.text = strings.Join(r.v[:3], " ")
		snap.orgs["acme"].people = append(snap.orgs["acme"].people, r)
	}
	return snap
}

// books are as they should be: a verdict on every item, and a line about whatever was ever seen.
func (s *story) books(snap Snapshot) scenario.Books {
	for _, o := range snap.orgs {
		for kind, rows := range map[string][]row{contacts: o.people, meetings: o.events} {
			for _, r := range rows {
				s.told = append(s.told, scenario.Verdict{Org: "acme", Rep: r.rep, Kind: kind, Side: r.at.String(), ID: r.id, Reason: "unchanged", Explained: "Nothing to do."})
			}
		}
	}
	b := scenario.Books{Verdicts: s.told}
	for _, v := range s.told {
		line := scenario.Line{Org: v.Org, Rep: v.Rep, Kind: v.Kind, Side: v.Side, ID: v.ID, At: s.at.Add(time.Hour)}
		b.Journal = append(b.Journal, line)
		for c := range s.o.orgs["acme"].collided {
			if line.Action, line.Field = "conflict", c.field; v.Kind == contacts {
				b.Journal = append(b.Journal, line)
			}
		}
	}
	return b
}

// laws judges and returns the laws that are broken, each with its field.
func (s *story) laws(seenLines string) []string {
	snap := snapshot(seenLines)
	found := s.o.Judge(snap, s.books(snap))
	out := []string{}
	for _, v := range found {
		out = append(out, strings.TrimSpace(v.Law+" "+v.Field))
	}
	slices.Sort(out)
	return out
}

// eventRow reads "subject=Talk start=60 length=30 location=X private=true" as a vendor shows it.
func eventRow(r row, v map[string]string) row {
	return meetingRow(r, strings.TrimSpace(r.name+" "+v["subject"]), v["location"], v["description"], number(v["start"], 0), number(v["length"], 30), v["private"] == "true")
}

// outcome is a history and what may, and what may not, come of it.
type outcome struct {
	name, policy, story string
	ok                  []string          // each is permitted
	bad                 map[string]string // seen → the laws that it breaks, each with its field; "x" is any
}

// outcomes plays histories and shows the oracle what came of them.
func outcomes(t *testing.T, cases []outcome) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			after := func() *story {
				s := begin(t, change(scenario.Policy{}, strings.Fields(c.policy)))
				s.play(c.story)
				return s
			}
			for _, seen := range c.ok {
				s := after()
				require.Empty(t, s.laws(seen), seen)
				require.Empty(t, s.o.Unjudged(), seen)
				require.Empty(t, s.laws(seen), "a second look at %s", seen)
			}
			for seen, want := range c.bad {
				s := after()
				got := strings.Join(s.laws(seen), ", ")
				if want == "x" {
					require.NotEmpty(t, got, seen)
				} else {
					require.Equal(t, want, got, seen)
				}
			}
		})
	}
}
