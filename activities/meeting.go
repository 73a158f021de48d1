package activities

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// eventScope is what the policy admits of events, and nil for another kind.
func (s *session) eventScope(k record.Kind) *planner.EventScope {
	if k != record.Event {
		return nil
	}
	p := s.policy.Events
	scope := &planner.EventScope{Rep: s.sit.Rep.Mailbox, Private: p.Private, Series: p.Series, Select: p.Scope, Label: p.Label,
		Exclude: planner.EventExclude{Domains: p.Exclude.Domains, Addresses: p.Exclude.Addresses, AllDay: p.Exclude.AllDay,
			Declined: p.Exclude.Declined, InternalOnly: p.Exclude.InternalOnly}}
	scope.From, scope.To = s.window()
	if _, domain, ok := strings.Cut(s.sit.Rep.Mailbox, "@"); ok {
		scope.Domains = []string{domain}
	}
	scope.Related = func(it connector.Item) bool {
		return slices.ContainsFunc(record.Attendees(it.Fields[record.FieldAttendees]), func(a record.Attendee) bool {
			return slices.ContainsFunc(s.people[a.Email], func(p connector.Person) bool { return p.Kind != connector.PersonUser })
		})
	}
	return scope
}

// speak notes whether the rep's copies may speak for meetings, for the other reps to know: once the rep's events were read,
// and as long as they flow to the CRM.
func (f *fetcher) speak(ctx context.Context) error {
	speaks := f.speaks()
	if was := f.sit.Rep.Speaks; was != nil && *was == speaks || speaks && slices.Contains(f.closed, record.Event) {
		return nil
	}
	f.sit.Rep.Speaks = &speaks
	return f.a.Store.SetSpeaks(ctx, f.org, f.rep, speaks)
}

// speaks reports whether the policy lets the rep's events flow to the CRM.
func (s *session) speaks() bool {
	d := s.policy.Rules(record.Event).Direction
	return d == "both" || d == "mailbox_to_crm"
}

// meetings is what a matcher knows of meetings of several people.
type meetings struct {
	reps    map[string]store.Organizer // organisers' addresses → rep, zero when the organiser's events do not flow to the CRM
	held    map[string]bool            // lookup hashes of series that another rep's copy speaks for
	parties map[string][]store.RepLink // CRM record → the links of all reps to it, the oldest first
}

// gather looks up who organises and who speaks, for all pairs at once.
func (m *matcher) gather(ctx context.Context, pairs []planner.Pair) error {
	if m.k != record.Event {
		return nil
	}
	if err := m.gatherSeries(ctx, pairs); err != nil {
		return err
	}
	addresses, ids := map[string]bool{}, map[string]bool{}
	for _, p := range pairs {
		if who := p.Mailbox.Item.Owner; who != "" {
			_, known := m.reps[who]
			addresses[who] = !known
		}
		if id := idOf(p, record.CRM); id != "" {
			_, known := m.parties[id]
			ids[id] = !known
		}
	}
	if list := keysOf(addresses); len(list) > 0 {
		found, err := m.a.Store.Organizers(ctx, m.org, list)
		if err != nil {
			return err
		}
		for _, who := range list {
			m.reps[who] = found[who]
		}
	}
	for _, some := range chunksOf(keysOf(ids), 5*chunk) {
		found, err := m.a.Store.Parties(ctx, m.org, some)
		if err != nil {
			return err
		}
		for _, id := range some {
			m.parties[id] = found[id]
		}
	}
	return nil
}

// gatherSeries looks up which series of several people another rep's copy speaks for already. One copy is elected for all of
// a series: while it is being retimed, its occurrences have other starts in each calendar for a while.
func (m *matcher) gatherSeries(ctx context.Context, pairs []planner.Pair) error {
	unknown := map[string]bool{}
	for _, p := range pairs {
		if key := m.seriesKey(p.Mailbox.Item); key != nil && p.Link == nil && p.CRM.Presence != planner.Present {
			_, known := m.held[string(key)]
			unknown[string(key)] = !known
		}
	}
	keys := keysOf(unknown)
	if len(keys) == 0 {
		return nil
	}
	found, err := m.a.Store.SeriesHeld(ctx, m.org, m.rep, keys)
	for _, key := range keys {
		m.held[key] = found[key]
	}
	return err
}

