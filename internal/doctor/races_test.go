package doctor_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/doctor"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/internal/store/storetest"
)

// deeds are what people do between two passes.
var deeds = map[string]func(d *desk){
	"deleted in the mailbox": func(d *desk) { require.NoError(d.t, d.box.Google.Delete(address("alice"), d.copied)) },
	"deleted in the CRM": func(d *desk) {
		require.NoError(d.t, d.box.Salesforce.Delete("Contact", d.crm, d.users["alice"]))
	},
	"a made record deleted": func(d *desk) {
		require.NoError(d.t, d.box.Salesforce.Delete("Contact", d.made, d.users["alice"]))
	},
	"an event deleted": func(d *desk) {
		require.NoError(d.t, d.box.Google.Calendar(address("alice")).Delete(d.event))
	},
	"an occurrence deleted": func(d *desk) {
		require.NoError(d.t, d.box.Google.Calendar(address("alice")).Delete(d.series+"_"+d.second.UTC().Format("20060102T150405Z")))
	},
	"a series deleted": func(d *desk) {
		require.NoError(d.t, d.box.Google.Calendar(address("alice")).Delete(d.series))
	},
	"edited and made on both sides": func(d *desk) {
		require.NoError(d.t, d.box.Salesforce.Update("Contact", d.crm, fields{"Title": "New"}, d.users["alice"]))
		d.person("alice", "Nina", "New", "nina@example.com")
		d.contact("alice", fields{"FirstName": "Nora", "LastName": "New", "Email": "nora@example.com"})
		d.world.event("alice", meeting("New", d.at.Add(2*time.Hour), nil))
	},
	"merged in the CRM": func(d *desk) {
		other := d.contact("alice", fields{"FirstName": "Cara", "LastName": "Crm", "Title": "Double"})
		require.NoError(d.t, d.box.Salesforce.Merge("Contact", other, d.crm, d.users["alice"]))
	},
}

// stagesOf are the stages of one pass after Fetch.
func (w *world) stagesOf() []stageFunc {
	return []stageFunc{w.stages.Filter, w.stages.Match, w.stages.Write, w.stages.PropagateDeletes, w.stages.Commit}
}

// TestAPassUnderWayIsNoFinding examines after every stage of a pass that carries over what people did, and after none.
func TestAPassUnderWayIsNoFinding(t *testing.T) {
	t.Parallel()
	for name, deed := range deeds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.clock.Advance(time.Second)
			deed(d)
			look := func(when string) {
				t.Helper()
				before, rows := d.holdings(), d.tables()
				r := d.doctor(doctor.Options{Fix: true})
				require.Empty(t, r.Findings, "%s: %+v", when, r.Findings)
				require.Empty(t, r.Pending)
				require.Equal(t, before, d.holdings())
				require.Equal(t, rows, d.tables(), when)
			}
			look("before any pass")
			for n := range 2 {
				f, err := d.stages.Fetch(t.Context(), activities.FetchIn{Org: org, Rep: "alice", Pass: d.passes["alice"] + 1, Fresh: true})
				require.NoError(t, err)
				d.passes["alice"] = f.Pass
				look(fmt.Sprint("fetched ", n))
				for i, stage := range d.stagesOf() {
					_, err := stage(t.Context(), activities.Pass{Org: org, Rep: "alice", Pass: f.Pass, Revision: f.Revision, Policy: f.Policy, Complete: f.Complete, Reread: f.Reread, Closed: f.Closed})
					require.NoError(t, err)
					look(fmt.Sprint("pass ", n, " stage ", i))
				}
			}
			d.settle()
			d.clock.Advance(day)
			d.settle()
			r := d.doctor(doctor.Options{})
			require.Empty(t, r.Findings, "%+v", r.Findings)
		})
	}
}

// TestWhatAPassMendsMeanwhileIsNoFinding plants what a pass mends by itself, and lets one run between the two readings.
func TestWhatAPassMendsMeanwhileIsNoFinding(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.hits(`update link set reason = '' where mailbox_id = $1`, d.copied)
	d.hits(`update cursor set position = 1000 where kind = 'event' and side = 'crm'`)
	d.park(d.copied, "vendor_refused", nil)
	once := sync.OnceFunc(func() {
		require.NoError(t, d.store.RequestReread(t.Context(), org, "alice"))
		d.settle()
		d.sql(`delete from parked`)
	})
	d.waited = once
	r := d.doctor(doctor.Options{Fix: true})
	require.Empty(t, r.Findings, "%+v", r.Findings)
	require.Zero(t, d.count(`select count(*) from journal where action = $1`, doctor.Action))
}

// TestWorkersGoOnWhileTheDoctorMends passes, edits and mends at once: whatever is planted is mended, nothing else is found,
// and the sides agree in the end.
func TestWorkersGoOnWhileTheDoctorMends(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := d.work(n); err != nil {
				done <- err
				return
			}
		}
	}()
	found := 0
	for n := range 6 {
		if n == 2 {
			d.hits(`insert into claim (coll, key, link_id, until) select no, `+noKey+`, 'nowhere', $2 from collection where org = $1 and rep = 'alice' and kind = 'contact'`, org, d.clock.Now().Add(100*day))
		}
		r, err := doctor.Run(t.Context(), doctor.Config{Store: d.store, Ring: d.ring, Connect: d, Now: d.clock.Now, Wait: func(context.Context, time.Duration) error { return nil }, Patience: time.Millisecond}, doctor.Options{Org: org, Fix: true})
		require.NoError(t, err)
		for _, f := range r.Findings {
			require.Equal(t, doctor.ClaimEndless, f.Code, "%+v", f)
			found++
			require.True(t, f.Fixed)
		}
	}
	close(stop)
	require.NoError(t, <-done)
	require.Equal(t, 1, found)
	d.settle()
	require.Empty(t, d.doctor(doctor.Options{}).Findings)
	require.Zero(t, d.count(`select count(*) from link where state = $1`, planner.Tombstone))
}

