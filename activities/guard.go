package activities

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/policy"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// day is the window over which the guard counts.
const day = 24 * time.Hour

// guard weighs a whole plan before its first write.
type guard struct {
	*session
	lines   []string
	counts  map[string]int
	weights map[string]int // of counts, what the guard counts
	matched []*matcher

	firstCreates int // of weights, those of kinds that sync for the first time

	restored bool // the store was restored from an older backup
}

// afterRestore is why the first plan after a restored backup is held. It stays the reason until an admin releases the plan,
// or nothing of it is left.
const afterRestore = "the database was restored from an older backup: see that what is to be created is not there already, and what is to be deleted is meant to go"

// fromBackup reports whether the plan stands on a restored backup, in this pass or the one that held it.
func (g *guard) fromBackup() bool {
	return g.restored || g.sit.Plan != nil && slices.Contains(g.sit.Plan.Why, afterRestore)
}

func (g *guard) add(m *matcher) {
	g.lines = append(g.lines, m.lines...)
	if g.counts == nil {
		g.counts, g.weights = map[string]int{}, map[string]int{}
	}
	for what, n := range m.counts {
		g.counts[what] += n
	}
	for what, n := range m.weights {
		g.weights[what] += n
	}
	if m.first(m.k) {
		g.firstCreates += m.weights[string(connector.Create)+" crm"] + m.weights[string(connector.Create)+" mailbox"]
	}
	g.matched = append(g.matched, m)
}

// check returns the hold when a guard trips and nobody has released this very plan.
func (g *guard) check(ctx context.Context) (*Hold, error) {
	stored := g.sit.Plan
	if len(g.lines) == 0 {
		return nil, g.forget(ctx, stored)
	}
	digest := g.digest()
	if g.released() {
		return nil, nil // commit forgets the plan once its writes are settled
	}
	why, err := g.trips(ctx)
	if err != nil {
		return nil, err
	}
	if len(why) == 0 {
		return nil, g.forget(ctx, stored)
	}
	plan := store.Plan{Digest: digest, Pass: g.pass, Counts: g.counts, Why: why, Lines: packLines(g.lines), State: store.PlanHeld, At: g.a.Now()}
	if stored != nil && stored.Digest == digest {
		plan.At = stored.At
	}
	if err := g.a.Store.SetHeld(ctx, g.org, g.rep, g.epoch, plan); err != nil {
		return nil, err
	}
	return holdOf(plan), nil
}

