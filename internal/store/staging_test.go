package store_test

import (
	"crypto/rand"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

func TestStagedComesBackWhole(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	it := item("m1", "t1", 1, "Ann")
	it.Image, it.Raw, it.Reps = []byte{0, 1, 2}, map[string]any{"Score__c": 4.5}, []string{"x@y.test"}
	row := seen(record.Mailbox, it)
	f.stage(t, row)
	got, ok := f.staged(t, record.Mailbox, "m1")
	require.True(t, ok)
	require.Equal(t, row, got)
}

func TestStagingByVersion(t *testing.T) {
	t.Parallel()
	gone := store.Staged{Kind: record.Contact, Side: record.CRM, ID: "c1", Pass: 1, ReadNo: 1, Obs: planner.Observation{Presence: planner.Deleted}}
	for name, tt := range map[string]struct {
		first, second store.Staged
		want          planner.Observation
	}{
		"a newer copy replaces":        {seen(record.CRM, item("c1", "a", 1, "Ann")), seen(record.CRM, item("c1", "b", 2, "Anna")), seen(record.CRM, item("c1", "b", 2, "Anna")).Obs},
		"a stale copy does not":        {seen(record.CRM, item("c1", "b", 2, "Anna")), seen(record.CRM, item("c1", "a", 1, "Ann")), seen(record.CRM, item("c1", "b", 2, "Anna")).Obs},
		"one of the same time does":    {seen(record.CRM, item("c1", "b", 2, "Anna")), seen(record.CRM, item("c1", "c", 2, "Annie")), seen(record.CRM, item("c1", "c", 2, "Annie")).Obs},
		"a delete without a time does": {seen(record.CRM, item("c1", "b", 2, "Anna")), gone, gone.Obs},
		"a return after a delete does": {gone, seen(record.CRM, item("c1", "b", 2, "Anna")), seen(record.CRM, item("c1", "b", 2, "Anna")).Obs},
	} {
		for _, together := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, in one batch %t", name, together), func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				if together {
					f.stage(t, tt.first, tt.second)
				} else {
					f.stage(t, tt.first)
					f.stage(t, tt.second)
				}
				got, ok := f.staged(t, record.CRM, "c1")
				require.True(t, ok)
				require.Equal(t, tt.want, got.Obs)
			})
		}
	}
}

func TestWhatTheBaseHasIsNoNews(t *testing.T) {
	t.Parallel()
	base := link("l1", "c1", "m1") // tags c1-1 and m1-1
	left := base
	left.State = planner.Left
	same := seen(record.CRM, item("c1", "c1-1", 0, "Ann"))
	always := same
	always.Always = true
	deleted := same
	deleted.Obs = planner.Observation{Presence: planner.Deleted}
	for name, tt := range map[string]struct {
		link   planner.Link
		before []store.Staged
		row    store.Staged
		want   bool
	}{
		"the tag of the base":              {base, nil, same, false},
		"another tag":                      {base, nil, seen(record.CRM, item("c1", "c1-2", 1, "Ann")), true},
		"the other side's tag":             {base, nil, seen(record.CRM, item("c1", "m1-1", 1, "Ann")), true},
		"the mailbox's own":                {base, nil, seen(record.Mailbox, item("m1", "m1-1", 1, "Ann")), false},
		"told to keep it":                  {base, nil, always, true},
		"a link that was left":             {left, nil, same, true},
		"deleted":                          {base, nil, deleted, true},
		"present again after a staged one": {base, []store.Staged{deleted}, same, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			require.NoError(t, f.PutLinks(f.ctx, acme, alice, f.epoch, record.Contact, []planner.Link{tt.link}))
			f.stage(t, tt.before...)
			f.stage(t, tt.row)
			got, ok := f.staged(t, tt.row.Side, tt.row.ID)
			require.Equal(t, tt.want, ok)
			if ok {
				require.Equal(t, tt.row.Obs.Presence, got.Obs.Presence)
			}
		})
	}
}

func TestStagedPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var want []string
	for i := range 25 {
		id := fmt.Sprintf("%c%d", "aZ"[i%2], i)
		f.stage(t, seen(record.CRM, item(id, "t", 1, "Ann")), seen(record.Mailbox, item(id, "t", 1, "Ann")))
		want = append(want, id)
	}
	require.NoError(t, f.Judge(f.ctx, acme, alice, f.epoch, record.Contact, []store.Judgement{{Side: record.Mailbox, ID: want[0], In: false, Why: "one_way"}}))
	var got []string
	after := ""
	for {
		page, err := f.StagedPage(f.ctx, acme, alice, record.Contact, after, 7, store.StagedFilter{})
		require.NoError(t, err)
		for _, r := range page {
			require.Greater(t, r.Place(), after)
			after = r.Place()
			got = append(got, r.ID)
		}
		if len(page) < 7 {
			break
		}
	}
	require.Len(t, got, 50)
	require.ElementsMatch(t, append(append([]string{}, want...), want...), got)

	yes := true
	judged, err := f.StagedPage(f.ctx, acme, alice, record.Contact, "", 100, store.StagedFilter{Side: record.Mailbox, Judged: &yes})
	require.NoError(t, err)
	require.Len(t, judged, 1)
	require.Equal(t, planner.Reason("one_way"), judged[0].Obs.Why)
	require.False(t, judged[0].Obs.In)
	other, err := f.StagedPage(f.ctx, acme, bob, record.Contact, "", 100, store.StagedFilter{})
	require.NoError(t, err)
	require.Empty(t, other, "bob sees nothing of alice's")
}

func TestMailboxKeysFollowTheItem(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a, b := f.ring.Lookup(acme, record.Contact, "email:a"), f.ring.Lookup(acme, record.Contact, "email:b")
	with := func(tag string, minute int, keys ...[]byte) store.Staged {
		r := seen(record.Mailbox, item("m1", tag, minute, "Ann"))
		r.Keys = keys
		return r
	}
	find := func() map[string][]string {
		got, err := f.MailboxByKeys(f.ctx, acme, alice, record.Contact, [][]byte{a, b})
		require.NoError(t, err)
		return got
	}
	f.stage(t, with("1", 1, a))
	require.Equal(t, map[string][]string{string(a): {"m1"}}, find())
	f.stage(t, with("2", 2, a, b))
	require.Equal(t, map[string][]string{string(a): {"m1"}, string(b): {"m1"}}, find())
	f.stage(t, with("1", 1, a))
	require.Len(t, find(), 2, "a stale copy changes no key")
	f.stage(t, with("3", 3, b))
	require.Equal(t, map[string][]string{string(b): {"m1"}}, find())
	broken := with("4", 4)
	broken.Obs.Unread = "bad_vcard"
	f.stage(t, broken)
	require.Len(t, find(), 1, "an item that cannot be read keeps its keys")
	f.stage(t, store.Staged{Kind: record.Contact, Side: record.Mailbox, ID: "m1", Obs: planner.Observation{Presence: planner.Deleted}})
	require.Empty(t, find())
}

func TestAbsenceIsSuspicionOnlyAfterAFullRead(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	left := link("l4", "c4", "m4")
	left.State = planner.Left
	stone := link("l3", "c3", "")
	stone.State = planner.Tombstone
	require.NoError(t, f.PutLinks(f.ctx, acme, alice, f.epoch, record.Contact,
		[]planner.Link{link("l1", "c1", "m1"), link("l2", "c2", "m2"), stone, left, link("l5", "c5", "m5")}))
	absent := func(after string, n int) []string {
		found, err := f.AbsentLinks(f.ctx, acme, alice, record.Contact, record.CRM, 2, after, n)
		require.NoError(t, err)
		ids := []string{}
		for _, a := range found {
			ids = append(ids, a.ID)
		}
		return ids
	}
	read := func(id, tag string) store.Staged {
		r := seen(record.CRM, item(id, tag, 1, "Ann"))
		r.ReadNo = 2
		return r
	}
	cursor := store.Cursor{Kind: record.Contact, Side: record.CRM, Full: true, ReadNo: 2}
	// c1 shows its base's tag and is not stored, c2 is news; c3 and c5 are not shown; c4 was left and is nobody's concern.
	require.NoError(t, f.Stage(f.ctx, acme, alice, f.epoch, []store.Staged{read("c1", "c1-1"), read("c2", "c2-2")}, cursor))
	require.Equal(t, []string{"c3", "c5"}, absent("", 10))
	require.Equal(t, []string{"c3"}, absent("", 1))
	require.Equal(t, []string{"c5"}, absent("l3", 1))
	// A link that is made or moved while the read goes on was seen just now.
	moved := link("l5", "c5", "m5")
	moved.CRM.Version.Tag = "c5-2"
	require.NoError(t, f.PutLinks(f.ctx, acme, alice, f.epoch, record.Contact, []planner.Link{moved, link("l6", "c6", "m6")}))
	require.Equal(t, []string{"c3"}, absent("", 10))
	// Once Get has answered, the answer is staged and the suspicion ends.
	gone := store.Staged{Kind: record.Contact, Side: record.CRM, ID: "c3", ReadNo: 2, Obs: planner.Observation{Presence: planner.NoSight}}
	f.stage(t, gone)
	require.Empty(t, absent("", 10))
}

