package salesforce

import (
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Config says what kind of org a Server is. The zero Config is usable.
type Config struct {
	// BaseURL is the org's address, returned as instance_url and accepted as a JWT audience; no slash at its end.
	// Default: the scheme and host that each request came to. See SetBaseURL.
	BaseURL string
	// Clock tells the time. Default: time.Now.
	Clock func() time.Time
	// OrgID is the 15- or 18-character organisation id. Default: one made from key prefix 00D.
	OrgID string
	// OrgName is the organisation's name. Default: "Repsync Sandbox".
	OrgName string
	// DailyLimit is the number of API requests in any 24 hours. Default: 100000.
	DailyLimit int
	// Audiences are JWT audiences accepted beside BaseURL, https://login.salesforce.com and
	// https://test.salesforce.com. Default: none.
	Audiences []string
}

// WithDefaults returns the configuration with every default filled in.
func (c Config) WithDefaults() Config {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if id, ok := normalizeID(c.OrgID); ok {
		c.OrgID = id
	} else {
		c.OrgID = makeID("00D", 1)
	}
	if c.OrgName == "" {
		c.OrgName = "Repsync Sandbox"
	}
	if c.DailyLimit == 0 {
		c.DailyLimit = 100_000
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	return c
}

// Server is one Salesforce org. It is an http.Handler; its methods are safe for use by several goroutines.
type Server struct {
	mu  sync.Mutex // held for the whole of a request: a request is a transaction
	cfg Config

	objects []*Object
	tables  map[string]*table // by lower-cased object name
	nextID  map[string]int64  // by key prefix

	accounts     map[string]*account                // secrets and rights of users, by user id
	apps         map[string]*app                    // connected apps, by client id
	sessions     map[string]*session                // by access token
	fls          map[string]map[string]Access       // permission set id → "Contact.Phone" → access, where it was set
	objectRights map[string]map[string]ObjectAccess // permission set id → object → access, where it was set
	sharing      map[string]Sharing                 // org-wide defaults by object
	shares       map[string]map[string]Access       // record id → user id → access granted by hand

	validations map[string][]Validation
	duplicates  map[string]*DuplicateRule

	cursors     map[string]*cursor
	cursorSeq   int64
	pageLimit   int
	commitDelay time.Duration

	jobs  []*job // what the org does by itself, later
	calls map[string]int
	usage map[int64]int // API requests by hour since the epoch

	longer    int       // bytes of access tokens, beside the usual ones
	binLooked time.Time // when the recycle bin was last looked through

	system string // id of the Automated Process user, who acts where nobody else does
}

// New makes an empty org: two profiles (System Administrator, Standard User), the Automated Process user, no other
// users, no connected apps and no records.
func New(cfg Config) *Server {
	s := &Server{
		cfg: cfg.WithDefaults(), tables: map[string]*table{}, nextID: map[string]int64{}, accounts: map[string]*account{},
		apps: map[string]*app{}, sessions: map[string]*session{}, fls: map[string]map[string]Access{}, sharing: map[string]Sharing{}, objectRights: map[string]map[string]ObjectAccess{},
		shares: map[string]map[string]Access{}, validations: map[string][]Validation{}, duplicates: map[string]*DuplicateRule{},
		cursors: map[string]*cursor{}, calls: map[string]int{}, usage: map[int64]int{},
	}
	for _, o := range standardObjects() {
		o = o.clone()
		s.objects = append(s.objects, o)
		s.tables[strings.ToLower(o.Name)] = newTable(o)
	}
	s.seed()
	return s
}

// SetBaseURL sets the org's address after New, for servers whose address is known only once they listen.
func (s *Server) SetBaseURL(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.BaseURL = strings.TrimRight(url, "/")
}

// BaseURL returns the org's address, "" while none is set.
func (s *Server) BaseURL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg.BaseURL
}

// OrgID returns the 18-character organisation id.
func (s *Server) OrgID() string { return s.cfg.OrgID }

// Calls counts HTTP requests by kind of endpoint since New or ResetCalls: token, identity, versions, resources, limits,
// describeGlobal, describe, query, queryAll, queryMore, create, retrieve, update, upsert, delete, deleted, updated,
// deleteSeries, collections.create, .update, .upsert, .delete, .retrieve, composite, graph, batch. Sub-requests of the
// last three are not counted.
func (s *Server) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.calls)
}

// ResetCalls sets every count of Calls to zero. The daily API budget is not touched.
func (s *Server) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.calls)
}

// SetDailyLimit changes the number of API requests in any 24 hours.
func (s *Server) SetDailyLimit(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.DailyLimit = n
}

// SetPageLimit makes query pages hold at most n rows whatever the client asks for, as the vendor does with wide rows;
// 0 restores 2000.
func (s *Server) SetPageLimit(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pageLimit = n
}

// SlowCommit makes later writes through the Go API take their stamps now and become visible d later, as the rows of a
// long transaction do; 0 ends it for later writes.
func (s *Server) SlowCommit(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commitDelay = d
}

func (s *Server) now() time.Time { return s.cfg.Clock().UTC() }

// used counts the API requests of the last 24 hours, hour by hour.
func (s *Server) used() int {
	hour := s.now().Unix() / 3600
	total := 0
	for h, n := range s.usage {
		if h <= hour-24 {
			delete(s.usage, h)
			continue
		}
		total += n
	}
	return total
}

// base is the org's address for answers to this request.
func (s *Server) base(r *http.Request) string {
	if s.cfg.BaseURL != "" {
		return s.cfg.BaseURL
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}
