package series

import (
	"slices"
	"time"

	"github.com/repsync/repsync/internal/record"
)

// Occurrence is one occurrence of a family of series: a single event, a series, and those it was cut into.
type Occurrence struct {
	ID    string // what the caller knows it by, such as a connector.Ref in one word
	Start record.Moment
}

// near is how far apart the old and the new start of one occurrence may lie; a week further is its neighbour.
const near = 7 * 24 * time.Hour

// chunk bounds how many occurrences are aligned at once.
const chunk = 500

// Rekey pairs occurrences that vanished with those that appeared when their series was changed: moved to another time or
// weekday, cut by "this and following", turned into a single event or back. The result maps IDs of gone to IDs of came; it
// has each ID once, and leaves out what has no counterpart.
//
// Pairs are found in three turns: the same instant (or, all day, the same date), then the same local date, then in order
// of time the closest less than seven days apart. The last turn never lets two pairs cross, pairs as many as it can, and
// among equals takes the smallest distance: a series moved from Monday to Friday moves each Monday to one Friday.
func Rekey(gone, came []Occurrence) map[string]string {
	gone, came = inOrder(gone), inOrder(came)
	out := map[string]string{}
	by := func(key func(record.Moment) string) {
		free := map[string][]Occurrence{}
		for _, c := range came {
			free[key(c.Start)] = append(free[key(c.Start)], c)
		}
		taken := map[string]bool{}
		gone = slices.DeleteFunc(gone, func(g Occurrence) bool {
			k := key(g.Start)
			if len(free[k]) == 0 {
				return false
			}
			out[g.ID], taken[free[k][0].ID] = free[k][0].ID, true
			free[k] = free[k][1:]
			return true
		})
		came = slices.DeleteFunc(came, func(c Occurrence) bool { return taken[c.ID] })
	}
	by(func(m record.Moment) string {
		if m.Date {
			return m.Key()
		}
		return m.At.UTC().Format(time.RFC3339Nano)
	})
	by(func(m record.Moment) string { return m.At.Format(time.DateOnly) })
	for len(gone) > 0 && len(came) > 0 {
		some := gone[:min(chunk, len(gone))]
		gone = gone[len(some):]
		from, to := wallOf(some[0]).Add(-near), wallOf(some[len(some)-1]).Add(near)
		for len(came) > 0 && !wallOf(came[0]).After(from) {
			came = came[1:]
		}
		end := 0
		for end < len(came) && end < 4*chunk && wallOf(came[end]).Before(to) {
			end++
		}
		used := align(some, came[:end], out)
		came = came[used:]
	}
	return out
}

// Shifted pairs occurrences that vanished, all that there were of a series, with those that came when it was moved as a whole,
// however far: each with the one that lies as far from it as any other does by the clocks there. Not ok where there is no such
// distance; of several it is the first one's that comes first.
func Shifted(gone, came []Occurrence) (pairs map[string]string, ok bool) {
	gone, came = inOrder(gone), inOrder(came)
	at := map[time.Time]string{}
	for _, c := range came {
		at[wallOf(c)] = c.ID
	}
	if len(gone) == 0 || len(at) < len(gone) {
		return nil, false
	}
	for _, first := range came[:len(came)-len(gone)+1] {
		by := wallOf(first).Sub(wallOf(gone[0]))
		pairs, taken := map[string]string{}, map[string]bool{}
		for _, g := range gone {
			id, there := at[wallOf(g).Add(by)]
			if !there || taken[id] {
				break
			}
			pairs[g.ID], taken[id] = id, true
		}
		if len(pairs) == len(gone) {
			return pairs, true
		}
	}
	return nil, false
}

// wallOf is when an occurrence begins by the clocks there: what a date can be compared with.
func wallOf(o Occurrence) time.Time { return floating(o.Start.At) }

// inOrder sorts by start and drops IDs that were given before.
func inOrder(list []Occurrence) []Occurrence {
	seen := map[string]bool{}
	list = slices.DeleteFunc(slices.Clone(list), func(o Occurrence) bool {
		again := seen[o.ID]
		seen[o.ID] = true
		return again
	})
	slices.SortStableFunc(list, func(a, b Occurrence) int { return wallOf(a).Compare(wallOf(b)) })
	return list
}

// align pairs two ordered lists without crossings: as many pairs as can be, then the smallest sum of distances. It
// returns how many of came lie before the end of the last pair.
func align(gone, came []Occurrence, out map[string]string) int {
	type best struct {
		pairs    int
		distance time.Duration
	}
	better := func(a, b best) bool {
		return a.pairs > b.pairs || a.pairs == b.pairs && a.distance < b.distance
	}
	// table[i][j] is the best for gone[i:] and came[j:].
	table := make([][]best, len(gone)+1)
	for i := range table {
		table[i] = make([]best, len(came)+1)
	}
	pair := func(i, j int) (best, bool) {
		d := wallOf(gone[i]).Sub(wallOf(came[j])).Abs()
		rest := table[i+1][j+1]
		return best{rest.pairs + 1, rest.distance + d}, d < near
	}
	for i := range slices.Backward(gone) {
		for j := len(came) - 1; j >= 0; j-- {
			top := table[i+1][j]
			if better(table[i][j+1], top) {
				top = table[i][j+1]
			}
			if p, ok := pair(i, j); ok && !better(top, p) {
				top = p
			}
			table[i][j] = top
		}
	}
	used := 0
	for i, j := 0, 0; i < len(gone) && j < len(came); {
		if p, ok := pair(i, j); ok && p == table[i][j] {
			out[gone[i].ID] = came[j].ID
			i, j = i+1, j+1
			used = j
			continue
		}
		if table[i+1][j] == table[i][j] {
			i++
		} else {
			j++
		}
	}
	return used
}
