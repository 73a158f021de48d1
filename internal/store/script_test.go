package store_test

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// canary stands for a customer's value wherever one can be written.
const canary = "Canarella-Zwitscher"

// write is one call of a write method. The script below calls each of them; the tests replay it, fence it and look
// through what it left.
type write struct {
	name   string
	fenced bool  // takes an epoch
	again  error // what a second call returns at once, nil for most
	late   error // what it returns after the whole script
	run    func(f *fixture, epoch int64) error
}

func script() []write {
	kind := record.Contact
	one := item("m1", "m1-2", 1, canary)
	one.Owner, one.Image, one.Raw = canary, []byte(canary), map[string]any{"Note__c": canary}
	crm := item("c1", "c1-2", 1, canary)
	before := item("m1", "m1-1", 0, canary)
	key := func(f *fixture) []byte { return f.ring.Lookup(acme, kind, "email:"+canary) }
	staged := func(f *fixture) []store.Staged {
		m := seen(record.Mailbox, one)
		m.Keys = [][]byte{key(f)}
		return []store.Staged{m, seen(record.CRM, crm)}
	}
	intent := func() store.Intent {
		i := create("i1")
		i.Op.Set[record.FieldNotes] = canary
		return i
	}
	line := store.Line{Pass: 1, Revision: 1, Kind: kind, Side: record.Mailbox, ID: "m1", LinkID: "l1", Action: "update", Field: "title",
		Reason: "updated", Values: map[string]store.Change{"title": {Before: canary, After: canary + "2", Lost: canary + "3"}}}
	loose := line
	loose.LinkID, loose.Action = "", "refused"
	verdict := store.Verdict{Kind: kind, Side: record.Mailbox, ID: "m1", LinkID: "l1", Pass: 1, Revision: 1, Reason: "created"}
	parked := store.Parked{Kind: kind, Side: record.Mailbox, ID: "m2", Reason: "vendor_refused", Code: "FIELD_CUSTOM_VALIDATION",
		Words: "no " + canary, Attempts: 1, NextTry: noon, Revision: 1}
	cursor := store.Cursor{Kind: kind, Side: record.Mailbox, Token: []byte(canary), Next: []byte(canary), Page: []byte(canary), Full: true, ReadNo: 1}

	return []write{
		{name: "PutOrg", run: func(f *fixture, _ int64) error { return f.PutOrg(f.ctx, acme) }},
		{name: "AddRep", again: store.ErrConflict, late: store.ErrConflict, run: func(f *fixture, _ int64) error {
			return f.AddRep(f.ctx, store.Rep{Org: acme, Rep: "carol", Mailbox: canary + "@acme.test"})
		}},
		{name: "UpdateRep", run: func(f *fixture, _ int64) error {
			return f.UpdateRep(f.ctx, store.Rep{Org: acme, Rep: "carol", Mailbox: "c." + canary + "@acme.test", CRMUser: "005C", Active: true})
		}},
		{name: "SetSpeaks", run: func(f *fixture, _ int64) error { return f.SetSpeaks(f.ctx, acme, alice, false) }},
		{name: "SetSwept", run: func(f *fixture, _ int64) error { return f.SetSwept(f.ctx, acme, alice, noon) }},
		{name: "RequestReread", run: func(f *fixture, _ int64) error { return f.RequestReread(f.ctx, acme, alice) }},
		{name: "ApplyPolicy", run: func(f *fixture, _ int64) error {
			_, err := f.ApplyPolicy(f.ctx, acme, "sales", []byte("filter: crm.LastName == '"+canary+"'"))
			return err
		}},
		{name: "Acquire", run: func(f *fixture, _ int64) error {
			_, err := f.Acquire(f.ctx, acme, bob, "worker-9", time.Minute)
			return err
		}},
		{name: "Renew", fenced: true, run: func(f *fixture, e int64) error { return f.Renew(f.ctx, acme, alice, e, time.Minute) }},
		{name: "LockRecords", run: func(f *fixture, _ int64) error {
			_, err := f.LockRecords(f.ctx, acme, kind, alice, []string{"c2", "c1"}, time.Minute)
			return err
		}},
		{name: "UnlockRecords", run: func(f *fixture, _ int64) error { return f.UnlockRecords(f.ctx, acme, kind, alice, []string{"c2"}) }},
		{name: "PutLinks", fenced: true, run: func(f *fixture, e int64) error {
			return f.PutLinks(f.ctx, acme, alice, e, kind, []planner.Link{link("l1", "c1", "m1"), link("l9", "c9", "m9")})
		}},
		{name: "DropLinks", fenced: true, run: func(f *fixture, e int64) error { return f.DropLinks(f.ctx, acme, alice, e, kind, []string{"l9"}) }},
		{name: "Stage", fenced: true, run: func(f *fixture, e int64) error { return f.Stage(f.ctx, acme, alice, e, staged(f), cursor) }},
		{name: "Judge", fenced: true, run: func(f *fixture, e int64) error {
			return f.Judge(f.ctx, acme, alice, e, kind, []store.Judgement{{Side: record.CRM, ID: "c1", Why: "filtered_out"}})
		}},
		{name: "Unstage", fenced: true, run: func(f *fixture, e int64) error {
			return f.Unstage(f.ctx, acme, alice, e, kind, []store.SideID{{Side: record.CRM, ID: "c1"}})
		}},
		{name: "KeepRanks", fenced: true, run: func(f *fixture, e int64) error {
			_, err := f.KeepRanks(f.ctx, acme, alice, e, kind, -1, true)
			return err
		}},
		{name: "PutRanks", fenced: true, run: func(f *fixture, e int64) error {
			return f.PutRanks(f.ctx, acme, alice, e, kind, []store.Ranked{{ID: "c1", Rank: canary}, {ID: "c2", Rank: canary}})
		}},
		{name: "NoteSeats", fenced: true, run: func(f *fixture, e int64) error {
			return f.NoteSeats(f.ctx, acme, alice, e, kind, store.Seating{Pushed: []string{"c2"}, Back: []string{"c1"}})
		}},
		{name: "DropRanks", fenced: true, run: func(f *fixture, e int64) error { return f.DropRanks(f.ctx, acme, alice, e, kind, []string{"c2"}) }},
		{name: "Claim", run: func(f *fixture, _ int64) error {
			_, err := f.Claim(f.ctx, acme, kind, alice, "l-i1", [][]byte{key(f)}, time.Minute)
			return err
		}},
		{name: "ResetPlan", fenced: true, run: func(f *fixture, e int64) error { return f.ResetPlan(f.ctx, acme, alice, e) }},
		{name: "SavePlan", fenced: true, run: func(f *fixture, e int64) error {
			return f.SavePlan(f.ctx, acme, alice, e, store.PlanBatch{Kind: kind, Links: []planner.Link{link("l-i1", "c5", "")},
				Intents: []store.Intent{intent(), create("i2"), create("i3")}, Verdicts: []store.Verdict{verdict}, Parked: []store.Parked{parked},
				Journal: []store.Line{line, loose, line}, Unstage: []store.SideID{{Side: record.Mailbox, ID: "m7"}}, DropLinks: []string{"l9"}})
		}},
		{name: "MarkSent", fenced: true, run: func(f *fixture, e int64) error {
			i, j := intent(), create("i2")
			i.Before = &before
			return f.MarkSent(f.ctx, acme, alice, e, []store.Intent{i, j})
		}, late: store.ErrConflict}, // i1 is done by then
		{name: "Settle", fenced: true, run: func(f *fixture, e int64) error {
			settled := line
			settled.Action = "create"
			again := seen(record.CRM, item("c5", "c5-9", 3, canary))
			return f.Settle(f.ctx, acme, alice, e, store.SettleBatch{Kind: kind, Done: []string{"i1"}, Unknown: []string{"i2"},
				Links: []planner.Link{link("l-i1", "c5", "m5")}, Verdicts: []store.Verdict{verdict}, Parked: []store.Parked{parked},
				Journal: []store.Line{settled}, ClaimCRM: map[string]string{"l-i1": "c5"}, Restage: []store.Staged{again},
				Codes: map[string]string{"i2": "timeout"}})
		}},
		{name: "SetHeld", fenced: true, run: func(f *fixture, e int64) error {
			return f.SetHeld(f.ctx, acme, alice, e, store.Plan{Digest: "d1", Pass: 1, Counts: map[string]int{"deletes": 60}, Why: []string{"deletes"}})
		}},
		{name: "ReleasePlan", run: func(f *fixture, _ int64) error { return f.ReleasePlan(f.ctx, acme, alice, "d1") }},
		{name: "SetRetry", run: func(f *fixture, _ int64) error {
			return f.SetRetry(f.ctx, acme, alice, kind, record.CRM, noon, "RATE_LIMIT")
		}},
		{name: "RetryParked", run: func(f *fixture, _ int64) error {
			_, err := f.RetryParked(f.ctx, acme, alice, nil)
			return err
		}},
		{name: "EnsureFeed", run: func(f *fixture, _ int64) error { return f.EnsureFeed(f.ctx, acme, kind, []byte(canary)) }},
		{name: "AppendFeed", run: func(f *fixture, _ int64) error {
			_, err := f.AppendFeed(f.ctx, acme, kind, []byte(canary), []store.FeedRow{
				{ID: "c1", Owner: "005A", Version: crm.Version, Item: crm},
				{ID: "c2", Owner: "005B", Version: connector.Version{Tag: "gone"}, Deleted: true},
			}, []byte(canary+"2"), []byte(canary))
			return err
		}},
		{name: "PruneFeed", run: func(f *fixture, _ int64) error {
			_, err := f.PruneFeed(f.ctx, acme, noon.Add(-time.Hour))
			return err
		}},
		{name: "Commit", fenced: true, run: func(f *fixture, e int64) error {
			return f.Commit(f.ctx, acme, alice, e, store.CommitIn{Kinds: []record.Kind{kind}, Pass: 1, AppliedRevision: 1})
		}},
		{name: "Prune", run: func(f *fixture, _ int64) error { return f.Prune(f.ctx, acme, noon) }},
		{name: "DropPlan", fenced: true, run: func(f *fixture, e int64) error { return f.DropPlan(f.ctx, acme, alice, e) }},
		{name: "DropClaims", run: func(f *fixture, _ int64) error { return f.DropClaims(f.ctx, acme, kind, "c77") }},
		{name: "Release", run: func(f *fixture, _ int64) error { return f.Release(f.ctx, acme, bob, 1) }},
	}
}

