package oracle_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/chaos/oracle"
	"github.com/repsync/repsync/internal/chaos/scenario"
	"github.com/repsync/repsync/internal/chaos/world"
	"github.com/repsync/repsync/internal/demo/wire"
	"github.com/repsync/repsync/internal/sandbox"
)

// sites are the vendors of a world as the oracle reads them.
func sites(w *world.World) (out []oracle.Site) {
	for name, o := range w.Orgs {
		crm := wire.Endpoint{BaseURL: o.Box.SalesforceURL, Token: func(context.Context) (string, error) {
			for _, u := range o.Box.Salesforce.All("User") {
				if id, ok := u["Id"].(string); ok && u["Username"] == o.Box.IntegrationUser() {
					return o.Box.Salesforce.NewSession(id), nil
				}
			}
			return "", fmt.Errorf("org %s has no integration user", name)
		}}
		site := oracle.Site{Org: name, Salesforce: wire.Salesforce{Endpoint: crm, Version: "65.0"}, People: map[string]wire.People{}, Calendars: map[string]wire.Calendar{}, Users: o.Users}
		for rep := range o.Users {
			box := wire.Endpoint{BaseURL: o.Box.GoogleURL, Token: func(context.Context) (string, error) { return o.Box.Google.MintToken(world.Address(name, rep)) }}
			site.People[rep], site.Calendars[rep] = wire.People{Endpoint: box}, wire.Calendar{Endpoint: box}
		}
		out = append(out, site)
	}
	return out
}

