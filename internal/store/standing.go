package store

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/planner"
)

// Standing is how an org does, in numbers.
type Standing struct {
	Org     string
	Reps    int                    // active
	Held    int                    // plans that wait for an admin
	Unknown int                    // writes whose outcome is looked for
	Parked  map[planner.Reason]int // items
}

// Standings counts all orgs, by name. It reads every parked row: do not ask all the time.
func (s *Store) Standings(ctx context.Context) ([]Standing, error) {
	type row struct {
		Org, What, Reason string
		N                 int
	}
	rows, err := query(ctx, s, "count how orgs do", pgx.RowToStructByPos[row], `
		select org, 'reps', '', count(*) from rep where active group by org
		union all select org, 'held', '', count(*) from plan where state = 'held' group by org
		union all select org, 'unknown', '', count(*) from intent i join collection c on c.no = i.coll where state = 'unknown' group by org
		union all select org, 'parked', reason, count(*) from parked group by org, reason`)
	if err != nil {
		return nil, err
	}
	of := map[string]*Standing{}
	for _, r := range rows {
		if of[r.Org] == nil {
			of[r.Org] = &Standing{Org: r.Org, Parked: map[planner.Reason]int{}}
		}
		switch r.What {
		case "reps":
			of[r.Org].Reps = r.N
		case "held":
			of[r.Org].Held = r.N
		case "unknown":
			of[r.Org].Unknown = r.N
		default:
			of[r.Org].Parked[planner.Reason(r.Reason)] = r.N
		}
	}
	var out []Standing
	for _, org := range slices.Sorted(maps.Keys(of)) {
		out = append(out, *of[org])
	}
	return out, nil
}

// Connections counts the pool's connections: lent to somebody, idle, and the most that there may be.
func (s *Store) Connections() (lent, idle, most int32) {
	st := s.pool.Stat()
	return st.AcquiredConns(), st.IdleConns(), st.MaxConns()
}