// work edits one contact and passes once. A stage that finds the mailbox leased comes again, as under Temporal.
func (d *desk) work(n int) error {
	d.clock.Advance(time.Second)
	if err := d.box.Salesforce.Update("Contact", d.crm, fields{"Title": fmt.Sprint("Title ", n)}, d.users["alice"]); err != nil {
		return err
	}
	f, err := d.stages.Fetch(d.t.Context(), activities.FetchIn{Org: org, Rep: "alice", Pass: int64(n) + 100, Fresh: true})
	if err != nil || f.Trouble != nil {
		return err
	}
	for _, stage := range d.stagesOf() {
		if _, err := stage(d.t.Context(), activities.Pass{Org: org, Rep: "alice", Pass: f.Pass, Revision: f.Revision, Policy: f.Policy, Complete: f.Complete, Reread: f.Reread, Closed: f.Closed}); err != nil {
			return err
		}
	}
	return nil
}

// TestALeaseThatSomebodyHoldsIsRespected mends nothing under another worker's hands, and says so.
func TestALeaseThatSomebodyHoldsIsRespected(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.hits(`update link set reason = '' where mailbox_id = $1`, d.copied)
	epoch, err := d.store.Acquire(t.Context(), org, "alice", "a worker", 10*time.Minute)
	require.NoError(t, err)
	r, err := doctor.Run(t.Context(), doctor.Config{Store: d.store, Ring: d.ring, Connect: d, Now: d.clock.Now, Wait: func(_ context.Context, w time.Duration) error { d.clock.Advance(w); return nil }}, doctor.Options{Org: org, Fix: true})
	require.NoError(t, err)
	require.Equal(t, []string{string(doctor.LinkUntold)}, codesOf(r.Findings))
	require.Equal(t, 1, r.Open())
	require.Equal(t, []doctor.Unchecked{{Rep: "alice", Code: "lease_held"}}, r.Unchecked)
	require.NoError(t, d.store.Renew(t.Context(), org, "alice", epoch, time.Minute), "the worker has it still")
	rep, err := d.store.GetRep(t.Context(), org, "alice")
	require.NoError(t, err)
	require.False(t, rep.Reread)
}

// TestAnEndlessLeaseGivesItsHolderTime lets whoever holds it finish its last request: nobody else has it before.
func TestAnEndlessLeaseGivesItsHolderTime(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.hits(`update rep set holder = 'stuck', lease_until = null`)
	_, err := d.store.Acquire(t.Context(), org, "alice", "another", time.Minute)
	require.ErrorAs(t, err, &store.ErrLeaseHeld{})
	start := d.clock.Now()
	r := d.doctor(doctor.Options{Fix: true})
	require.Equal(t, []string{string(doctor.LeaseEndless)}, codesOf(r.Findings))
	require.Zero(t, r.Open())
	require.GreaterOrEqual(t, d.clock.Now().Sub(start), time.Minute, "it was waited out")
	_, err = d.store.Acquire(t.Context(), org, "alice", "another", time.Minute)
	require.NoError(t, err)
}

// TestAVendorThatDoesNotAnswerIsNoFinding says what was not looked at, and neither finds nor mends by what it does not know.
func TestAVendorThatDoesNotAnswerIsNoFinding(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	require.NoError(t, d.store.SetRetry(t.Context(), org, "alice", record.Contact, record.Mailbox, d.clock.Now().Add(time.Hour), "quota"))
	d.box.Google.RevokeDelegation()
	d.box.Google.RevokeTokens(address("alice"))
	rows := d.tables()
	r, err := doctor.Run(t.Context(), doctor.Config{Store: d.store, Ring: d.ring, Connect: d, Now: d.clock.Now}, doctor.Options{Org: org, Fix: true})
	require.NoError(t, err)
	require.Empty(t, r.Findings, "%+v", r.Findings)
	require.Contains(t, r.Unchecked, doctor.Unchecked{Rep: "alice", Kind: record.Contact, Side: record.Mailbox, Code: "asked_to_wait:quota"})
	require.Len(t, r.Unchecked, 2, "%+v", r.Unchecked)
	require.Equal(t, rows, d.tables())
}

// TestTheWrongKeyringMendsNothing: what another keyring cannot open is not damaged.
func TestTheWrongKeyringMendsNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ring, _ := storetest.Ring(t)
	other := storetest.With(t, ring, store.Options{Now: d.clock.Now, Schema: d.schema})
	rows := d.tables()
	r, err := doctor.Run(t.Context(), doctor.Config{Store: other, Ring: ring, Connect: d, Now: d.clock.Now, Wait: func(context.Context, time.Duration) error { return nil }}, doctor.Options{Org: org, Fix: true})
	require.NoError(t, err)
	require.NotZero(t, r.Open())
	for _, f := range r.Findings {
		require.False(t, f.Fixed, "%+v", f)
	}
	require.Contains(t, codesOf(r.Findings), string(doctor.SealedKey))
	require.Equal(t, rows, d.tables())
}
