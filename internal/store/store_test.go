package store_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/internal/store/storetest"
)

func TestCheckSaysWhatToRun(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	ring, _ := storetest.Ring(t)
	opts := store.Options{Schema: storetest.Schema(t)}
	s, err := store.Open(ctx, storetest.URL(t), ring, opts)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	require.ErrorContains(t, s.Check(ctx), "start the worker")

	errs := make(chan error)
	for range 3 { // workers that start together
		go func() { errs <- s.Migrate(ctx) }()
	}
	for range 3 {
		require.NoError(t, <-errs)
	}
	require.NoError(t, s.Check(ctx))
	require.NoError(t, store.Exec(ctx, s, `insert into goose_db_version (version_id, is_applied) values (99, true)`))
	require.ErrorContains(t, s.Check(ctx), "newer")
}

func TestOpenNamesNoPassword(t *testing.T) {
	t.Parallel()
	ring, _ := storetest.Ring(t)
	u, err := url.Parse(storetest.URL(t))
	require.NoError(t, err)
	u.User = url.UserPassword("nobody", canary)
	for name, address := range map[string]string{
		"refused":     u.String(),
		"malformed":   "postgres://x:" + canary + "@127.0.0.1:notaport/x",
		"unreachable": "postgres://x:" + canary + "@127.0.0.1:1/x",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := store.Open(context.Background(), address, ring, store.Options{})
			require.Error(t, err)
			require.NotContains(t, err.Error(), canary)
			require.Equal(t, name == "unreachable", store.Transient(err), "%v", err)
		})
	}
}

func TestSituationIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	upTo(t, f, "ReleasePlan")
	n := store.CountRoundTrips(f.Store)
	_, err := f.Situation(f.ctx, acme, alice) // connects and prepares
	require.NoError(t, err)
	before := n.Load()
	s, err := f.Situation(f.ctx, acme, alice)
	require.NoError(t, err)
	require.EqualValues(t, 1, n.Load()-before)

	require.Equal(t, "alice@acme.test", s.Rep.Mailbox)
	require.Len(t, s.Cursors, 1)
	require.EqualValues(t, 1, s.PolicyRevision)
	require.Len(t, s.Policies, 1)
	require.Equal(t, map[record.Kind]int{record.Contact: 2}, s.Staged)
	require.Equal(t, map[record.Kind]map[store.IntentState]int{record.Contact: {store.Held: 1, store.Unknown: 1}}, s.Open)
	require.Equal(t, 1, s.ParkedDue)
	require.Equal(t, "d1", s.Plan.Digest)
	require.Empty(t, s.Feeds)
	_, err = f.Situation(f.ctx, acme, "nobody")
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestRowsOfAnOlderKeyStillOpen(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	ring, path := storetest.Ring(t)
	opts := store.Options{Schema: storetest.Schema(t)}
	old := storetest.With(t, ring, opts)
	require.NoError(t, old.PutOrg(ctx, acme))
	require.NoError(t, old.AddRep(ctx, store.Rep{Org: acme, Rep: alice, Mailbox: "alice@acme.test"}))
	epoch, err := old.Acquire(ctx, acme, alice, "w", time.Minute)
	require.NoError(t, err)
	require.NoError(t, old.SavePlan(ctx, acme, alice, epoch, store.PlanBatch{Kind: record.Contact, Intents: []store.Intent{create("i1")},
		Journal: []store.Line{line("c1", "l1", "A")}}))

	require.NoError(t, keyring.Rotate(path))
	rotated, err := keyring.Open(path)
	require.NoError(t, err)
	s := storetest.With(t, rotated, opts)
	require.NoError(t, s.Stage(ctx, acme, alice, epoch, []store.Staged{seen(record.CRM, item("c1", "t", 1, "Ann"))}, store.Cursor{}))
	rep, err := s.RepByMailbox(ctx, acme, " Alice@ACME.test")
	require.NoError(t, err)
	require.Equal(t, "alice@acme.test", rep.Mailbox)
	intents, err := s.Intents(ctx, acme, alice, "", []store.IntentState{store.Planned}, nil, "", 0)
	require.NoError(t, err)
	require.Equal(t, "Ann", intents[0].Op.Set[record.FieldGiven])
	lines, err := s.Journal(ctx, acme, alice, 0, 9)
	require.NoError(t, err)
	require.Equal(t, "A", lines[0].Values["title"].After)

	_, err = old.StagedByID(ctx, acme, alice, record.Contact, record.CRM, []string{"c1"})
	require.ErrorContains(t, err, store.CodeSealed, "a ring from before the rotation cannot open what came after")
	stranger, _ := storetest.Ring(t)
	_, err = storetest.With(t, stranger, opts).GetRep(ctx, acme, alice)
	require.ErrorContains(t, err, store.CodeSealed)
}

