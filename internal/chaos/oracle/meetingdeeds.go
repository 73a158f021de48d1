package oracle

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/chaos/scenario"
)

// meetingDeed lets a person do something to a meeting.
func (o *Oracle) meetingDeed(g *org, rep int, e scenario.Entry) {
	name, nth, one := strings.Cut(e.Step.Item, "@")
	m := g.events[name]
	if m == nil {
		m = &meeting{name: name, organiser: rep}
		g.events[name] = m
	}
	switch {
	case m.why() != "":
	case e.Step.Do == scenario.Create:
		o.createMeeting(g, m, rep, e)
	case len(m.units) == 0:
		m.giveUp("it was there before the story")
	case e.Step.Side == scenario.Mailbox && len(m.guests) > 0 && rep != m.organiser:
		o.guestDeed(g, m, rep, nth, one, e)
	case e.Step.Side == scenario.Mailbox && one:
		o.occurrenceDeed(g, m, rep, nth, e)
	case e.Step.Side == scenario.Mailbox:
		o.wholeDeed(g, m, rep, e)
	default:
		o.rowDeed(g, m, rep, nth, e)
	}
}

// createMeeting makes a meeting, or a single one once more.
func (o *Oracle) createMeeting(g *org, m *meeting, rep int, e scenario.Entry) {
	rule, guests := e.Step.Set["rule"], e.Step.Set["guests"]
	if e.Step.Side == scenario.CRM {
		rule, guests = "", ""
	}
	switch {
	case len(m.units) > 0 && (m.recurs || len(m.guests) > 0 || rule != "" || guests != ""):
		m.giveUp("a meeting that was a series, or had guests, was made once more")
		return
	case len(m.units) > 0:
		o.do(g, m.units[0], rep, e)
		return
	}
	m.first, m.length, m.recurs = number(e.Step.Set["start"], 0), number(e.Step.Set["length"], 30), rule != ""
	zone, err := time.LoadLocation(e.Step.Set["zone"])
	if err != nil {
		m.giveUp("a zone that the oracle does not know")
		return
	}
	steps, ok := layOut(rule, o.start.Add(time.Duration(m.first)*time.Minute).In(zone))
	if !ok {
		m.giveUp("a rule that the oracle does not lay out: " + rule)
		return
	}
	for guest := range strings.SplitSeq(guests, ",") {
		if guest != "" { // an address from outside is a guest, too, whose copy nobody sees
			m.guests = append(m.guests, slices.Index(g.reps, guest))
		}
	}
	m.step = steps
	for i, after := range steps {
		it := &item{name: fmt.Sprint(m.name, "@", i), fields: meetingFields, of: m, states: set{{loose: g.loose}: {}}, typed: map[typed]bool{}}
		if !m.recurs {
			it.name = m.name
		}
		m.units = append(m.units, it)
		each := e
		each.Step.Set = with(e.Step.Set, "start", m.first+after)
		o.do(g, it, rep, each)
	}
}

// with returns what a step sets, with another start.
func with(set map[string]string, key string, minutes int) map[string]string {
	out := map[string]string{key: strconv.Itoa(minutes)}
	for k, v := range set {
		if k != key {
			out[k] = v
		}
	}
	return out
}

// guestDeed is what a guest does to the own copy. It changes nothing for anybody else, but an answer gives an occurrence of the
// organiser's a state of its own.
func (o *Oracle) guestDeed(g *org, m *meeting, rep int, nth string, one bool, e scenario.Entry) {
	if _, moved := e.Step.Set["start"]; moved {
		m.elsewhere |= 1 << rep
	}
	for i, it := range m.units {
		if one && strconv.Itoa(i) != nth {
			continue
		}
		for s := range it.states {
			if !s.box[m.organiser].there {
				m.giveUp("a guest changed what may be a copy of the CRM's: the organiser's invitation is gone")
				return
			}
		}
		next := set{}
		for s := range it.states {
			next[s] = struct{}{}
			if c := &s.box[m.organiser]; one && c.there {
				c.apart = true
				next[s] = struct{}{}
			}
		}
		it.states = next
		o.after(g, it)
	}
	if e.Step.Do == scenario.Delete { // who takes the own copy away declines
		o.answered(g, m, nth, one)
	}
}

// answered notes what a guest's answer does to the organiser's copy: it changes, though nobody edited it.
func (o *Oracle) answered(g *org, m *meeting, nth string, one bool) {
	for i, it := range m.units {
		if it.wild != "" || one && strconv.Itoa(i) != nth {
			continue
		}
		it.states = it.states.each(func(s state) (state, bool) {
			c := &s.box[m.organiser]
			c.heard = c.there
			return s, true
		})
		o.after(g, it)
	}
}

// occurrenceDeed is what somebody does to one occurrence in the calendar.
func (o *Oracle) occurrenceDeed(g *org, m *meeting, rep int, nth string, e scenario.Entry) {
	n := number(nth, -1)
	switch {
	case n < 0 || n >= len(m.units):
		return
	case m.moved:
		m.giveUp("it cannot be told which occurrence was meant")
		return
	}
	it := m.units[n]
	o.do(g, it, rep, e)
	it.states = it.states.each(func(s state) (state, bool) {
		s.box[rep].apart = true
		return s, true
	})
	o.after(g, it)
}

