package store_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/internal/store/storetest"
)

const (
	scaleBatch = 200
	perItem    = 40 // rows that one call may read per item of its batch, over all its statements
)

// meter counts the rows that Postgres reads, by call: table rows of sequential scans and entries of index scans.
type meter struct {
	*fixture
	t     testing.TB
	early map[string]int64 // of batches soon after the start, when plans are cached
	late  map[string]int64 // of the last batches
}

// read returns the rows that were read in the schema so far, by table and index.
func (m *meter) read() map[string]int64 {
	m.t.Helper()
	require.NoError(m.t, store.Exec(m.ctx, m.Store, `select pg_stat_force_next_flush()`)) // this connection is the only one
	got, err := store.Strings(m.ctx, m.Store, `select json_object_agg(name, n)::text from (
		select relname || ' (seq scan)' as name, seq_tup_read as n from pg_stat_user_tables where schemaname = current_schema()
		union all
		select indexrelname, idx_tup_read from pg_stat_user_indexes where schemaname = current_schema()) s`)
	require.NoError(m.t, err)
	out := map[string]int64{}
	require.NoError(m.t, json.Unmarshal([]byte(got[0]), &out))
	return out
}

// call runs one call of a phase's n-th of all batches, and weighs it when that is an early or a late one.
func (m *meter) call(name string, n, all int, fn func() error) {
	m.t.Helper()
	into := m.early
	switch {
	case n >= all-3:
		into = m.late
	case n < 10 || n > 12:
		require.NoError(m.t, fn(), name)
		return
	}
	before := m.read()
	require.NoError(m.t, fn(), name)
	for where, rows := range m.read() {
		if rows -= before[where]; rows > 0 {
			into[name] += rows
			if rows > perItem*scaleBatch {
				m.t.Errorf("%s, batch %d of %d: read %d rows of %s", name, n, all, rows, where)
			}
		}
	}
}

// A batch of a rep's first sync costs the same however many items are stored, also without statistics: what it reads are
// the rows that it names. The statistics of a table that was just filled come minutes later, and plans that were made
// for empty tables stay cached on a connection.
//
// It runs while no other test does: a snapshot held elsewhere in the database keeps index entries of dead rows alive, and
// they would be counted.
func TestFirstSyncReadsWhatItNames(t *testing.T) { //nolint:paralleltest // see above
	firstSync(t, 10_000)
}

// BenchmarkFirstSync is the same with a rep's 50,000 items.
func BenchmarkFirstSync(b *testing.B) {
	for b.Loop() {
		firstSync(b, 50_000)
	}
}