// A sealed column that is copied into another row does not open there.
func TestSealedColumnsAreBoundToTheirRow(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.stage(t, seen(record.CRM, item("c1", "t", 1, "Ann")), seen(record.CRM, item("c2", "t", 1, "Bob")))
	require.NoError(t, store.Exec(f.ctx, f.Store, `update staged set obs_sealed = (select obs_sealed from staged where id = 'c1') where id = 'c2'`))
	_, err := f.StagedByID(f.ctx, acme, alice, record.Contact, record.CRM, []string{"c2"})
	require.ErrorContains(t, err, store.CodeSealed)
}

func TestPolicyRevisions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	apply := func(name, doc string) int64 {
		f.advance(time.Minute)
		n, err := f.ApplyPolicy(f.ctx, acme, name, []byte(doc))
		require.NoError(t, err)
		return n
	}
	require.EqualValues(t, 1, apply("field", "a"))
	require.EqualValues(t, 2, apply("inside", "a"), "one sequence over all policies")
	require.EqualValues(t, 2, apply("inside", "a"), "the newest document again is no revision")
	require.EqualValues(t, 3, apply("field", "b"))
	require.EqualValues(t, 4, apply("field", "a"), "a roll-back is a new revision")
	newest, err := f.Policies(f.ctx, acme)
	require.NoError(t, err)
	require.Equal(t, []store.PolicyRow{
		{Revision: 4, Name: "field", Document: []byte("a"), At: noon.Add(5 * time.Minute)},
		{Revision: 2, Name: "inside", Document: []byte("a"), At: noon.Add(2 * time.Minute)},
	}, newest)
	at, err := f.PolicyAt(f.ctx, acme, 3)
	require.NoError(t, err)
	require.Equal(t, "b", string(at.Document))
	_, err = f.PolicyAt(f.ctx, acme, 9)
	require.ErrorIs(t, err, store.ErrNotFound)
	history, err := f.PolicyHistory(f.ctx, acme)
	require.NoError(t, err)
	require.Len(t, history, 4)
	require.EqualValues(t, 4, history[0].Revision)
	_, err = f.ApplyPolicy(f.ctx, "unknown", "field", nil)
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestReps(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	orgs, err := f.Orgs(f.ctx)
	require.NoError(t, err)
	require.Equal(t, []string{acme}, orgs)
	reps, err := f.Reps(f.ctx, acme)
	require.NoError(t, err)
	require.Len(t, reps, 2)
	r := reps[1]
	r.Mailbox, r.CRMUser, r.Profile, r.Active, r.Pass = "robert@acme.test", "005R", "Field", false, 99
	require.NoError(t, f.UpdateRep(f.ctx, r))
	got, err := f.RepByMailbox(f.ctx, acme, "robert@acme.test")
	require.NoError(t, err)
	r.Pass, r.Epoch, r.Reread = 0, r.Epoch+1, true // it is another mailbox
	require.Equal(t, r, got, "and nothing else counts")
	_, err = f.RepByMailbox(f.ctx, acme, "bob@acme.test")
	require.ErrorIs(t, err, store.ErrNotFound)
	r.Mailbox = "alice@acme.test"
	require.ErrorIs(t, f.UpdateRep(f.ctx, r), store.ErrConflict)
	r.Rep = "nobody"
	require.ErrorIs(t, f.UpdateRep(f.ctx, r), store.ErrNotFound)
	require.NoError(t, f.RequestReread(f.ctx, acme, bob))
	got, err = f.GetRep(f.ctx, acme, bob)
	require.NoError(t, err)
	require.True(t, got.Reread)
}

