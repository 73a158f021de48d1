package planner_test

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// sideCase is one side of a test case as it truly is, whatever a feed shows of it.
type sideCase struct {
	presence planner.Presence // Unseen: there is no such item
	looked   bool             // its feed shows it in this pass
	stale    bool             // its feed shows a copy of a time before the base
	in       bool
	fields   map[string]string
	base     map[string]string // what it showed when last agreed on
	minutes  int               // age of its last change, after the base
	cut      int               // the vendor silently cuts values to so many characters, 0: it does not
	caps     map[string]connector.FieldCaps
	foreign  bool
	unread   bool
	made     int // versions written so far
}

// testCase is one pair in one policy.
type testCase struct {
	state                        string // none | waiting | active | buried | left
	made                         record.Side
	removed                      bool // Repsync took its copy away again
	direction, conflict, drift   string
	fromCRM, fromMailbox, onExit string
	why                          planner.Reason
	winner                       map[string]string
	mapped                       map[string]string // "" agreed on | by admin | by upgrade: not yet agreed on
	editable                     bool
	outdated                     bool // the hash key was rotated
	voice                        planner.Voice
	disguised                    record.Side
	derived                      bool // the mailbox's feed shows its series' master only
	crm, box                     sideCase
}

// heard lists the fields that the copy has a say in.
func (c *testCase) heard() []string {
	if c.voice == planner.OwnAnswer {
		return []string{answer}
	}
	return bothOf
}

// way is the direction, narrowed by an item that is private.
func (c *testCase) way() string {
	only := map[record.Side]string{record.CRM: "crm_to_mailbox", record.Mailbox: "mailbox_to_crm"}[c.disguised]
	switch {
	case only == "" || c.direction == "off" || c.direction == only:
		return c.direction
	case c.direction == "both":
		return only
	}
	return "neither"
}

func (c *testCase) side(s record.Side) *sideCase {
	if s == record.CRM {
		return &c.crm
	}
	return &c.box
}

var (
	bothSides = []record.Side{record.CRM, record.Mailbox}
	bothOf    = []string{title, notes}
	allOf     = []string{title, notes, answer}
	oldKey    = record.Hasher{Norm: record.Normaliser, KeyVersion: 0, Key: []byte("the key before the rotation, 32 b")}
)

// world runs passes over a test case, as the activities do.
type world struct {
	c    *testCase
	link *planner.Link
	t    require.TestingT

	first   planner.Pair // what the first pass planned on, after all that it needed
	last    planner.Decision
	initial planner.Pair
}

func newWorld(t require.TestingT, c *testCase) *world {
	w := &world{c: c, t: t}
	if c.state == "none" {
		return w
	}
	h := now
	if c.outdated {
		h = oldKey
	}
	w.link = &planner.Link{ID: "l", Made: c.made, Norm: h.Norm, HashKey: h.KeyVersion}
	w.link.State = map[string]planner.LinkState{"waiting": planner.Active, "active": planner.Active, "buried": planner.Tombstone, "left": planner.Left}[c.state]
	for _, s := range bothSides {
		b := planner.SideBase{ID: string(s) + "-1", Version: connector.Version{Tag: "base", At: noon}, Shown: planner.Hashes{}}
		for _, f := range c.heard() {
			if c.mapped[f] == "" {
				b.Shown[f] = h.Value(f, c.side(s).base[f])
			}
		}
		if c.state == "waiting" && s == c.made {
			b = planner.SideBase{}
		}
		if c.removed && s == c.made {
			b = planner.SideBase{ID: b.ID}
		}
		*w.link.Side(s) = b
	}
	return w
}

// item returns the side's item as it truly is.
func (w *world) item(s record.Side) connector.Item {
	side := w.c.side(s)
	v := connector.Version{Tag: fmt.Sprint("v", side.minutes, side.made), At: noon.Add(time.Duration(side.minutes) * time.Minute)}
	f := record.Fields{}
	for k, x := range side.fields {
		if x != "" {
			f[k] = x
		}
	}
	return connector.Item{Ref: connector.Ref{ID: string(s) + "-1"}, Version: v, Fields: f}
}

// observe reads a side, from its feed or directly.
func (w *world) observe(s record.Side, direct bool) planner.Observation {
	side := w.c.side(s)
	if !direct && !side.looked {
		return planner.Observation{}
	}
	o := planner.Observation{Presence: side.presence, In: side.in, Editable: s == record.Mailbox || w.c.editable, Fresh: direct}
	if !side.in {
		o.Why = w.c.why
	}
	if o.Presence == planner.Present {
		o.Item, o.Foreign = w.item(s), side.foreign
		if side.unread {
			o.Item, o.Unread = connector.Item{}, "bad_item"
		}
		if side.stale && !direct {
			o.Item.Version = connector.Version{Tag: "stale", At: noon.Add(noon.Sub(later))}
			o.Item.Fields = record.Fields{title: "from before"}
		}
		o.Derived = s == record.Mailbox && w.c.derived && side.made == 0 && !direct && !side.stale
	}
	return o
}

