package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// toldOf is what a pass says of both items of a link.
func toldOf(l planner.Link, pass int64, reason planner.Reason) []store.Verdict {
	v := store.Verdict{Kind: record.Contact, Side: record.CRM, ID: l.CRM.ID, LinkID: l.ID, Pass: pass, Revision: pass, Reason: reason, Rule: "r"}
	other := v
	other.Side, other.ID = record.Mailbox, l.Mailbox.ID
	return []store.Verdict{v, other}
}

// reasons are the verdicts on what an id names, as side, item, link and reason.
func (f *fixture) reasons(t *testing.T, id string) []string {
	t.Helper()
	list, err := f.Verdicts(f.ctx, acme, alice, record.Contact, id)
	require.NoError(t, err)
	of, err := f.VerdictsOf(f.ctx, acme, alice, id, 10)
	require.NoError(t, err)
	require.Equal(t, list, of)
	out := []string{}
	for _, v := range list {
		out = append(out, string(v.Side)+" "+v.ID+" "+v.LinkID+" "+string(v.Reason))
	}
	return out
}

// The verdict on a linked pair stands once, and is found by either id and by the link's.
func TestVerdictOfALinkStandsOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	l := link("l1", "c1", "m1")
	waits := l
	waits.Mailbox = planner.SideBase{}
	f.save(t, store.PlanBatch{Links: []planner.Link{waits}, Verdicts: toldOf(l, 1, "guard_held")[:1]})
	require.Equal(t, []string{"crm c1 l1 guard_held"}, f.reasons(t, "c1"), "of one item alone")
	f.mustCount(t, 1, `select count(*)::text from verdict`)

	f.settle(t, store.SettleBatch{Links: []planner.Link{l}, Verdicts: toldOf(l, 2, "created")})
	both := []string{"crm c1 l1 created", "mailbox m1 l1 created"}
	require.Equal(t, both[:1], f.reasons(t, "c1"))
	require.Equal(t, both[1:], f.reasons(t, "m1"))
	require.Equal(t, both, f.reasons(t, "l1"))
	f.mustCount(t, 0, `select count(*)::text from verdict`)
	got, err := f.Verdicts(f.ctx, acme, alice, record.Contact, "m1")
	require.NoError(t, err)
	want := toldOf(l, 2, "created")[1]
	want.At = noon
	require.Equal(t, []store.Verdict{want}, got)

	before := rowVersions(t, f, "link")
	f.save(t, store.PlanBatch{Links: []planner.Link{l}, Verdicts: toldOf(l, 3, "created")})
	f.save(t, store.PlanBatch{Verdicts: toldOf(l, 4, "created")})
	f.save(t, store.PlanBatch{Verdicts: toldOf(l, 5, "created")[:1]})
	require.Equal(t, before, rowVersions(t, f, "link"), "what says the same writes nothing")
	f.mustCount(t, 0, `select count(*)::text from verdict`)

	f.save(t, store.PlanBatch{Verdicts: toldOf(l, 6, "equal")})
	require.Equal(t, []string{"crm c1 l1 equal", "mailbox m1 l1 equal"}, f.reasons(t, "l1"), "without the link in the batch")
	f.mustCount(t, 0, `select count(*)::text from verdict`)
}

// What is said of one item of a link alone is told of that one, until both are told of again.
func TestVerdictOfOneItemOfALink(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	l := link("l1", "c1", "m1")
	f.save(t, store.PlanBatch{Links: []planner.Link{l}, Verdicts: toldOf(l, 1, "equal")})
	alone := toldOf(l, 2, "vendor_refused")[1:]
	f.save(t, store.PlanBatch{Verdicts: alone})
	require.Equal(t, []string{"crm c1 l1 equal", "mailbox m1 l1 vendor_refused"}, f.reasons(t, "l1"))
	before := rowVersions(t, f, "verdict")
	f.save(t, store.PlanBatch{Verdicts: alone})
	require.Equal(t, before, rowVersions(t, f, "verdict"))

	unlinked := alone[0]
	unlinked.LinkID, unlinked.Reason = "", "ambiguous"
	f.save(t, store.PlanBatch{Verdicts: []store.Verdict{unlinked}})
	require.Equal(t, []string{"mailbox m1  ambiguous"}, f.reasons(t, "m1"))
	f.save(t, store.PlanBatch{Verdicts: toldOf(l, 3, "equal")})
	require.Equal(t, []string{"crm c1 l1 equal", "mailbox m1 l1 equal"}, f.reasons(t, "l1"))
	f.mustCount(t, 0, `select count(*)::text from verdict`)
}

