package store_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// The person to erase, and one whose address contains hers.
const (
	ann   = "ann@client.test"
	joann = "joann@client.test"
)

func TestWhereAnAddressOccurs(t *testing.T) {
	t.Parallel()
	image, err := json.Marshal(connector.Item{Image: []byte(`{"emailAddresses":[{"value":"Ann@Client.test"}]}`)})
	require.NoError(t, err)
	nested, err := json.Marshal(map[string]any{"a": []any{1, `{"b":"<ann@client.test>"}`}})
	require.NoError(t, err)
	for text, want := range map[string]bool{
		ann: true, "ANN@Client.Test": true, "Ann <ann@client.test>": true, "mail ann@client.test.": true, "mailto:ann@client.test": true,
		"mailto:ann%40client.test": true, "(ann@client.test)": true, "bob@x.test\nann@client.test\nzoe@x.test": true, "--ann@client.test": true,
		"joann@client.test, ann@client.test": true, `{"email":"ann@client.test"}`: true, `{"ann@client.test":1}`: true, `["x",["ann@client.test"]]`: true,
		`{"to":"\u003cann@client.test\u003e"}`: true, string(image): true, string(nested): true, `{broken ann@client.test`: true,
		"": false, joann: false, "jo.ann@client.test": false, "jo-ann@client.test": false, "x+ann@client.test": false, "ann@client.test.au": false,
		"ann@client.tests": false, "ann@client.test-x.de": false, "ann@client": false, "ann client.test": false, "éann@client.test": false,
		`{"email":"joann@client.test"}`: false, "ann+news@client.test": false,
	} {
		require.Equal(t, want, store.Occurs(" Ann@client.test", text), "%q", text)
	}
}

