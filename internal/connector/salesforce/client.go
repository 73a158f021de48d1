package salesforce

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/credential"
)

// client carries requests: it signs in, keeps the session, and turns every failure into a *connector.Error.
type client struct {
	cfg  Config
	http *http.Client
	gate *credential.Gate // one signs in at a time

	mu      sync.Mutex
	session session

	requests atomic.Int64
	usage    atomic.Int64 // API calls used in the last 24 hours, by the vendor's count
	limit    atomic.Int64
}

// session is what a sign-in gave.
type session struct {
	number        int // counts sign-ins; 0 is none yet
	authorization string
	base          string
	user          string // the integration user's id, "" where the sign-in did not tell
}

func newClient(c Config) *client {
	cl := &client{cfg: c, gate: credential.NewGate(1, nil)}
	hc := *c.HTTPClient
	hc.Timeout = 0 // each request has its own
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	cl.http = &hc
	return cl
}

// call is one request.
type call struct {
	op     string // for errors: "salesforce query Contact"
	method string
	path   string // below /services/data/vXX.X, or absolute from /services
	body   any
	write  bool // a lost answer is Unclear instead of Retry
}

// answer is what is left of a response beside its body.
type answer struct {
	status int
	date   time.Time // the server's clock, zero when it did not say
}

// do sends one request and decodes the answer into out. A session that the server no longer accepts is renewed once.
func (c *client) do(ctx context.Context, r call, out any) (answer, error) {
	var payload []byte
	if r.body != nil {
		b, err := json.Marshal(r.body)
		if err != nil {
			return answer{}, &connector.Error{Class: connector.Bug, Code: "encode", Op: r.op, Cause: err}
		}
		payload = b
	}
	if !strings.HasPrefix(r.path, "/services/oauth2/") { // those are no calls to the API
		if err := connector.Spend(ctx, c.cfg.Meter, connector.QuotaCRM, 1, r.op); err != nil {
			return answer{}, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	s, err := c.current(ctx, 0)
	if err != nil {
		return answer{}, err
	}
	a, err := c.once(ctx, s, r, payload, out)
	var e *connector.Error
	if !errors.As(err, &e) || e.Code != sessionGone || c.cfg.Auth.Basic != nil {
		return a, err
	}
	if s, err = c.current(ctx, s.number); err != nil {
		return answer{}, err
	}
	return c.once(ctx, s, r, payload, out)
}

// current returns the session, signing in where there is none or where the one numbered refused is still in place. Any
// number of callers wait for one sign-in, and share its refusal; see credential.Gate.
func (c *client) current(ctx context.Context, refused int) (session, error) {
	usable := func() (session, bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.session, c.session.number > refused
	}
	if s, ok := usable(); ok {
		return s, nil
	}
	var got session
	err := c.gate.Do(ctx, credential.Attempt{Mark: c.mark(), Scopes: []string{opSignIn}, SignIn: func(ctx context.Context) error {
		if s, ok := usable(); ok {
			got = s
			return nil
		}
		s, err := c.signIn(ctx)
		if err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		s.number = c.session.number + 1
		if s.user == "" {
			s.user = c.session.user
		}
		c.session, got = s, s
		return nil
	}})
	if errors.Is(err, ctx.Err()) && ctx.Err() != nil {
		return session{}, transportError(opSignIn, err, false)
	}
	return got, err
}

func (c *client) url(s session, path string) string {
	if strings.HasPrefix(path, "/services/") {
		return s.base + path
	}
	return s.base + "/services/data/v" + c.cfg.APIVersion + path
}

// once sends one request under one session.
func (c *client) once(ctx context.Context, s session, r call, payload []byte, out any) (answer, error) {
	sent := &atomic.Bool{}
	trace := &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), r.method, c.url(s, r.path), bytes.NewReader(payload))
	if err != nil {
		return answer{}, &connector.Error{Class: connector.Bug, Code: "request", Op: r.op, Cause: err}
	}
	if payload == nil {
		req.Body, req.ContentLength = nil, 0
	} else {
		req.GetBody = nil // never replayed by the transport: a write is sent once
		req.Header.Set("Content-Type", "application/json; charset=UTF-8")
	}
	req.Header.Set("Authorization", s.authorization)
	req.Header.Set("Accept", "application/json")
	return c.roundTrip(req, r, sent, out)
}

// roundTrip sends req and reads its answer, bounded.
func (c *client) roundTrip(req *http.Request, r call, sent *atomic.Bool, out any) (answer, error) {
	c.requests.Add(1)
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, transportError(r.op, err, r.write && sent.Load())
	}
	defer func() {
		_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // so that the connection can be used again
		_ = resp.Body.Close()
	}()
	a := answer{status: resp.StatusCode}
	if t, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		a.date = t.UTC()
	}
	c.noteUsage(resp.Header.Get("Sforce-Limit-Info"))
	body := &io.LimitedReader{R: resp.Body, N: c.cfg.MaxBody + 1}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		b, readErr := io.ReadAll(&io.LimitedReader{R: resp.Body, N: 1 << 20})
		return a, statusError(r, resp, b, readErr, c.cfg.Now())
	}
	if out == nil || resp.StatusCode == http.StatusNoContent {
		return a, nil
	}
	decode := func() error { return connector.Decode(body, out) }
	if long, ok := out.(interface{ decodeFrom(body io.Reader) error }); ok {
		decode = func() error { return long.decodeFrom(body) }
	}
	if err := decode(); err != nil {
		return a, bodyError(r, err, body.N <= 0)
	}
	return a, nil
}

// noteUsage reads "api-usage=18/5000".
func (c *client) noteUsage(info string) {
	for _, part := range strings.FieldsFunc(info, func(r rune) bool { return r == ';' || r == ',' }) {
		v, ok := strings.CutPrefix(strings.TrimSpace(part), "api-usage=")
		if !ok {
			continue
		}
		used, of, _ := strings.Cut(v, "/")
		u, err1 := strconv.ParseInt(used, 10, 64)
		l, err2 := strconv.ParseInt(of, 10, 64)
		if err1 == nil && err2 == nil {
			c.usage.Store(u)
			c.limit.Store(l)
			if c.cfg.Meter != nil {
				c.cfg.Meter.Told(u, l)
			}
		}
	}
}
