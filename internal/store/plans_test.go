package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

func (f *fixture) save(t *testing.T, b store.PlanBatch) {
	t.Helper()
	b.Kind = record.Contact
	require.NoError(t, f.SavePlan(f.ctx, acme, alice, f.epoch, b))
}

func (f *fixture) settle(t *testing.T, b store.SettleBatch) {
	t.Helper()
	b.Kind = record.Contact
	require.NoError(t, f.Settle(f.ctx, acme, alice, f.epoch, b))
}

// intents returns the states of intents, by id.
func (f *fixture) intents(t *testing.T) map[string]store.Intent {
	t.Helper()
	all := []store.IntentState{store.Planned, store.Held, store.Sent, store.Unknown, store.Done, store.ParkedI, store.Dropped}
	rows, err := f.Intents(f.ctx, acme, alice, "", all, nil, "", 0)
	require.NoError(t, err)
	out := map[string]store.Intent{}
	for _, r := range rows {
		out[r.ID] = r
	}
	return out
}

func TestIntentThroughItsLife(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	i := create("i1")
	i.If, i.After, i.Drop, i.Code = connector.Version{Tag: "e", At: noon}, planner.Tombstone, true, "x"
	f.save(t, store.PlanBatch{Intents: []store.Intent{i}})
	want := i
	want.Epoch = f.epoch
	require.Equal(t, want, f.intents(t)["i1"])

	i.Op.Set = record.Fields{record.FieldGiven: "Anna"}
	i.Ref.ID, i.If.Tag, i.SentAt = "m1", "e2", noon.Add(time.Second)
	old := item("m1", "e2", 0, "Old")
	i.Before = &old
	require.NoError(t, f.MarkSent(f.ctx, acme, alice, f.epoch, []store.Intent{i}))
	want = i
	want.State, want.Epoch = store.Sent, f.epoch
	require.Equal(t, want, f.intents(t)["i1"])

	f.save(t, store.PlanBatch{Intents: []store.Intent{create("i1")}})
	require.Equal(t, want, f.intents(t)["i1"], "planning again does not take back what was sent")
	require.NoError(t, f.ResetPlan(f.ctx, acme, alice, f.epoch))
	require.Contains(t, f.intents(t), "i1", "a new plan keeps what is open")

	newer := item("m1", "e3", 1, "Written by us, read back as before-image")
	i.Before = &newer
	require.NoError(t, f.MarkSent(f.ctx, acme, alice, f.epoch, []store.Intent{i}))
	require.Equal(t, &old, f.intents(t)["i1"].Before, "the first before-image stays")

	f.settle(t, store.SettleBatch{Unknown: []string{"i1"}, Codes: map[string]string{"i1": "timeout"}})
	require.Equal(t, store.Unknown, f.intents(t)["i1"].State)
	require.Equal(t, "timeout", f.intents(t)["i1"].Code)
	f.settle(t, store.SettleBatch{Back: []string{"i1"}})
	require.Equal(t, store.Planned, f.intents(t)["i1"].State)
	require.NoError(t, f.MarkSent(f.ctx, acme, alice, f.epoch, []store.Intent{i}))
	require.Equal(t, &newer, f.intents(t)["i1"].Before, "sent anew, from what is there now")

	f.advance(time.Minute)
	f.settle(t, store.SettleBatch{Done: []string{"i1"}})
	done := f.intents(t)["i1"]
	require.Equal(t, store.Done, done.State)
	require.Equal(t, f.now(), done.Settled)
	f.settle(t, store.SettleBatch{Back: []string{"i1"}})
	require.Equal(t, store.Done, f.intents(t)["i1"].State, "what is over stays so")
	require.ErrorIs(t, f.MarkSent(f.ctx, acme, alice, f.epoch, []store.Intent{create("i2"), i}), store.ErrConflict)

	n, err := f.CountWrites(f.ctx, acme, alice, noon)
	require.NoError(t, err)
	require.Equal(t, map[connector.Verb]int{connector.Create: 1}, n)
	exempt := create("exempt")
	exempt.Exempt = true
	f.save(t, store.PlanBatch{Intents: []store.Intent{exempt}})
	require.True(t, f.intents(t)["exempt"].Exempt)
	f.settle(t, store.SettleBatch{Done: []string{"exempt"}})
	n, err = f.CountWrites(f.ctx, acme, alice, noon)
	require.NoError(t, err)
	require.Equal(t, map[connector.Verb]int{connector.Create: 1}, n, "what is exempt does not count")
	n, err = f.CountWrites(f.ctx, acme, "", f.now().Add(time.Second))
	require.NoError(t, err)
	require.Empty(t, n)

	f.advance(47 * time.Hour)
	require.NoError(t, f.Prune(f.ctx, acme, f.now()))
	require.Contains(t, f.intents(t), "i1", "the guards still count it")
	f.advance(2 * time.Hour)
	require.NoError(t, f.Prune(f.ctx, acme, f.now()))
	require.Empty(t, f.intents(t))
}

