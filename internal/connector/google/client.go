package google

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/repsync/repsync/internal/connector"
)

// client carries requests: it signs in, keeps the session, and turns every failure into a *connector.Error.
type client struct {
	cfg      Config
	base     string // the API's root
	http     *http.Client
	scope    string        // what a service account's tokens are asked for
	signing  chan struct{} // holds one token: whoever has it may sign in
	mu       sync.Mutex
	session  session
	requests atomic.Int64
	singly   atomic.Bool  // the server has no batches
	garbled  atomic.Int32 // batches in a row whose answer was none
}

// newClient returns a client of one service. Error: the service account's key is none.
func newClient(c Config, base, scope string) (*client, error) {
	if c.Key.Set() {
		if _, _, err := readKey(c); err != nil {
			return nil, err
		}
	}
	return clientOf(c, base, scope), nil
}

// clientOf is newClient without a look at the key.
func clientOf(c Config, base, scope string) *client {
	hc := *c.HTTPClient
	hc.Timeout = 0 // each request has its own
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client{cfg: c, base: base, http: &hc, scope: scope, signing: make(chan struct{}, 1)}
}

// call is one request.
type call struct {
	op      string // for errors: "google changes contact"
	method  string
	path    string // below the base URL: "v1/people:batchGet"
	query   url.Values
	body    any
	ifMatch string
	write   bool // a lost answer is Unclear instead of Retry
	silent  bool // success needs no body

	// A batch is no JSON, and goes to an address of its own.
	target  string // in place of path
	payload []byte // in place of body
	content string // its media type
	units   int    // what it takes of the quota; 0 is 1
	read    func(*http.Response, io.Reader) error
}

// spend takes what a request costs from the quota that it falls under.
func (c *client) spend(ctx context.Context, r call) error {
	q := connector.QuotaCalendar
	switch {
	case c.base == c.cfg.BaseURLPeople && r.write:
		q = connector.QuotaPeopleWrite
	case c.base == c.cfg.BaseURLPeople:
		q = connector.QuotaPeopleRead
	}
	return connector.Spend(ctx, c.cfg.Meter, q, max(r.units, 1), r.op)
}

// do sends one request and decodes the answer into out. A token that the server no longer accepts is renewed once.
func (c *client) do(ctx context.Context, r call, out any) error {
	payload := r.payload
	if r.body != nil {
		b, err := json.Marshal(r.body)
		if err != nil {
			return &connector.Error{Class: connector.Bug, Code: "encode", Op: r.op, Cause: err}
		}
		payload = b
	}
	if err := c.spend(ctx, r); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	s, err := c.current(ctx, 0)
	if err != nil {
		return err
	}
	err = c.once(ctx, s, r, payload, out)
	var e *connector.Error
	if !errors.As(err, &e) || e.Code != unauthenticated {
		return err
	}
	if s, err = c.current(ctx, s.number); err != nil {
		return err
	}
	return c.once(ctx, s, r, payload, out)
}

// listTries is how often a list that says nothing at all is asked for.
const listTries = 3

// list asks for a page of a list. Google says in each at least where to go on. A server that knows no sync tokens and has nothing to
// list says nothing, and so may what stands between while Google is ill: it is believed when it says so each time.
func (c *client) list(ctx context.Context, r call) (err error) {
	for range listTries {
		if err = c.do(ctx, r, nil); !errors.Is(err, connector.ErrSaysNothing) {
			return err
		}
	}
	return nil
}

// once sends one request with one token.
func (c *client) once(ctx context.Context, s session, r call, payload []byte, out any) error {
	sent := &atomic.Bool{}
	trace := &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}
	target := cmp.Or(r.target, c.base+r.path)
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	var body io.Reader
	if payload != nil {
		body = bytes.NewReader(payload)
	}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), r.method, target, body)
	if err != nil {
		return &connector.Error{Class: connector.Bug, Code: "request", Op: r.op, Cause: err}
	}
	req.GetBody = nil // never replayed by the transport: a write is sent once
	if payload != nil {
		req.Header.Set("Content-Type", cmp.Or(r.content, "application/json; charset=UTF-8"))
	}
	req.Header.Set("Authorization", "Bearer "+s.token.AccessToken)
	req.Header.Set("Accept", "application/json")
	if r.ifMatch != "" {
		req.Header.Set("If-Match", r.ifMatch)
	}
	c.requests.Add(1)
	resp, err := c.http.Do(req)
	if err != nil {
		return transportError(r.op, err, r.write && sent.Load())
	}
	defer func() {
		_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // so that the connection can be used again
		_ = resp.Body.Close()
	}()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		b, readErr := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
		return statusError(r, resp.StatusCode, resp.Header, b, readErr, c.cfg.Now())
	}
	limited := &io.LimitedReader{R: resp.Body, N: c.cfg.MaxBody + 1}
	read := r.read
	if read == nil {
		read = func(_ *http.Response, body io.Reader) error {
			err := connector.Decode(body, out)
			if r.silent && errors.Is(err, io.EOF) { // done, without a word
				return nil
			}
			return err
		}
	}
	if err := read(resp, limited); err != nil {
		return bodyError(r, err, limited.N <= 0)
	}
	return nil
}