// upTo runs the script's writes before the named one.
func upTo(t *testing.T, f *fixture, name string) {
	t.Helper()
	for _, w := range script() {
		if w.name == name {
			return
		}
		require.NoError(t, w.run(f, f.epoch), w.name)
	}
}

// dump returns every row of every table as text, in order. Without sealed columns, which differ each time by their nonce,
// two dumps are equal when the databases are.
func dump(t *testing.T, f *fixture, sealed bool) []string {
	t.Helper()
	tables, err := store.Strings(f.ctx, f.Store, `select tablename::text from pg_tables where schemaname = current_schema() order by 1`)
	require.NoError(t, err)
	require.Greater(t, len(tables), 18)
	var out []string
	for _, table := range tables {
		sql := `select to_jsonb(t)::text from ` + table + ` t`
		if !sealed { // chains cover sealed bytes; null stays visible
			sql = `select (select jsonb_object_agg(key, case when key like '%\_sealed' or key in ('chain', 'values_salt') then to_jsonb(value <> 'null') else value end)
				from jsonb_each(to_jsonb(t)))::text from ` + table + ` t`
		}
		rows, err := store.Strings(f.ctx, f.Store, sql+` order by 1`)
		require.NoError(t, err, table)
		for _, r := range rows {
			out = append(out, table+" "+r)
		}
	}
	return out
}

