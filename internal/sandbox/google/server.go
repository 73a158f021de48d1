package google

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Config says how a Server behaves. The zero value is a generous, well-behaved vendor.
type Config struct {
	Domain        string           // the Workspace domain that the service account may act for: acme.test by default
	Region        string           // where phone numbers without a country belong, ISO 3166-1: US by default
	Clock         func() time.Time // the address books' time: time.Now by default
	SignInClock   func() time.Time // the sign-in's time: time.Now by default, since clients sign their assertions and renew tokens by their own real clocks
	TokenLife     time.Duration    // of an access token: 1 h by default
	SyncTokenLife time.Duration    // from the full read on: 7 days by default
	Lag           time.Duration    // how late writes show in the sync feed: 0 by default
	Quota         Quota            // off by default
	Serial        bool             // refuse a mutation of People while another one of the same user is under way (409 ABORTED); they are counted in any case
	CalendarQuota CalendarQuota    // off by default
	Mail          func(Mail)       // told of mail that the vendor would have sent: ignored by default. It must not call the server
	Seed          uint64           // of ids and etags
	Key           *rsa.PrivateKey  // the service account's key: made at start by default
	Scopes        []string         // what domain-wide delegation grants: DefaultScopes by default

	// Around wraps the service inside the counts of Calls and MaxConcurrentMutations, as the fault injector does: a
	// mutation that a fault delays is still under way.
	Around func(http.Handler) http.Handler
}

// Quota limits one user's requests per minute; 0 is no limit. The vendor's own numbers are not published (about 90
// critical reads and writes a minute have been seen).
type Quota struct {
	CriticalReads  int // get, batchGet, list, search
	CriticalWrites int // every mutation
	FullReads      int // first pages of reads without a sync token
}

// Paging makes pages of people.connections.list awkward in ways that the vendor allows itself.
type Paging struct {
	Short   bool // pages hold about half of what was asked for
	Empty   bool // an empty page with a nextPageToken comes before every further page
	Repeat  bool // a page starts with the last person of the page before
	Reverse bool // people inside a page come in the opposite order
}

func (c Config) withDefaults() Config {
	if c.Domain == "" {
		c.Domain = "acme.test"
	}
	if c.Region == "" {
		c.Region = "US"
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.SignInClock == nil {
		c.SignInClock = time.Now
	}
	if c.TokenLife == 0 {
		c.TokenLife = time.Hour
	}
	if c.SyncTokenLife == 0 {
		c.SyncTokenLife = 7 * 24 * time.Hour
	}
	if c.Scopes == nil {
		c.Scopes = DefaultScopes
	}
	return c
}

// Server is the sandbox. It is an http.Handler and safe for concurrent use.
type Server struct {
	cfg     Config
	key     *rsa.PrivateKey
	secret  []byte // signs page and sync tokens
	handler http.Handler

	mu        sync.Mutex
	lag       time.Duration
	quota     Quota
	paging    Paging
	delegated []string
	users     map[string]*user
	tokens    map[string]*grant // access tokens
	refresh   map[string]*grant // refresh tokens
	calls     map[string]int
	parts     map[string]int       // of calls, those that came inside of batches
	calendars map[string]*calendar // by id
	calEtag   int64                // the last one given
	calQuota  CalendarQuota
	calWindow window // of all users together
	channels  map[string]*channel
	disabled  map[string]bool // services that the project has not enabled
}

// New returns a server without users. Error: the key could not be made.
func New(cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	s := &Server{cfg: cfg, key: cfg.Key, lag: cfg.Lag, quota: cfg.Quota, delegated: slices.Clone(cfg.Scopes),
		users: map[string]*user{}, tokens: map[string]*grant{}, refresh: map[string]*grant{}, calls: map[string]int{},
		parts: map[string]int{}, calendars: map[string]*calendar{}, calQuota: cfg.CalendarQuota, channels: map[string]*channel{},
		disabled: map[string]bool{}}
	if s.key == nil {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, fmt.Errorf("make the service account's key: %w", err)
		}
		s.key = key
	}
	s.secret = fmt.Appendf(nil, "%s/%d", s.key.D, cfg.Seed)
	s.handler = http.HandlerFunc(s.serve)
	if cfg.Around != nil {
		s.handler = cfg.Around(s.handler)
	}
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ep, _, ok := route(r)
	if ok {
		s.mu.Lock()
		s.calls[ep.name]++
		u := s.bearer(r)
		if u != nil && !ep.batch { // n calls of a batch count as n
			u.calls++
		}
		if ep.mutates && u != nil {
			u.mutations++
			u.maxMutations = max(u.maxMutations, u.mutations)
			if ep.serial {
				u.serial++
			}
			defer func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				u.mutations--
				if ep.serial {
					u.serial--
				}
			}()
		}
		s.mu.Unlock()
	}
	s.handler.ServeHTTP(w, r)
}

