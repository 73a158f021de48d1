// Package scenario is the language in which the harness tells a story: two orgs, what people do in them, what goes wrong
// meanwhile, and where the world comes to rest and is looked at.
//
// A story is data. The same one is played in process on a virtual clock and against real workers that are killed; one that
// breaks a law is shrunk to the few steps that it takes and kept as a file. Items have names of their own (p1, p2 are
// people, m1 is a meeting), so that a step still means the same after others were taken out; a step whose item is not
// there any more does nothing.
//
// The package imports nothing of ours: it is read by the oracle, which shares no code with what it judges.
package scenario

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Start is when every story begins: a Monday, some weeks before the clocks change in Europe.
var Start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// Scenario is one story.
type Scenario struct {
	Seed  uint64    `yaml:"seed"`                 // of what the sandbox decides by chance, and of the story where it was generated
	Why   string    `yaml:"why,omitempty"`        // what it showed when it was found
	Began time.Time `yaml:"-"`                    // when it begins: Start unless the player says otherwise
	Skew  string    `yaml:"skew,omitempty"`       // how far Google's clock is ahead of Salesforce's
	Orgs  []Org     `yaml:"orgs"`                 //
	Steps []Step    `yaml:"steps,flow,omitempty"` // in order
}

// Begin is when the story begins. What it says of meetings counts from there.
func (s Scenario) Begin() time.Time { return or(s.Began, Start) }

// Org is one CRM org and its reps.
type Org struct {
	Name   string   `yaml:"name"`
	Reps   []string `yaml:"reps,flow"`
	Policy Policy   `yaml:"policy,flow"` // of all its reps, at the start
}

// Policy is what the stories vary of a policy; zero values are the document's defaults.
type Policy struct {
	Contacts    string `yaml:"contacts,omitempty"`     // direction: off, crm_to_mailbox, mailbox_to_crm, both
	Conflict    string `yaml:"conflict,omitempty"`     // crm_wins, mailbox_wins, newest, review
	FromCRM     string `yaml:"from_crm,omitempty"`     // propagate, unlink, review
	FromMailbox string `yaml:"from_mailbox,omitempty"` //
	Drift       string `yaml:"drift,omitempty"`        // keep, revert
	Filter      string `yaml:"filter,omitempty"`       // the department that is let in; others are filtered out
	OnExit      string `yaml:"on_exit,omitempty"`      // remove, keep
	MaxDeletes  int    `yaml:"max_deletes,omitempty"`  // guard, 0 is none
	Events      string `yaml:"events,omitempty"`       // direction
	Private     string `yaml:"private,omitempty"`      // skip, busy, sync
	NoSeries    bool   `yaml:"no_series,omitempty"`    // series: skip
	Past        int    `yaml:"past,omitempty"`         // window, days
	Future      int    `yaml:"future,omitempty"`       //

	AlsoContacts []string `yaml:"also_contacts,omitempty"` // lines of the document's contacts that the oracle does not go by
	AlsoEvents   []string `yaml:"also_events,omitempty"`   // of its events
}

// Document is the policy as an admin writes it.
func (p Policy) Document(name, org string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "name: %s\norg: %s\nassign: {profiles: [Field Sales]}\nschedule: {every: 5m}\n", name, org)
	sub := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %s: %s\n", key, value)
		}
	}
	b.WriteString("contacts:\n")
	sub("direction", or(p.Contacts, "off"))
	sub("conflict", p.Conflict)
	sub("deletes", p.deletes(p.Contacts))
	sub("on_drift", p.Drift)
	if p.Filter != "" {
		sub("filter", fmt.Sprintf("crm.Department == %q", p.Filter))
	}
	sub("on_filter_exit", p.OnExit)
	for _, line := range p.AlsoContacts {
		b.WriteString("  " + line + "\n")
	}
	b.WriteString("events:\n")
	sub("direction", or(p.Events, "off"))
	sub("conflict", p.Conflict)
	sub("deletes", p.deletes(p.Events))
	sub("on_drift", p.Drift)
	sub("private", p.Private)
	if p.NoSeries {
		sub("series", "skip")
	}
	if p.Past > 0 || p.Future > 0 {
		sub("window", fmt.Sprintf("{past: %dd, future: %dd}", or(p.Past, 30), or(p.Future, 365)))
	}
	for _, line := range p.AlsoEvents {
		b.WriteString("  " + line + "\n")
	}
	b.WriteString("guard:\n  empty_side: ignore\n")
	fmt.Fprintf(&b, "  deletes: {max: %d, percent: 100}\n", or(p.MaxDeletes, 10000))
	b.WriteString("  overwrites: {max: 10000, percent: 100}\n  creates: {max: 10000}\n")
	return b.String()
}