// An item keeps its verdict when its link goes, or gets another item in its place.
func TestVerdictOutlivesItsLink(t *testing.T) {
	t.Parallel()
	first := link("l1", "c1", "m1")
	moved := link("l1", "c1", "m2")
	left, next := link("l1", "c1", "m1"), link("l2", "c1", "m2")
	left.State = planner.Left
	for name, c := range map[string]struct {
		change func(t *testing.T, f *fixture)
		want   map[string][]string
	}{
		"dropped": {func(t *testing.T, f *fixture) {
			t.Helper()
			require.NoError(t, f.DropLinks(f.ctx, acme, alice, f.epoch, record.Contact, []string{"l1"}))
		}, map[string][]string{"c1": {"crm c1 l1 equal"}, "m1": {"mailbox m1 l1 equal"}, "l1": {"crm c1 l1 equal", "mailbox m1 l1 equal"}}},
		"dropped and told of": {func(t *testing.T, f *fixture) {
			t.Helper()
			f.save(t, store.PlanBatch{DropLinks: []string{"l1"}, Verdicts: toldOf(first, 2, "unlinked")})
		}, map[string][]string{"c1": {"crm c1 l1 unlinked"}, "m1": {"mailbox m1 l1 unlinked"}}},
		"another item": {func(t *testing.T, f *fixture) {
			t.Helper()
			f.save(t, store.PlanBatch{Links: []planner.Link{moved}, Verdicts: toldOf(moved, 2, "created")})
		}, map[string][]string{"c1": {"crm c1 l1 created"}, "m1": {"mailbox m1 l1 equal"}, "m2": {"mailbox m2 l1 created"}}},
		"another link": {func(t *testing.T, f *fixture) {
			t.Helper()
			f.save(t, store.PlanBatch{Links: []planner.Link{next, left}, Verdicts: toldOf(next, 2, "created")})
			f.save(t, store.PlanBatch{Verdicts: toldOf(next, 3, "created")})
		}, map[string][]string{"c1": {"crm c1 l2 created"}, "m1": {"mailbox m1 l1 equal"}, "m2": {"mailbox m2 l2 created"}}},
		"another link that is dropped": {func(t *testing.T, f *fixture) {
			t.Helper()
			f.save(t, store.PlanBatch{Links: []planner.Link{next, left}, Verdicts: toldOf(next, 2, "created")})
			require.NoError(t, f.DropLinks(f.ctx, acme, alice, f.epoch, record.Contact, []string{"l1"}))
		}, map[string][]string{"c1": {"crm c1 l2 created"}, "m1": {"mailbox m1 l1 equal"}, "m2": {"mailbox m2 l2 created"}}},
		"another link, which is dropped itself": {func(t *testing.T, f *fixture) {
			t.Helper()
			f.save(t, store.PlanBatch{Links: []planner.Link{next, left}, Verdicts: toldOf(next, 2, "created")})
			require.NoError(t, f.DropLinks(f.ctx, acme, alice, f.epoch, record.Contact, []string{"l2"}))
		}, map[string][]string{"c1": {"crm c1 l2 created"}, "m1": {"mailbox m1 l1 equal"}, "m2": {"mailbox m2 l2 created"}}},
		"another mailbox": {func(t *testing.T, f *fixture) {
			t.Helper()
			require.NoError(t, f.UpdateRep(f.ctx, store.Rep{Org: acme, Rep: alice, Mailbox: "new@acme.test", CRMUser: "005A", Active: true}))
		}, map[string][]string{"c1": {"crm c1 l1 equal"}, "m1": {}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.save(t, store.PlanBatch{Links: []planner.Link{first}, Verdicts: toldOf(first, 1, "equal")})
			c.change(t, f)
			for id, want := range c.want {
				require.Equal(t, want, f.reasons(t, id), id)
			}
		})
	}
}

// An occurrence that has another id now is told of under that one alone, also where it took the place of another.
func TestVerdictsOfRenamedEvents(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first, second := link("e2", "c2", "s#1"), link("e1", "c1", "s#2")
	var told []store.Verdict
	for _, v := range append(toldOf(first, 1, "created"), toldOf(second, 1, "equal")...) {
		v.Kind = record.Event
		told = append(told, v)
	}
	require.NoError(t, f.SavePlan(f.ctx, acme, alice, f.epoch, store.PlanBatch{Kind: record.Event, Links: []planner.Link{first, second}, Verdicts: told}))
	first.Mailbox.ID, second.Mailbox.ID = "s#2", "s#3"
	require.NoError(t, f.PutRenamed(f.ctx, acme, alice, f.epoch, []planner.Link{second, first}, []string{"s#1", "s#2"}))
	of := map[string]planner.Reason{}
	list, err := f.VerdictsOf(f.ctx, acme, alice, "s", 10)
	require.NoError(t, err)
	for _, v := range list {
		of[v.ID] = v.Reason
	}
	require.Equal(t, map[string]planner.Reason{"s#2": "created", "s#3": "equal"}, of)
	f.mustCount(t, 0, `select count(*)::text from verdict`)
}