func TestIntentsAreNarrowed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	del := create("a")
	del.Op = planner.Op{Side: record.CRM, Verb: connector.Delete}
	event := create("b")
	event.Kind = record.Event
	late := create("0")
	late.Pass = 2
	f.save(t, store.PlanBatch{Intents: []store.Intent{event, del, create("c")}})
	f.save(t, store.PlanBatch{Intents: []store.Intent{late}})
	for name, tt := range map[string]struct {
		kind  record.Kind
		verbs []connector.Verb
		side  record.Side
		n     int
		want  []string
	}{
		"all, as planned": {want: []string{"a", "b", "c", "0"}},
		"a kind":          {kind: record.Contact, want: []string{"a", "c", "0"}},
		"verbs":           {verbs: []connector.Verb{connector.Delete, connector.Update}, want: []string{"a"}},
		"a side":          {side: record.Mailbox, want: []string{"b", "c", "0"}},
		"the first":       {n: 2, want: []string{"a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, err := f.Intents(f.ctx, acme, alice, tt.kind, []store.IntentState{store.Planned}, tt.verbs, tt.side, tt.n)
			require.NoError(t, err)
			ids := []string{}
			for _, r := range rows {
				ids = append(ids, r.ID)
			}
			require.Equal(t, tt.want, ids)
		})
	}
	rows, err := f.Intents(f.ctx, acme, alice, "", []store.IntentState{store.Sent}, nil, "", 0)
	require.NoError(t, err)
	require.Empty(t, rows)
}

func TestTwoOutcomesAreRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.save(t, store.PlanBatch{Intents: []store.Intent{create("i1")}})
	require.Error(t, f.Settle(f.ctx, acme, alice, f.epoch, store.SettleBatch{Done: []string{"i1"}, Unknown: []string{"i1"}}))
	require.Equal(t, store.Planned, f.intents(t)["i1"].State)
}

// One bad row undoes its whole batch: a link that conflicts leaves no intent, verdict or journal line behind.
func TestBatchIsOneTransaction(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.save(t, store.PlanBatch{Links: []planner.Link{link("l1", "c1", "m1")}})
	before := dump(t, f, true)
	err := f.SavePlan(f.ctx, acme, alice, f.epoch, store.PlanBatch{Kind: record.Contact, Links: []planner.Link{link("l2", "c1", "m2")},
		Intents:  []store.Intent{create("i1")},
		Verdicts: []store.Verdict{{Kind: record.Contact, Side: record.CRM, ID: "c1", Reason: "created"}},
		Journal:  []store.Line{{Kind: record.Contact, Side: record.CRM, ID: "c1", Values: map[string]store.Change{"title": {After: "x"}}}}})
	require.ErrorIs(t, err, store.ErrConflict)
	require.Equal(t, before, dump(t, f, true))
}