func TestCursorMovesOnlyWithCommit(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	cursor := func() store.Cursor {
		s, err := f.Situation(f.ctx, acme, alice)
		require.NoError(t, err)
		require.Len(t, s.Cursors, 1)
		return s.Cursors[0]
	}
	c := store.Cursor{Kind: record.Contact, Side: record.CRM, Token: []byte("t0"), Next: []byte("t1"), Page: nil, Offset: 4, NextOffset: 9,
		Full: true, ReadNo: 3, RetryAt: noon, RetryCode: "quota"}
	require.NoError(t, f.Stage(f.ctx, acme, alice, f.epoch, nil, c))
	require.Equal(t, c, cursor())
	commit := func(kinds ...record.Kind) {
		require.NoError(t, f.Commit(f.ctx, acme, alice, f.epoch, store.CommitIn{Kinds: kinds, Pass: 7, AppliedRevision: 2}))
	}
	commit(record.Event)
	require.Equal(t, c, cursor(), "another kind's commit moves nothing")
	commit(record.Contact)
	want := c
	want.Token, want.Next, want.Offset, want.NextOffset, want.Full, want.Synced = c.Next, nil, 9, 0, false, true
	require.Equal(t, want, cursor())
	commit(record.Contact)
	require.Equal(t, want, cursor(), "nothing waits any more")
	require.NoError(t, f.SetRetry(f.ctx, acme, alice, record.Contact, record.CRM, time.Time{}, ""))
	want.RetryAt, want.RetryCode = time.Time{}, ""
	require.Equal(t, want, cursor())
	rep, err := f.GetRep(f.ctx, acme, alice)
	require.NoError(t, err)
	require.Equal(t, []int64{7, 2}, []int64{rep.Pass, rep.AppliedRevision})
}

func TestLimitIsDeterministic(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ranked(t)
	require.NoError(t, f.PutRanks(f.ctx, acme, alice, f.epoch, record.Contact,
		[]store.Ranked{{ID: "b", Rank: "2026"}, {ID: "a", Rank: "2026"}, {ID: "c", Rank: "2027"}, {ID: "d", Rank: ""}}))
	seats := func(limit int) store.Seating {
		got, err := f.Seats(f.ctx, acme, alice, record.Contact, limit)
		require.NoError(t, err)
		require.NoError(t, f.NoteSeats(f.ctx, acme, alice, f.epoch, record.Contact, got))
		return got
	}
	require.Empty(t, seats(4), "nobody is over it")
	require.Equal(t, store.Seating{Out: []string{"b", "d"}, Pushed: []string{"b", "d"}}, seats(2))
	require.Equal(t, store.Seating{Out: []string{"b", "d"}}, seats(2), "pushed out once")
	unseated, err := f.Unseated(f.ctx, acme, alice, record.Contact, []string{"a", "b"})
	require.NoError(t, err)
	require.Equal(t, map[string]bool{"b": true}, unseated)
	require.NoError(t, f.PutRanks(f.ctx, acme, alice, f.epoch, record.Contact, []store.Ranked{{ID: "b", Rank: "2028"}}))
	require.Equal(t, store.Seating{Out: []string{"a", "d"}, Pushed: []string{"a"}, Back: []string{"b"}}, seats(2))
	require.NoError(t, f.DropRanks(f.ctx, acme, alice, f.epoch, record.Contact, []string{"c"}))
	require.Equal(t, store.Seating{Back: []string{"a", "d"}}, seats(9))
	require.Empty(t, seats(9))
	require.NoError(t, f.DropRanks(f.ctx, acme, alice, f.epoch, record.Contact, nil))
	require.Empty(t, seats(0))
}

// A page of large rows ends early, and goes on behind its last one.
func TestStagedPageEndsByBytes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for i := range 12 {
		it := item(fmt.Sprintf("c%02d", i), "t", 1, "Ann")
		it.Image = noise(4 << 20)
		f.stage(t, seen(record.CRM, it))
	}
	var pages, ids []string
	for after := ""; ; {
		page, err := f.StagedPage(f.ctx, acme, alice, record.Contact, after, 1000, store.StagedFilter{})
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			ids = append(ids, r.ID)
		}
		after = page[len(page)-1].Place()
		pages = append(pages, after)
	}
	require.Len(t, ids, 12)
	require.True(t, slices.IsSorted(ids))
	require.InDelta(t, 3, len(pages), 1, "16 MiB a page")
}

// noise is bytes that do not pack.
func noise(n int) []byte {
	out := make([]byte, n)
	_, _ = rand.Read(out)
	return out
}
