package metrics

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"

	"github.com/repsync/repsync/activities"
)

// Interceptor counts what stages do, by what goes into them and comes out.
func (m *Metrics) Interceptor() interceptor.WorkerInterceptor { return &counting{m: m} }

type counting struct {
	interceptor.WorkerInterceptorBase
	m *Metrics
}

func (c *counting) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &countingIn{interceptor.ActivityInboundInterceptorBase{Next: next}, c.m}
}

type countingIn struct {
	interceptor.ActivityInboundInterceptorBase
	m *Metrics
}

func (c *countingIn) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	name := activity.GetInfo(ctx).ActivityType.Name
	began := c.m.now()
	if len(in.Args) > 0 {
		if f, ok := in.Args[0].(activities.FetchIn); ok && !f.Due.IsZero() {
			c.m.delaySeconds.WithLabelValues(f.Org).Observe(max(began.Sub(f.Due), 0).Seconds())
		}
	}
	out, err := c.Next.ExecuteActivity(ctx, in)
	now := c.m.now()
	c.m.stageSeconds.WithLabelValues(name).Observe(now.Sub(began).Seconds())
	if err == nil && len(in.Args) > 0 {
		c.m.count(name, in.Args[0], out, now)
	}
	return out, err
}

// count books the result of one stage.
func (m *Metrics) count(name string, in, out any, now time.Time) {
	switch in := in.(type) {
	case activities.FetchIn:
		if f, ok := out.(activities.FetchOut); ok {
			m.trouble(in.Org, name, f.Trouble)
			switch {
			case f.News: // Fetch follows
			case f.Work: // counted when it is committed
			case f.Trouble != nil:
				m.passes.WithLabelValues(in.Org, "trouble").Inc()
			case f.Held != nil:
				m.passes.WithLabelValues(in.Org, "held").Inc()
			default:
				m.passes.WithLabelValues(in.Org, "idle").Inc()
			}
		}
	case activities.Pass:
		if s, ok := out.(activities.StageOut); ok {
			m.stage(name, in, s, now)
		}
	case activities.FeedIn:
		if f, ok := out.(activities.FeedOut); ok {
			m.trouble(in.Org, name, f.Trouble)
			m.feedRows.WithLabelValues(in.Org).Add(float64(f.Rows))
		}
	case activities.UndoIn:
		if u, ok := out.(activities.UndoOut); ok {
			m.trouble(in.Org, name, u.Trouble)
		}
	}
}

// stage books what a stage after Fetch did.
func (m *Metrics) stage(name string, in activities.Pass, out activities.StageOut, now time.Time) {
	m.trouble(in.Org, name, out.Trouble)
	if out.Hold != nil {
		m.holds.WithLabelValues(in.Org).Inc()
	}
	sum := out.Summary
	for verb, n := range map[string]activities.Sided{"create": sum.Created, "update": sum.Updated, "delete": sum.Deleted} {
		for side, n := range map[string]int{"crm": n.CRM, "mailbox": n.Mailbox} {
			if n > 0 {
				m.items.WithLabelValues(in.Org, side, verb).Add(float64(n))
			}
		}
	}
	for reason, n := range sum.Reasons {
		m.decisions.WithLabelValues(in.Org, string(reason)).Add(float64(n))
	}
	if name != "Commit" {
		return
	}
	result := "work"
	if out.Trouble != nil {
		result = "trouble"
	}
	m.passes.WithLabelValues(in.Org, result).Inc()
	if !in.Began.IsZero() {
		m.passSeconds.WithLabelValues(in.Org).Observe(now.Sub(in.Began).Seconds())
	}
}

// trouble books why a stage could not do all it should.
func (m *Metrics) trouble(org, stage string, t *activities.Trouble) {
	if t == nil {
		return
	}
	m.troubles.WithLabelValues(org, stage, t.Class).Inc()
	if t.Code == activities.CodeLeaseLost {
		m.leasesLost.WithLabelValues(org).Inc()
	}
}