func TestHeldPlan(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	held := func(digest string) store.Plan {
		return store.Plan{Digest: digest, Pass: 4, Counts: map[string]int{"deletes": 60}, Why: []string{"deletes: 60 of at most 50"}, Lines: []byte{1, 2}}
	}
	_, err := f.HeldPlan(f.ctx, acme, alice)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorIs(t, f.ReleasePlan(f.ctx, acme, alice, "d1"), store.ErrNotFound)

	f.save(t, store.PlanBatch{Intents: []store.Intent{create("i1")}})
	require.NoError(t, f.SetHeld(f.ctx, acme, alice, f.epoch, held("d1")))
	require.Equal(t, store.Held, f.intents(t)["i1"].State)
	want := held("d1")
	want.State, want.At = store.PlanHeld, noon
	got, err := f.HeldPlan(f.ctx, acme, alice)
	require.NoError(t, err)
	require.Equal(t, want, got)

	require.ErrorIs(t, f.ReleasePlan(f.ctx, acme, alice, "d0"), store.ErrConflict, "an admin releases what they saw")
	require.NoError(t, f.ReleasePlan(f.ctx, acme, alice, "d1"))
	require.NoError(t, f.SetHeld(f.ctx, acme, alice, f.epoch, held("d1")))
	got, err = f.HeldPlan(f.ctx, acme, alice)
	require.NoError(t, err)
	require.Equal(t, store.PlanReleased, got.State, "the same plan stays released")
	require.NoError(t, f.SetHeld(f.ctx, acme, alice, f.epoch, held("d2")))
	got, err = f.HeldPlan(f.ctx, acme, alice)
	require.NoError(t, err)
	require.Equal(t, store.PlanHeld, got.State, "another plan is held anew")
	require.NoError(t, f.DropPlan(f.ctx, acme, alice, f.epoch))
	_, err = f.HeldPlan(f.ctx, acme, alice)
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestVerdictsChangeOnlyWithTheirReason(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	v := store.Verdict{Kind: record.Contact, Side: record.CRM, ID: "c1", LinkID: "l1", Pass: 1, Revision: 1, Reason: "created", Rule: "r"}
	get := func() store.Verdict {
		vs, err := f.Verdicts(f.ctx, acme, alice, record.Contact, "c1")
		require.NoError(t, err)
		require.Len(t, vs, 1)
		return vs[0]
	}
	f.save(t, store.PlanBatch{Verdicts: []store.Verdict{v}})
	first := v
	first.At = noon
	require.Equal(t, first, get())
	f.advance(time.Minute)
	v.Pass, v.Revision = 2, 2
	f.save(t, store.PlanBatch{Verdicts: []store.Verdict{v}})
	require.Equal(t, first, get(), "unchanged: nothing is written")
	v.Code = "X"
	f.save(t, store.PlanBatch{Verdicts: []store.Verdict{v}})
	require.EqualValues(t, 2, get().Pass)
	byLink, err := f.Verdicts(f.ctx, acme, alice, record.Contact, "l1")
	require.NoError(t, err)
	require.Len(t, byLink, 1)
}

func TestVerdictsByMatchKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	key, claimed := f.ring.Lookup(acme, record.Contact, "email:a"), f.ring.Lookup(acme, record.Contact, "email:b")
	m := seen(record.Mailbox, item("m1", "m1-2", 1, "Ann"))
	m.Keys = [][]byte{key}
	f.stage(t, m)
	_, err := f.Claim(f.ctx, acme, record.Contact, alice, "l2", [][]byte{claimed}, time.Minute)
	require.NoError(t, err)
	verdict := func(side record.Side, id string) store.Verdict {
		return store.Verdict{Kind: record.Contact, Side: side, ID: id, Reason: "created"}
	}
	f.save(t, store.PlanBatch{Links: []planner.Link{link("l1", "c1", "m1")}, Verdicts: []store.Verdict{verdict(record.CRM, "c1"),
		verdict(record.Mailbox, "m1"), verdict(record.CRM, "c2"), verdict(record.Mailbox, "m9")}})
	f.settle(t, store.SettleBatch{ClaimCRM: map[string]string{"l2": "c2"}})
	find := func(keys ...[]byte) []string {
		vs, err := f.VerdictsByKeys(f.ctx, acme, alice, record.Contact, keys)
		require.NoError(t, err)
		ids := []string{}
		for _, v := range vs {
			ids = append(ids, v.ID)
		}
		return ids
	}
	require.Equal(t, []string{"c1", "m1"}, find(key), "the mailbox item and what it is linked to")
	require.Equal(t, []string{"c2"}, find(claimed), "the record that the key was claimed for")
	require.Empty(t, find(f.ring.Lookup(acme, record.Contact, "email:c")))
}