// seriesPatience is how often an occurrence waits for another rep's copy of its series, 20 minutes in all. That one may be
// about to follow a change; what it leaves out for good (a shorter window, a declined occurrence) is made by this copy.
const seriesPatience = 3

func (m *matcher) waitsForSeries(p planner.Pair) bool {
	return p.Link == nil && m.held[string(m.seriesKey(p.Mailbox.Item))] && m.patient(p)
}

// patient reports whether a copy has not yet waited long enough for another rep's to speak.
func (m *matcher) patient(p planner.Pair) bool {
	waited := m.parked[store.SideID{Side: record.Mailbox, ID: p.Mailbox.Item.ID}]
	return waited.Reason != planner.ReasonOrganizerSpeaks || waited.Attempts < seriesPatience
}

// seriesKey is the lookup hash of the series that a mailbox's occurrence belongs to, nil for anything else.
func (s *session) seriesKey(it connector.Item) []byte {
	if it.Fields[record.FieldOccurrence] == "" || it.Fields[record.FieldUID] == "" {
		return nil
	}
	return s.a.Ring.Lookup(s.org, record.Event, "series:"+it.Fields[record.FieldUID])
}

// decideOn asks the planner, with what it needs to know of a meeting. Of a private event it sees what the policy lets
// through.
func (m *matcher) decideOn(ctx context.Context, p planner.Pair) (planner.Decision, error) {
	p.Parked = p.Link != nil && m.stalled[p.Link.ID]
	if m.k == record.Event {
		if err := m.gather(ctx, []planner.Pair{p}); err != nil {
			return planner.Decision{}, err
		}
		p = m.apart(oneWay(p))
		p.LetGo = m.letGo(p)
		p.Voice, p.Disguised = m.voice(p), m.disguised(p)
		for side, o := range map[record.Side]*planner.Observation{record.CRM: &p.CRM, record.Mailbox: &p.Mailbox} {
			copied := p.Link != nil && p.Link.Made == side // a copy is seen as it is, or nothing that it tells would be taken back
			if p.Disguised != "" && !copied && o.Presence == planner.Present && planner.Private(o.Item.Fields) {
				o.Item.Fields = planner.Disguise(o.Item.Fields)
			}
		}
		if p.Voice == planner.OwnAnswer { // who answers changes no record of somebody else's
			p.CRM.Editable = true
		}
	}
	return planner.Plan(p), nil
}

// voice says whether the mailbox's copy of a meeting speaks for it. The organiser's does, if the organiser's events flow to
// the CRM; of a meeting that is organised outside, one copy is elected. Who deletes the copy of somebody else's CRM event
// has taken it out of the own calendar: the record is not theirs to delete, whatever the CRM would let them.
func (m *matcher) voice(p planner.Pair) planner.Voice {
	made := p.Link != nil && p.Link.Made == record.Mailbox
	organizer := record.NormalEmail(p.Mailbox.Item.Owner)
	self := organizer == record.NormalEmail(m.sit.Rep.Mailbox)
	if planted.Is(planted.AttendeeAsOrganiser) {
		self = true
	} else if p.Mailbox.Presence != planner.Present {
		self = p.Link == nil || p.Link.Organizes
	}
	switch {
	case made && p.Mailbox.Presence == planner.Deleted && p.CRM.Presence == planner.Present && p.CRM.Item.Owner != m.sit.Rep.CRMUser:
		return planner.OwnAnswer
	case made || self || p.Mailbox.Presence == planner.Present && organizer == "":
		return planner.Speaks
	case m.outspoken(p), m.organizerSpeaks(p), m.handsOver(p), m.waitsForSeries(p):
		return planner.OwnAnswer
	}
	return planner.Outside
}

// outspoken reports whether another copy speaks for the meeting of this one's record: its organiser's, else the copy that
// knows the highest sequence, else the oldest. This copy counts as it is seen now, not as its link knows it: of two copies
// that get an update, each would else find the other one elected, and neither would carry it.
func (m *matcher) outspoken(p planner.Pair) bool {
	var own planner.Link
	if p.Link != nil {
		own = *p.Link
	}
	m.describe(&own, p)
	before := func(l planner.Link) bool {
		if l.Organizes != own.Organizes {
			return l.Organizes
		}
		return l.Sequence > own.Sequence
	}
	older := true
	for _, l := range m.parties[idOf(p, record.CRM)] {
		switch {
		case p.Link != nil && l.Rep == m.rep && l.Link.ID == p.Link.ID:
			older = false
		case l.Link.State != planner.Active, l.Link.Made == record.Mailbox: // a copy of ours tells what the CRM does
		case before(l.Link), older && l.Link.Organizes == own.Organizes && l.Link.Sequence == own.Sequence:
			return true
		}
	}
	return false
}