// wholeDeed is what somebody does to a single meeting, or to all of a series that has no state of its own.
func (o *Oracle) wholeDeed(g *org, m *meeting, rep int, e scenario.Entry) {
	if !m.recurs {
		o.do(g, m.units[0], rep, e)
		return
	}
	moved := e.Step.Do == scenario.Edit && e.Step.Set["start"] != "" && number(e.Step.Set["start"], 0) != m.first
	if moved && !o.retime(m, rep, number(e.Step.Set["start"], 0)) {
		return
	}
	if text := e.Step.Set["length"]; text != "" && e.Step.Do == scenario.Edit {
		m.length = number(text, 30)
	}
	for i, it := range m.units {
		each := e
		if moved {
			each.Step.Set = with(with(e.Step.Set, "start", m.first+m.step[i]), "length", m.length)
		} else if e.Step.Do == scenario.Edit {
			each.Step.Set = with(e.Step.Set, "start", m.first+m.step[i])
		}
		it.states = it.states.each(func(s state) (state, bool) {
			c := s.box[rep]
			if !s.wild && c.there && (!c.apart || e.Step.Do == scenario.Delete) {
				s, _ = o.done(g, it, s, rep, each, false)
			}
			return s, true
		})
		o.after(g, it)
	}
}

// retime moves the plan of a series. Occurrences with a state of their own are dropped by the vendor, and their slots are laid
// out anew; where that would bring one back that was deleted, or slots fall onto each other's, nobody can tell them apart. Nor
// can whoever knows later occurrences only, the first ones having lain outside the window: they may be taken for those that
// come first now.
func (o *Oracle) retime(m *meeting, rep, to int) bool {
	sameDay := o.dayOf(to) == o.dayOf(m.first)
	if !sameDay && m.headless(rep) {
		m.giveUp("a series was moved whose first occurrences are not linked")
		return false
	}
	for _, it := range m.units {
		for s := range it.states {
			c, l := s.box[rep], s.link[rep]
			beside := c.there && c.apart || l.how == tombstone || l.how == left || l.how == active && !s.crm.there
			if !s.wild && c.id > 0 && !c.there || beside && !sameDay {
				m.giveUp("a series was moved over occurrences of its own")
				return false
			}
			m.moved = m.moved || c.apart
		}
		master := it.master(rep)
		it.states = it.states.each(func(s state) (state, bool) {
			if c := &s.box[rep]; c.there && c.apart {
				if master == nil {
					return s, false
				}
				c.v, c.apart = *master, false
			}
			return s, true
		})
		if len(it.states) == 0 {
			m.giveUp("what a series says by itself cannot be told")
			return false
		}
	}
	m.first = to
	return true
}

// headless reports whether occurrences of a rep's series may be linked, and one before them surely is not.
func (m *meeting) headless(rep int) bool {
	lacks := false
	for _, it := range m.units {
		linked := false
		for s := range it.states {
			linked = linked || s.link[rep].how == active
		}
		if linked && lacks {
			return true
		}
		lacks = lacks || !linked
	}
	return false
}

// dayOf is the day that a minute after the story's start lies in.
func (o *Oracle) dayOf(minute int) int64 {
	return o.start.Add(time.Duration(minute)*time.Minute).Unix() / int64(day.Seconds())
}

// master is what the series says of the unit's occurrence where it has no state of its own: what an occurrence beside it reads,
// apart from its time. nil where none is left that is sure.
func (it *item) master(rep int) *values {
	var found *values
	for _, other := range it.of.units {
		for s := range other.states {
			c := s.box[rep]
			if !c.there || c.apart {
				continue
			}
			v := c.v
			v[timing] = 0
			if found != nil && *found != v {
				return nil
			}
			found = &v
		}
	}
	return found
}

// rowDeed is what somebody does to a record. Of a series it is the nth that is there, by start.
func (o *Oracle) rowDeed(g *org, m *meeting, rep int, nth string, e scenario.Entry) {
	switch {
	case e.Step.Do == scenario.Reassign && len(m.guests) > 0:
		m.giveUp("a meeting with guests was given to another rep")
		return
	case !m.recurs && e.Step.Do == scenario.Restore:
		for s := range m.units[0].states {
			if s.bin[0].id > 0 {
				m.giveUp("several records are in the recycle bin")
				return
			}
		}
		fallthrough
	case !m.recurs:
		o.do(g, m.units[0], rep, e)
		return
	case e.Step.Do == scenario.Restore:
		m.giveUp("a record of a series was restored")
		return
	}
	it := o.rowOf(m, number(nth, 0))
	if it == nil {
		m.giveUp("it cannot be told which record was meant")
		return
	}
	o.do(g, it, rep, e)
}

// rowOf finds the unit whose record is the nth by start, nil where the states do not agree on that.
func (o *Oracle) rowOf(m *meeting, n int) *item {
	type placed struct {
		it    *item
		start int
		maybe bool
	}
	var rows []placed
	for _, it := range m.units {
		starts, there, gone := map[int]bool{}, false, false
		for s := range it.states {
			if s.crm.there && o.words.text(s.crm.v[subject]) != busyName {
				start, _ := span(o.words.text(s.crm.v[timing]))
				starts[start], there = true, true
			} else {
				gone = true
			}
		}
		if !there {
			continue
		}
		for start := range starts { // one that moves in some states only may stand anywhere
			rows = append(rows, placed{it, start, gone || len(starts) > 1})
		}
	}
	slices.SortStableFunc(rows, func(a, b placed) int { return cmp.Compare(a.start, b.start) })
	for i, r := range rows {
		if r.maybe || i > 0 && rows[i-1].start == r.start {
			return nil
		}
		if i == n {
			if i+1 < len(rows) && rows[i+1].start == r.start {
				return nil
			}
			return r.it
		}
	}
	return nil
}
