package store_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

func feedRow(id, tag, owner string) store.FeedRow {
	it := item(id, tag, 1, "Ann")
	it.Owner = owner
	return store.FeedRow{Kind: record.Contact, ID: id, Owner: owner, Version: it.Version, Item: it}
}

func feedGone(id, tag string) store.FeedRow {
	return store.FeedRow{Kind: record.Contact, ID: id, Version: connector.Version{Tag: tag}, Deleted: true}
}

type feeder struct {
	*fixture
	t     *testing.T
	token int
}

func newFeeder(t *testing.T) *feeder {
	t.Helper()
	f := &feeder{fixture: newFixture(t), t: t}
	require.NoError(t, f.EnsureFeed(f.ctx, acme, record.Contact, []byte("0")))
	return f
}

func (f *feeder) add(rows ...store.FeedRow) int {
	f.t.Helper()
	n, err := f.AppendFeed(f.ctx, acme, record.Contact, []byte(strconv.Itoa(f.token)), rows, []byte(strconv.Itoa(f.token+1)), nil)
	require.NoError(f.t, err)
	f.token++
	return n
}

// since returns "seq:id" of what concerns a rep, and the offset to go on from.
func (f *feeder) since(rep, user string, offset int64, n int) ([]string, int64) {
	f.t.Helper()
	rows, scanned, err := f.FeedSince(f.ctx, acme, record.Contact, rep, user, offset, n)
	require.NoError(f.t, err)
	out := []string{}
	for _, r := range rows {
		out = append(out, strconv.FormatInt(r.Seq, 10)+":"+r.ID)
	}
	return out, scanned
}

func TestFeedLogsEachStateOnce(t *testing.T) {
	t.Parallel()
	f := newFeeder(t)
	require.Equal(t, 2, f.add(feedRow("c1", "a", "005A"), feedRow("c1", "a", "005A"), feedRow("c2", "a", "005A")))
	require.Equal(t, 1, f.add(feedRow("c1", "a", "005A"), feedRow("c2", "b", "005A")), "an overlapping poll adds what is new only")
	require.Equal(t, 1, f.add(feedGone("c1", "")))
	require.Equal(t, 0, f.add(feedGone("c1", "")))
	require.Equal(t, 1, f.add(feedRow("c1", "c", "005A")), "undeleted")
	require.Equal(t, 1, f.add(feedGone("c1", "")), "and deleted again, though no tag tells the two apart")
	st, err := f.FeedState(f.ctx, acme, record.Contact)
	require.NoError(t, err)
	require.Equal(t, store.FeedState{Kind: record.Contact, Token: []byte("6"), First: 1, Last: 6, At: noon}, st)
}

func TestFeedTokenHasOneMover(t *testing.T) {
	t.Parallel()
	f := newFeeder(t)
	add := func(expect, token, page string) (int, error) {
		return f.AppendFeed(f.ctx, acme, record.Contact, []byte(expect), []store.FeedRow{feedRow("c"+page, "a", "005A")}, []byte(token), []byte(page))
	}
	n, err := add("0", "1", "p")
	require.NoError(t, err)
	require.Equal(t, 1, n)
	n, err = add("0", "1", "p")
	require.NoError(t, err, "the very call again")
	require.Zero(t, n)
	_, err = add("0", "1", "q")
	require.ErrorIs(t, err, store.ErrConflict)
	_, err = f.AppendFeed(f.ctx, acme, record.Event, nil, nil, nil, nil)
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = f.FeedState(f.ctx, acme, record.Event)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorIs(t, f.EnsureFeed(f.ctx, "unknown", record.Contact, nil), store.ErrNotFound)
}

