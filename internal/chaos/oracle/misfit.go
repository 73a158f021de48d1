package oracle

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// guestCopies holds that no guest has more copies of a meeting than it has occurrences.
func (o *Oracle) guestCopies(g *org, m *meeting, its *pools) []Violation {
	var found []Violation
	for rep, name := range g.reps {
		n := 0
		for _, k := range its[1+rep] {
			n += k
		}
		if len(m.guests) > 0 && rep != m.organiser && n > len(m.units) && m.elsewhere&(1<<rep) == 0 {
			found = append(found, Violation{Law: "doubled", Org: g.name, Rep: name, Item: m.name, Field: box.String(), Want: fmt.Sprintf("at most %d", len(m.units)), Got: fmt.Sprint(n)})
		}
	}
	return found
}

// misfits names what is wrong with a meeting that fits no permitted states. Units take the states of which most is there;
// then copies that are wanted and not seen are held against those that are seen and not wanted, place by place.
func (o *Oracle) misfits(g *org, m *meeting, places []int, its, busy *pools, permitted map[*item]set) []Violation {
	missing := make([][]wanted, 1+maxReps)
	left := map[int]pool{}
	for _, place := range places {
		left[place] = pool{}
		maps.Copy(left[place], its[place])
		maps.Copy(left[place], busy[place])
	}
	for _, it := range m.units {
		best, most := "", -1
		var state *state
		for _, s := range permitted[it].sorted() {
			have, look := 0, o.look(g, &s, places)
			for i, key := range strings.Split(look, "\n") {
				if key == "-" || left[places[i]][key] > 0 {
					have++
				}
			}
			if have > most || have == most && look < best {
				best, most, state = look, have, &s
			}
		}
		for i, key := range strings.Split(best, "\n") {
			switch place := places[i]; {
			case key == "-":
			case left[place][key] > 0:
				left[place][key]--
			default:
				missing[place] = append(missing[place], wanted{it, state, key})
			}
		}
	}
	var found []Violation
	for _, place := range places {
		for key := range busy[place] { // may be another meeting's
			delete(left[place], key)
		}
		found = append(found, o.misfitsAt(g, m, place, missing[place], left[place], permitted)...)
	}
	return found
}

// wanted is a copy that a unit's state has and nobody sees.
type wanted struct {
	it    *item
	state *state
	key   string
}

// misfitsAt names what is wrong at one place.
func (o *Oracle) misfitsAt(g *org, m *meeting, place int, missing []wanted, more pool, permitted map[*item]set) []Violation {
	at, rep := crm, ""
	if place > 0 {
		at, rep = box, g.reps[place-1]
	}
	var extra []string
	for _, key := range slices.Sorted(maps.Keys(more)) {
		for range more[key] {
			extra = append(extra, key)
		}
	}
	var found []Violation
	for _, w := range missing {
		v := Violation{Law: "lost", Org: g.name, Rep: rep, Item: w.it.name, Field: at.String(), Want: w.key, Got: "no copy"}
		if len(extra) == 0 {
			found = append(found, v)
			continue
		}
		got := extra[0]
		extra = extra[1:]
		want, have := strings.Split(w.key, "|"), strings.Split(got, "|")
		if want[0] != have[0] {
			v.Law, v.Field, v.Want, v.Got = "forbidden", "crm owner", want[0], have[0]
			found = append(found, v)
		}
		for f, name := range meetingFields {
			if 1+f < len(have) && want[1+f] != have[1+f] {
				d := difference{at: at, place: place, rep: rep, f: f, want: want[1+f]}
				v.Law, v.Field, v.Want, v.Got = o.law(g, w.it, w.state, d), at.String()+" "+name, want[1+f], have[1+f]
				if want[1+subject] == busyName { // what is private is told
					v.Law = "forbidden"
				}
				found = append(found, v)
			}
		}
	}
	for _, got := range extra {
		v := Violation{Law: "forbidden", Org: g.name, Rep: rep, Item: m.name, Field: at.String(), Want: "no copy", Got: got}
		living, ever := 0, 0
		for _, it := range m.units {
			for s := range permitted[it] {
				c := s.copyAt(place)
				living, ever = living+b2i(c.there), ever+b2i(c.id > 0)
				break
			}
		}
		switch {
		case living == len(m.units):
			v.Law = "doubled"
		case ever > living:
			v.Law = "resurrected"
		}
		found = append(found, v)
	}
	return found
}