func TestWritesAreIdempotent(t *testing.T) {
	t.Parallel()
	for _, w := range script() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			upTo(t, f, w.name)
			require.NoError(t, w.run(f, f.epoch))
			once := dump(t, f, false)
			require.ErrorIs(t, w.run(f, f.epoch), w.again)
			require.Equal(t, once, dump(t, f, false))
		})
	}
}

// A whole pass that is replayed from its start leaves what it left the first time, apart from what a replay must refuse.
func TestReplayOfAWholePass(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	upTo(t, f, "none")
	f.mustCount(t, 1, `select count(*)::text from intent where state = 'done'`)
	for _, w := range script() {
		require.ErrorIs(t, w.run(f, f.epoch), w.late, w.name)
	}
	f.mustCount(t, 1, `select count(*)::text from intent where state = 'done'`)
	f.mustCount(t, 3, `select count(*)::text from journal`)
	f.mustCount(t, 2, `select count(*)::text from feed`)
	f.mustCount(t, 1, `select count(*)::text from policy`)
}

func (f *fixture) mustCount(t *testing.T, want int, sql string) {
	t.Helper()
	got, err := store.Strings(f.ctx, f.Store, sql)
	require.NoError(t, err)
	require.Equal(t, []string{strconv.Itoa(want)}, got, sql)
}

