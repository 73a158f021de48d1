package oracle

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/demo/wire"
)

// lookAtEvents reads a site's records and calendars. What a calendar shows for itself are occurrences.
func (o *Oracle) lookAtEvents(ctx context.Context, site Site, reps map[string]string, s *seen) error {
	rows, err := site.Salesforce.QueryAll(ctx, "SELECT Id, IsDeleted, IsChild, OwnerId, Subject, Location, Description, StartDateTime, DurationInMinutes, IsPrivate, SystemModstamp FROM Event")
	if err != nil {
		return err
	}
	for _, e := range rows {
		if child, _ := e["IsChild"].(bool); !child { // an invitee's own view of a record
			s.events = append(s.events, o.recordRow(e, reps[wire.Text(e, "OwnerId")]))
		}
	}
	from, to := o.start.AddDate(-2, 0, 0), o.start.AddDate(3, 0, 0)
	for _, rep := range slices.Sorted(maps.Keys(site.Calendars)) {
		events, err := site.Calendars[rep].Events(ctx, from, to)
		if err != nil {
			return fmt.Errorf("%s: %w", rep, err)
		}
		for _, e := range events {
			s.events = append(s.events, o.occurrenceRow(e, rep))
		}
	}
	return nil
}

// recordRow reads an Event.
func (o *Oracle) recordRow(e wire.Object, owner string) row {
	deleted, _ := e["IsDeleted"].(bool)
	private, _ := e["IsPrivate"].(bool)
	length, _ := e["DurationInMinutes"].(float64)
	return meetingRow(row{at: crm, rep: owner, id: wire.Text(e, "Id"), version: wire.Text(e, "SystemModstamp"), deleted: deleted},
		wire.Text(e, "Subject"), wire.Text(e, "Location"), wire.Text(e, "Description"), o.minuteOf(wire.Text(e, "StartDateTime")), int(length), private)
}

// occurrenceRow reads an event of a calendar.
func (o *Oracle) occurrenceRow(e wire.Object, rep string) row {
	start, end := o.minuteOf(wire.Text(e, "start", "dateTime")), o.minuteOf(wire.Text(e, "end", "dateTime"))
	visibility := wire.Text(e, "visibility")
	return meetingRow(row{at: box, rep: rep, id: wire.Text(e, "id"), version: wire.Text(e, "etag"), master: wire.Text(e, "recurringEventId"), deleted: wire.Text(e, "status") == "cancelled"},
		wire.Text(e, "summary"), wire.Text(e, "location"), wire.Text(e, "description"), start, end-start, visibility == "private" || visibility == "confidential")
}

// meetingRow fills in what a meeting reads.
func meetingRow(r row, title, location, description string, start, length int, private bool) row {
	r.name, _, _ = strings.Cut(title, " ")
	r.v = [width]string{title, location, description, timed(start, length), ""}
	if private {
		r.v[4] = "true"
	}
	r.text = strings.Join(r.v[:3], "\n")
	return r
}

// minuteOf is a vendor's time in minutes after the story's start.
func (o *Oracle) minuteOf(text string) int {
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05.000-0700"} {
		if t, err := time.Parse(form, text); err == nil {
			return int(t.Sub(o.start).Minutes())
		}
	}
	return -1 << 30
}

// pool holds the living copies of one meeting at one place, by what they read, and how many read so.
type pool map[string]int

// pools are those of all places.
type pools [1 + maxReps]pool

// key is what a copy reads.
func (o *Oracle) key(place int, owner string, v [width]string) string {
	if place > 0 {
		owner = ""
	}
	return owner + "|" + strings.Join(v[:], "|")
}

// shown is what a state's copy at a place reads; not ok where there is none.
func (o *Oracle) shown(g *org, s *state, place int) (key string, ok bool) {
	c := s.copyAt(place)
	if !c.there {
		return "", false
	}
	var v [width]string
	for f := range v {
		v[f] = o.words.text(c.v[f])
	}
	return o.key(place, g.reps[c.owner], v), true
}