// Deletes is what the policy does about deletes on either side: what a one-way direction cannot carry is unlinked.
func (p Policy) Deletes(direction string) (fromCRM, fromMailbox string) {
	fromCRM, fromMailbox = or(p.FromCRM, "propagate"), or(p.FromMailbox, "unlink")
	if direction == "mailbox_to_crm" && fromCRM == "propagate" {
		fromCRM = "unlink"
	}
	if direction == "crm_to_mailbox" && fromMailbox == "propagate" {
		fromMailbox = "unlink"
	}
	return fromCRM, fromMailbox
}

func (p Policy) deletes(direction string) string {
	fromCRM, fromMailbox := p.Deletes(direction)
	return fmt.Sprintf("{from_crm: %s, from_mailbox: %s}", fromCRM, fromMailbox)
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Verb is what a step does.
type Verb string

// What people do. Each names Org, Rep, Side and Item.
const (
	Create   Verb = "create"   // with Set
	Edit     Verb = "edit"     // Set
	Delete   Verb = "delete"   //
	Restore  Verb = "restore"  // crm: out of the recycle bin
	Reassign Verb = "reassign" // crm: to the owner To
	Touch    Verb = "touch"    // saves the item as it is
	Rename   Verb = "rename"   // mailbox: the vendor gives the item another id
)

// What the operators do.
const (
	Run     Verb = "run"     // the rep's workflow, For virtual time; When holds what happens meanwhile
	Feed    Verb = "feed"    // the org's feed is polled
	Apply   Verb = "policy"  // Policy is applied to the org
	Wait    Verb = "wait"    // For
	Restart Verb = "restart" // the worker ends and another one starts
	Stop    Verb = "stop"    // the rep's workflow is cancelled; the next run starts another
	Kill    Verb = "kill"    // the workflow is terminated; the next run starts another
	Release Verb = "release" // what is held for the rep
	Rotate  Verb = "rotate"  // the keyring gets new keys, and the worker starts anew
	Upgrade Verb = "upgrade" // the worker makes way for a build whose normaliser is of another version
	Backup  Verb = "backup"  // of Postgres
	Recover Verb = "recover" // Postgres is restored from the newest backup
	Outage  Verb = "outage"  // What: postgres, temporal; it ends at once and is there again
)

// What the vendors and the world do.
const (
	Fault  Verb = "fault"  // the next requests fare badly
	Expire Verb = "expire" // What: sessions, tokens, sync, calendar
	Lag    Verb = "lag"    // For: how late writes show in Google's feeds
	Die    Verb = "die"    // inside a run only: the worker is killed at this moment
	Calm   Verb = "calm"   // faults end, everything runs until it is at rest, and the oracle looks
)

// Sides.
const (
	CRM     = "crm"
	Mailbox = "mailbox"
)

// Step is one thing that happens.
type Step struct {
	Do     Verb              `yaml:"do"`
	Org    string            `yaml:"org,omitempty"`
	Rep    string            `yaml:"rep,omitempty"`
	Side   string            `yaml:"side,omitempty"`
	Item   string            `yaml:"item,omitempty"`
	Set    map[string]string `yaml:"set,omitempty"`
	To     string            `yaml:"to,omitempty"`
	For    string            `yaml:"for,omitempty"` // a duration
	What   string            `yaml:"what,omitempty"`
	Policy *Policy           `yaml:"policy,omitempty"`
	Fault  *Trouble          `yaml:"fault,omitempty"`
	When   []Moment          `yaml:"when,omitempty"`
}

// Trouble is one fault of a vendor.
type Trouble struct {
	Vendor string `yaml:"vendor"`           // salesforce, google
	Kind   string `yaml:"kind"`             // as package fault names it
	Status int    `yaml:"status,omitempty"` //
	Code   string `yaml:"code,omitempty"`   // the vendor's
	Method string `yaml:"method,omitempty"` // only requests of that method
	After  string `yaml:"after,omitempty"`  // Retry-After, a duration
	Skip   int    `yaml:"skip,omitempty"`   // requests that fare well first
	Times  int    `yaml:"times,omitempty"`  // 1 by default
}

// Moment is a point inside a run: before or after the n-th request to a vendor, or the n-th that is no GET, signing in apart;
// or before the n-th statement to Postgres. What a story is about is best named by the second: how often Repsync reads before
// it writes changes with every build.
type Moment struct {
	Request   int    `yaml:"request,omitempty"`
	Write     int    `yaml:"write,omitempty"`
	Statement int    `yaml:"statement,omitempty"`
	After     bool   `yaml:"after,omitempty"` // the request has been answered, and nobody has heard it yet
	Steps     []Step `yaml:"steps,flow"`
}

// Duration is the step's For, or another one where it has none.
func (s Step) Duration(otherwise time.Duration) time.Duration {
	d, err := time.ParseDuration(s.For)
	if err != nil {
		return otherwise
	}
	return d
}

// ByHand reports whether people do the step, to an item.
func (s Step) ByHand() bool {
	return slices.Contains([]Verb{Create, Edit, Delete, Restore, Reassign, Touch, Rename, Merge, Split, Answer, Odd}, s.Do)
}

// String tells a step in one line.
func (s Step) String() string {
	text, err := yaml.MarshalWithOptions(s, yaml.Flow(true))
	if err != nil {
		return string(s.Do)
	}
	return string(bytes.TrimSpace(text))
}

// YAML is the story as a file.
func (s Scenario) YAML() ([]byte, error) {
	var b bytes.Buffer
	steps := s.Steps
	s.Steps = nil
	head, err := yaml.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("write a scenario: %w", err)
	}
	b.Write(head)
	b.WriteString("steps:\n")
	for _, step := range steps {
		fmt.Fprintf(&b, "  - %s\n", step)
	}
	return b.Bytes(), nil
}