// endpoint is one method of a service.
type endpoint struct {
	name    string   // as in the discovery document, without the service: people.connections.list
	mutates bool     // writes, and so is counted and limited as a mutation
	serial  bool     // a mutation that Config.Serial concerns: of People
	scopes  []string // one of them is needed
	params  []string // query parameters beside the standard ones
	serve   func(*Server, *call) (any, *apiError)
	spend   func(*Server, *call) *apiError // takes from the service's quotas; those of People when it is nil
	batch   bool                           // the calls inside are endpoints, instead of serve
}

// call is one authorised request, with Server.mu held.
type call struct {
	body     []byte
	user     *user
	book     *book
	resource string   // the resource that the path names, "" for none
	ids      []string // calendar: the ids in the path
	query    url.Values
	header   http.Header
	now      time.Time
}

// standardParams are the query parameters that every Google API takes (the discovery document's own parameters).
var standardParams = []string{"$.xgafv", "access_token", "alt", "callback", "fields", "key", "oauth_token", "prettyPrint",
	"quotaUser", "uploadType", "upload_protocol", "$alt", "$prettyPrint", "$fields"}

// route finds the endpoint for a request, and the resource in its path.
func route(r *http.Request) (ep endpoint, resource string, ok bool) {
	if ep, ok = signInEndpoints[r.Method+" "+r.URL.Path]; ok {
		return ep, "", true
	}
	if r.Method == http.MethodPost && r.URL.Path == batchPath {
		return endpoint{name: "batch", batch: true}, "", true
	}
	if path, found := strings.CutPrefix(r.URL.EscapedPath(), "/calendar/v3/"); found {
		return routeCalendar(r.Method, path)
	}
	path, found := strings.CutPrefix(r.URL.Path, "/v1/")
	if !found {
		return endpoint{}, "", false
	}
	ep, resource, ok = routePeople(r.Method, path)
	ep.serial = ep.mutates
	return ep, resource, ok
}

// serve answers one request.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	ep, resource, ok := route(r)
	if !ok {
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprintf(w, "<!DOCTYPE html><title>Error 404 (Not Found)!!1</title><p>The requested URL was not found on this server.")
		return
	}
	if ep.batch {
		s.serveBatch(w, r)
		return
	}
	if ep.serve == nil {
		s.signIn(w, r)
		return
	}
	body, err := readBody(r) // before the lock is taken: a slow client stops nobody else
	if err != nil {
		err.send(w)
		return
	}
	out, err := s.authorised(r, body, ep, resource)
	status := http.StatusOK
	if rep, ok := out.(reply); ok {
		if rep.etag != "" {
			w.Header().Set("ETag", rep.etag)
		}
		if rep.body == nil {
			w.WriteHeader(rep.status)
			return
		}
		out, status = rep.body, cmp.Or(rep.status, status)
	}
	if fields := cmp.Or(r.URL.Query().Get("fields"), r.URL.Query().Get("$fields")); err == nil && fields != "" {
		out, err = partial(out, fields)
	}
	if err != nil {
		err.send(w)
		return
	}
	sendJSON(w, status, out)
}