// judgeMeetings judges all meetings of an org.
func (o *Oracle) judgeMeetings(g *org, s *seen, permitted map[*item]set) []Violation {
	var found []Violation
	busy := &pools{}
	all := map[string]*pools{busyName: busy}
	for _, r := range s.events {
		if r.deleted {
			continue
		}
		if all[r.name] == nil {
			all[r.name] = &pools{}
		}
		place := 0
		if r.at == box {
			place = 1 + slices.Index(g.reps, r.rep)
		}
		if all[r.name][place] == nil {
			all[r.name][place] = pool{}
		}
		all[r.name][place][o.key(place, r.rep, r.v)]++
	}
	for _, name := range slices.Sorted(maps.Keys(g.events)) {
		if m := g.events[name]; m.why() == "" {
			its := all[name]
			if its == nil {
				its = &pools{}
			}
			found = append(found, o.judgeMeeting(g, m, its, busy, permitted)...)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if g.events[name] == nil && name != busyName {
			found = append(found, Violation{Law: "unexplained", Org: g.name, Item: name, Want: "no meeting of that name", Got: "one that no person made"})
		}
	}
	judged := true
	for _, m := range g.events {
		judged = judged && m.why() == ""
	}
	for place, its := range busy {
		for _, key := range slices.Sorted(maps.Keys(its)) {
			if n := its[key]; judged && n > 0 {
				found = append(found, Violation{Law: "unexplained", Org: g.name, Item: busyName, Field: fmt.Sprint("place ", place), Want: "no more private meetings", Got: fmt.Sprint(n, " ", key)})
			}
		}
	}
	return found
}

// busyName is what a private meeting is called on the other side under `private: busy`.
const busyName = "Busy"

// places are where the copies of a meeting are judged: guests' are their vendor's matter.
func (g *org) places(m *meeting) []int {
	out := []int{0}
	for rep := range g.reps {
		if len(m.guests) == 0 || rep == m.organiser {
			out = append(out, 1+rep)
		}
	}
	return out
}

// judgeMeeting gives each occurrence a permitted state such that together they read what is seen.
func (o *Oracle) judgeMeeting(g *org, m *meeting, its, busy *pools, permitted map[*item]set) []Violation {
	for _, it := range m.units {
		for s := range permitted[it] {
			if s.wild {
				m.giveUp(doubledByPeople)
				return nil
			}
		}
		if len(permitted[it]) == 0 || len(permitted[it]) > maxStates {
			m.giveUp(tooMany)
			return nil
		}
	}
	found := o.guestCopies(g, m, its)
	places := g.places(m)
	looks := make([]map[string]set, len(m.units)) // by unit: what it may look like → the states that do
	for i, it := range m.units {
		looks[i] = map[string]set{}
		for s := range permitted[it] {
			look := o.look(g, &s, places)
			if looks[i][look] == nil {
				looks[i][look] = set{}
			}
			looks[i][look][s] = struct{}{}
		}
	}
	a := &assignment{places: places, pools: its, busy: busy, looks: looks, chosen: make([]string, len(m.units)), tries: 20000}
	if a.assign(0) {
		for i, it := range m.units {
			it.states = looks[i][a.chosen[i]]
		}
		return found
	}
	found = append(found, o.misfits(g, m, places, its, busy, permitted)...)
	m.giveUp("it broke a law")
	return found
}

// look is what a state looks like, place by place.
func (o *Oracle) look(g *org, s *state, places []int) string {
	var out []string
	for _, place := range places {
		key, ok := o.shown(g, s, place)
		if !ok {
			key = "-"
		}
		out = append(out, key)
	}
	return strings.Join(out, "\n")
}

// assignment looks for one look per unit that together use up all that is seen.
type assignment struct {
	places []int
	pools  *pools
	busy   *pools // what shows that a time is taken, of all meetings
	looks  []map[string]set
	chosen []string
	tries  int
}

func (a *assignment) assign(unit int) bool {
	if a.tries--; a.tries < 0 {
		return false
	}
	if unit == len(a.looks) {
		for _, place := range a.places {
			for _, n := range a.pools[place] {
				if n > 0 {
					return false
				}
			}
		}
		return true
	}
	for _, look := range a.fullest(unit) {
		keys := strings.Split(look, "\n")
		if a.take(keys, -1) {
			a.chosen[unit] = look
			if a.assign(unit + 1) {
				return true
			}
			a.take(keys, 1)
		}
	}
	return false
}

// fullest are the looks of a unit, those first that leave least over: what all private meetings show is alike, and nobody
// misses it until the last of them is judged.
func (a *assignment) fullest(unit int) []string {
	empty := func(look string) (n int) {
		for key := range strings.SplitSeq(look, "\n") {
			n += b2i(key == "-")
		}
		return n
	}
	return slices.SortedFunc(maps.Keys(a.looks[unit]), func(x, y string) int { return cmp.Or(cmp.Compare(empty(x), empty(y)), cmp.Compare(x, y)) })
}

// take takes copies out of the pools, all or none, or puts them back.
func (a *assignment) take(keys []string, by int) bool {
	for i, key := range keys {
		if by < 0 && key != "-" && a.pool(a.places[i], key)[key] == 0 {
			return false
		}
	}
	for i, key := range keys {
		if key != "-" {
			a.pool(a.places[i], key)[key] += by
		}
	}
	return true
}

// pool is where a copy is to be found that reads so.
func (a *assignment) pool(place int, key string) pool {
	if strings.Contains(key, "|"+busyName+"|") {
		return a.busy[place]
	}
	return a.pools[place]
}
