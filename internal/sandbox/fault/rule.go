package fault

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Kind is what goes wrong.
type Kind string

// The kinds. "Before" means that the handler never runs; "after" means that it ran to its end, so that what was asked
// for did happen.
const (
	Latency     Kind = "latency"      // the request waits for Latency of real time and is then handled
	Status      Kind = "status"       // before: Status and Body are the answer
	StatusAfter Kind = "status_after" // after: the handler's answer is thrown away, Status and Body are the answer
	Drop        Kind = "drop"         // before: the connection closes without an answer
	DropAfter   Kind = "drop_after"   // after: the connection closes without an answer
	Truncate    Kind = "truncate"     // after: half of the answer's body arrives, then the connection closes
	Huge        Kind = "huge"         // before: a body of Size bytes of white space and then an empty JSON object
	Gate        Kind = "gate"         // before: the request waits until the rule is removed, and is then handled
	GateAfter   Kind = "gate_after"   // after: the answer waits until the rule is removed
)

// Duration is a time.Duration that JSON writes the way people do: "1.5s".
type Duration time.Duration

// MarshalJSON writes "1.5s".
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads "1.5s", or a number of seconds.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err == nil {
		v, err := time.ParseDuration(s)
		*d = Duration(v)
		return err
	}
	var seconds float64
	if err := json.Unmarshal(b, &seconds); err != nil {
		return fmt.Errorf("a duration is a string such as \"30s\" or a number of seconds: %w", err)
	}
	*d = Duration(seconds * float64(time.Second))
	return nil
}

// Rule is one fault. The zero value of every matching field matches everything.
type Rule struct {
	ID          string   `json:"id,omitempty"`          // given by Add
	Name        string   `json:"name,omitempty"`        // what Hits counts it under
	Method      string   `json:"method,omitempty"`      // GET, POST, …
	Path        string   `json:"path,omitempty"`        // a regular expression (RE2) searched for in the URL's path
	Query       string   `json:"query,omitempty"`       // the same, in the decoded query
	Kind        Kind     `json:"kind"`                  //
	Status      int      `json:"status,omitempty"`      // HTTP status, 503 by default
	Code        string   `json:"code,omitempty"`        // the vendor's error code, when there is no Body: REQUEST_LIMIT_EXCEEDED, rateLimitExceeded
	Body        string   `json:"body,omitempty"`        // the answer's body, as it is; a JSON content type is assumed when it starts with { or [
	RetryAfter  Duration `json:"retry_after,omitzero"`  // sent as Retry-After, in whole seconds, rounded up
	Latency     Duration `json:"latency,omitzero"`      // real time to wait before anything else, for every kind
	Times       int      `json:"times,omitempty"`       // how many requests to strike, 0 = for ever
	Skip        int      `json:"skip,omitempty"`        // how many matching requests to let through first
	Probability float64  `json:"probability,omitempty"` // of striking a matching request, 0 = always
	Size        int      `json:"size,omitempty"`        // bytes, for Huge; 64 MiB by default
}

// Validate tells whether a rule can be applied.
func (r Rule) Validate() error {
	switch r.Kind {
	case Latency, Status, StatusAfter, Drop, DropAfter, Truncate, Huge, Gate, GateAfter:
	default:
		return fmt.Errorf("fault rule: kind %q is not known", r.Kind)
	}
	if r.Kind == Latency && r.Latency <= 0 {
		return errors.New("fault rule: kind latency needs a latency above 0")
	}
	if r.Status != 0 && (r.Status < 200 || r.Status > 599) {
		return fmt.Errorf("fault rule: status %d is not between 200 and 599", r.Status)
	}
	if r.Probability < 0 || r.Probability > 1 {
		return fmt.Errorf("fault rule: probability %v is not between 0 and 1", r.Probability)
	}
	for _, p := range []string{r.Path, r.Query} {
		if _, err := regexp.Compile(p); err != nil {
			return fmt.Errorf("fault rule: pattern %q: %w", p, err)
		}
	}
	return nil
}

// active is a rule in force.
type active struct {
	Rule
	path, query *regexp.Regexp
	seen, done  int
	released    chan struct{} // closed when the rule is removed; gates wait for it
}

// activate makes a valid rule ready for use.
func (r Rule) activate() *active {
	return &active{Rule: r, path: regexp.MustCompile(r.Path), query: regexp.MustCompile(r.Query), released: make(chan struct{})}
}

// matches tells whether a request is one of those that the rule concerns.
func (a *active) matches(method, path, query string) bool {
	return (a.Method == "" || a.Method == method) && a.path.MatchString(path) && a.query.MatchString(query)
}