// gallery is a store that has the person in each place where one can be, and others beside her.
func gallery(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	person := func(id, email string) connector.Item {
		it := item(id, id+"-1", 1, "Given of "+email)
		it.Fields[record.FieldEmail], it.Image = email, []byte(`{"emailAddresses":[{"value":"`+email+`"}]}`)
		return it
	}
	done := func(id, link string, kind record.Kind, before connector.Item, state store.IntentState) store.Intent {
		i := create(id)
		i.LinkID, i.Kind, i.State, i.Before = link, kind, state, &before
		i.Op.Verb, i.Ref, i.SourceID = connector.Update, connector.Ref{ID: before.ID}, ""
		i.Op.Set = record.Fields{record.FieldTitle: "Title of " + before.Fields[record.FieldGiven]}
		return i
	}
	meeting := connector.Item{Ref: connector.Ref{ID: "s1", Occurrence: "2026-03-02T09:00:00[UTC]"}, Reps: []string{ann, joann},
		Fields: record.Fields{record.FieldSubject: "Lunch", record.FieldAttendees: "Ann <" + ann + ">\nJo <" + joann + ">"}}
	with := func(kind record.Kind, side record.Side, id, link, field string, c store.Change) store.Line {
		return store.Line{Pass: 1, Revision: 1, Kind: kind, Side: side, ID: id, LinkID: link, Action: "update", Reason: "updated", Values: map[string]store.Change{field: c}}
	}
	eventLink := link("e1", "ce1", "s1#2026-03-02T09:00:00[UTC]")
	require.NoError(t, f.EnsureFeed(f.ctx, acme, record.Contact, []byte("t0")))
	_, err := f.ApplyPolicy(f.ctx, acme, "sales", []byte("events: {exclude: {addresses: ["+ann+"]}}"))
	require.NoError(t, err)

	f.save(t, store.PlanBatch{Kind: record.Contact, Links: []planner.Link{link("l1", "c1", "m1"), link("l2", "c2", "m2")},
		Intents: []store.Intent{done("i1", "l1", record.Contact, person("m1", ann), store.Planned), done("i2", "l2", record.Contact, person("m2", joann), store.Planned),
			done("i3", "l1", record.Contact, person("m1", ann), store.Planned), done("i4", "e1", record.Event, meeting, store.Planned)},
		Parked: []store.Parked{{Kind: record.Contact, Side: record.Mailbox, ID: "m7", Reason: "vendor_refused", Words: "duplicate of " + ann},
			{Kind: record.Contact, Side: record.Mailbox, ID: "m8", Reason: "vendor_refused", Words: "duplicate of " + joann}},
		Journal: []store.Line{
			with(record.Contact, record.Mailbox, "m1", "l1", "email", store.Change{After: ann}),
			with(record.Contact, record.CRM, "c1", "l1", "title", store.Change{Before: "VP of Ann"}), // does not name her
			with(record.Contact, record.CRM, "c2", "l2", "email", store.Change{After: joann}),
			with(record.Contact, record.CRM, "c3", "", "email", store.Change{Lost: ann}),
			with(record.Event, record.CRM, "ce1", "e1", "attendees", store.Change{Before: joann + "\n" + ann}),
		}})
	require.NoError(t, f.SavePlan(f.ctx, acme, alice, f.epoch, store.PlanBatch{Kind: record.Event, Links: []planner.Link{eventLink}}))
	settled := []string{"i1", "i2", "i4"}
	require.NoError(t, f.MarkSent(f.ctx, acme, alice, f.epoch, []store.Intent{done("i1", "l1", record.Contact, person("m1", ann), ""), done("i2", "l2", record.Contact, person("m2", joann), ""), done("i4", "e1", record.Event, meeting, "")}))
	f.settle(t, store.SettleBatch{Kind: record.Contact, Done: settled})

	later := meeting
	later.Reps, later.Fields = nil, record.Fields{record.FieldNotes: "ask " + ann}
	rows := []store.Staged{seen(record.CRM, person("c1", ann)), seen(record.Mailbox, person("m2", joann)), seen(record.Mailbox, later)}
	rows[2].Kind, rows[2].ID = record.Event, later.Ref.String()
	rows[0].Always, rows[1].Always = true, true
	f.stage(t, rows...)
	f.ranked(t)
	require.NoError(t, f.PutRanks(f.ctx, acme, alice, f.epoch, record.Contact, []store.Ranked{{ID: "c1", Rank: "2026-03-01"}, {ID: "c2", Rank: "2026-03-02"}, {ID: "c5", Rank: ann}}))
	feed := []store.FeedRow{{Kind: record.Contact, ID: "c1", Owner: "005A", Version: connector.Version{Tag: "f1"}, Item: person("c1", ann)},
		{Kind: record.Contact, ID: "c2", Owner: "005A", Version: connector.Version{Tag: "f2"}, Item: person("c2", joann)}}
	_, err = f.AppendFeed(f.ctx, acme, record.Contact, []byte("t0"), feed, []byte("t1"), nil)
	require.NoError(t, err)

	// Bob has the same CRM record, and nothing with the address in it.
	bobs, err := f.Acquire(f.ctx, acme, bob, "worker-2", time.Minute)
	require.NoError(t, err)
	require.NoError(t, f.SavePlan(f.ctx, acme, bob, bobs, store.PlanBatch{Kind: record.Contact, Links: []planner.Link{link("lb", "c1", "mb")},
		Journal: []store.Line{with(record.Contact, record.Mailbox, "mb", "lb", "title", store.Change{Before: "Ann's old title"}), with(record.Contact, record.CRM, "c4", "lx", "title", store.Change{Before: "not Ann's"})}}))
	require.NoError(t, f.Release(f.ctx, acme, bob, bobs))
	require.NoError(t, f.Release(f.ctx, acme, alice, f.epoch))
	return f
}

var eraseOpts = store.EraseOptions{Holder: "erase-1", Wait: time.Second}

func (f *fixture) erase(t *testing.T, opts store.EraseOptions) store.Erased {
	t.Helper()
	out, err := f.Erase(f.ctx, acme, "Ann@Client.test", opts)
	require.NoError(t, err)
	return out
}

func (f *fixture) everything(t *testing.T) map[string][]string {
	t.Helper()
	all, err := store.OpenEverything(f.ctx, f.Store)
	require.NoError(t, err)
	return all
}

