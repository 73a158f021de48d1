package activities

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/policy"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// Connectors builds the connectors of an org and of a mailbox.
type Connectors interface {
	CRM(org string) (connector.CRM, error)
	Mailbox(org, address string) (box connector.Connector, provider string, err error)
}

// FeedSettings say how an org's feed is polled.
type FeedSettings struct {
	Every time.Duration // between two polls
	Keep  time.Duration // how long the log is kept
}

// Config is what the stages depend on.
type Config struct {
	Store   *store.Store
	Ring    *keyring.Ring
	Connect Connectors
	Feeds   map[string]FeedSettings
	Plain   bool             // the Temporal server has no search attributes of ours
	Now     func() time.Time // default time.Now
	Name    string           // of this worker among those beside it, default its process id
	Lease   time.Duration    // how long a mailbox's lease lasts unrenewed, default 60s; longer than any request to a vendor may take
	Log     *slog.Logger

	// Patience is how long a write waits, within its stage and without getting anything through, for a quota that is used
	// up; default not at all. A vendor's quotas are by the minute, and a pass that ends has to plan anew.
	Patience time.Duration
}

// Activities are the stages of a pass, and the poll of an org's feed. Its exported methods are Temporal activities.
type Activities struct {
	Config
	leases atomic.Int64
	parsed parsed
}

// New returns the activities.
func New(c Config) *Activities {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Name == "" {
		c.Name = strconv.Itoa(os.Getpid())
	}
	if c.Lease == 0 {
		c.Lease = 60 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Activities{Config: c}
}

// kinds are the kinds that a pass enforces now.
var kinds = []record.Kind{record.Contact, record.Event}

// kinds are those that the stages of a pass after Fetch have to do with: both sides could be read, and the policy turns
// them on or something of them is left.
func (s *session) kinds(p Pass) []record.Kind {
	return slices.DeleteFunc(slices.Clone(kinds), func(k record.Kind) bool {
		off := s.policy.Rules(k).Direction == "off" && s.sit.Staged[k] == 0 && s.open(k) == 0
		return off || slices.Contains(p.Closed, k)
	})
}

// first reports whether a kind's first sync has not been committed yet.
func (s *session) first(k record.Kind) bool {
	return !slices.ContainsFunc(s.sit.Cursors, func(c store.Cursor) bool { return c.Kind == k && c.Synced })
}

// open counts the intents of a kind whose outcome is to come.
func (s *session) open(k record.Kind) int {
	n := s.sit.Open[k]
	return n[store.Planned] + n[store.Sent] + n[store.Unknown]
}

// session is one stage of one rep's pass.
type session struct {
	a          *Activities
	org, rep   string
	pass       int64
	sit        store.Situation
	revision   int64
	policy     policy.Policy
	crm        connector.CRM
	mailbox    connector.Connector
	provider   string
	epoch      int64 // of the lease, 0 before lease
	whole      bool  // the pass reads everything again
	now        record.Hasher
	caps       map[kindOn]connector.Caps
	filters    map[record.Kind]*policy.Filter
	noActivity bool                          // the CRM has no field for the last activity
	people     map[string][]connector.Person // attendees that were looked up in this stage, by address
	undo       undoing
}

// kindOn is a kind on a side.
type kindOn struct {
	kind record.Kind
	side record.Side
}

// open reads the rep's situation and connects both sides. Its errors are Troubles where an admin has to act.
func (a *Activities) open(ctx context.Context, org, rep string, pass int64) (*session, error) {
	return a.openRep(ctx, org, rep, pass, false)
}

// openRep does it for a rep who is stopped, too, if that may be.
func (a *Activities) openRep(ctx context.Context, org, rep string, pass int64, stopped bool) (*session, error) {
	s := &session{a: a, org: org, rep: rep, pass: pass, now: a.Ring.Hasher(), caps: map[kindOn]connector.Caps{}, filters: map[record.Kind]*policy.Filter{}, people: map[string][]connector.Person{}, undo: undoing{moved: map[string]string{}, refused: map[string]bool{}}}
	var err error
	if s.sit, err = a.Store.Situation(ctx, org, rep); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return nil, &Trouble{Class: ClassConfig, Code: "unknown_rep", Op: "find the rep", Remedy: fmt.Sprintf("There is no rep %s in org %s: add it with `starter rep add --org %s --rep %s --mailbox ADDRESS`, or cancel this workflow.", rep, org, org, rep)}
		}
		return nil, err
	}
	if !s.sit.Rep.Active && !stopped {
		return nil, &Trouble{Class: ClassConfig, Code: "rep_stopped", Op: "find the rep", Remedy: fmt.Sprintf("The rep is stopped: start it with `starter rep start --org %s --rep %s`, or cancel this workflow.", org, rep)}
	}
	if err := s.connect(); err != nil {
		return nil, err
	}
	s.crm, s.mailbox = s.watched(s.crm, s.mailbox)
	if err := s.identify(ctx, false); err != nil {
		return nil, err
	}
	return s, s.pickPolicy()
}

// connect builds both connectors.
func (s *session) connect() (err error) {
	if s.crm, err = s.a.Connect.CRM(s.org); err == nil {
		s.mailbox, s.provider, err = s.a.Connect.Mailbox(s.org, s.sit.Rep.Mailbox)
	}
	if err != nil && s.a.troubleOf(err) == nil {
		return &Trouble{Class: ClassConfig, Code: "not_configured", Op: "connect org " + s.org, Remedy: err.Error()}
	}
	return err
}