// firstSync stages, judges, plans, sends and settles items, reads them again, and asserts what each call reads.
func firstSync(t testing.TB, items int) {
	t.Helper()
	ring, _ := storetest.Ring(t)
	f := fixtureOf(t, ring, storetest.Schema(t)) // a new one: dead rows of another test would be counted
	store.Repool(f.Store, func(config *pgxpool.Config) { config.MaxConns = 1 })
	for _, table := range []string{"link", "staged", "mailbox_key", "intent", "verdict", "journal", "parked", "rank", "claim"} {
		require.NoError(t, store.Exec(f.ctx, f.Store, `alter table `+table+` set (autovacuum_enabled = false)`))
	}
	f.ranked(t)
	for range 10 { // the plan of who is beyond a limit was made while there was nobody
		_, err := f.Seats(f.ctx, acme, alice, record.Contact, items/4)
		require.NoError(t, err)
	}
	m := &meter{fixture: f, t: t, early: map[string]int64{}, late: map[string]int64{}}
	all := items / scaleBatch
	crm := func(i int) string { return fmt.Sprintf("c%06d", i) }
	mailbox := func(i int) string { return fmt.Sprintf("m%06d", i) }
	key := func(i int) []byte { return fmt.Appendf(nil, "key %06d", i) }
	linkID := func(i int) string { return fmt.Sprintf("l%06d", i) }
	// each batch is half of either side: item i of the CRM and item i of the mailbox are one person
	batch := func(n int, each func(i int)) {
		for i := n * scaleBatch / 2; i < (n+1)*scaleBatch/2; i++ {
			each(i)
		}
	}
	stage := func(readNo int64) func(n int) []store.Staged {
		return func(n int) (rows []store.Staged) {
			batch(n, func(i int) {
				for _, side := range []record.Side{record.CRM, record.Mailbox} {
					id := crm(i)
					if side == record.Mailbox {
						id = mailbox(i)
					}
					row := seen(side, item(id, id+"-1", 1, "Ann"))
					row.ReadNo = readNo
					if side == record.Mailbox {
						row.Keys = [][]byte{key(i)}
					}
					rows = append(rows, row)
				}
			})
			return rows
		}
	}
	cursor := func(readNo int64) store.Cursor {
		return store.Cursor{Kind: record.Contact, Side: record.CRM, Full: true, ReadNo: readNo}
	}

	first, second := stage(1), stage(2)
	for n := range all {
		m.call("Stage", n, all, func() error { return f.Stage(f.ctx, acme, alice, f.epoch, first(n), cursor(1)) })
	}
	after := ""
	for n := range all {
		var page []store.Staged
		m.call("StagedPage", n, all, func() (err error) {
			page, err = f.StagedPage(f.ctx, acme, alice, record.Contact, after, scaleBatch, store.StagedFilter{})
			return err
		})
		require.Len(t, page, scaleBatch)
		after = page[len(page)-1].Place()
		var judged []store.Judgement
		for _, r := range page {
			judged = append(judged, store.Judgement{Side: r.Side, ID: r.ID, In: true})
		}
		m.call("Judge", n, all, func() error { return f.Judge(f.ctx, acme, alice, f.epoch, record.Contact, judged) })
	}
	for n := range all {
		var crms, mailboxes []string
		var keys [][]byte
		plan := store.PlanBatch{Kind: record.Contact}
		batch(n, func(i int) {
			crms, mailboxes, keys = append(crms, crm(i)), append(mailboxes, mailbox(i)), append(keys, key(i))
			intent := create("i" + linkID(i))
			intent.LinkID, intent.Exempt = linkID(i), true
			l := link(linkID(i), crm(i), mailbox(i))
			plan.Links, plan.Intents = append(plan.Links, l), append(plan.Intents, intent)
			plan.Verdicts = append(plan.Verdicts, store.Verdict{Kind: record.Contact, Side: record.CRM, ID: crm(i), LinkID: l.ID, Pass: 1, Revision: 1, Reason: "created"})
		})
		m.call("MailboxByKeys", n, all, func() error {
			got, err := f.MailboxByKeys(f.ctx, acme, alice, record.Contact, keys)
			require.Len(t, got, len(keys))
			return err
		})
		m.call("StagedByID", n, all, func() error {
			got, err := f.StagedByID(f.ctx, acme, alice, record.Contact, record.Mailbox, mailboxes)
			require.Len(t, got, len(mailboxes))
			return err
		})
		m.call("SavePlan", n, all, func() error { return f.SavePlan(f.ctx, acme, alice, f.epoch, plan) })
		m.call("LinksBySide crm", n, all, func() error {
			got, err := f.LinksBySide(f.ctx, acme, alice, record.Contact, record.CRM, crms)
			require.Len(t, got, len(crms))
			return err
		})
		m.call("LinksBySide mailbox", n, all, func() error {
			got, err := f.LinksBySide(f.ctx, acme, alice, record.Contact, record.Mailbox, mailboxes)
			require.Len(t, got, len(mailboxes))
			return err
		})
	}
	for n := range all {
		var intents []store.Intent
		m.call("Intents", n, all, func() (err error) {
			intents, err = f.Intents(f.ctx, acme, alice, record.Contact, []store.IntentState{store.Planned}, []connector.Verb{connector.Create}, record.Mailbox, scaleBatch/2)
			return err
		})
		require.Len(t, intents, scaleBatch/2)
		m.call("MarkSent", n, all, func() error { return f.MarkSent(f.ctx, acme, alice, f.epoch, intents) })
		m.call("Intents unclear", n, all, func() error {
			got, err := f.Intents(f.ctx, acme, alice, "", []store.IntentState{store.Sent, store.Unknown}, nil, "", 0)
			require.Len(t, got, len(intents))
			return err
		})
		settle := store.SettleBatch{Kind: record.Contact}
		batch(n, func(i int) {
			l := link(linkID(i), crm(i), mailbox(i))
			l.Mailbox.Edited = noon
			settle.Links, settle.Done = append(settle.Links, l), append(settle.Done, "i"+linkID(i))
			settle.Verdicts = append(settle.Verdicts, toldOf(l, 1, "equal")...)
			settle.Unstage = append(settle.Unstage, stagedAs(record.CRM, crm(i)), stagedAs(record.Mailbox, mailbox(i)))
			created := line(crm(i), linkID(i), "Ann")
			created.Action = string(connector.Create)
			settle.Journal = append(settle.Journal, created)
			settle.Keys = append(settle.Keys, store.Keyed{ID: mailbox(i), Keys: [][]byte{key(i), key(i + items)}})
			settle.Ranks = append(settle.Ranks, store.Ranked{ID: crm(i), Rank: "2026"})
		})
		require.Equal(t, settle.Done[0], intents[0].ID)
		m.call("Settle", n, all, func() error { return f.Settle(f.ctx, acme, alice, f.epoch, settle) })
	}
	for n := range all { // a full read that shows nothing new
		m.call("Stage again", n, all, func() error { return f.Stage(f.ctx, acme, alice, f.epoch, second(n), cursor(2)) })
	}
	for _, side := range []record.Side{record.CRM, record.Mailbox} {
		after := ""
		for n := range all / 2 { // all are absent from a third one
			m.call("AbsentLinks "+string(side), n, all/2, func() error {
				ids, err := f.AbsentLinks(f.ctx, acme, alice, record.Contact, side, 3, after, scaleBatch)
				require.Len(t, ids, scaleBatch)
				after = ids[len(ids)-1].LinkID
				return err
			})
		}
	}
	for n := range all { // events, in a collection of their own
		var events []planner.Link
		var ids []string
		batch(n, func(i int) {
			events, ids = append(events, link("e"+linkID(i), "e"+crm(i), "e"+mailbox(i)+"#20260302")), append(ids, "e"+mailbox(i))
		})
		m.call("PutLinks", n, all, func() error { return f.PutLinks(f.ctx, acme, alice, f.epoch, record.Event, events) })
		m.call("LinksOfSeries", n, all, func() error {
			got, err := f.LinksOfSeries(f.ctx, acme, alice, ids)
			require.Len(t, got, len(ids))
			return err
		})
	}
	for table, of := range map[string]struct{ rows, most int }{"intent": {items / 2, 120}, "staged": {items, 80}} { // empty by now
		require.NoError(t, store.Exec(f.ctx, f.Store, `vacuum `+table))
		room, err := store.Strings(f.ctx, f.Store, `select pg_total_relation_size('`+table+`')::text`)
		require.NoError(t, err)
		bytes, err := strconv.Atoi(room[0])
		require.NoError(t, err)
		t.Logf("%s leaves room for %d bytes a row", table, bytes/of.rows)
		require.Less(t, bytes/of.rows, of.most, "what %s leaves behind in pages, per row that was there", table)
	}
	before := m.read()
	ranks, err := f.KeepRanks(f.ctx, acme, alice, f.epoch, record.Contact, items/4, false)
	require.NoError(t, err)
	require.Equal(t, store.AllRanks, ranks)
	seats, err := f.Seats(f.ctx, acme, alice, record.Contact, items/4)
	require.NoError(t, err)
	require.Len(t, seats.Out, items/2-items/4)
	for where, rows := range m.read() {
		require.LessOrEqual(t, rows-before[where], int64(2*items), "%s is read once to count, and once", where)
	}
	after = ""
	for n := range all / 2 {
		m.call("LinkRows", n, all/2, func() error {
			rows, err := f.LinkRows(f.ctx, acme, alice, record.Contact, after, scaleBatch)
			require.Len(t, rows, scaleBatch)
			require.True(t, rows[0].Told.CRM && rows[0].Told.Mailbox)
			after = rows[len(rows)-1].Link.ID
			return err
		})
	}
	for n := range all { // each leaves what it told
		var links []string
		var keys [][]byte
		batch(n, func(i int) { links, keys = append(links, linkID(i)), append(keys, key(i)) })
		m.call("VerdictsByKeys", n, all, func() error {
			got, err := f.VerdictsByKeys(f.ctx, acme, alice, record.Contact, keys)
			require.Len(t, got, scaleBatch)
			return err
		})
		m.call("DropLinks", n, all, func() error { return f.DropLinks(f.ctx, acme, alice, f.epoch, record.Contact, links) })
	}
	require.GreaterOrEqual(t, len(m.early), 13, "the meter sees what is read")
	for name, late := range m.late {
		t.Logf("%-20s %6d rows early, %6d late, in 3 batches of %d", name, m.early[name], late, scaleBatch)
		require.LessOrEqual(t, late, m.early[name]*3/2+scaleBatch/2, "%s reads more rows the more are stored", name)
	}
	staged, err := f.StagedPage(f.ctx, acme, alice, record.Contact, "", 1, store.StagedFilter{})
	require.NoError(t, err)
	require.Empty(t, staged)
}