func TestParkedItems(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p := store.Parked{Kind: record.Contact, Side: record.CRM, ID: "c1", LinkID: "l1", Reason: "vendor_refused", Field: "title", Code: "X",
		Words: "says the CRM", Attempts: 1, NextTry: noon.Add(time.Hour), Revision: 3, Metadata: "m"}
	v := store.Verdict{Kind: record.Contact, Side: record.CRM, ID: "c1", Reason: "vendor_refused"}
	f.save(t, store.PlanBatch{Verdicts: []store.Verdict{v}, Parked: []store.Parked{p}})
	list := func() []store.Parked {
		rows, err := f.ParkedList(f.ctx, acme, alice, 0)
		require.NoError(t, err)
		return rows
	}
	want := p
	want.Since = noon
	require.Equal(t, []store.Parked{want}, list())
	due := func(now time.Time, revision int64, metadata string) int {
		rows, err := f.ParkedDue(f.ctx, acme, alice, record.Contact, now, revision, metadata)
		require.NoError(t, err)
		return len(rows)
	}
	require.Equal(t, 0, due(noon, 3, "m"))
	require.Equal(t, 0, due(noon, 3, ""))
	require.Equal(t, 1, due(noon.Add(time.Hour), 3, "m"), "its time has come")
	require.Equal(t, 1, due(noon, 4, "m"), "another policy")
	require.Equal(t, 1, due(noon, 3, "n"), "other field metadata")
	n, err := f.RetryParked(f.ctx, acme, alice, []string{"c9"})
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = f.RetryParked(f.ctx, acme, alice, []string{"l1"})
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, 1, due(noon, 3, "m"), "on demand")

	f.advance(time.Minute)
	p.Attempts = 2
	f.settle(t, store.SettleBatch{Verdicts: []store.Verdict{v}, Parked: []store.Parked{p}})
	want.Attempts = 2
	require.Equal(t, []store.Parked{want}, list(), "parked again: since then, still")
	v.Reason = "updated"
	f.settle(t, store.SettleBatch{Verdicts: []store.Verdict{v}})
	require.Empty(t, list(), "a settled item is not parked")
}

// Two intents of a rep, of different kinds, whose ids hash alike: what befalls one leaves the other.
func TestIntentsWhoseIDsHashAlike(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	one, other := create("i1"), create("i2")
	other.Kind = record.Event
	f.save(t, store.PlanBatch{Intents: []store.Intent{one}})
	require.NoError(t, f.SavePlan(f.ctx, acme, alice, f.epoch, store.PlanBatch{Kind: record.Event, Intents: []store.Intent{other}}))
	require.NoError(t, store.Exec(f.ctx, f.Store, `update intent set no = (select no from intent where intent_id = 'i1') where intent_id = 'i2'`))
	require.NoError(t, f.MarkSent(f.ctx, acme, alice, f.epoch, []store.Intent{one}))
	f.mustCount(t, 1, `select count(*)::text from intent where state = 'planned'`)
	f.settle(t, store.SettleBatch{Done: []string{"i1"}})
	f.mustCount(t, 1, `select count(*)::text from intent where state = 'planned' and intent_id = 'i2'`)
}
