package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

const benchItems = 1000

// BenchmarkThousandItems measures the three heavy writes of a first sync. It reports time, allocations and statements per
// item beside Go's own per-batch numbers.
func BenchmarkThousandItems(b *testing.B) {
	var (
		staged   []store.Staged
		plan     = store.PlanBatch{Kind: record.Contact}
		settle   = store.SettleBatch{Kind: record.Contact}
		contact  = record.Fields{record.FieldGiven: "Ann", record.FieldFamily: "Lee", record.FieldEmail: "ann@example.com", record.FieldPhoneWork: "+1 415 555 0100"}
		hashes   = planner.Hashes{record.FieldGiven: 1 << 60, record.FieldFamily: 1 << 61, record.FieldEmail: 1 << 62, record.FieldPhoneWork: 1 << 59}
		verdicts = func(reason planner.Reason, i int) store.Verdict {
			return store.Verdict{Kind: record.Contact, Side: record.CRM, ID: fmt.Sprint("c", i), LinkID: fmt.Sprint("l-i", i), Pass: 1, Revision: 1, Reason: reason}
		}
	)
	for i := range benchItems {
		it := item(fmt.Sprint("c", i), "t1", 1, "")
		it.Fields = contact
		staged = append(staged, seen(record.CRM, it))
		intent := create(fmt.Sprint("i", i))
		intent.Op.Set = contact
		l := link(intent.LinkID, it.ID, "")
		l.CRM.Shown, l.Mailbox = hashes, planner.SideBase{}
		plan.Links, plan.Intents = append(plan.Links, l), append(plan.Intents, intent)
		plan.Verdicts = append(plan.Verdicts, verdicts("created", i))
		l.Mailbox = planner.SideBase{ID: fmt.Sprint("m", i), Shown: hashes, Sent: hashes}
		settle.Links, settle.Done = append(settle.Links, l), append(settle.Done, intent.ID)
		settle.Verdicts = append(settle.Verdicts, verdicts("created", i))
		settle.Unstage = append(settle.Unstage, store.StagedAs{SideID: store.SideID{Side: record.CRM, ID: it.ID}, Tag: it.Version.Tag})
		settle.Journal = append(settle.Journal, store.Line{Pass: 1, Kind: record.Contact, Side: record.CRM, ID: it.ID, LinkID: l.ID, Action: "create",
			Reason: "created", Values: map[string]store.Change{record.FieldGiven: {After: "Ann"}}})
	}
	for _, bm := range []struct {
		name string
		run  func(f *fixture) error
	}{
		{"Stage", func(f *fixture) error {
			return f.Stage(f.ctx, acme, alice, f.epoch, staged, store.Cursor{Kind: record.Contact, Side: record.CRM, Page: []byte("p")})
		}},
		{"SavePlan", func(f *fixture) error { return f.SavePlan(f.ctx, acme, alice, f.epoch, plan) }},
		{"Settle", func(f *fixture) error { return f.Settle(f.ctx, acme, alice, f.epoch, settle) }},
	} {
		b.Run(bm.name, func(b *testing.B) {
			f := newFixture(b)
			statements := store.CountStatements(f.Store)
			wipe := func() { // each round starts from what the stage before leaves
				require.NoError(b, store.Exec(f.ctx, f.Store, `truncate link, staged, intent, verdict, journal`))
				if bm.name != "Stage" {
					require.NoError(b, f.Stage(f.ctx, acme, alice, f.epoch, staged, store.Cursor{}))
				}
				if bm.name == "Settle" {
					require.NoError(b, f.SavePlan(f.ctx, acme, alice, f.epoch, plan))
				}
			}
			wipe()
			require.NoError(b, bm.run(f)) // connected and prepared
			b.ReportAllocs()
			var spent time.Duration
			var ran int64
			for b.Loop() {
				b.StopTimer()
				wipe()
				before, start := statements.Load(), time.Now()
				b.StartTimer()
				if err := bm.run(f); err != nil {
					b.Fatal(err)
				}
				spent, ran = spent+time.Since(start), ran+statements.Load()-before
			}
			b.ReportMetric(float64(ran)/float64(b.N*benchItems), "statements/item")
			b.ReportMetric(float64(spent.Microseconds())/float64(b.N*benchItems), "µs/item")
		})
	}
}
