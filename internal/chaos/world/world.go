// Package world is what a story plays in: for each org a Salesforce and a Google domain of its own, and hands that do in
// them what people do. It knows nothing of Repsync's insides, and talks to the vendors as their own pages do.
package world

import (
	"context"
	"crypto/rsa"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/repsync/repsync/internal/chaos/scenario"
	"github.com/repsync/repsync/internal/sandbox"
	"github.com/repsync/repsync/internal/sandbox/fault"
)

// Config says how a world is made.
type Config struct {
	Dir   string          // for the key files
	Key   *rsa.PrivateKey // of all identities
	Clock *sandbox.Clock  // nil in real time
}

// World is the vendors of all orgs of a story.
type World struct {
	Orgs  map[string]*Org
	clock *sandbox.Clock
}

// Org is one org's vendors.
type Org struct {
	Name    string
	Box     *sandbox.Sandbox
	Users   map[string]string // rep → CRM user id
	account string            // that all contacts belong to: one without is private to its owner
	at      func() time.Time
	began   time.Time       // the story
	denied  map[string]bool // what the admin denies, as scenario.Deny names it
	renamed map[string]bool // mailbox and item of entries that went by another name before
	unheard bool
	asks    bool // somebody from outside was invited to a meeting
}

// New starts the vendors. They end with ctx, or with Close.
func New(ctx context.Context, s scenario.Scenario, c Config) (*World, error) {
	w := &World{Orgs: map[string]*Org{}, clock: c.Clock}
	skew, err := time.ParseDuration(s.Skew)
	if err != nil {
		skew = 0
	}
	for i, o := range s.Orgs {
		box, err := sandbox.Start(ctx, sandbox.Config{Dir: filepath.Join(c.Dir, o.Name), Domain: Domain(o.Name), Clock: c.Clock, Key: c.Key, Seed: s.Seed + uint64(i), Skew: skew})
		if err != nil {
			w.Close()
			return nil, fmt.Errorf("make org %s: %w", o.Name, err)
		}
		org := &Org{Name: o.Name, Box: box, Users: map[string]string{}, at: w.Now, began: s.Begin(), denied: map[string]bool{}, renamed: map[string]bool{}}
		w.Orgs[o.Name] = org
		if org.account, err = box.Salesforce.Insert("Account", map[string]any{"Name": o.Name + " customer"}, ""); err != nil {
			w.Close()
			return nil, fmt.Errorf("make org %s: %w", o.Name, err)
		}
		for _, rep := range o.Reps {
			org.Users[rep] = box.AddRep(Address(o.Name, rep), "Rep "+rep, "")
		}
	}
	return w, nil
}

// Unheard reports whether something was done since it was asked last that no feed tells, so that only a sweep finds it: of an
// entry that is renamed and deleted between two reads, the feed names what nobody ever saw; of a meeting that somebody
// attends, no feed tells that this person has come to the CRM since.
func (w *World) Unheard() (unheard bool) {
	for _, o := range w.Orgs {
		unheard, o.unheard = unheard || o.unheard || o.asks, false
	}
	return unheard
}

// Domain is an org's mail domain.
func Domain(org string) string { return org + ".test" }

// Address is a rep's mailbox.
func Address(org, rep string) string { return rep + "@" + Domain(org) }

// Close ends the vendors.
func (w *World) Close() {
	for _, o := range w.Orgs {
		_ = o.Box.Close()
	}
}

// Now is the vendors' time.
func (w *World) Now() time.Time {
	if w.clock == nil {
		return time.Now()
	}
	return w.clock.Now()
}

// Mails counts what the vendors would have sent to people.
func (w *World) Mails() int {
	n := 0
	for _, o := range w.Orgs {
		n += len(o.Box.Outbox.All())
	}
	return n
}

// Quiet ends all faults and lags.
func (w *World) Quiet() {
	for _, o := range w.Orgs {
		o.Box.GoogleFaults.Clear()
		o.Box.SalesforceFaults.Clear()
		o.Box.Google.SetLag(0)
		o.Box.Salesforce.SlowCommit(0)
	}
}

// Hits counts the requests that faults struck so far, by fault.
func (w *World) Hits() map[string]int {
	out := map[string]int{}
	for _, o := range w.Orgs {
		for vendor, injector := range map[string]*fault.Injector{"salesforce": o.Box.SalesforceFaults, "google": o.Box.GoogleFaults} {
			for name, n := range injector.Hits() {
				out[vendor+" "+name] += n
			}
		}
	}
	return out
}

// Vendors does a step of the vendors': a fault, an expiry, a lag.
func (w *World) Vendors(step scenario.Step) error {
	orgs := slices.Sorted(maps.Keys(w.Orgs))
	if step.Org != "" {
		orgs = []string{step.Org}
	}
	for _, name := range orgs {
		o := w.Orgs[name]
		switch step.Do {
		case scenario.Fault:
			if err := o.trouble(*step.Fault); err != nil {
				return err
			}
		case scenario.Slow:
			o.Box.Salesforce.SlowCommit(step.Duration(0))
		case scenario.Lag:
			o.Box.Google.SetLag(step.Duration(0))
		case scenario.Expire:
			switch step.What {
			case "sessions":
				o.Box.Salesforce.ExpireSessions()
			case "cursors":
				o.Box.Salesforce.ExpireCursors()
			case "tokens":
				o.Box.Google.RevokeTokens("")
			case "sync":
				o.Box.Google.ExpireSyncTokens("")
			case "calendar":
				o.Box.Google.ExpireCalendarTokens("")
			default:
				return fmt.Errorf("expire %q: nothing of that name", step.What)
			}
		default:
			return fmt.Errorf("%s is no step of the vendors'", step.Do)
		}
	}
	return nil
}

// trouble adds a fault.
func (o *Org) trouble(f scenario.Trouble) error {
	after, err := time.ParseDuration(f.After)
	if err != nil {
		after = 0
	}
	rule := fault.Rule{Kind: fault.Kind(f.Kind), Status: f.Status, Code: f.Code, Method: f.Method, Skip: f.Skip, Times: max(f.Times, 1), RetryAfter: fault.Duration(after), Size: 1 << 20}
	rule.Name = f.Kind
	if f.Status != 0 {
		rule.Name = fmt.Sprint(f.Kind, " ", f.Status)
	}
	injector := o.Box.SalesforceFaults
	if f.Vendor == "google" {
		injector = o.Box.GoogleFaults
	}
	_, err = injector.Add(rule)
	return err
}
