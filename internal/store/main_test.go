package store_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const (
	acme  = "acme"
	alice = "alice"
	bob   = "bob"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// fixture is a store with the org acme, its reps alice and bob, and alice's lease.
type fixture struct {
	*store.Store
	ctx   context.Context //nolint:containedctx // one test's
	ring  *keyring.Ring
	clock *atomic.Int64 // seconds after noon
	epoch int64
}

func (f *fixture) now() time.Time          { return noon.Add(time.Duration(f.clock.Load()) * time.Second) }
func (f *fixture) advance(d time.Duration) { f.clock.Add(int64(d / time.Second)) }

func newFixture(t testing.TB) *fixture {
	t.Helper()
	ring, _ := storetest.Ring(t)
	return fixtureOf(t, ring, storetest.Migrated(t))
}

// fixtureOf is newFixture under a keyring and in a schema of the caller's.
func fixtureOf(t testing.TB, ring *keyring.Ring, schema string) *fixture {
	t.Helper()
	f := &fixture{ctx: context.Background(), ring: ring, clock: &atomic.Int64{}}
	f.Store = storetest.With(t, ring, store.Options{Now: f.now, Schema: schema})
	require.NoError(t, f.PutOrg(f.ctx, acme))
	require.NoError(t, f.AddRep(f.ctx, store.Rep{Org: acme, Rep: alice, Mailbox: "alice@acme.test", CRMUser: "005A", Active: true}))
	require.NoError(t, f.AddRep(f.ctx, store.Rep{Org: acme, Rep: bob, Mailbox: "bob@acme.test", CRMUser: "005B", Active: true}))
	var err error
	f.epoch, err = f.Acquire(f.ctx, acme, alice, "worker-1", time.Minute)
	require.NoError(t, err)
	return f
}

// item is a contact as a side shows it at a minute after noon.
func item(id, tag string, minute int, given string) connector.Item {
	return connector.Item{
		Ref:     connector.Ref{ID: id},
		Version: connector.Version{Tag: tag, At: noon.Add(time.Duration(minute) * time.Minute)},
		Fields:  record.Fields{record.FieldGiven: given},
	}
}

// seen is that item as a staged observation.
func seen(side record.Side, it connector.Item) store.Staged {
	return store.Staged{Kind: record.Contact, Side: side, ID: it.ID, Pass: 1, ReadNo: 1,
		Obs: planner.Observation{Presence: planner.Present, Item: it, In: true, Editable: true}}
}

// link pairs two items; its bases carry their tags.
func link(id, crm, mailbox string) planner.Link {
	l := planner.Link{ID: id, State: planner.Active, Generation: 1, Made: record.Mailbox, Norm: 1, HashKey: 1}
	l.CRM = planner.SideBase{ID: crm, Version: connector.Version{Tag: crm + "-1", At: noon}, Shown: planner.Hashes{record.FieldGiven: 7}, Edited: noon.Add(-time.Hour)}
	l.Mailbox = planner.SideBase{ID: mailbox, Version: connector.Version{Tag: mailbox + "-1", At: noon},
		Shown: planner.Hashes{record.FieldGiven: 8}, Sent: planner.Hashes{record.FieldGiven: 7, "custom": 0}}
	return l
}

// create is a planned intent.
func create(id string) store.Intent {
	return store.Intent{ID: id, LinkID: "l-" + id, Kind: record.Contact, Pass: 1, State: store.Planned, Key: "key-" + id, Generation: 1,
		Revision: 1, Reason: "created", SourceID: "003-" + id, Source: connector.Version{Tag: "s1", At: noon},
		Op: planner.Op{Side: record.Mailbox, Verb: connector.Create, Set: record.Fields{record.FieldGiven: "Ann"}, Source: planner.Hashes{record.FieldGiven: 3}}}
}

func (f *fixture) stage(t *testing.T, rows ...store.Staged) {
	t.Helper()
	require.NoError(t, f.Stage(f.ctx, acme, alice, f.epoch, rows, store.Cursor{}))
}

func (f *fixture) staged(t *testing.T, side record.Side, id string) (store.Staged, bool) {
	t.Helper()
	rows, err := f.StagedByID(f.ctx, acme, alice, record.Contact, side, []string{id})
	require.NoError(t, err)
	row, ok := rows[id]
	return row, ok
}