// Two orgs with the same rep, item, link and key names share nothing.
func TestOrgsAreApart(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	upTo(t, f, "DropClaims")
	const beta = "beta"
	require.NoError(t, f.PutOrg(f.ctx, beta))
	require.NoError(t, f.AddRep(f.ctx, store.Rep{Org: beta, Rep: alice, Mailbox: "alice@acme.test", CRMUser: "005A"}))
	require.NoError(t, f.EnsureFeed(f.ctx, beta, record.Contact, nil))
	key := f.ring.Lookup(acme, record.Contact, "email:"+canary)
	all := []store.IntentState{store.Planned, store.Held, store.Sent, store.Unknown, store.Done, store.ParkedI, store.Dropped}
	for name, read := range map[string]func(org string) (int, error){
		"StagedPage": func(org string) (int, error) {
			rows, err := f.StagedPage(f.ctx, org, alice, record.Contact, "", 9, store.StagedFilter{})
			return len(rows), err
		},
		"MailboxByKeys": func(org string) (int, error) {
			rows, err := f.MailboxByKeys(f.ctx, org, alice, record.Contact, [][]byte{key})
			return len(rows), err
		},
		"LinksBySide": func(org string) (int, error) {
			rows, err := f.LinksBySide(f.ctx, org, alice, record.Contact, record.CRM, []string{"c1"})
			return len(rows), err
		},
		"LinksByID": func(org string) (int, error) {
			rows, err := f.LinksByID(f.ctx, org, alice, record.Contact, []string{"l1"})
			return len(rows), err
		},
		"LinksOfRecord": func(org string) (int, error) {
			rows, err := f.LinksOfRecord(f.ctx, org, record.Contact, "c1")
			return len(rows), err
		},
		"CountLinks": func(org string) (int, error) { return f.CountLinks(f.ctx, org, alice, record.Contact, "") },
		"Seats": func(org string) (int, error) {
			seats, err := f.Seats(f.ctx, org, alice, record.Contact, 0)
			return len(seats.Out), err
		},
		"Intents": func(org string) (int, error) {
			rows, err := f.Intents(f.ctx, org, alice, "", all, nil, "", 0)
			return len(rows), err
		},
		"CountWrites": func(org string) (int, error) {
			rows, err := f.CountWrites(f.ctx, org, "", time.Time{})
			return len(rows), err
		},
		"ParkedList": func(org string) (int, error) {
			rows, err := f.ParkedList(f.ctx, org, alice, 0)
			return len(rows), err
		},
		"Verdicts": func(org string) (int, error) {
			rows, err := f.Verdicts(f.ctx, org, alice, record.Contact, "m1")
			return len(rows), err
		},
		"VerdictsByKeys": func(org string) (int, error) {
			rows, err := f.VerdictsByKeys(f.ctx, org, alice, record.Contact, [][]byte{key})
			return len(rows), err
		},
		"Journal": func(org string) (int, error) {
			rows, err := f.Journal(f.ctx, org, "", 0, 9)
			return len(rows), err
		},
		"FeedSince": func(org string) (int, error) {
			rows, _, err := f.FeedSince(f.ctx, org, record.Contact, alice, "", 0, 9)
			return len(rows), err
		},
		"Policies": func(org string) (int, error) {
			rows, err := f.PolicyHistory(f.ctx, org)
			return len(rows), err
		},
	} {
		n, err := read(acme)
		require.NoError(t, err, name)
		require.NotZero(t, n, "%s: acme has some", name)
		n, err = read(beta)
		require.NoError(t, err, name)
		require.Zero(t, n, "%s: beta has none of them", name)
	}
	won, err := f.Claim(f.ctx, beta, record.Contact, alice, "other", [][]byte{f.ring.Lookup(beta, record.Contact, "email:"+canary)}, time.Minute)
	require.NoError(t, err)
	require.True(t, won.Won)
}
