package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// rowVersions returns a table's rows with the transaction that wrote each, which changes with every write of a row, even
// one that changes nothing in it.
func rowVersions(t *testing.T, f *fixture, table string) []string {
	t.Helper()
	rows, err := store.Strings(f.ctx, f.Store, `select concat_ws(' ', ctid, xmin) from `+table+` order by ctid`)
	require.NoError(t, err)
	return rows
}

// A pass over a world that did not change leaves every row as it was: the database grows with the data, not with time.
func TestRowsDoNotGrowWithoutNewData(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const items = 20
	var (
		rows   []store.Staged
		plan   = store.PlanBatch{Kind: record.Contact}
		settle = store.SettleBatch{Kind: record.Contact}
	)
	for i := range items {
		crm, mailbox := fmt.Sprint("c", i), fmt.Sprint("m", i)
		intent := create(fmt.Sprint("i", i))
		l := link(intent.LinkID, crm, mailbox) // its tags are what both sides show
		inMailbox := seen(record.Mailbox, item(mailbox, mailbox+"-1", 1, "Ann"))
		inMailbox.Keys = [][]byte{fmt.Append(nil, "key ", i)}
		rows = append(rows, seen(record.CRM, item(crm, crm+"-1", 1, "Ann")), inMailbox)
		plan.Links, plan.Intents = append(plan.Links, l), append(plan.Intents, intent)
		plan.Verdicts = append(plan.Verdicts, store.Verdict{Kind: record.Contact, Side: record.CRM, ID: crm, LinkID: l.ID, Pass: 1, Revision: 1, Reason: "created"})
		settle.Links, settle.Done = append(settle.Links, l), append(settle.Done, intent.ID)
		settle.Unstage = append(settle.Unstage, stagedAs(record.CRM, crm), stagedAs(record.Mailbox, mailbox))
		settle.Journal = append(settle.Journal, line(crm, l.ID, "Ann"))
	}
	settle.Verdicts = plan.Verdicts
	pass := func(intents []store.Intent) {
		plan.Intents = intents
		f.stage(t, rows...)
		require.NoError(t, f.SavePlan(f.ctx, acme, alice, f.epoch, plan))
		require.NoError(t, f.Settle(f.ctx, acme, alice, f.epoch, settle))
	}
	pass(plan.Intents)
	before := map[string][]string{}
	for table, want := range map[string]int{"link": items, "verdict": items, "journal": items, "intent": items,
		"mailbox_key": items, "staged": 0, "parked": 0} {
		before[table] = rowVersions(t, f, table)
		require.Len(t, before[table], want, table)
	}

	for i := range plan.Verdicts { // the next pass says the same
		plan.Verdicts[i].Pass = 2
	}
	pass(nil)
	pass([]store.Intent{create("i0")}) // a replay plans what is done
	for table, want := range before {
		require.Equal(t, want, rowVersions(t, f, table), "%s was written", table)
	}

	plan.Verdicts[3].Reason = "equal" // and one that changed is one row
	pass(nil)
	require.Len(t, changed(before["verdict"], rowVersions(t, f, "verdict")), 1)

	gone := seen(record.Mailbox, connector.Item{Ref: connector.Ref{ID: "m0"}})
	gone.Obs.Presence = planner.Deleted
	f.stage(t, gone)
	f.mustCount(t, items-1, `select count(*)::text from mailbox_key`)

	f.advance(49 * time.Hour)
	require.NoError(t, f.Prune(f.ctx, acme, f.now()))
	f.mustCount(t, 0, `select count(*)::text from intent`)
	f.mustCount(t, items, `select count(*)::text from journal`)
}

// changed returns the row versions that were not there before.
func changed(before, after []string) []string {
	var out []string
	known := map[string]bool{}
	for _, v := range before {
		known[v] = true
	}
	for _, v := range after {
		if !known[v] {
			out = append(out, v)
		}
	}
	return out
}

// stagedAs names a row as it was staged first.
func stagedAs(side record.Side, id string) store.StagedAs {
	return store.StagedAs{SideID: store.SideID{Side: side, ID: id}, Tag: id + "-1"}
}
