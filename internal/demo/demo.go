// Package demo plays a story that shows what Repsync does, against Temporal, Postgres and two sandboxes that speak the
// vendors' real APIs, and lets a verifier judge every item at its end.
//
// The story (package scenario) has an org with two reps who share some contacts and meet customers: a first sync, people
// who edit on both sides, the pass after it, a series that moves, and a pass that finds nothing to do. With a .vcf, .csv
// or .ics file of the user's own (package load) it is that address book, that export and that calendar that are synced,
// both ways. Either way the outcome is read by package verify, which shares no code with the engine.
//
// The demo drives Repsync as anybody could: it stores reps and a policy, starts workflows through Temporal, and asks them
// for passes. It waits for conditions and never for a while; what does not come true within minutes ends the demo with
// the places to look at.
package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/repsync/repsync/internal/demo/scenario"
	"github.com/repsync/repsync/internal/demo/verify"
	"github.com/repsync/repsync/internal/demo/wire"
	"github.com/repsync/repsync/internal/devstack/proc"
	"github.com/repsync/repsync/workflows"
)

// Config says what is shown, and where.
type Config struct {
	Out       io.Writer // hears the story; default os.Stdout
	Once      bool      // end after the story rather than stay up until the context ends
	VCF, CSV  string    // files of the user's own: an address book, a Salesforce export of Contact. With any the story is theirs
	ICS       string    // the same, a calendar
	Dir       string    // where servers keep data and logs; default ".repsync-demo". What an earlier demo left there goes
	WorkerBin string    // the worker's binary; default the file "worker" beside the running program
	AnyPorts  bool      // take any free ports: for tests
}

// own tells whether the story is one of the user's own data.
func (c Config) own() bool { return c.VCF != "" || c.CSV != "" || c.ICS != "" }

// stage is a running demo: the servers, the people, and what is known so far.
type stage struct {
	out     io.Writer
	reps    []scenario.Rep
	vendors vendors
	world   scenario.World
	engine  engine
	office  office
	logs    string                      // the directory of the servers' logs
	last    map[string]workflows.Status // as last seen, by rep
	read    map[string]int64            // the last line of the journal that a table told of, by rep
	worker  *proc.Process
	items   int // of the user's own data
}