// deed draws something that a person does.
func deed(r *mathrand.Rand, n int) scenario.Step {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	step := scenario.Step{Org: "east", Rep: pick("ann", "bob"), Side: pick(scenario.CRM, scenario.Mailbox), Do: scenario.Edit}
	verbs := []scenario.Verb{scenario.Create, scenario.Create, scenario.Edit, scenario.Edit, scenario.Edit, scenario.Delete, scenario.Touch, scenario.Rename, scenario.Restore, scenario.Reassign}
	step.Do = verbs[r.IntN(len(verbs))]
	value := fmt.Sprint("eastzqx", n)
	if step.Do == scenario.Reassign {
		step.To = pick("ann", "bob")
	}
	if r.IntN(2) == 0 {
		step.Item = pick("p1", "p2", "p3")
		step.Set = map[string]string{pick("title", "department", "phone", "given"): value}
		switch {
		case step.Do == scenario.Create:
			step.Set["email"] = step.Item + "@example.com"
		case r.IntN(4) == 0:
			step.Set[pick("title", "department", "phone", "given", "email")] = ""
		}
		return step
	}
	step.Item = pick("m1", "m2", "m3")
	step.Set = map[string]string{pick("subject", "location", "description"): value}
	if step.Do == scenario.Create {
		step.Set["start"], step.Set["length"] = fmt.Sprint(r.IntN(3000)), "45"
		if step.Item != "m1" {
			step.Side, step.Rep, step.Set["rule"] = scenario.Mailbox, "ann", pick("FREQ=DAILY;COUNT=4", "FREQ=WEEKLY;COUNT=3", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;COUNT=5")
		}
		if step.Item == "m3" {
			step.Set["guests"] = "bob,somebody@example.com"
		}
		return step
	}
	if step.Item != "m1" && step.Side == scenario.Mailbox && r.IntN(3) > 0 {
		step.Item += "@" + pick("0", "1", "2", "3")
	}
	if step.Do == scenario.Edit && r.IntN(2) == 0 {
		step.Set["start"] = fmt.Sprint(r.IntN(3000))
	}
	if step.Do == scenario.Edit && r.IntN(4) == 0 {
		step.Set["length"] = fmt.Sprint(15 + r.IntN(60))
	}
	return step
}

// stage is a world without Repsync and an oracle that watches it.
type stage struct {
	t     *testing.T
	w     *world.World
	clock *sandbox.Clock
	o     *oracle.Oracle
	trace []string
}

var key = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func open(t *testing.T, seed uint64) *stage {
	t.Helper()
	s := scenario.Scenario{Seed: seed, Orgs: []scenario.Org{{Name: "east", Reps: []string{"ann", "bob"}}}}
	clock := sandbox.StoppedAt(scenario.Start)
	w, err := world.New(t.Context(), s, world.Config{Dir: t.TempDir(), Key: key(), Clock: clock})
	require.NoError(t, err)
	t.Cleanup(w.Close)
	return &stage{t: t, w: w, clock: clock, o: oracle.New(s)}
}

// do does a step where it is possible.
func (s *stage) do(step scenario.Step) (done bool) {
	s.clock.Advance(time.Minute)
	done, err := s.w.Do(step)
	if err != nil || !done {
		return false
	}
	s.trace = append(s.trace, step.String())
	s.o.Note(scenario.Entry{What: scenario.Deed, At: s.w.Now(), Org: step.Org, Rep: step.Rep, Step: step})
	return true
}

// judge holds that what is there is what people made it.
func (s *stage) judge() {
	s.t.Helper()
	s.o.Note(scenario.Entry{What: scenario.Rested, At: s.w.Now()})
	snap, err := s.o.Look(s.t.Context(), sites(s.w))
	require.NoError(s.t, err)
	for _, v := range s.o.Judge(snap, scenario.Books{}) {
		require.Fail(s.t, v.String(), strings.Join(s.trace, "\n"))
	}
}

// TestWhatPeopleDo lets people do things at random in the vendors' sandboxes: the oracle must know exactly what comes of it.
func TestWhatPeopleDo(t *testing.T) {
	t.Parallel()
	given := 0
	for seed := range uint64(25) {
		r := mathrand.New(mathrand.NewPCG(seed, 1))
		s := open(t, seed)
		for n := range 60 {
			s.do(deed(r, n))
			if n%20 == 19 {
				s.judge()
			}
		}
		given += len(s.o.Unjudged())
		t.Log(seed, s.o.Unjudged())
	}
	require.Less(t, given, 15, "of 150 items have left the model")
}

// TestSeriesAsTheirVendorKeepsThem does to a series what the random deeds seldom come to.
func TestSeriesAsTheirVendorKeepsThem(t *testing.T) {
	t.Parallel()
	m := func(do scenario.Verb, item string, set map[string]string) scenario.Step {
		return scenario.Step{Do: do, Org: "east", Rep: "ann", Side: scenario.Mailbox, Item: item, Set: set}
	}
	made := m(scenario.Create, "m1", map[string]string{"subject": "Jour", "start": "60", "length": "45", "rule": "FREQ=DAILY;COUNT=4", "guests": "bob"})
	for name, steps := range map[string][]scenario.Step{
		"one of its own, then all are renamed":     {m(scenario.Edit, "m1@1", map[string]string{"location": "A"}), m(scenario.Edit, "m1", map[string]string{"subject": "New"})},
		"one of its own, then all are moved":       {m(scenario.Edit, "m1@1", map[string]string{"location": "A", "start": "1600"}), m(scenario.Edit, "m1", map[string]string{"start": "90"})},
		"one is touched, then all are moved":       {m(scenario.Touch, "m1@1", nil), m(scenario.Edit, "m1", map[string]string{"start": "90", "length": "20"})},
		"all are moved, and get longer":            {m(scenario.Edit, "m1", map[string]string{"start": "90", "length": "20"}), m(scenario.Edit, "m1", map[string]string{"length": "50"})},
		"one of its own, then all get longer":      {m(scenario.Edit, "m1@2", map[string]string{"start": "5000"}), m(scenario.Edit, "m1", map[string]string{"length": "50"})},
		"all get longer, then one is moved":        {m(scenario.Edit, "m1", map[string]string{"length": "50"}), m(scenario.Edit, "m1@2", map[string]string{"start": "5000"})},
		"all are moved, then one is edited":        {m(scenario.Edit, "m1", map[string]string{"start": "100"}), m(scenario.Edit, "m1@2", map[string]string{"subject": "X"})},
		"one is deleted, then all are renamed":     {m(scenario.Delete, "m1@0", nil), m(scenario.Edit, "m1", map[string]string{"subject": "New"})},
		"one is deleted, then all":                 {m(scenario.Edit, "m1@0", map[string]string{"location": "A"}), m(scenario.Delete, "m1@1", nil), m(scenario.Delete, "m1", nil)},
		"all are moved by a day":                   {m(scenario.Edit, "m1", map[string]string{"start": "1500"})},
		"a guest's own, then all are renamed":      {{Do: scenario.Edit, Org: "east", Rep: "bob", Side: scenario.Mailbox, Item: "m1@1", Set: map[string]string{"location": "B"}}, m(scenario.Edit, "m1", map[string]string{"subject": "New"})},
		"a guest leaves one, then all are renamed": {{Do: scenario.Delete, Org: "east", Rep: "bob", Side: scenario.Mailbox, Item: "m1@1"}, m(scenario.Edit, "m1", map[string]string{"subject": "New"})},
		"a guest leaves, then one is moved":        {{Do: scenario.Delete, Org: "east", Rep: "bob", Side: scenario.Mailbox, Item: "m1"}, m(scenario.Edit, "m1@3", map[string]string{"start": "7000"})},
		"private, and no longer":                   {m(scenario.Edit, "m1", map[string]string{"private": "true"}), m(scenario.Edit, "m1@1", map[string]string{"private": "false"})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, 1)
			require.True(t, s.do(made))
			s.judge()
			for _, step := range steps {
				require.True(t, s.do(step), "%s", step)
				s.judge()
			}
			require.Empty(t, s.o.Unjudged())
		})
	}
}