func TestErase(t *testing.T) {
	t.Parallel()
	f := gallery(t)
	columns, err := store.Strings(f.ctx, f.Store, `select table_name || '.' || column_name from information_schema.columns
		where table_schema = current_schema() and column_name like '%\_sealed' order by 1`)
	require.NoError(t, err)
	before := f.everything(t)
	held := 0
	for _, column := range columns {
		for _, plain := range before[column] {
			if store.Occurs(ann, plain) {
				held++
				break
			}
		}
		require.True(t, column == "feed_state.page_sealed" || strings.HasPrefix(column, "cursor.") || len(before[column]) > 0, "%s is looked into: tell OpenEverything and Erase of it", column)
	}
	require.Equal(t, 8, held, "journal, op and before of intents, staged, parked, rank, feed and policy")

	dry := f.erase(t, store.EraseOptions{DryRun: true})
	require.Equal(t, before, f.everything(t), "a dry run changes nothing")
	out := f.erase(t, eraseOpts)
	want := store.Erased{
		Items: []store.ErasedItem{
			{Kind: record.Contact, CRM: "c1"},
			{Rep: alice, Kind: record.Contact, Mailbox: "m7"},
			{Rep: alice, Kind: record.Contact, CRM: "c1", Mailbox: "m1", Link: "l1"},
			{Rep: alice, Kind: record.Contact, CRM: "c3"},
			{Rep: alice, Kind: record.Contact, CRM: "c5"},
			{Rep: alice, Kind: record.Event, CRM: "ce1", Mailbox: "s1#2026-03-02T09:00:00[UTC]", Link: "e1"},
			{Rep: bob, Kind: record.Contact, CRM: "c1", Mailbox: "mb", Link: "lb"},
		},
		Keys: 4, Intents: 2, Planned: 1, Staged: 2, Feed: 1, Words: 1, Ranks: 2, Reread: []string{alice}, Policies: []store.NamedIn{{Name: "sales", Revision: 1}},
	}
	require.Equal(t, want, out)
	require.Equal(t, want, dry, "a dry run says what will be done")

	joanns := 0
	for column, boxes := range f.everything(t) {
		for _, plain := range boxes {
			joanns += strings.Count(plain, joann)
			if column == "policy.document_sealed" {
				continue // the admin's own, and told
			}
			require.False(t, store.Occurs(ann, plain), "%s: %s", column, plain)
			require.NotContains(t, plain, "Given of "+ann, column)
			require.NotContains(t, plain, "VP of Ann", column)
			require.NotContains(t, plain, "Ann's old title", column)
		}
	}
	require.Positive(t, joanns)
	after := f.everything(t)
	keeps := func(column, text string) {
		require.True(t, slices.ContainsFunc(after[column], func(plain string) bool { return strings.Contains(plain, text) }), "%s: %s", column, text)
	}
	for _, column := range []string{"journal.values_sealed", "staged.obs_sealed", "parked.words_sealed", "feed.item_sealed"} {
		keeps(column, joann)
	}
	keeps("intent.op_sealed", "Title of Given of "+joann)
	keeps("intent.before_sealed", "Given of "+joann)
	keeps("journal.values_sealed", "not Ann's")

	require.Equal(t, store.Verified{Reps: 2, Lines: 13, Erased: 5, Keyed: true}, f.verify(t, ""), "the chain is whole, and has a line per item")
	for rep, reread := range map[string]bool{alice: true, bob: false} {
		r, err := f.GetRep(f.ctx, acme, rep)
		require.NoError(t, err)
		require.Equal(t, reread, r.Reread, rep)
	}
	told, err := f.JournalOf(f.ctx, acme, alice, "l1", 1)
	require.NoError(t, err)
	require.Equal(t, []any{store.ActionErase, store.ReasonErased, "c1"}, []any{told[0].Action, told[0].Reason, told[0].ID})

	once := dump(t, f, true)
	require.Equal(t, store.Erased{Policies: want.Policies}, f.erase(t, store.EraseOptions{Holder: "erase-2"}))
	require.Equal(t, once, dump(t, f, true), "again it finds nothing to do")
}

