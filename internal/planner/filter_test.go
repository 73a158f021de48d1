package planner_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

func TestAdmit(t *testing.T) {
	t.Parallel()
	const me = "005-me"
	owned := connector.Item{Owner: me}
	teams := connector.Item{Owner: "005-other", Reps: []string{"005-x", me}}
	others := connector.Item{Owner: "005-other", Reps: []string{"005-x"}}
	pass := func(connector.Item) (bool, error) { return true, nil }
	stop := func(connector.Item) (bool, error) { return false, nil }
	fail := func(connector.Item) (bool, error) { return true, errors.New("no such field") }
	shared, link := &planner.Link{Shared: true}, &planner.Link{}
	for name, c := range map[string]struct {
		records string
		filter  func(connector.Item) (bool, error)
		side    record.Side
		item    connector.Item
		link    *planner.Link
		why     planner.Reason // "" is admitted
	}{
		"owned, the rep's":                   {"owned", nil, record.CRM, owned, nil, ""},
		"owned, the team's":                  {"owned", nil, record.CRM, teams, nil, planner.ReasonNotOwned},
		"owned, another's":                   {"owned", nil, record.CRM, others, nil, planner.ReasonNotOwned},
		"owned, another's, linked":           {"owned", nil, record.CRM, others, link, planner.ReasonNotOwned},
		"owned, another's, shared":           {"owned", nil, record.CRM, others, shared, ""},
		"owned is the default":               {"", nil, record.CRM, others, nil, planner.ReasonNotOwned},
		"team, the rep's":                    {"team", nil, record.CRM, owned, nil, ""},
		"team, the team's":                   {"team", nil, record.CRM, teams, nil, ""},
		"team, another's":                    {"team", nil, record.CRM, others, nil, planner.ReasonNotOwned},
		"visible, another's":                 {"visible", nil, record.CRM, others, nil, ""},
		"filter passes":                      {"owned", pass, record.CRM, owned, nil, ""},
		"filter stops":                       {"owned", stop, record.CRM, owned, nil, planner.ReasonFilteredOut},
		"filter stops what is shared":        {"owned", stop, record.CRM, others, shared, planner.ReasonFilteredOut},
		"filter fails":                       {"owned", fail, record.CRM, owned, nil, planner.ReasonFilterError},
		"ownership before the filter":        {"owned", fail, record.CRM, others, nil, planner.ReasonNotOwned},
		"mailbox item has no owner":          {"owned", nil, record.Mailbox, others, nil, ""},
		"mailbox item without a record":      {"owned", stop, record.Mailbox, owned, nil, planner.ReasonFilteredOut},
		"mailbox item with a record":         {"owned", stop, record.Mailbox, owned, link, ""},
		"mailbox item, the filter fails":     {"owned", fail, record.Mailbox, owned, nil, planner.ReasonFilterError},
		"mailbox item, the filter passes it": {"owned", pass, record.Mailbox, others, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, why := planner.Admit(planner.Scope{Records: c.records, User: me, Filter: c.filter}, c.side, c.item, c.link)
			require.Equal(t, c.why, why)
			require.Equal(t, c.why == "", in)
		})
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	seats := []planner.Seat{
		{ID: "never"}, {ID: "new", LastActivity: later}, {ID: "tie b", LastActivity: noon}, {ID: "tie a", LastActivity: noon}, {ID: "old", LastActivity: noon.Add(-time.Hour)},
	}
	require.Empty(t, planner.Limit(0, seats), "no limit")
	require.Empty(t, planner.Limit(-1, seats))
	require.Empty(t, planner.Limit(5, seats))
	require.Empty(t, planner.Limit(6, seats))
	require.Equal(t, []string{"never"}, planner.Limit(4, seats))
	require.Equal(t, []string{"tie b", "old", "never"}, planner.Limit(2, seats))
	require.Equal(t, "never", seats[0].ID, "the seats that were given stay in order")
}

func TestReasons(t *testing.T) {
	t.Parallel()
	all := planner.Reasons()
	seen, told := map[planner.Reason]bool{}, map[string]bool{}
	for _, r := range all {
		require.Regexp(t, `^[a-z]+(_[a-z]+)*$`, string(r))
		require.Regexp(t, `^[A-Z].*\.$`, r.Explain())
		require.NotRegexp(t, `%|\n`, r.Explain())
		seen[r], told[r.Explain()] = true, true
	}
	require.Len(t, seen, len(all))
	require.Len(t, told, len(all), "each has its own sentence")
	require.True(t, planner.ReasonConflictReview.Parked())
	require.False(t, planner.ReasonUpdated.Parked())
	require.True(t, planner.Decision{Reason: planner.ReasonTooLong}.Parked())
	unknown := planner.Reason("DUPLICATES_DETECTED")
	require.False(t, unknown.Parked())
	require.Equal(t, "DUPLICATES_DETECTED", unknown.Explain())
}