// organizerSpeaks reports whether the meeting is another rep's, whose copy speaks for it. For a rep who was just added, a copy
// without a record is patient: the first pass may come soon, or never.
func (m *matcher) organizerSpeaks(p planner.Pair) bool {
	switch who := m.reps[p.Mailbox.Item.Owner]; {
	case who.Rep == "":
		return false
	case who.Unread:
		return p.Link == nil && m.patient(p)
	default:
		return p.LetGo || !m.hasLeft(p, who.Rep)
	}
}

// hasLeft reports whether a rep, whose meeting it is, has let go of its record: it was given to somebody else.
func (m *matcher) hasLeft(p planner.Pair, rep string) bool {
	return slices.ContainsFunc(m.parties[idOf(p, record.CRM)], func(l store.RepLink) bool { return l.Rep == rep && l.Link.State == planner.Left })
}

// letGo reports whether the record of another rep's meeting went because that rep let go of it: the meeting is private now.
func (m *matcher) letGo(p planner.Pair) bool {
	organizer := m.reps[p.Mailbox.Item.Owner].Rep
	if organizer == "" || organizer == m.rep || p.CRM.Presence != planner.Deleted {
		return false
	}
	return m.hasLeft(p, organizer)
}

// handsOver reports whether the elected copy of an outside meeting goes, and another rep's is there to speak from now on.
func (m *matcher) handsOver(p planner.Pair) bool {
	if p.Link == nil || p.Mailbox.Presence == planner.Unseen || p.Mailbox.Presence == planner.Present && p.Mailbox.In {
		return false
	}
	return slices.ContainsFunc(m.parties[idOf(p, record.CRM)], func(l store.RepLink) bool { return l.Rep != m.rep && l.Link.State == planner.Active })
}

// describe notes on a link what the mailbox's copy says about the meeting. One that Repsync made says nothing of its own.
func (m *matcher) describe(l *planner.Link, p planner.Pair) {
	if it := p.Mailbox.Item; m.k == record.Event && p.Mailbox.Presence == planner.Present && l.Made != record.Mailbox {
		l.Organizes = it.Owner == "" || record.NormalEmail(it.Owner) == record.NormalEmail(m.sit.Rep.Mailbox)
		l.Sequence = sequenceOf(it.Fields)
	}
}

// retold reports whether a linked copy says something else of the meeting than its link knows.
func (m *matcher) retold(p planner.Pair) bool {
	if p.Link == nil {
		return false
	}
	l := *p.Link
	m.describe(&l, p)
	return l.Organizes != p.Link.Organizes || l.Sequence != p.Link.Sequence
}

func sequenceOf(f record.Fields) (n int) {
	for _, c := range f[record.FieldSequence] {
		if c < '0' || c > '9' || n > 1<<24 {
			return n
		}
		n = 10*n + int(c-'0')
	}
	return n
}

// claimed finds the CRM records that other mailboxes' copies of these meetings made, by item id.
func (m *matcher) claimed(ctx context.Context, rows []store.Staged) (map[string]string, error) {
	if m.k != record.Event {
		return nil, nil
	}
	var keys [][]byte
	for _, r := range rows {
		if m.seeks(record.Mailbox, r.Obs) {
			keys = append(keys, m.strongKeys(m.k, r.Obs.Item)...)
		}
	}
	found, err := m.a.Store.Claimed(ctx, m.org, m.k, keys)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	linked, err := m.a.Store.Linked(ctx, m.org, m.rep, m.k, slices.Collect(maps.Values(found)))
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, r := range rows {
		for _, key := range m.strongKeys(m.k, r.Obs.Item) {
			if id := found[string(key)]; id != "" && !linked[id] {
				out[r.ID] = id
			}
		}
	}
	return out, nil
}

// claimsOn lists the claims on CRM events: the rep's own copy of a meeting carries them too.
func (m *matcher) claimsOn(ctx context.Context, rows []store.Staged) (map[string][][]byte, error) {
	if m.k != record.Event {
		return nil, nil
	}
	ids := make([]string, 0, len(rows))
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	return m.a.Store.ClaimsOn(ctx, m.org, m.k, ids)
}
