package salesforce

import (
	"slices"
	"time"
)

// Windows of the replication resources. (REST API Developer Guide, "sObject Get Deleted": results go back 15 days, a
// start more than 30 days ago is refused.)
const (
	deletedWindow     = 15 * 24 * time.Hour
	replicationWindow = 30 * 24 * time.Hour
)

// span reads start and end. Seconds are ignored, as at the vendor. Errors: INVALID_REPLICATION_DATE.
func (c *call) span() (start, end time.Time, err *Error) {
	var okStart, okEnd bool
	start, okStart = parseTime(c.query.Get("start"))
	end, okEnd = parseTime(c.query.Get("end"))
	if !okStart || !okEnd {
		return start, end, fail("INVALID_REPLICATION_DATE", "start and end must be dateTimes such as 2026-11-22T04:27:00+00:00, URL-encoded")
	}
	start, end = start.Truncate(time.Minute), end.Truncate(time.Minute)
	now := c.s.now()
	switch {
	case !end.After(start):
		return start, end, fail("INVALID_REPLICATION_DATE", "endDate must be at least one minute greater than startDate")
	case now.Sub(start) > replicationWindow:
		return start, end, fail("INVALID_REPLICATION_DATE", "startDate cannot be more than 30 days ago")
	case start.After(now):
		return start, end, fail("INVALID_REPLICATION_DATE", "startDate cannot be in the future")
	}
	return start, end, nil
}

// covered is up to when an answer is complete: end, or earlier the start of the oldest open transaction.
func (c *call) covered(t *table, end time.Time) time.Time {
	now := c.s.now()
	if end.After(now) {
		end = now.Truncate(time.Second)
	}
	for id := range t.pending {
		if r := t.rows[id]; r != nil && r.open(now) {
			if stamp, ok := r.cur.values["SystemModstamp"].(time.Time); ok && stamp.Before(end) {
				end = stamp
			}
		}
	}
	return end
}

// emptyBin removes for good what has been in the recycle bin for 15 days (Salesforce Help, "Manage the Recycle Bin"), so that
// queryAll shows it no more. It looks once an hour.
func (s *Server) emptyBin() {
	now := s.now()
	if !now.Before(s.binLooked) && now.Before(s.binLooked.Add(time.Hour)) {
		return
	}
	s.binLooked = now
	for _, t := range s.tables {
		for _, id := range slices.Clone(t.order) {
			if st := t.rows[id].cur; st.isDeleted() && !st.deleted.IsZero() && now.Sub(st.deleted) > deletedWindow {
				t.purge(id, st.deleted)
			}
		}
	}
}

// getDeleted answers sobjects/X/deleted: what was deleted in the span and is still deleted, purged records included.
func (c *call) getDeleted() reply {
	start, end, err := c.span()
	if err != nil {
		return refuse(err)
	}
	t, now := c.s.table(c.path[1]), c.s.now()
	earliest := now.Add(-deletedWindow).Truncate(time.Minute)
	from := start
	if from.Before(earliest) {
		from = earliest
	}
	within := func(at time.Time) bool { return !at.Before(from) && at.Before(end) }
	records := []any{}
	list := func(id string, at time.Time) {
		records = append(records, map[string]any{"deletedDate": formatTime(at.Truncate(time.Second)), "id": id})
	}
	for _, id := range t.order {
		if st := t.rows[id].at(now); st != nil && st.isDeleted() && within(st.deleted) && c.s.sees(c.actor, t.obj, id, st) {
			list(id, st.deleted)
		}
	}
	for _, id := range sortedKeys(t.purged) {
		if within(t.purged[id]) {
			list(id, t.purged[id])
		}
	}
	return ok(map[string]any{"deletedRecords": records, "earliestDateAvailable": formatTime(earliest), "latestDateCovered": formatTime(c.covered(t, end))})
}

// getUpdated answers sobjects/X/updated: the ids of live records whose stamp lies in the span.
func (c *call) getUpdated() reply {
	start, end, err := c.span()
	if err != nil {
		return refuse(err)
	}
	t, now := c.s.table(c.path[1]), c.s.now()
	ids := []string{}
	for _, id := range t.order {
		st := t.rows[id].at(now)
		if st == nil || st.isDeleted() || !c.s.sees(c.actor, t.obj, id, st) {
			continue
		}
		if stamp, _ := st.values["SystemModstamp"].(time.Time); !stamp.Before(start) && stamp.Before(end) {
			ids = append(ids, id)
		}
	}
	return ok(map[string]any{"ids": ids, "latestDateCovered": formatTime(c.covered(t, end))})
}