// authorised checks token, scope, parameters and quotas, and runs the endpoint.
func (s *Server) authorised(r *http.Request, body []byte, ep endpoint, resource string) (any, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.authenticate(r)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(ep.scopes, func(scope string) bool { return slices.Contains(g.scopes, scope) }) {
		return nil, &apiError{code: http.StatusForbidden, status: "PERMISSION_DENIED", reason: "insufficientPermissions", older: "Insufficient Permission",
			message: "Request had insufficient authentication scopes.",
			details: []any{errorInfo("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "googleapis.com", map[string]string{"service": serviceOf(r)})}}
	}
	if service := serviceOf(r); s.disabled[service] {
		return nil, serviceDisabled(service)
	} else if service == ServiceCalendar && g.user.noCalendar {
		return nil, notACalendarUser()
	}
	query, err := cleanQuery(r.URL.Query(), ep.params)
	if err != nil {
		return nil, err
	}
	c := &call{body: body, user: g.user, book: g.user.book, resource: resource, query: query, header: r.Header, now: s.cfg.Clock()}
	if ep.serial && s.cfg.Serial && c.user.serial > 1 {
		return nil, &apiError{code: http.StatusConflict, status: "ABORTED", reason: "aborted",
			message: "The operation was aborted: another mutation of this user is under way."}
	}
	if ep.spend != nil {
		err = ep.spend(s, c)
	} else {
		err = s.spend(c, ep.mutates)
	}
	if err != nil {
		return nil, err
	}
	return ep.serve(s, c)
}

// serviceOf is the service that a request is for, by the name that errors give it.
func serviceOf(r *http.Request) string {
	if strings.HasPrefix(r.URL.Path, "/calendar/") {
		return "calendar-json.googleapis.com"
	}
	return "people.googleapis.com"
}

// cleanQuery brings query parameters to their JSON names and refuses unknown ones.
func cleanQuery(q url.Values, known []string) (url.Values, *apiError) {
	out := url.Values{}
	for _, k := range slices.Sorted(maps.Keys(q)) {
		name := camel(k)
		switch {
		case slices.Contains(known, name):
			out[name] = append(out[name], q[k]...)
		case !slices.Contains(standardParams, k):
			return nil, invalid("Invalid JSON payload received. Unknown name %q: Cannot bind query parameter. Field '%s' could not be found in request message.", k, k)
		}
	}
	return out, nil
}

// SetLag changes how late writes show in the sync feed, also for writes already made.
func (s *Server) SetLag(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lag = d
}

// SetQuota changes the quotas.
func (s *Server) SetQuota(q Quota) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quota = q
}

// SetPaging changes how awkward pages are.
func (s *Server) SetPaging(p Paging) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paging = p
}

// Calls returns how many requests each endpoint has received, faults included, by its name in the discovery document
// ("people.connections.list"); sign-in counts as "token" and "revoke". A batch counts as "batch", and each of the calls
// inside it as what it is; see Parts.
func (s *Server) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.calls)
}

// Parts returns how many of Calls came inside of batches, by endpoint. Calls less Parts is the number of HTTP requests; all
// but the batches themselves are what quotas count.
func (s *Server) Parts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.parts)
}

// CallsOf returns how many requests carried a token of one user, faults included. Sign-in carries none.
func (s *Server) CallsOf(email string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.users[strings.ToLower(email)]; u != nil {
		return u.calls
	}
	return 0
}

// ResetCalls sets the counts of Calls, Parts, CallsOf and MaxConcurrentMutations to zero.
func (s *Server) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.calls)
	clear(s.parts)
	for _, u := range s.users {
		u.maxMutations, u.calls = u.mutations, 0
	}
}
