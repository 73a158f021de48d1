package series

import "time"

// Local places a wall time, given as UTC, in a zone as RFC 5545 section 3.3.5 has it: a wall time that a change of the
// clocks repeats is its first instance, and one that is skipped is read with the offset before the gap, so that 02:30
// becomes 03:30. time.Date promises neither.
func Local(wall time.Time, zone *time.Location) time.Time {
	y, m, d := wall.Date()
	near := time.Date(y, m, d, wall.Hour(), wall.Minute(), wall.Second(), 0, zone)
	start, end := near.ZoneBounds()
	before, after := near, near
	if !start.IsZero() {
		before = start.Add(-time.Second)
	}
	if !end.IsZero() {
		after = end
	}
	var first time.Time
	for _, at := range []time.Time{before, near, after} {
		t := wall.Add(-offset(at)).In(zone)
		if sameWall(t, wall) && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if !first.IsZero() {
		return first
	}
	for _, change := range []time.Time{start, end} {
		if change.IsZero() {
			continue
		}
		was := offset(change.Add(-time.Second).In(zone))
		t := wall.Add(-was)
		if !t.Before(change) && wall.Add(-offset(change.In(zone))).Before(change) {
			return t.In(zone)
		}
	}
	return near
}

func offset(t time.Time) time.Duration {
	_, seconds := t.Zone()
	return time.Duration(seconds) * time.Second
}

func sameWall(t, wall time.Time) bool { return floating(t).Equal(wall) }

// floating returns the wall time of a moment, as UTC.
func floating(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}
