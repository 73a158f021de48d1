package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/repsync/repsync/internal/sandbox"
	"github.com/repsync/repsync/internal/sandbox/google"
)

// latency is how long every request to a vendor takes beside its work.
const latency = 100 * time.Millisecond

// peopleQuota is what one user of the People API has been seen to have in a minute.
var peopleQuota = google.Quota{CriticalReads: 90, CriticalWrites: 90}

// quotas measures a first sync into a mailbox whose vendor keeps its documented quotas. The calendar's bind: one insert is
// one unit, 600 a minute. The time that they allow is that of a client that knows them: it sends what a minute takes in as
// few requests as possible, one after the other, and goes on when that minute is over.
func quotas(ctx context.Context, s *bed, o Options) ([]Figure, error) {
	d := directions[0]
	w, err := s.raise(ctx, setting{policy: d.policy, reps: []string{alice, bob}, box: sandbox.Config{Quota: peopleQuota, CalendarQuota: google.VendorCalendarQuota, Latency: latency}},
		func(w *world) error { return d.fill(w, o.Quota, o.Quota) })
	if err != nil {
		return nil, err
	}
	defer w.close()
	if err := w.settled(ctx); err != nil {
		return nil, err
	}
	w.forget()
	began := time.Now()
	if err := w.start(ctx, alice); err != nil {
		return nil, err
	}
	last, err := w.rest(ctx, alice, 0, time.Hour)
	if err != nil {
		return nil, err
	}
	took := last.PassedAt.Sub(began)
	asked := w.asked()
	allowed := allows(o.Quota, d.least(o.Quota, o.Quota))
	fmt.Fprintf(o.Out, "  %s: %s where the quotas allow %s; %d passes, %d units of the calendar, calls: %s\n", d.name, took.Round(time.Second), allowed.Round(time.Second), last.Pass, asked.parts, asked)
	if made := last.Totals.Created.Mailbox; made != 2*o.Quota {
		return nil, fmt.Errorf("%d of %d items were made: %+v", made, 2*o.Quota, last)
	}
	what := fmt.Sprintf("first sync of %d contacts and %d events, %s, under quotas and 100 ms of latency: ", o.Quota, o.Quota, d.name)
	return []Figure{
		atMost(what+fmt.Sprintf("time (%s) ÷ what the quotas allow (%s)", took.Round(time.Second), allowed.Round(time.Second)), "%.2f", 1.1, float64(took)/float64(allowed)),
		shown(what+"parts of batches refused and sent again", fmt.Sprint(asked.parts-o.Quota)),
	}, nil
}

// allows is the least time in which a calendar takes so many inserts: a minute's worth at once, and again a minute later each
// time, since the minute of the vendor's quota slides, and the latency of the requests that are made before the last minute's
// are through.
func allows(events, requests int) time.Duration {
	limit := google.VendorCalendarQuota.PerUser
	minutes := per(events, limit) - 1
	if minutes == 0 {
		return time.Duration(requests) * latency
	}
	return time.Duration(minutes)*time.Minute + time.Duration(per(events-minutes*limit, eventBatch))*latency
}