func TestEraseLeavesWhatPassesNeed(t *testing.T) {
	t.Parallel()
	f := gallery(t)
	f.erase(t, eraseOpts)
	n, err := f.CountWrites(f.ctx, acme, alice, noon.Add(-time.Hour))
	require.NoError(t, err)
	require.Equal(t, map[connector.Verb]int{connector.Update: 3}, n, "the guards count what was written")
	links, err := f.LinksByID(f.ctx, acme, alice, record.Contact, []string{"l1"})
	require.NoError(t, err)
	require.Equal(t, planner.Hashes{record.FieldGiven: 7}, links["l1"].CRM.Shown, "links stay")
	rows, scanned, err := f.FeedSince(f.ctx, acme, record.Contact, alice, "005A", 0, 10)
	require.NoError(t, err)
	require.Len(t, rows, 1, "nobody takes an erased row for an item without values")
	require.Equal(t, "c2", rows[0].ID)
	require.EqualValues(t, 2, scanned)
	done, err := f.Intents(f.ctx, acme, alice, "", []store.IntentState{store.Done}, nil, "", 0)
	require.NoError(t, err)
	require.Equal(t, record.Fields{record.FieldTitle: ""}, done[0].Op.Set, "which fields were written stays")
	require.Nil(t, done[0].Before)

	// The person is still there: the next pass stages and journals as ever.
	epoch, err := f.Acquire(f.ctx, acme, alice, "worker-3", time.Minute)
	require.NoError(t, err)
	require.NoError(t, f.Stage(f.ctx, acme, alice, epoch, []store.Staged{seen(record.CRM, item("c1", "c1-3", 3, "Ann"))}, store.Cursor{}))
	require.NoError(t, f.SavePlan(f.ctx, acme, alice, epoch, store.PlanBatch{Journal: []store.Line{line("c1", "l1", "again")}}))
	require.Empty(t, f.verify(t, "").Broken)
	of, err := f.JournalOf(f.ctx, acme, alice, "l1", 1)
	require.NoError(t, err)
	require.Nil(t, of[0].Values, "values of an erased item are journalled no more")
}

func TestEraseWaitsForUnclearWrites(t *testing.T) {
	t.Parallel()
	f := gallery(t)
	epoch, err := f.Acquire(f.ctx, acme, alice, "worker-3", time.Minute)
	require.NoError(t, err)
	planned, err := f.Intents(f.ctx, acme, alice, "", []store.IntentState{store.Planned}, nil, "", 0)
	require.NoError(t, err)
	require.NoError(t, f.MarkSent(f.ctx, acme, alice, epoch, planned))
	require.NoError(t, f.Release(f.ctx, acme, alice, epoch))
	out := f.erase(t, eraseOpts)
	require.Equal(t, []store.OpenIntent{{Rep: alice, ID: "i3"}}, out.Open)
	require.Zero(t, out.Planned)
	sent, err := f.Intents(f.ctx, acme, alice, "", []store.IntentState{store.Sent}, nil, "", 0)
	require.NoError(t, err)
	require.NotNil(t, sent[0].Before, "what is needed to resolve it stays")

	epoch, err = f.Acquire(f.ctx, acme, alice, "worker-4", time.Minute)
	require.NoError(t, err)
	require.NoError(t, f.Settle(f.ctx, acme, alice, epoch, store.SettleBatch{Kind: record.Contact, Done: []string{"i3"}}))
	require.NoError(t, f.Release(f.ctx, acme, alice, epoch))
	out = f.erase(t, eraseOpts)
	require.Empty(t, out.Open)
	require.Equal(t, 1, out.Intents)
}

