package activities

import (
	"context"
	"maps"
	"strings"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// Match settles what an earlier pass left unclear, pairs what has no link yet, and lets the planner turn every staged
// item into a decision and its intents. It plans everything anew each time: a plan that was not sent is thrown away. When
// a guard trips on the whole plan, the plan is held and nothing is written.
func (a *Activities) Match(ctx context.Context, p Pass) (StageOut, error) {
	return stage(p.under(ctx), a, "match", troubleIn, func(ctx context.Context) (StageOut, error) {
		s, release, err := a.begin(ctx, p)
		if err != nil {
			return StageOut{}, err
		}
		defer release()
		var out StageOut
		if err := a.Store.ResetPlan(ctx, s.org, s.rep, s.epoch); err != nil {
			return StageOut{}, err
		}
		g := guard{session: s, restored: p.Restored}
		for _, k := range s.kinds(p) {
			if s.sit.Staged[k] == 0 && s.open(k) == 0 {
				continue // a cursor moves, over our own echoes: nobody is asked what the rep may see
			}
			m, err := s.matcher(ctx, k)
			if err != nil {
				return out, err
			}
			if err := m.resolve(ctx); err != nil {
				return out, err
			}
			if err := m.plan(ctx); err != nil {
				return out, err
			}
			if m.waiting != nil && out.Trouble == nil {
				out.Trouble = m.waiting
			}
			out.Summary = out.Summary.Plus(m.sum)
			out.Writes, out.Deletes = out.Writes || m.writes, out.Deletes || m.deletes
			g.add(m)
		}
		a.at(PointPlanned)
		if out.Hold, err = g.check(ctx); err != nil {
			return out, err
		}
		if out.Hold != nil {
			out.Summary.Held = len(g.lines)
			return out, g.explain(ctx)
		}
		for _, m := range g.matched {
			m.batch = m.later
			if err := m.save(ctx); err != nil {
				return out, err
			}
		}
		return out, nil
	})
}

// matcher plans one kind of one pass.
type matcher struct {
	*session
	k        record.Kind
	rules    planner.Rules
	fields   planner.Sides[map[string]connector.FieldCaps]
	meta     string
	parked   map[store.SideID]store.Parked // as they stood before this pass
	stalled  map[string]bool               // links that something of is parked
	open     map[string]bool               // links with an intent whose outcome is not settled
	done     map[store.SideID]bool         // items that this pass has planned
	pending  map[store.SideID]planner.Link // links that wait for their create: what they copy may have come by itself meanwhile
	released map[[8]byte]bool              // lines of the plan that an admin released
	shared   map[string][]string           // match key → staged items without a link that carry it, by side
	taken    map[string]string             // link id → the mailbox item of the link that has it, where that is another one's by now
	births   map[string]int                // link id → how often an item was created through a link of that id before
	awaits   map[string]bool               // CRM rows whose series is copied first
	begun    map[string]string             // link id → the mailbox item that it would begin with; nil until somebody asks
	batch    store.PlanBatch

	unclaimed []unclaimed     // creates of the page at hand
	won       map[string]bool // link ids of those whose claims are taken

	sum             Summary
	writes, deletes bool
	lines           []string        // one per planned operation, for the digest
	counts          map[string]int  // "delete mailbox" → number
	weights         map[string]int  // the same as the guard counts it: a series is one
	weighed         map[string]bool // series that were counted
	linked          int             // links in force
	emptied         emptied         // linked items that a side shows as deleted
	emptying        bool            // a side shows all of them so
	meetings
	waiting *Trouble        // creates whose outcome is not known yet
	later   store.PlanBatch // what is stored only once the guard lets an emptied side pass
	ifHeld  []planned       // what gets a verdict, should the guard hold the plan
}

// planned are the items of an operation that is planned, "" where there is none.
type planned struct{ link, crm, mailbox string }

func (s *session) matcher(ctx context.Context, k record.Kind) (*matcher, error) {
	caps, err := s.capsOf(ctx, k)
	if err != nil {
		return nil, err
	}
	m := &matcher{
		session: s, k: k, rules: s.policy.Rules(k),
		fields:   planner.Sides[map[string]connector.FieldCaps]{CRM: caps.CRM.Fields, Mailbox: caps.Mailbox.Fields},
		meta:     caps.CRM.Metadata + "/" + caps.Mailbox.Metadata,
		released: releasedLines(s.sit.Plan), parked: map[store.SideID]store.Parked{}, stalled: map[string]bool{}, open: map[string]bool{}, pending: map[store.SideID]planner.Link{}, done: map[store.SideID]bool{}, shared: map[string][]string{}, counts: map[string]int{},
		meetings: meetings{held: map[string]bool{}, reps: map[string]store.Organizer{}, parties: map[string][]store.RepLink{}}, taken: map[string]string{}, births: map[string]int{}, awaits: map[string]bool{},
		weights: map[string]int{}, weighed: map[string]bool{},
	}
	if k == record.Event {
		m.fields.Mailbox = maps.Clone(m.fields.Mailbox)
		m.fields.Mailbox[record.FieldRelations] = connector.FieldCaps{Read: true} // told by the attendees, see enrich
		if s.policy.Events.Invitations != "organizer" {
			m.fields.Mailbox[record.FieldAttendees] = connector.FieldCaps{Read: true} // who is invited is mailed
		}
	}
	parked, err := s.a.Store.ParkedList(ctx, s.org, s.rep, 0)
	for _, p := range parked {
		m.parked[store.SideID{Side: p.Side, ID: p.ID}] = p
		m.stalled[p.LinkID] = true
	}
	return m, err
}

// plan goes over everything staged: linked pairs, then CRM records and mailbox items that have no link yet.
func (m *matcher) plan(ctx context.Context) error {
	found, err := m.survey(ctx)
	if err != nil {
		return err
	}
	if m.linked, err = m.a.Store.CountLinks(ctx, m.org, m.rep, m.k, planner.Active); err != nil {
		return err
	}
	if err := m.native(ctx, found); err != nil {
		return err
	}
	if err := m.save(ctx); err != nil {
		return err
	}
	m.emptying = m.policy.Guard.EmptySide == "hold" && m.emptied.all(m.linked)
	for after := ""; ; {
		rows, err := m.a.Store.StagedPage(ctx, m.org, m.rep, m.k, after, 10*chunk, store.StagedFilter{}) // what is looked up in the CRM fills whole queries
		if err != nil || len(rows) == 0 {
			return err
		}
		after = rows[len(rows)-1].Place()
		if err := m.page(ctx, rows); err != nil {
			return err
		}
		if err := m.save(ctx); err != nil {
			return err
		}
	}
}

// survey looks over everything staged once, before anything is planned. It notes which items without a link share a match
// key: two people with one address, or two records of one person, are a matter for the policy's on_ambiguous, whichever of
// them is met first. It returns which series have rows without a link.
func (m *matcher) survey(ctx context.Context) (found unpaired, err error) {
	found = unpaired{rows: map[string][]store.Staged{}, copies: map[string]bool{}}
	for after := ""; ; {
		rows, err := m.a.Store.StagedPage(ctx, m.org, m.rep, m.k, after, 5*chunk, store.StagedFilter{})
		if err != nil || len(rows) == 0 {
			return found, err
		}
		after = rows[len(rows)-1].Place()
		links, err := m.linksOf(ctx, m.k, rows)
		if err != nil {
			return found, err
		}
		for _, r := range rows {
			l, linked := links[store.SideID{Side: r.Side, ID: r.ID}]
			if linked && l.State == planner.Active && r.Obs.Presence == planner.Deleted {
				m.emptied.add(r.Side)
			}
			if m.k == record.Event && !linked && r.Obs.Presence == planner.Present {
				found.add(r)
			}
			if linked && l.State != planner.Left || r.Obs.Presence != planner.Present || !r.Obs.In {
				continue
			}
			for _, key := range planner.StrongKeys(r.Obs.Item.Fields) {
				name := string(r.Side) + key
				m.shared[name] = append(m.shared[name], r.ID)
			}
		}
	}
}

// page plans one page of staged rows.
func (m *matcher) page(ctx context.Context, rows []store.Staged) error {
	links, err := m.linksOf(ctx, m.k, rows)
	if err != nil {
		return err
	}
	var linked []planner.Pair
	var alone []store.Staged
	others := planner.Sides[[]string]{}
	for _, r := range rows {
		at := store.SideID{Side: r.Side, ID: r.ID}
		l, ok := links[at]
		switch {
		case strings.HasSuffix(r.ID, masterMark): // to be unrolled by the next Fetch, if the policy reads events at all
			if m.rules.Direction == "off" {
				m.batch.Unstage = append(m.batch.Unstage, at)
			}
			continue
		case m.done[at] || ok && m.open[l.ID] || m.open[linkOfKey(r.Obs.Item.Key)] && !r.Obs.Foreign:
			continue // planned with its pair, or its link waits for the outcome of a write
		case m.awaits[r.ID] && r.Side == record.CRM: // its series comes first
			continue
		case ok && l.Series() || r.Side == record.CRM && isMaster(r.Obs):
			var master *planner.Link
			if ok {
				master = &l
			}
			if err := m.seriesRecord(ctx, r, master); err != nil {
				return err
			}
			continue
		case !ok:
			alone = append(alone, r)
			continue
		case m.waits(l) && r.Obs.Presence == planner.Present:
			m.pending[at] = l
			alone = append(alone, r)
			continue
		}
		m.mark(l)
		p := m.pair(&l)
		setSide(&p, r.Side, r.Obs)
		linked = append(linked, p)
		if r.Side == record.CRM {
			others.Mailbox = append(others.Mailbox, l.Mailbox.ID)
		} else {
			others.CRM = append(others.CRM, l.CRM.ID)
		}
	}
	if err := m.join(ctx, linked, others); err != nil {
		return err
	}
	if err := m.gather(ctx, linked); err != nil {
		return err
	}
	if err := m.knownIDs(ctx, alone); err != nil {
		return err
	}
	if err := m.decide(ctx, linked); err != nil {
		return err
	}
	return m.unlinked(ctx, alone)
}

// knownIDs notes what is known of the links that these items would begin: that another item has it by now, since an
// occurrence that followed its retimed series took its link along, and how often it had an item created before it was
// dropped.
func (m *matcher) knownIDs(ctx context.Context, rows []store.Staged) error {
	if len(rows) == 0 {
		return nil
	}
	ids := make([]string, 0, len(rows))
	for _, r := range rows {
		ids = append(ids, m.linkID(r.Side, r.ID))
	}
	if err := m.countBirths(ctx, ids...); err != nil || m.k != record.Event {
		return err
	}
	links, err := m.a.Store.LinksByID(ctx, m.org, m.rep, m.k, ids)
	for id, l := range links {
		m.taken[id] = l.Mailbox.ID
	}
	return err
}

// mark notes that both items of a link are planned.
func (m *matcher) mark(l planner.Link) {
	m.done[store.SideID{Side: record.CRM, ID: l.CRM.ID}] = l.CRM.ID != ""
	m.done[store.SideID{Side: record.Mailbox, ID: l.Mailbox.ID}] = l.Mailbox.ID != ""
}

// join adds the other side's staged observation to linked pairs.
func (m *matcher) join(ctx context.Context, pairs []planner.Pair, others planner.Sides[[]string]) error {
	crm, err := m.a.Store.StagedByID(ctx, m.org, m.rep, m.k, record.CRM, others.CRM)
	if err != nil {
		return err
	}
	mailbox, err := m.a.Store.StagedByID(ctx, m.org, m.rep, m.k, record.Mailbox, others.Mailbox)
	if err != nil {
		return err
	}
	for i := range pairs {
		p := &pairs[i]
		if r, ok := crm[p.Link.CRM.ID]; ok {
			p.CRM = r.Obs
		}
		if r, ok := mailbox[p.Link.Mailbox.ID]; ok {
			p.Mailbox = r.Obs
		}
	}
	return nil
}

// pair starts a planner's input. A side that the pass did not look at is as it was: what may be edited there is asked
// again just before a write.
func (m *matcher) pair(l *planner.Link) planner.Pair {
	p := planner.Pair{Link: l, Rules: m.rules, Caps: m.fields, Was: m.now, Now: m.now}
	p.CRM.In, p.CRM.Editable, p.Mailbox.In, p.Mailbox.Editable = true, true, true, true
	if l != nil {
		if was, ok := m.a.Ring.HasherAt(l.Norm, l.HashKey); ok {
			p.Was = was
		}
	}
	return p
}

func setSide(p *planner.Pair, side record.Side, o planner.Observation) {
	if side == record.CRM {
		p.CRM = o
	} else {
		p.Mailbox = o
	}
}

// looks is how often a pair may ask to see a side.
const looks = 3

// decide lets the planner decide on pairs. What it needs to see first is read for all pairs together and planned again; a
// pair that has seen one side may ask for the other.
func (m *matcher) decide(ctx context.Context, pairs []planner.Pair) error {
	for round := 0; len(pairs) > 0; round++ {
		var again []planner.Pair
		need := planner.Sides[map[string]bool]{CRM: map[string]bool{}, Mailbox: map[string]bool{}}
		for _, p := range pairs {
			d, err := m.decideOn(ctx, p)
			if err != nil {
				return err
			}
			if d.Need == "" || round == looks {
				if err := m.book(ctx, p, d); err != nil {
					return err
				}
				continue
			}
			need.Of(d.Need)[idOn(*p.Link, d.Need)] = true
			again = append(again, p)
		}
		if pairs = again; len(again) == 0 {
			return nil
		}
		seen, err := m.look(ctx, need)
		if err != nil {
			return err
		}
		for i := range again {
			for _, side := range []record.Side{record.CRM, record.Mailbox} {
				if o, ok := seen[store.SideID{Side: side, ID: idOn(*again[i].Link, side)}]; ok {
					setSide(&again[i], side, o)
				}
			}
		}
	}
	return nil
}

// decideSeen asks the planner about one pair, and shows it what it needs to see: a pair may ask once for each side.
func (m *matcher) decideSeen(ctx context.Context, p *planner.Pair) (planner.Decision, error) {
	for range 2 {
		d, err := m.decideOn(ctx, *p)
		if err != nil || d.Need == "" {
			return d, err
		}
		id := idOf(*p, d.Need)
		seen, err := m.look(ctx, planner.Sides[map[string]bool]{CRM: map[string]bool{id: d.Need == record.CRM}, Mailbox: map[string]bool{id: d.Need == record.Mailbox}})
		if err != nil {
			return d, err
		}
		setSide(p, d.Need, seen[store.SideID{Side: d.Need, ID: id}])
	}
	return m.decideOn(ctx, *p)
}

// look reads items by id now and judges them.
func (m *matcher) look(ctx context.Context, need planner.Sides[map[string]bool]) (map[store.SideID]planner.Observation, error) {
	out := map[store.SideID]planner.Observation{}
	for _, side := range []record.Side{record.CRM, record.Mailbox} {
		rows, err := m.current(ctx, m.k, side, keysOf(need.Of(side)))
		if err != nil {
			return nil, err
		}
		unseated := map[string]bool{}
		if side == record.CRM {
			if unseated, err = m.a.Store.Unseated(ctx, m.org, m.rep, m.k, keysOf(need.Of(side))); err != nil {
				return nil, err
			}
		}
		for id, r := range rows {
			r.Obs.Fresh = true
			if r.Obs.In && unseated[id] {
				r.Obs.In, r.Obs.Why = false, planner.ReasonOverLimit
			}
			out[store.SideID{Side: side, ID: id}] = r.Obs
		}
		for _, r := range rows { // who is asked for by an old id is not out of sight
			for _, old := range r.Obs.Item.Previous {
				out[store.SideID{Side: side, ID: old}] = out[store.SideID{Side: side, ID: r.ID}]
			}
		}
	}
	return out, nil
}