func TestFeedConcernsItsReps(t *testing.T) {
	t.Parallel()
	f := newFeeder(t)
	require.NoError(t, f.PutLinks(f.ctx, acme, alice, f.epoch, record.Contact, []planner.Link{link("l1", "c3", "m3")}))
	shared := feedRow("c4", "a", "005B")
	shared.Item.Reps = []string{"005X", "005A"}
	f.add(feedRow("c1", "a", "005A"), feedRow("c2", "a", "005B"), feedRow("c3", "a", "005B"), shared, feedGone("c5", "g"))
	f.add(feedRow("c1", "b", "005A"))

	got, scanned := f.since(alice, "005A", 0, 10)
	require.Equal(t, []string{"3:c3", "4:c4", "6:c1"}, got, "own, linked, shared; the newest row of each")
	require.EqualValues(t, 6, scanned)
	got, scanned = f.since(bob, "005B", 0, 2)
	require.Equal(t, []string{"2:c2", "3:c3"}, got)
	require.EqualValues(t, 3, scanned, "a full page ends at its last row")
	got, scanned = f.since(bob, "005B", scanned, 2)
	require.Equal(t, []string{"4:c4"}, got)
	require.EqualValues(t, 6, scanned, "and the last page at the end of the log")
	got, scanned = f.since(bob, "005Z", 0, 2)
	require.Empty(t, got)
	require.EqualValues(t, 6, scanned)
	got, _ = f.since(bob, "", 0, 10)
	require.Equal(t, []string{"2:c2", "3:c3", "4:c4", "5:c5", "6:c1"}, got)

	rows, _, err := f.FeedSince(f.ctx, acme, record.Contact, bob, "", 4, 10)
	require.NoError(t, err)
	require.Equal(t, feedGone("c5", "g").Version, rows[0].Version)
	require.True(t, rows[0].Deleted)
	require.Equal(t, "Ann", rows[1].Item.Fields[record.FieldGiven])
}

func TestFeedRetention(t *testing.T) {
	t.Parallel()
	f := newFeeder(t)
	f.add(feedRow("c1", "a", "005A"), feedRow("c2", "a", "005A"))
	f.advance(time.Hour)
	f.add(feedRow("c3", "a", "005A"))
	n, err := f.PruneFeed(f.ctx, acme, noon.Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, 2, n)
	st, err := f.FeedState(f.ctx, acme, record.Contact)
	require.NoError(t, err)
	require.Equal(t, []int64{3, 3}, []int64{st.First, st.Last})
	n, err = f.PruneFeed(f.ctx, acme, noon.Add(2*time.Hour))
	require.NoError(t, err)
	require.Equal(t, 1, n)
	st, err = f.FeedState(f.ctx, acme, record.Contact)
	require.NoError(t, err)
	require.Equal(t, []int64{4, 3}, []int64{st.First, st.Last}, "empty: First is Last+1, and an offset of Last is still good")
	require.Equal(t, 1, f.add(feedRow("c4", "a", "005A")))
	got, scanned := f.since(alice, "005A", 3, 10)
	require.Equal(t, []string{"4:c4"}, got)
	require.EqualValues(t, 4, scanned)
}

func TestRestartedFeedOvertakesEveryOffset(t *testing.T) {
	t.Parallel()
	f := newFeeder(t)
	f.add(feedRow("c1", "c1-1", "005A"))
	token := []byte(strconv.Itoa(f.token))
	require.ErrorIs(t, f.RestartFeed(f.ctx, acme, record.Contact, []byte("other"), []byte("new")), store.ErrConflict)
	require.NoError(t, f.RestartFeed(f.ctx, acme, record.Contact, token, []byte("new")))
	state, err := f.FeedState(f.ctx, acme, record.Contact)
	require.NoError(t, err)
	require.Equal(t, "new", string(state.Token))
	require.Equal(t, state.Last+1, state.First, "it is empty")
	require.Greater(t, state.First, int64(2), "whoever had read all of it is behind")
	n, err := f.AppendFeed(f.ctx, acme, record.Contact, []byte("new"), []store.FeedRow{feedRow("c1", "c1-1", "005A")}, []byte("newer"), nil)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	got, _ := f.since("", "", state.Last, 9)
	require.Equal(t, []string{"3:c1"}, got)
}
