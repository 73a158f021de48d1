package google

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/repsync/repsync/internal/connector"
)

// Servers without batches are spoken to one request an item. That a server has none is found out by asking: 404, 405 and 501
// for a batch as a whole are no answer that Google gives, which answers for each part. It is believed as long as the
// connector lives.

// singleBatch is how many items go into one call of Write then, so that a call ends within its deadline.
const singleBatch = 25

// garbledMost is how many answers in a row to a batch may be none before the server is taken for one without batches: a proxy
// may say something in its place now and then.
const garbledMost = 4

// notServed reports whether an answer says that there is no such request.
func notServed(err error) bool {
	return isStatus(err, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented)
}

// alone sends requests of a batch one by one. After one that the server had no time for, or that got no answer, no other is
// sent: they are Retry with Code "not_sent".
func (c *client) alone(ctx context.Context, all []request) []answer {
	answers := make([]answer, len(all))
	var stop *connector.Error
	for i, r := range all {
		if stop != nil {
			own := *stop
			answers[i].err = &own
			continue
		}
		answers[i] = c.single(ctx, r)
		e := answers[i].err
		if e != nil && (answers[i].status == 0 || e.Class == connector.Retry || e.Class == connector.Unclear) {
			stop = &connector.Error{Class: connector.Retry, Code: "not_sent", Op: r.op, RetryAfter: e.RetryAfter, Cause: e.Cause}
			if e.Class == connector.Reconnect {
				stop.Class, stop.Code = e.Class, e.Code
			}
		}
	}
	return answers
}

// known makes sure that what is said not to be there is said by the server: a 404 that is not in its own words may come from
// whatever stands before it. Where the server does not answer for itself, these are Retry with Code "not_alive".
func (c *client) known(ctx context.Context, answers []answer, alive func(context.Context) error) []answer {
	asked, there := false, false
	for i := range answers {
		e := answers[i].err
		if e == nil || answers[i].status != http.StatusNotFound || e.Code != "http_404" {
			continue
		}
		if !asked {
			asked, there = true, alive(ctx) == nil
		}
		if !there {
			e.Class, e.Code, e.Row = connector.Retry, "not_alive", false
			answers[i].status = 0
		}
	}
	return answers
}

// single sends one request of a batch by itself.
func (c *client) single(ctx context.Context, r request) answer {
	var a answer
	one := call{op: r.op, method: r.method, path: r.path, query: r.query, body: r.body, ifMatch: r.ifMatch, write: r.write}
	if c.base == c.cfg.BaseURLCalendar {
		one.units = units(r)
	}
	one.read = func(resp *http.Response, body io.Reader) (err error) {
		a.status = resp.StatusCode
		a.body, err = io.ReadAll(body)
		return err
	}
	err := c.do(ctx, one, nil)
	if err == nil {
		return a
	}
	var said answered
	if a.status = 0; errors.As(err, &said) {
		a.status = said.status
	}
	if !errors.As(err, &a.err) {
		a.err = &connector.Error{Class: connector.Bug, Code: "unknown_code", Op: r.op, Cause: err}
	}
	a.err.Row = said.status != 0
	return a
}

// unbatched decides, after a batch that failed as a whole, whether the server has none. alive makes sure that it is there at
// all: of one that answers everything with 404, nobody must learn that items are gone.
func (c *client) unbatched(ctx context.Context, err error, alive func(context.Context) error) bool {
	none := notServed(err) || errors.Is(err, errNotBatch) && c.garbled.Load() > garbledMost
	if !none || alive(ctx) != nil {
		return false
	}
	c.singly.Store(true)
	return true
}

// getSingly reads contacts one by one.
func (m *people) getSingly(ctx context.Context, op string, names []string) (items []connector.Item, gone []connector.Gone, err error) {
	q := url.Values{"personFields": {personFields}, "sources": {contactOnly}}
	for _, name := range names {
		a := m.client.known(ctx, []answer{m.client.single(ctx, request{op: op, method: http.MethodGet, path: "v1/" + name, query: q})}, m.alive)[0]
		switch {
		case a.err == nil:
			items = append(items, m.got(name, a.body))
		case a.status == http.StatusNotFound || a.status == http.StatusGone:
			gone = append(gone, connector.Gone{Ref: connector.Ref{ID: name}, Deleted: true})
		case unseen(a):
			gone = append(gone, connector.Gone{Ref: connector.Ref{ID: name}})
		default:
			return nil, nil, a.err
		}
	}
	return items, gone, nil
}

// sendSingly writes contacts one by one: creates with mask "", updates, and deletes with the mask of none.
func (w *writing) sendSingly(ctx context.Context, at []int, mask string) {
	all := make([]request, len(at))
	for n, i := range at {
		r := request{op: "google create contact", method: http.MethodPost, path: "v1/people:createContact", write: true,
			query: url.Values{"personFields": {personFields}, "sources": {contactOnly}}, body: w.bodies[i]}
		switch w.ops[i].Verb {
		case connector.Update:
			r.op, r.method, r.path = "google update contact", http.MethodPatch, "v1/"+w.ops[i].Ref.ID+":updateContact"
			r.query.Set("updatePersonFields", mask)
		case connector.Delete:
			r = request{op: "google delete contact", method: http.MethodDelete, path: "v1/" + w.ops[i].Ref.ID + ":deleteContact", write: true}
		}
		all[n] = r
	}
	for n, a := range w.client.known(ctx, w.client.alone(ctx, all), w.alive) {
		i := at[n]
		switch {
		case a.err != nil:
			if a.err.Row && (a.err.Class == connector.Bug || unseen(a)) {
				a.err.Class = connector.Park // it is this contact that the server does not take
			}
			if !a.err.Row || a.err.Class == connector.Retry || a.err.Class == connector.Unclear || a.err.Class == connector.Reconnect {
				a.err.Row = false
				w.halt([]int{i}, a.err)
			} else {
				w.fail([]int{i}, a.err)
			}
		case w.ops[i].Verb != connector.Delete:
			w.results[i] = w.result(all[n].op, w.ops[i], response{Person: a.body}, true)
		}
	}
}
