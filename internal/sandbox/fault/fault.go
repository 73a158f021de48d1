// Package fault makes a well-behaved HTTP server misbehave on demand, in the ways that vendors' servers and the networks
// before them do.
//
// An Injector sits in front of a handler as middleware and holds rules. A rule says which requests it concerns (method,
// path, query), what goes wrong (Kind), how often (Skip, Times, Probability). The kinds that matter most to a syncing
// client are the ones where the write took place and the client cannot know it: StatusAfter, DropAfter and Truncate run
// the handler to its end and lose its answer. The kinds Gate and GateAfter stop a request until a test releases it, so
// that a worker can be killed exactly between sending and hearing.
//
// Rules are JSON, so that a demo and other programs set them through the sandbox's control endpoint:
//
//	{"name":"busy","method":"POST","path":"^/v1/people:batch","kind":"status","status":429,"retry_after":"30s","times":2}
//
// Everything random comes from the injector's seed, so that a failing run can be run again.
package fault

import (
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
)

// Injector holds rules and applies them to requests. It is safe for concurrent use.
type Injector struct {
	mu    sync.Mutex
	rand  *rand.Rand
	next  int
	rules []*active
	hits  map[string]int
	calls map[string]int
}

// New returns an injector without rules. Equal seeds and equal requests give equal faults.
func New(seed uint64) *Injector {
	return &Injector{rand: rand.New(rand.NewPCG(seed, 0)), hits: map[string]int{}, calls: map[string]int{}}
}

// Add puts a rule into force and returns its id. Rules are tried in the order in which they were added and the first that
// applies wins. Error: the rule is not valid (an unknown kind, a pattern that does not compile); nothing was added.
func (i *Injector) Add(r Rule) (id string, err error) {
	if err := r.Validate(); err != nil {
		return "", err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.next++
	r.ID = strconv.Itoa(i.next)
	if r.Name == "" {
		r.Name = string(r.Kind) + "-" + r.ID
	}
	i.rules = append(i.rules, r.activate())
	return r.ID, nil
}

// MustAdd is Add for rules written in a test's source: it panics where Add returns an error.
func (i *Injector) MustAdd(r Rule) (id string) {
	id, err := i.Add(r)
	if err != nil {
		panic(err)
	}
	return id
}

// Hold adds a rule that stops its requests, a Gate unless the rule's kind is GateAfter, and returns the function that
// lets them go and ends the rule; calling it again does nothing. Hits counts a request as soon as it is stopped, so a test
// waits for Hits()[rule.Name] before it acts. It panics when the rule is not valid.
func (i *Injector) Hold(r Rule) (release func()) {
	if r.Kind != GateAfter {
		r.Kind = Gate
	}
	id := i.MustAdd(r)
	return func() { i.Remove(id) }
}

// Remove ends one rule and releases what it holds. It reports whether there was such a rule.
func (i *Injector) Remove(id string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	at := slices.IndexFunc(i.rules, func(a *active) bool { return a.ID == id })
	if at < 0 {
		return false
	}
	close(i.rules[at].released)
	i.rules = slices.Delete(i.rules, at, at+1)
	return true
}

// Clear ends all rules and releases everything they hold. Counts stay.
func (i *Injector) Clear() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, a := range i.rules {
		close(a.released)
	}
	i.rules = nil
}

// Rules returns the rules in force, in their order.
func (i *Injector) Rules() []Rule {
	i.mu.Lock()
	defer i.mu.Unlock()
	out := make([]Rule, 0, len(i.rules))
	for _, a := range i.rules {
		out = append(out, a.Rule)
	}
	return out
}

// Hits returns how many requests each rule has struck, by rule name, since the start or the last Reset. Rules that share
// a name share a count; a rule added without a name is called after its kind and id.
func (i *Injector) Hits() map[string]int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return maps.Clone(i.hits)
}

// Calls returns how many requests arrived, by method and path ("GET /v1/people:batchGet"), struck or not.
func (i *Injector) Calls() map[string]int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return maps.Clone(i.calls)
}

// Reset sets the counts of Hits and Calls to zero. Rules stay.
func (i *Injector) Reset() {
	i.mu.Lock()
	defer i.mu.Unlock()
	clear(i.hits)
	clear(i.calls)
}

// pick counts a request and returns the rule that strikes it, if any.
func (i *Injector) pick(r *http.Request) (*active, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.calls[r.Method+" "+r.URL.Path]++
	for _, a := range i.rules {
		if !a.matches(r.Method, r.URL.Path, decodedQuery(r.URL)) {
			continue
		}
		a.seen++
		if a.seen <= a.Skip || (a.Times > 0 && a.done >= a.Times) {
			continue
		}
		if a.Probability > 0 && i.rand.Float64() >= a.Probability {
			continue
		}
		a.done++
		i.hits[a.Name]++
		return a, true
	}
	return nil, false
}

// decodedQuery is a URL's query as a person would write it: "q=SELECT Id FROM Contact&x=1".
func decodedQuery(u *url.URL) string {
	if s, err := url.QueryUnescape(u.RawQuery); err == nil {
		return s
	}
	return u.RawQuery
}