func TestOldEpochWritesNothing(t *testing.T) {
	t.Parallel()
	fenced := 0
	for _, w := range script() {
		if !w.fenced {
			continue
		}
		fenced++
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			upTo(t, f, w.name)
			f.advance(time.Hour)
			_, err := f.Acquire(f.ctx, acme, alice, "worker-2", time.Minute)
			require.NoError(t, err)
			old := dump(t, f, true)
			require.ErrorIs(t, w.run(f, f.epoch), store.ErrLeaseLost)
			require.Equal(t, old, dump(t, f, true))
		})
	}
	require.Equal(t, 17, fenced)
}

func TestNoValueIsReadableInTheDatabase(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	upTo(t, f, "DropPlan")
	text := strings.ToLower(strings.Join(dump(t, f, true), "\n"))
	require.Contains(t, text, "m1-2", "a tag is readable, so this test sees what is")
	for name, form := range map[string]string{
		"plain":  canary,
		"hex":    hex.EncodeToString([]byte(canary)),
		"base64": base64.StdEncoding.EncodeToString([]byte(canary))[:20],
	} {
		require.NotContains(t, text, strings.ToLower(form), name)
	}
	for _, table := range []string{"rep", "policy", "cursor", "feed", "feed_state", "staged", "rank", "intent", "parked", "journal"} {
		rows, err := store.Strings(f.ctx, f.Store, `select e.key from `+table+` t, jsonb_each(to_jsonb(t)) e where e.key like '%\_sealed' and e.value <> 'null'`)
		require.NoError(t, err)
		require.NotEmpty(t, rows, "%s has a sealed value: the script reaches it", table)
	}
}

func TestErrorsCarryNoValues(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	require.NoError(t, f.AddRep(f.ctx, store.Rep{Org: acme, Rep: "carol", Mailbox: canary + "@acme.test"}))
	err := f.AddRep(f.ctx, store.Rep{Org: acme, Rep: "dave", Mailbox: canary + "@acme.test"})
	require.ErrorIs(t, err, store.ErrConflict, "one mailbox has one rep")
	require.Equal(t, "store: add rep dave: 23505", err.Error())
	err = f.AddRep(f.ctx, store.Rep{Org: "unknown", Rep: "dave"})
	require.ErrorIs(t, err, store.ErrNotFound)
	require.False(t, store.Transient(err))
}