func TestEraseTakesTheLeasesOfThoseConcerned(t *testing.T) {
	t.Parallel()
	f := gallery(t)
	require.NoError(t, f.AddRep(f.ctx, store.Rep{Org: acme, Rep: "carol"}))
	for _, rep := range []string{"carol", bob} {
		_, err := f.Acquire(f.ctx, acme, rep, "worker-9", time.Hour)
		require.NoError(t, err)
	}
	out, err := f.Erase(f.ctx, acme, ann, store.EraseOptions{Holder: "erase-1"})
	var held store.ErrLeaseHeld
	require.ErrorAs(t, err, &held, "bob's is taken")
	require.Equal(t, 3, out.Keys, "alice's were destroyed")
	require.NoError(t, f.Release(f.ctx, acme, bob, 2))
	out, err = f.Erase(f.ctx, acme, ann, store.EraseOptions{Holder: "erase-1"})
	require.NoError(t, err, "carol is not concerned")
	require.Equal(t, 1, out.Keys)
	require.Equal(t, []store.ErasedItem{{Kind: record.Contact, CRM: "c1"}, {Rep: bob, Kind: record.Contact, Link: "lb", CRM: "c1", Mailbox: "mb"}}, out.Items)
}

func TestEraseSparesWhoIsBehindTheFeed(t *testing.T) {
	t.Parallel()
	f := gallery(t)
	epoch, err := f.Acquire(f.ctx, acme, bob, "worker-2", time.Minute)
	require.NoError(t, err)
	cursor := store.Cursor{Kind: record.Contact, Side: record.CRM, Token: []byte("t"), Offset: 0}
	require.NoError(t, f.Stage(f.ctx, acme, bob, epoch, nil, cursor))
	require.NoError(t, f.Release(f.ctx, acme, bob, epoch))
	out := f.erase(t, eraseOpts)
	require.Equal(t, []string{alice, bob}, out.Reread, "bob has not read of the change, and will")
	r, err := f.GetRep(f.ctx, acme, bob)
	require.NoError(t, err)
	require.True(t, r.Reread)
}

func TestEraseRefusesARep(t *testing.T) {
	t.Parallel()
	f := gallery(t)
	_, err := f.Erase(f.ctx, acme, "Bob@acme.test", eraseOpts)
	require.ErrorIs(t, err, store.ErrOwnMailbox)
	out, err := f.Erase(f.ctx, acme, "nobody@client.test", eraseOpts)
	require.NoError(t, err)
	require.Equal(t, store.Erased{}, out)
}

func TestEraseFindsByMatchKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	key := f.ring.Lookup(acme, record.Contact, "email:"+ann)
	row := seen(record.Mailbox, item("m1", "t", 1, "Ann"))
	row.Keys = [][]byte{key}
	f.stage(t, row)
	require.NoError(t, f.Unstage(f.ctx, acme, alice, f.epoch, record.Contact, []store.SideID{{Side: record.Mailbox, ID: "m1"}}))
	_, err := f.Claim(f.ctx, acme, record.Contact, alice, "l9", [][]byte{key}, time.Hour)
	require.NoError(t, err)
	l := line("m1", "", "not named")
	l.Side = record.Mailbox
	f.save(t, store.PlanBatch{Journal: []store.Line{l, line("c9", "l9", "nor here")}})
	require.NoError(t, f.Release(f.ctx, acme, alice, f.epoch))
	out := f.erase(t, eraseOpts)
	require.Equal(t, 2, out.Keys)
	require.Equal(t, []store.ErasedItem{{Rep: alice, Kind: record.Contact, Mailbox: "m1"}, {Rep: alice, Kind: record.Contact, Link: "l9", CRM: "c9"}}, out.Items)
}

func TestEraseOfManyPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var lines []store.Line
	var rows []store.Staged
	for i := range 1200 {
		after := fmt.Sprintf("p%d@client.test", i)
		if i%400 == 7 {
			after = ann
		}
		lines = append(lines, line(fmt.Sprint("c", i), fmt.Sprint("l", i), after))
		rows = append(rows, seen(record.CRM, item(fmt.Sprint("c", i), "t", 1, after)), seen(record.Mailbox, item(fmt.Sprint("c", i), "t", 1, after)))
	}
	f.save(t, store.PlanBatch{Journal: lines})
	f.stage(t, rows...)
	require.NoError(t, f.Release(f.ctx, acme, alice, f.epoch))
	out := f.erase(t, eraseOpts)
	require.Equal(t, []int{3, 6}, []int{out.Keys, out.Staged})
	require.Equal(t, store.Verified{Reps: 2, Lines: 1200 + int64(len(out.Items)), Erased: 3, Keyed: true}, f.verify(t, ""))
}