// explain leaves a verdict on every item of a held plan.
func (g *guard) explain(ctx context.Context) error {
	for _, m := range g.matched {
		for some := range slices.Chunk(m.ifHeld, 5*chunk) {
			b := store.PlanBatch{Kind: m.k}
			for _, it := range some {
				for _, at := range []store.SideID{{Side: record.CRM, ID: it.crm}, {Side: record.Mailbox, ID: it.mailbox}} {
					if at.ID != "" {
						b.Verdicts = append(b.Verdicts, m.verdict(m.k, at.Side, at.ID, planner.Decision{Reason: planner.ReasonGuardHeld}, &planner.Link{ID: it.link}))
					}
				}
			}
			if err := g.a.Store.SavePlan(ctx, g.org, g.rep, g.epoch, b); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *guard) forget(ctx context.Context, stored *store.Plan) error {
	if stored == nil {
		return nil
	}
	return g.a.Store.DropPlan(ctx, g.org, g.rep, g.epoch)
}

// digest names the plan by everything that it would do.
func (g *guard) digest() string {
	slices.Sort(g.lines)
	sum := sha256.Sum256([]byte(strings.Join(g.lines, "\n")))
	return fmt.Sprintf("%x", sum[:8])
}

// released reports whether an admin has released all that is planned: the very plan, or what is left of it after some
// of its writes were made.
func (g *guard) released() bool {
	lines := releasedLines(g.sit.Plan)
	return len(lines) > 0 && !slices.ContainsFunc(g.lines, func(l string) bool { return !lines[lineHash(l)] })
}

// releasedLines are the lines of a plan that an admin has released.
func releasedLines(p *store.Plan) map[[8]byte]bool {
	if p == nil || p.State != store.PlanReleased {
		return nil
	}
	out := make(map[[8]byte]bool, len(p.Lines)/8)
	for i := 0; i+8 <= len(p.Lines); i += 8 {
		out[[8]byte(p.Lines[i:])] = true
	}
	return out
}

// lineHash is what a stored plan keeps of a line.
func lineHash(line string) [8]byte {
	sum := sha256.Sum256([]byte(line))
	return [8]byte(sum[:8])
}

func packLines(lines []string) []byte {
	out := make([]byte, 0, 8*len(lines))
	for _, l := range lines {
		h := lineHash(l)
		out = append(out, h[:]...)
	}
	return out
}

// planned counts a verb over both sides.
func (g *guard) planned(v connector.Verb) int {
	return g.weights[string(v)+" crm"] + g.weights[string(v)+" mailbox"]
}

// trips lists the guards that this plan, together with the last day's writes, would break.
func (g *guard) trips(ctx context.Context) ([]string, error) {
	since := g.a.Now().Add(-day)
	mine, err := g.a.Store.CountWrites(ctx, g.org, g.rep, since)
	if err != nil {
		return nil, err
	}
	all, err := g.a.Store.CountWrites(ctx, g.org, "", since)
	if err != nil {
		return nil, err
	}
	if planted.Is(planted.GuardForgetsDay) {
		mine, all = nil, nil
	}
	linked := 0
	for _, k := range kinds {
		n, err := g.a.Store.CountLinks(ctx, g.org, g.rep, k, planner.Active)
		if err != nil {
			return nil, err
		}
		linked += n
	}
	why := tripped(g.policy.Guard, load{
		deletes: g.planned(connector.Delete), overwrites: g.planned(connector.Update), creates: g.planned(connector.Create) - g.firstCreates, firstCreates: g.firstCreates,
		mine: mine, org: all, linked: linked, emptied: emptiedOf(g.matched),
	})
	if g.fromBackup() && g.planned(connector.Create)+g.planned(connector.Delete) > 0 {
		why = append(why, afterRestore)
	}
	return why, nil
}

// load is what a guard weighs: the plan's writes, the last day's, and how many items are linked.
type load struct {
	deletes, overwrites, creates int
	firstCreates                 int // creates of kinds whose first sync has not been committed yet
	mine, org                    map[connector.Verb]int
	linked                       int
	emptied                      []string // kinds of which a side shows every linked item as deleted, with their number: "12 contacts"
}

func emptiedOf(matched []*matcher) []string {
	var out []string
	for _, m := range matched {
		if m.emptied.all(m.linked) {
			out = append(out, fmt.Sprintf("%d linked %ss", m.linked, m.k))
		}
	}
	return out
}

// emptied counts the linked items that each side shows as deleted.
type emptied struct{ crm, mailbox int }

func (e *emptied) add(side record.Side) {
	if side == record.CRM {
		e.crm++
	} else {
		e.mailbox++
	}
}

// all reports whether one side has lost every linked item; one single item may be deleted like that.
func (e emptied) all(linked int) bool {
	return max(e.crm, e.mailbox) > 1 && max(e.crm, e.mailbox) >= linked
}

// tripped is the guard itself. Percentages count from 50 linked items on; a plan without a delete trips no guard of
// deletes, however many there were before it.
func tripped(g policy.Guard, l load) []string {
	var why []string
	over := func(name string, planned, before, limit int) {
		if planted.Is(planted.GuardOffByOne) {
			limit++
		}
		if planned > 0 && planned+before > limit {
			why = append(why, fmt.Sprintf("%s: %d planned and %d in the last day exceed %d", name, planned, before, limit))
		}
	}
	share := func(name string, planned, before, percent int) {
		if planned > 0 && l.linked >= 50 && (planned+before)*100 > percent*l.linked {
			why = append(why, fmt.Sprintf("%s: %d planned and %d in the last day exceed %d%% of %d linked items", name, planned, before, percent, l.linked))
		}
	}
	over("guard.deletes.max", l.deletes, l.mine[connector.Delete], g.Deletes.Max)
	share("guard.deletes.percent", l.deletes, l.mine[connector.Delete], g.Deletes.Percent)
	over("guard.overwrites.max", l.overwrites, l.mine[connector.Update], g.Overwrites.Max)
	share("guard.overwrites.percent", l.overwrites, l.mine[connector.Update], g.Overwrites.Percent)
	over("guard.creates.first_sync", l.firstCreates, 0, g.Creates.FirstSync)
	over("guard.creates.max", l.creates, l.mine[connector.Create], g.Creates.Max)
	over("guard.org.deletes", l.deletes, l.org[connector.Delete], g.Org.Deletes)
	over("guard.org.overwrites", l.overwrites, l.org[connector.Update], g.Org.Overwrites)
	if g.EmptySide == "hold" {
		for _, what := range l.emptied {
			why = append(why, fmt.Sprintf("guard.empty_side: all of %s are gone from one side", what))
		}
	}
	return why
}