// Run plays the demo. It returns nil when the verifier agreed, a *Disagreement when it did not (see ExitCode), and else
// what kept the demo from being played. When ctx ends in the middle, it is ctx's error.
func Run(ctx context.Context, c Config) error {
	if c.Out == nil {
		c.Out = os.Stdout
	}
	s, done, err := start(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	if c.own() {
		err = s.ownData(ctx, c)
	} else {
		err = s.story(ctx)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if c.Once || err != nil && !disagrees(err) {
		return err
	}
	if err != nil {
		s.say("\n%v", err)
	}
	s.say("\nEverything stays up until Ctrl-C: look around in Temporal's Web UI, or edit an item and watch the next pass.")
	<-ctx.Done()
	return err
}

// say prints a line of the story.
func (s *stage) say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

// names are the reps' names.
func (s *stage) names() []string {
	names := make([]string, len(s.reps))
	for i, r := range s.reps {
		names[i] = r.Name
	}
	return names
}

// seen is the world as the verifier reads it.
func (s *stage) seen() verify.World { return s.vendors.seen(s.world) }

// story plays the five acts.
func (s *stage) story(ctx context.Context) error {
	s.say("\nThe story: at %s, alice and bob sell, and share customers. Salesforce holds the records and the meetings; each of them has", scenario.Org)
	s.say("a Google address book and a Google calendar. Repsync keeps all of it in step. After each act a verifier that shares no code")
	s.say("with it reads what is there.")
	kept, err := scenario.Seed(ctx, s.world)
	if err != nil {
		return fmt.Errorf("put the start in place: %w", err)
	}
	before, err := verify.Read(ctx, s.seen())
	if err != nil {
		return err
	}
	want := expected{today: s.world.Today, kept: kept, ids: verify.IDs(before), people: scenario.AfterFirstSync, meetings: scenario.AgendaAfterFirstSync}
	s.say("  in place: %s", s.holdings())
	for _, line := range scenario.Cast(s.world.Today) {
		s.say("    %s", line)
	}

	s.say("\nAct 1 of 5: the first sync")
	if err := s.enrol(ctx, scenario.Policy); err != nil {
		return err
	}
	now, err := s.act(ctx, "after the first sync", want)
	if err != nil {
		return err
	}

	s.say("\nAct 2 of 5: people edit, on both sides, before Repsync looks again (→ is what should come of it)")
	if err := s.edit(ctx, 1, scenario.Edits()); err != nil {
		return err
	}
	s.say("  and in the calendars:")
	if err := s.edit(ctx, 1+len(scenario.Edits()), scenario.Meetings()); err != nil {
		return err
	}

	s.say("\nAct 3 of 5: Repsync looks again")
	want.people, want.meetings, want.ids = scenario.AfterEdits, scenario.AgendaAfterEdits, verify.IDs(now)
	if now, err = s.act(ctx, "after the edits", want); err != nil {
		return err
	}

	s.say("\nAct 4 of 5: a series moves, after its occurrences went their own ways")
	if err := s.edit(ctx, 1, scenario.Retiming()); err != nil {
		return err
	}
	want.meetings, want.ids = scenario.AgendaAfterRetiming, verify.IDs(now)
	if _, err := s.act(ctx, "after the series moved", want); err != nil {
		return err
	}

	s.say("\nAct 5 of 5: and once more, with nothing to do")
	o, err := s.settle(ctx)
	if err != nil {
		return err
	}
	if err := s.table(ctx, s.out, o); err != nil {
		return err
	}
	if n := o.calls.writes(); n > 0 || o.passes > 1 {
		return &Disagreement{When: "in the idle pass", Differences: []verify.Difference{{Where: "calls", What: fmt.Sprintf("%s, want none: nothing had changed", count(n, "write"))}}}
	}
	s.say("  ✓ no write: what Repsync itself wrote, read back, is no news to it")
	_, err = judge(ctx, s.out, s.seen(), want, "at the end")
	return err
}

// edit carries out what people do, and tells it, counting from first.
func (s *stage) edit(ctx context.Context, first int, edits []scenario.Edit) error {
	for i, e := range edits {
		if err := e.Do(ctx, s.world); err != nil {
			return err
		}
		s.say("  %2d. %s %s", first+i, e.Who, e.What)
		if e.Then != "" {
			s.say("      → %s", e.Then)
		}
	}
	return nil
}

// enrol tells Repsync who its reps are and what the policy is, and starts the workflows.
func (s *stage) enrol(ctx context.Context, policy []byte) error {
	for _, r := range s.reps {
		if err := s.office.addRep(ctx, scenario.Org, r.Name, r.Email, s.vendors.userID(r.Email)); err != nil {
			return err
		}
	}
	revision, err := s.office.applyPolicy(ctx, scenario.Org, policy)
	if err != nil {
		return err
	}
	s.say("  the policy is in place (revision %d), the reps are known; each gets a workflow, to be seen in Temporal's Web UI:", revision)
	if err := s.engine.start(ctx, s.names()); err != nil {
		return err
	}
	for _, name := range s.names() {
		s.say("    %-16s  %s", workflows.RepID(scenario.Org, name), s.engine.link(name))
	}
	return nil
}

// act lets the engine settle, prints what it did, and has the outcome judged. It returns what was there in the end.
func (s *stage) act(ctx context.Context, when string, want expected) (now verify.Snapshot, err error) {
	began := time.Now()
	o, err := s.settle(ctx)
	if err != nil {
		return now, err
	}
	s.say("  in step after %s, in %s; the last round found nothing left to write", count(o.passes, "round"), time.Since(began).Round(100*time.Millisecond))
	if err := s.table(ctx, s.out, o); err != nil {
		return now, err
	}
	if now, err = verify.Read(ctx, s.seen()); err != nil {
		return now, err
	}
	for _, rep := range s.names() {
		if _, err := s.showParked(ctx, now, rep); err != nil {
			return now, err
		}
	}
	return judge(ctx, s.out, s.seen(), want, when)
}

// book is a rep's address book as its owner reaches it.
func (s *stage) book(rep string) wire.People { return s.world.Books[rep] }
