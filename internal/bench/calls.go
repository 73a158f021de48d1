package bench

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// calls are the HTTP requests that vendors have received, by vendor and endpoint.
type calls struct {
	http  map[string]int // "crm query", "mailbox people.connections.list"
	parts int            // calls inside of batches, each of which costs quota
}

// free are the endpoints that are not counted: signing in, and what the org says of itself.
var free = map[string]bool{"token": true, "identity": true, "versions": true, "resources": true, "limits": true, "describe": true, "describeGlobal": true}

// asked is what the vendors of a world were asked since it was last forgotten.
func (w *world) asked() calls {
	c := calls{http: map[string]int{}}
	parts := w.box.Google.Parts()
	for _, n := range parts {
		c.parts += n
	}
	for name, n := range w.box.Google.Calls() {
		c.add("mailbox "+name, n-parts[name])
	}
	for name, n := range w.box.Salesforce.Calls() {
		c.add("crm "+name, n)
	}
	return c
}

func (c *calls) add(name string, n int) {
	_, endpoint, _ := strings.Cut(name, " ")
	if n > 0 && !free[endpoint] {
		c.http[name] += n
	}
}

// forget begins to count anew.
func (w *world) forget() {
	w.box.Google.ResetCalls()
	w.box.Salesforce.ResetCalls()
	w.box.GoogleFaults.Reset()
	w.box.SalesforceFaults.Reset()
}

// sum is the number of requests to a side ("crm", "mailbox"), or to both for "".
func (c calls) sum(side string) (n int) {
	for name, k := range c.http {
		if strings.HasPrefix(name, side) {
			n += k
		}
	}
	return n
}

func (c calls) String() string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(c.http)) {
		out = append(out, fmt.Sprintf("%s %d", name, c.http[name]))
	}
	return strings.Join(out, ", ")
}

// What the vendors take in one request: see "Least" in docs/bench.md, which names the vendors' pages.
const (
	crmPage     = 2000 // rows of a query
	crmBatch    = 200  // records of a collection
	crmMatch    = 200  // values of one lookup
	crmIDs      = 500  // ids of one lookup: more do not fit a URI
	peoplePage  = 1000
	peopleBatch = 200
	eventPage   = 2500
	eventBatch  = 50 // what a calendar gets through; Google takes 1000, and counts each against 600 a minute
)

// per is how many requests of a size n items take.
func per(n, size int) int { return (n + size - 1) / size }

// pages is per for a read, which is at least one request.
func pages(n, size int) int { return max(per(n, size), 1) }

// keyset is how many queries it takes to read n rows of the CRM one page after the other: a page that is full says nothing
// of the end.
func keyset(n int) int { return n/crmPage + 1 }
