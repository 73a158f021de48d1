package activities

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// watch stands between a session and one side. A vendor that asks to be left alone until a time is not called before
// then, by any stage of any worker: the time is kept in the store, for that kind and side, and outlives restarts.
type watch struct {
	connector.Connector
	s    *session
	side record.Side
}

// watchCRM is a watch over a CRM.
type watchCRM struct {
	watch
	crm connector.CRM
}

func (s *session) watched(crm connector.CRM, mailbox connector.Connector) (connector.CRM, connector.Connector) {
	return watchCRM{watch{crm, s, record.CRM}, crm}, watch{mailbox, s, record.Mailbox}
}

// allowed is nil, or the error that the vendor would give.
func (w watch) allowed(k record.Kind) error {
	c := w.s.cursor(k, w.side)
	left := c.RetryAt.Sub(w.s.a.Now())
	if left <= 0 {
		return nil
	}
	return &connector.Error{Class: connector.Retry, Code: c.RetryCode, RetryAfter: left, Op: "wait for the " + string(w.side)}
}

// note keeps what a vendor asks for. An error of one row speaks of that row only, and a budget is shared by all: its meter is
// asked again.
func (w watch) note(ctx context.Context, k record.Kind, err error) error {
	var e *connector.Error
	if !errors.As(err, &e) || e.Class != connector.Retry || e.Row || e.RetryAfter <= 0 || e.Code == connector.BudgetSpent {
		return err
	}
	if failed := w.s.putOff(context.WithoutCancel(ctx), k, w.side, w.s.a.Now().Add(e.RetryAfter), e.Code); failed != nil {
		return failed
	}
	return err
}

// putOff keeps until when a side is not to be called.
func (s *session) putOff(ctx context.Context, k record.Kind, side record.Side, until time.Time, code string) error {
	c := s.cursor(k, side)
	if !until.After(c.RetryAt) {
		return nil
	}
	if err := s.a.Store.SetRetry(ctx, s.org, s.rep, k, side, until, code); err != nil {
		return err
	}
	for i := range s.sit.Cursors {
		if have := &s.sit.Cursors[i]; have.Kind == k && have.Side == side {
			have.RetryAt, have.RetryCode = until, code
			return nil
		}
	}
	c.RetryAt, c.RetryCode = until, code
	s.sit.Cursors = append(s.sit.Cursors, c)
	return nil
}

// lastActivityField is read beside what a policy's filter reads: limits and ambiguous matches go by it. A server that has
// no such field is asked without it.
const lastActivityField = "LastActivityDate"

// lacksActivity notes for the rest of the stage that the server has no such field.
func (w watch) lacksActivity(err error) bool {
	if codeOf(err) != "unknown_field:"+lastActivityField {
		return false
	}
	w.s.noActivity = true
	return true
}

func without(fields []string, field string) []string {
	return slices.DeleteFunc(slices.Clone(fields), func(f string) bool { return f == field })
}

func (w watch) Caps(ctx context.Context, k record.Kind, owner string) (connector.Caps, error) {
	if err := w.allowed(k); err != nil {
		return connector.Caps{}, err
	}
	out, err := w.Connector.Caps(ctx, k, owner)
	return out, w.note(ctx, k, err)
}

func (w watch) Changes(ctx context.Context, k record.Kind, q connector.Query) (connector.Delta, error) {
	if err := w.allowed(k); err != nil {
		return connector.Delta{}, err
	}
	out, err := w.Connector.Changes(ctx, k, q)
	if w.lacksActivity(err) {
		q.Extra = without(q.Extra, lastActivityField)
		out, err = w.Connector.Changes(ctx, k, q)
	}
	out.Items, out.Gone, out.Bad = flattenAll(out.Items), flattenGone(out.Gone), flattenBad(out.Bad)
	return out, w.note(ctx, k, err)
}

func (w watch) Get(ctx context.Context, k record.Kind, refs []connector.Ref, extra []string) ([]connector.Item, []connector.Gone, error) {
	if err := w.allowed(k); err != nil {
		return nil, nil, err
	}
	refs = deepRefs(refs)
	items, gone, err := w.Connector.Get(ctx, k, refs, extra)
	if w.lacksActivity(err) {
		items, gone, err = w.Connector.Get(ctx, k, refs, without(extra, lastActivityField))
	}
	return flattenAll(items), flattenGone(gone), w.note(ctx, k, err)
}

// Occurrences is Calendar's; a mailbox that serves no events has none.
func (w watch) Occurrences(ctx context.Context, masters []string, from, to time.Time) ([]connector.Item, []connector.Gone, error) {
	calendar, ok := w.Connector.(connector.Calendar)
	if !ok {
		return nil, nil, &connector.Error{Class: connector.Unsupported, Code: "occurrences", Op: "read occurrences"}
	}
	if err := w.allowed(record.Event); err != nil {
		return nil, nil, err
	}
	items, gone, err := calendar.Occurrences(ctx, masters, from, to)
	return flattenAll(items), flattenGone(gone), w.note(ctx, record.Event, err)
}

func (w watch) Find(ctx context.Context, k record.Kind, by connector.By, keys, extra []string) (map[string][]connector.Item, error) {
	if err := w.allowed(k); err != nil {
		return nil, err
	}
	out, err := w.Connector.Find(ctx, k, by, keys, extra)
	if w.lacksActivity(err) {
		out, err = w.Connector.Find(ctx, k, by, keys, without(extra, lastActivityField))
	}
	return flattenFound(out), w.note(ctx, k, err)
}

func (w watch) Write(ctx context.Context, k record.Kind, ops []connector.Op) ([]connector.Result, error) {
	if err := w.allowed(k); err != nil {
		return nil, err
	}
	out, err := w.Connector.Write(ctx, k, deepOps(ops))
	out = flattenResults(out)
	if err == nil {
		for i := range out {
			out[i].Err = w.note(ctx, k, out[i].Err)
		}
	}
	return out, w.note(ctx, k, err)
}

func (w watchCRM) User(ctx context.Context, idOrEmail string) (connector.User, error) {
	if err := w.allowed(record.Contact); err != nil {
		return connector.User{}, err
	}
	out, err := w.crm.User(ctx, idOrEmail)
	return out, w.note(ctx, record.Contact, err)
}

func (w watchCRM) Access(ctx context.Context, k record.Kind, user string, ids []string) (map[string]connector.Access, error) {
	if err := w.allowed(k); err != nil {
		return nil, err
	}
	out, err := w.crm.Access(ctx, k, user, ids)
	return out, w.note(ctx, k, err)
}

func (w watchCRM) People(ctx context.Context, emails []string) (map[string][]connector.Person, error) {
	if err := w.allowed(record.Event); err != nil {
		return nil, err
	}
	out, err := w.crm.People(ctx, emails)
	return out, w.note(ctx, record.Event, err)
}
