package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"go.temporal.io/api/enums/v1"
	"golang.org/x/sync/errgroup"

	"github.com/repsync/repsync/internal/devstack/stage"
	"github.com/repsync/repsync/workflows"
)

const (
	feedEvery = time.Minute // feed.every at its default, which the fleet's world has
	objects   = 2           // that a feed reads: contacts and events
)

// fleet measures many reps of one org. They are started over the time between two passes, as they would have been over
// weeks, pass once more by their schedule, and are then measured. Meanwhile somebody edits one CRM record a minute.
func fleet(ctx context.Context, s *bed, o Options) ([]Figure, error) {
	reps := make([]string, o.Reps)
	for n := range reps {
		reps[n] = fmt.Sprintf("rep%04d", n)
	}
	var contacts []string
	w, err := s.raise(ctx, setting{policy: fmt.Sprintf(both, o.Every), reps: reps, feed: feedEvery}, func(w *world) error {
		for n, rep := range reps {
			for k := range 2 {
				id, err := w.box.Salesforce.Insert("Contact", crmContact(2*n+k, w.users[rep]), w.users[rep])
				if err != nil {
					return err
				}
				contacts = append(contacts, id)
			}
			if _, err := w.box.Salesforce.Insert("Event", crmEvent(n, w.users[rep], ""), w.users[rep]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	defer w.close()
	fmt.Fprintf(o.Out, "  starting %d reps over %s\n", len(reps), o.Every)
	for n, rep := range reps {
		if err := w.start(ctx, rep); err != nil {
			return nil, err
		}
		if err := stage.Pause(ctx, o.Every/time.Duration(len(reps))*time.Duration(min(n, 1))); err != nil {
			return nil, err
		}
	}
	if err := stage.Pause(ctx, o.Every+time.Minute); err != nil { // what the first sync wrote is shown, and every rep has passed over it
		return nil, err
	}
	return w.fleet(ctx, o, reps, contacts)
}

// fleet measures for as long as the options say.
func (w *world) fleet(ctx context.Context, o Options, reps, contacts []string) ([]Figure, error) {
	w.forget()
	if err := w.profileAnew(); err != nil {
		return nil, err
	}
	from := time.Now()
	worker, err := w.cpu()
	if err != nil {
		return nil, err
	}
	server, err := serverCPU(w.server)
	if err != nil {
		return nil, err
	}
	edits := 0
	for next := from; time.Since(from) < o.Time; next = next.Add(time.Minute) {
		if err := stage.Pause(ctx, time.Until(next)); err != nil {
			return nil, err
		}
		n := (edits * 7) % len(contacts)
		if err := w.box.Salesforce.Update("Contact", contacts[n], fields{"Title": fmt.Sprint("Edit ", edits)}, w.users[reps[n/2]]); err != nil {
			return nil, err
		}
		edits++
		if err := stage.Pause(ctx, min(time.Minute, o.Time-time.Since(from))); err != nil {
			return nil, err
		}
	}
	to := time.Now()
	after, err := w.cpu()
	if err != nil {
		return nil, err
	}
	serverAfter, err := serverCPU(w.server)
	if err != nil {
		return nil, err
	}
	asked := w.asked()
	delays, err := w.delays(ctx, reps, from, to)
	if err != nil {
		return nil, err
	}
	if len(delays) == 0 {
		return nil, errors.New("no rep has passed")
	}
	slices.Sort(delays)
	p95 := delays[len(delays)*95/100]
	peak, err := peakOf(w.worker.PID())
	if err != nil {
		return nil, err
	}
	bar := int(to.Sub(from)/feedEvery)*objects + edits
	fmt.Fprintf(o.Out, "  %d passes of %d reps in %s, %d edits, longest delay %s, calls: %s\n", len(delays), len(reps), to.Sub(from).Round(time.Second), edits, delays[len(delays)-1].Round(time.Millisecond), asked)
	what := fmt.Sprintf("%d reps of one org, each passing every %s for %s: ", len(reps), o.Every, o.Time)
	passes := float64(len(delays))
	return []Figure{
		atMost(what+"CRM calls", "%.0f", float64(bar), float64(asked.sum("crm"))),
		atMost(what+"worker CPU per pass, ms", "%.2f", 5, ms(after-worker)/passes),
		atMost(what+"Postgres CPU per pass, ms", "%.2f", 5, ms(serverAfter-server)/passes),
		atMost(what+"p95 delay of a pass behind its time, s", "%.2f", 10, p95.Seconds()),
		shown(what+"peak memory of the worker, MB", fmt.Sprintf("%.0f", float64(peak)/1e6)),
	}, nil
}

// delays are how late the passes began whose time lay between from and to: Temporal keeps when each timer was to fire, and
// when the first activity after it was taken up by the worker. Of a glance, which is all of an idle pass, it keeps the end.
func (w *world) delays(ctx context.Context, reps []string, from, to time.Time) ([]time.Duration, error) {
	all := make([][]time.Duration, len(reps))
	var group errgroup.Group
	var next atomic.Int64
	for range 4 {
		group.Go(func() error {
			for n := int(next.Add(1)) - 1; n < len(reps); n = int(next.Add(1)) - 1 {
				var err error
				if all[n], err = w.delaysOf(ctx, reps[n], from, to); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := group.Wait()
	return slices.Concat(all...), err
}

func (w *world) delaysOf(ctx context.Context, rep string, from, to time.Time) (out []time.Duration, err error) {
	history := w.client.GetWorkflowHistory(ctx, workflows.RepID(org, rep), "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	due, fired := map[int64]time.Time{}, time.Time{}
	for history.HasNext() {
		e, err := history.Next()
		if err != nil {
			return nil, err
		}
		switch e.GetEventType() {
		case enums.EVENT_TYPE_TIMER_STARTED:
			due[e.GetEventId()] = e.GetEventTime().AsTime().Add(e.GetTimerStartedEventAttributes().GetStartToFireTimeout().AsDuration())
		case enums.EVENT_TYPE_TIMER_FIRED:
			fired = due[e.GetTimerFiredEventAttributes().GetStartedEventId()]
		case enums.EVENT_TYPE_ACTIVITY_TASK_STARTED, enums.EVENT_TYPE_MARKER_RECORDED: // Fetch has begun, or a glance has ended
			if fired.After(from) && fired.Before(to) {
				out = append(out, e.GetEventTime().AsTime().Sub(fired))
			}
			fired = time.Time{}
		}
	}
	return out, nil
}
