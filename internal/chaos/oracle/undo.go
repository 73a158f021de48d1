package oracle

import (
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/chaos/scenario"
)

// kept is a copy that an undo put back.
type kept struct {
	row  row
	gone bool // it took the copy away
}

// Undone judges an undo of a rep since a time, from what was there before and after it. It changes nothing that a person did
// since, and only what belongs to its rep. Not whole is one that was in trouble, or during which others went on: what it came to
// cannot be told.
func (o *Oracle) Undone(before, after Snapshot, name, rep string, since time.Time, whole bool) []Violation {
	var found []Violation
	for _, at := range o.names {
		g := o.orgs[at]
		if before.orgs[at] == nil || after.orgs[at] == nil {
			continue
		}
		was, is := living(slices.Concat(before.orgs[at].people, before.orgs[at].events)), living(slices.Concat(after.orgs[at].people, after.orgs[at].events))
		keys := map[told]bool{}
		for key := range was {
			keys[key] = true
		}
		for key := range is {
			keys[key] = true
		}
		for key := range keys {
			b, a := was[key], is[key]
			if b.id != "" && a.id != "" && b.v == a.v && b.rep == a.rep {
				continue
			}
			if whole {
				found = append(found, o.undid(g, key, b, a, at == name, rep, since)...)
			}
		}
	}
	if g := o.orgs[name]; g != nil && !whole {
		g.loosenAll(unclear)
	}
	return found
}

// loosenAll gives up all that there is of an org, and nothing of what is to come.
func (g *org) loosenAll(why string) {
	was := g.why
	g.loosen(false, why)
	g.loosen(true, why)
	g.why = was
}

// undid judges what an undo did to one copy; a and b are the zero row where there is none.
func (o *Oracle) undid(g *org, key told, b, a row, own bool, rep string, since time.Time) []Violation {
	r := b
	if b.id == "" {
		r = a
	}
	v := Violation{Law: "undone", Org: g.name, Rep: r.rep, Item: r.name, Field: r.at.String(), Want: b.String(), Got: a.String()}
	switch {
	case own && r.at == box && g.invited(r) == rep: // what the undo did to the organiser's copy
		return nil
	case !own || r.at == box && r.rep != rep:
		return []Violation{v}
	}
	settled := true // nothing was done to the item since the world was at rest
	var found, gone []Violation
	for n, d := range g.deeds {
		settled = settled && (d.at.Before(o.judgedAt) || !g.same(r.name)[d.item()])
		if !d.touches(g, r) || strings.Contains(d.step.Item, "@") {
			continue
		}
		switch d.step.Do {
		case scenario.Delete: // what is there since is no person's, unless one brings it back
			gone, found = append(gone, found...), nil
		case scenario.Restore:
			found, gone = append(found, gone...), nil
		}
		fields := personFields
		if isMeeting(r.name) {
			fields = meetingFields
		}
		still := a.id == "" && d.step.Do == scenario.Create && b.v[0] != "" && d.gave(fields[0], b.v[0]) && !g.gaveTwice(r.name, fields[0], b.v[0]) // made by a person
		for f, field := range fields {
			still = still || d.step.Do == scenario.Edit && !d.at.Before(since) && b.id != "" && b.v[f] != "" && d.gave(field, b.v[f]) && a.v[f] != b.v[f] && !g.gaveTwice(r.name, field, b.v[f]) && !g.overruled(n, r, field)
		}
		if still {
			found = append(found, v)
		}
	}
	if r.name == busyName {
		g.loosenAll(putBack)
		return found
	}
	o.loose(g, r.name, putBack)
	if settled && len(g.runs) == 0 && !o.judgedAt.IsZero() {
		g.kept[key] = kept{row: r, gone: a.id == ""}
		if a.id != "" {
			g.kept[key] = kept{row: a}
		}
	}
	return found
}

// gaveTwice reports whether people gave an item's field a value more than once: to set what is there already is no edit, and
// which of them did cannot be told.
func (g *org) gaveTwice(item, field, value string) bool {
	n := 0
	for _, d := range g.deeds {
		if g.same(item)[d.item()] && d.gave(field, value) {
			n++
		}
	}
	return n > 1
}

// overruled reports whether somebody gave a copy's field another value after the n-th deed: what reads as that deed gave it
// then was put back by Repsync.
func (g *org) overruled(n int, r row, field string) bool {
	return slices.ContainsFunc(g.deeds[n+1:], func(d dated) bool {
		_, given := d.step.Set[field]
		return given && d.touches(g, r)
	})
}

// stays holds that what an undo put back is as it put it, where nobody has done anything to it since.
func (o *Oracle) stays(g *org, s *seen) []Violation {
	var found []Violation
	is := living(slices.Concat(s.people, s.events))
	for key, k := range g.kept {
		now, there := is[key]
		if there == k.gone || there && now.v != k.row.v {
			want := k.row
			if k.gone {
				want = row{}
			}
			found = append(found, Violation{Law: "undone", Org: g.name, Rep: k.row.rep, Item: k.row.name, Field: k.row.at.String(), Want: want.String(), Got: now.String()})
		}
	}
	return found
}