func (w *world) pair(direct bool) planner.Pair {
	c := w.c
	p := planner.Pair{Link: w.link, CRM: w.observe(record.CRM, direct), Mailbox: w.observe(record.Mailbox, direct), Now: now, Was: now}
	if w.link != nil && w.link.HashKey == oldKey.KeyVersion {
		p.Was = oldKey
	}
	p.Voice, p.Disguised = c.voice, c.disguised
	p.Rules = planner.Rules{
		Direction: c.direction, Conflict: c.conflict, OnDrift: c.drift, FromCRM: c.fromCRM, FromMailbox: c.fromMailbox,
		OnFilterExit: c.onExit, Fields: map[string]planner.FieldRule{},
	}
	for _, f := range allOf {
		p.Rules.Fields[f] = planner.FieldRule{Winner: c.winner[f], ByAdmin: c.mapped[f] == "by admin"}
	}
	p.Caps.CRM, p.Caps.Mailbox = c.crm.caps, c.box.caps
	return p
}

// pass plans, getting what is needed, and carries out what was decided.
func (w *world) pass(direct bool) planner.Decision {
	p := w.pair(direct)
	w.initial = p
	d := planner.Plan(p)
	for range 4 {
		switch d.Need {
		case record.CRM:
			require.False(w.t, p.CRM.Fresh, "what is fresh is not asked for again")
			p.CRM = w.observe(record.CRM, true)
		case record.Mailbox:
			require.False(w.t, p.Mailbox.Fresh, "what is fresh is not asked for again")
			p.Mailbox = w.observe(record.Mailbox, true)
		}
		d = planner.Plan(p)
	}
	require.Empty(w.t, d.Need)
	w.first, w.last = p, d
	w.carryOut(d)
	return d
}

func (w *world) carryOut(d planner.Decision) {
	if d.Link != nil {
		w.link = d.Link
	}
	for _, op := range d.Ops {
		shown := w.write(op)
		once := planner.Settle(*w.link, op, shown, now)
		require.Equal(w.t, once, planner.Settle(once, op, shown, now), "settling twice is settling once")
		w.link = &once
	}
	if d.After != "" {
		l := *w.link
		l.State = d.After
		w.link = &l
	}
	if d.Drop {
		w.link = nil
	}
}

// write does to a side what its vendor would: it trims, and cuts what is too long for it.
func (w *world) write(op planner.Op) connector.Item {
	side := w.c.side(op.Side)
	if op.Verb == connector.Delete {
		require.Equal(w.t, planner.Present, side.presence)
		side.presence = planner.Deleted
		return connector.Item{}
	}
	if op.Verb == connector.Create {
		require.NotEqual(w.t, planner.Present, side.presence, "nothing is doubled")
		side.presence, side.in, side.looked = planner.Present, true, true
		side.fields = map[string]string{}
	}
	for f, v := range op.Set {
		require.True(w.t, side.caps[f].Write)
		side.fields[f] = side.store(v)
	}
	side.minutes, side.made = side.minutes+10, side.made+1
	return w.item(op.Side)
}

func (s *sideCase) store(v string) string {
	v = strings.TrimSpace(v)
	if s.cut > 0 && len(v) > s.cut {
		v = strings.TrimSpace(v[:s.cut])
	}
	return v
}

// outcome tells what the world has come to, for comparing with the model's.
func outcomeOf(crm, box sideCase, state string) string {
	tellSide := func(s sideCase) string {
		if s.presence != planner.Present {
			return string(s.presence)
		}
		return fmt.Sprintf("%q %q %q", strings.TrimSpace(s.fields[title]), strings.TrimSpace(s.fields[notes]), s.fields[answer])
	}
	return "crm " + tellSide(crm) + ", mailbox " + tellSide(box) + ", link " + state
}

func (w *world) outcome() string {
	state := ""
	if w.link != nil {
		state = string(w.link.State)
	}
	return outcomeOf(w.c.crm, w.c.box, state)
}