// identify finds the rep's CRM user once, by default the active user with the mailbox's address.
func (s *session) identify(ctx context.Context, again bool) error {
	r := &s.sit.Rep
	if r.CRMUser != "" && r.Profile != "" && !again {
		return nil
	}
	who := r.CRMUser
	if who == "" {
		who = r.Mailbox
	}
	u, err := s.crm.User(ctx, who)
	if err != nil {
		if connector.ClassOf(err) == connector.Park {
			return &Trouble{Class: ClassConfig, Code: codeOf(err), Op: "find the rep's CRM user", Remedy: fmt.Sprintf("Say which CRM user rep %s is: `starter rep add --crm-user ID`.", s.rep)}
		}
		return err
	}
	if r.CRMUser == u.ID && r.Profile == u.Profile {
		return nil
	}
	r.CRMUser, r.Profile = u.ID, u.Profile
	return s.a.Store.UpdateRep(ctx, *r)
}

// pickPolicy reads the policy that is assigned to the rep now. A stored document that this version cannot enforce stops
// its reps, visibly, rather than syncing by other rules than the admin's; one that does not even say whose it is stops all.
func (s *session) pickPolicy() error {
	var revisions []policy.Revision
	invalid := map[int64]*Trouble{}
	for _, row := range s.sit.Policies {
		p, problems := s.a.parsed.policy(row.Document)
		if problems.Failed() {
			t := &Trouble{Class: ClassConfig, Code: "policy_invalid", Op: fmt.Sprintf("read policy %s revision %d", row.Name, row.Revision), Remedy: "Correct the policy and apply it again: `starter policy validate -f FILE` names the line."}
			if len(p.Assign.Reps)+len(p.Assign.Profiles) == 0 {
				return t
			}
			invalid[row.Revision] = t
		}
		revisions = append(revisions, policy.Revision{Number: row.Revision, Policy: p})
	}
	got, ok := policy.Pick(revisions, policy.Assignee{Rep: s.rep, Profile: s.sit.Rep.Profile})
	if !ok {
		got = policy.Revision{Policy: policy.Default()}
	}
	if t := invalid[got.Number]; t != nil {
		return t
	}
	s.revision, s.policy = got.Number, got.Policy
	return nil
}

// policyName is the policy as shown to people: name@revision.
func (s *session) policyName() string { return fmt.Sprintf("%s@%d", s.policy.Name, s.revision) }

// lease takes the mailbox for this stage, under a fresh epoch. The holder is unique to this very attempt of the stage:
// an attempt that was thought dead and its successor are two, and the second waits until the first one's lease expires.
func (s *session) lease(ctx context.Context) (release func(), err error) {
	if s.epoch != 0 {
		return func() {}, nil
	}
	holder := fmt.Sprintf("%s/%d", s.a.Name, s.a.leases.Add(1))
	if activity.IsActivity(ctx) {
		info := activity.GetInfo(ctx)
		holder = fmt.Sprintf("%s/%s/%d/%s", info.WorkflowExecution.RunID, info.ActivityID, info.Attempt, holder)
	}
	if s.epoch, err = s.a.Store.Acquire(ctx, s.org, s.rep, holder, s.a.Lease); err != nil {
		return nil, err
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_ = s.a.Store.Release(ctx, s.org, s.rep, s.epoch) // a lease that is not given back expires
	}, nil
}

// side returns the connector of a side.
func (s *session) side(side record.Side) connector.Connector {
	if side == record.CRM {
		return s.crm
	}
	return s.mailbox
}

// cursor returns where reading a kind on a side stands; the zero cursor asks for a full read.
func (s *session) cursor(k record.Kind, side record.Side) store.Cursor {
	for _, c := range s.sit.Cursors {
		if c.Kind == k && c.Side == side {
			return c
		}
	}
	return store.Cursor{Kind: k, Side: side}
}

// capsOn asks a side what it can do with a kind, as this rep.
func (s *session) capsOn(ctx context.Context, k record.Kind, side record.Side) (connector.Caps, error) {
	at := kindOn{k, side}
	if c, ok := s.caps[at]; ok {
		return c, nil
	}
	owner := ""
	if side == record.CRM {
		owner = s.sit.Rep.CRMUser
	}
	c, err := s.side(side).Caps(ctx, k, owner)
	if err == nil {
		s.caps[at] = c
	}
	return c, err
}

// capsOf asks both sides.
func (s *session) capsOf(ctx context.Context, k record.Kind) (c planner.Sides[connector.Caps], err error) {
	if c.CRM, err = s.capsOn(ctx, k, record.CRM); err == nil {
		c.Mailbox, err = s.capsOn(ctx, k, record.Mailbox)
	}
	return c, err
}

// filter compiles the policy's filter for a kind; nil admits everything.
func (s *session) filter(k record.Kind) (*policy.Filter, error) {
	src := s.policy.Sync(k).Filter
	if src == "" {
		return nil, nil
	}
	if f, ok := s.filters[k]; ok {
		return f, nil
	}
	f, err := s.a.parsed.filter(k, src)
	if err != nil {
		return nil, &Trouble{Class: ClassConfig, Code: "filter_invalid", Op: "compile the filter of policy " + s.policyName(), Remedy: "Correct the filter and apply the policy again."}
	}
	s.filters[k] = f
	return f, nil
}

// extra lists the CRM fields that the filter and the limit read.
func (s *session) extra(k record.Kind) ([]string, error) {
	f, err := s.filter(k)
	if err != nil {
		return nil, err
	}
	var fields []string
	if !s.noActivity && k == record.Contact {
		fields = append(fields, lastActivityField)
	}
	if f != nil {
		fields = append(fields, f.Fields()...)
	}
	slices.Sort(fields)
	return slices.Compact(fields), nil
}

func codeOf(err error) string {
	var e *connector.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return "internal"
}