// Parse reads a story. Unknown keys are errors, which name the line.
func Parse(text []byte) (s Scenario, err error) {
	if err := yaml.UnmarshalWithOptions(text, &s, yaml.DisallowUnknownField()); err != nil {
		return Scenario{}, fmt.Errorf("read a scenario: %w", err)
	}
	for i, step := range s.Steps {
		if err := s.check(step); err != nil {
			return Scenario{}, fmt.Errorf("read a scenario: step %d: %w", i+1, err)
		}
	}
	return s, nil
}

// check tells whether a step can be played.
func (s Scenario) check(step Step) error {
	if step.Org != "" && !slices.ContainsFunc(s.Orgs, func(o Org) bool { return o.Name == step.Org }) {
		return fmt.Errorf("%s: there is no org %q", step.Do, step.Org)
	}
	if step.ByHand() && (step.Item == "" || step.Org == "" || step.Rep == "" || step.Side != CRM && step.Side != Mailbox) {
		return fmt.Errorf("%s: org, rep, side and item are needed", step.Do)
	}
	if step.For != "" {
		if _, err := time.ParseDuration(step.For); err != nil {
			return fmt.Errorf("%s: %w", step.Do, err)
		}
	}
	if err := step.checkMore(); err != nil {
		return err
	}
	for _, m := range step.When {
		for _, inner := range m.Steps {
			if err := s.check(inner); err != nil {
				return err
			}
		}
	}
	return nil
}