// foretell is what the model says that one pass makes of a case.
func foretell(c *testCase) string {
	crm, box := c.crm.copy(), c.box.copy()
	sides := map[string]*sideCase{"x": &crm, "y": &box}
	state := map[string]string{"none": "", "waiting": "active", "active": "active", "buried": "tombstone", "left": "left"}[c.state]
	then := modelItem(c.facts())
	word, target, _ := strings.Cut(then, " ")
	switch word {
	case "forget":
		state = ""
	case "bury":
		state = "tombstone"
	case "leave":
		state = "left"
	case "delete":
		target, after, _ := strings.Cut(target, ", ")
		sides[target].presence = planner.Deleted
		state = map[string]string{"bury": "tombstone", "leave": "left"}[after]
	case "create", "restore":
		from := map[string]*sideCase{"x": &box, "y": &crm}[target]
		to, set := sides[target], map[string]string{}
		for _, f := range bothOf {
			if to.caps[f].Write {
				set[f] = from.fields[f]
			}
		}
		if to.takes(set, true) {
			to.presence, to.fields, state = planner.Present, map[string]string{}, "active"
			to.receive(set)
		}
	case "join", "merge":
		state = "active"
		toCRM, toBox := map[string]string{}, map[string]string{}
		for _, f := range c.heard() {
			switch modelField(c, f, word == "join") {
			case "->":
				if box.caps[f].Write {
					toBox[f] = crm.fields[f]
				}
			case "<-":
				if crm.caps[f].Write {
					toCRM[f] = box.fields[f]
				}
			}
		}
		crmTakes, boxTakes := (c.editable || c.voice == planner.OwnAnswer) && crm.takes(toCRM, false), c.voice != planner.Outside && box.takes(toBox, false)
		if crmTakes {
			crm.receive(toCRM)
		}
		if boxTakes {
			box.receive(toBox)
		}
	case "nothing":
	default:
		panic("the model has " + then)
	}
	return outcomeOf(crm, box, state)
}

func (s sideCase) copy() sideCase { s.fields = maps.Clone(s.fields); return s }

func (s *sideCase) receive(set map[string]string) {
	for f, v := range set {
		s.fields[f] = s.store(v)
	}
}

// takes says whether a side can hold the values as they are.
func (s *sideCase) takes(set map[string]string, whole bool) bool {
	for f, c := range s.caps {
		v, ok := set[f]
		v = strings.TrimSpace(v)
		if (ok || whole) && c.Required && v == "" || c.MaxLen > 0 && len(v) > c.MaxLen || ok && c.FullDate && v != "" && !record.HasYear(v) {
			return false
		}
	}
	return true
}

// facts puts a case in the model's words; x is the CRM.
func (c *testCase) facts() map[string]bool {
	facts := map[string]bool{c.state: true, "keep": c.onExit == "keep"}
	facts["off"], facts["removed"] = c.direction == "off", c.removed
	facts["x>y"] = c.way() == "both" || c.way() == "crm_to_mailbox"
	facts["y>x"] = c.way() == "both" || c.way() == "mailbox_to_crm"
	facts["own"], facts["y:mute"] = c.voice == planner.OwnAnswer, c.voice == planner.Outside
	facts["made:"+map[record.Side]string{record.CRM: "x", record.Mailbox: "y"}[c.made]] = true
	facts["x-deleted:"+c.fromCRM], facts["y-deleted:"+c.fromMailbox] = true, true
	facts["x:denied"] = !c.editable
	for name, s := range map[string]*sideCase{"x": &c.crm, "y": &c.box} {
		there, other := s.presence == planner.Present, map[string]*sideCase{"x": &c.box, "y": &c.crm}[name]
		facts[name+":"+map[planner.Presence]string{planner.Unseen: "absent", planner.Present: "present", planner.Deleted: "deleted", planner.NoSight: "nosight"}[s.presence]] = true
		facts[name+":unseen"] = !s.looked
		facts[name+":out"] = there && !s.in
		facts[name+":error"] = there && !s.in && c.why == planner.ReasonFilterError
		facts[name+":private"] = there && !s.in && c.why == planner.ReasonPrivateSkipped
		facts[name+":binds"] = there && !s.in && (c.why == planner.ReasonPrivateSkipped || c.why == planner.ReasonExcludedDomain)
		facts["foreign"] = facts["foreign"] || s.foreign && there
		facts["unread"] = facts["unread"] || s.unread && there
		for _, f := range c.heard() {
			facts[name+":edited"] = facts[name+":edited"] || there && c.mapped[f] == "" && strings.TrimSpace(s.fields[f]) != s.base[f]
		}
		flows := facts[map[string]string{"x": "x>y", "y": "y>x"}[name]]
		facts["source"] = facts["source"] || there && flows && (s.looked || other.looked && other.presence == planner.Present)
	}
	facts["admitted"] = facts["x>y"] && c.crm.in || !facts["x>y"] && c.box.in
	facts["shared"] = facts["y>x"] && c.box.in && !c.crm.in && c.why == planner.ReasonNotOwned
	return facts
}
