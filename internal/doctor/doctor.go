// Package doctor checks what the store remembers against what both sides hold, and mends what can be mended safely.
//
// A rep is examined in two readings. The first pages through the rep's rows and reads the items that they name from both
// vendors, in batches by id: never a copy of an org. Whatever looks wrong in it is a suspicion, since workers go on
// meanwhile. What is about to be read by the next pass anyway (its row is staged, its write is under way, its change waits
// in a vendor's feed) is none. After a moment, as long as the vendor's own lists may lag, the suspicions are looked at
// again; with Fix, under the rep's lease, so that no worker is at it. Only what is still wrong then is a Finding.
//
// A repair is one fenced transaction, with a journal line for each finding. It never writes to a vendor and takes no item
// away: it removes rows that nothing needs, makes rows readable again, and above all asks for a reread, in which the
// ordinary pass, with its guards and its protocol, decides (Code.Explain and the table in codes.go say which code means
// what). What only a person can decide is reported.
//
// On a system that is in order Run writes nothing at all, to no vendor and to no table.
package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// Connectors builds the connectors of an org and of a mailbox, as a worker has them.
type Connectors interface {
	CRM(org string) (connector.CRM, error)
	Mailbox(org, address string) (box connector.Connector, provider string, err error)
}

// Config is what the doctor works with.
type Config struct {
	Store    *store.Store
	Ring     *keyring.Ring
	Connect  Connectors
	Now      func() time.Time                                     // default time.Now
	Wait     func(ctx context.Context, d time.Duration) error     // default: sleeps, or ends with ctx
	Nudge    func(ctx context.Context, rep string)                // tells a rep's workflow that there is work; nil: nobody is told
	Note     func(rep string, suspicions int, wait time.Duration) // before it waits to look again; nil: nobody is told
	Patience time.Duration                                        // between the two readings; 0: as long as the vendors' lists may lag
	Keep     time.Duration                                        // how long an org's feed is kept, default 72h
	Lease    time.Duration                                        // how long the lease lasts unrenewed, default 60s
}

// Options say what to examine.
type Options struct {
	Org string
	Rep string // "": every rep, and what is the org's own
	Fix bool
}

// Finding is something that is wrong. It names items by their ids and carries no value.
type Finding struct {
	Code    Code        `json:"code"`
	Rep     string      `json:"rep,omitempty"`
	Kind    record.Kind `json:"kind,omitempty"`
	Side    record.Side `json:"side,omitempty"`
	Item    string      `json:"item,omitempty"`
	Link    string      `json:"link,omitempty"`
	Explain string      `json:"explain"`
	Remedy  string      `json:"remedy"`  // what --fix does, or what a person has to do
	Fixable bool        `json:"fixable"` // by --fix
	Fixed   bool        `json:"fixed"`

	mend func(*store.Repair)    // nil: not by a repair of the rep
	org  func(*store.OrgRepair) // or one of the org
}

// key tells one suspicion from another, over both readings.
func (f Finding) key() string {
	return fmt.Sprint(f.Code, "\x00", f.Kind, "\x00", f.Side, "\x00", f.Item, "\x00", f.Link)
}

// Unchecked is what could not be looked at: a vendor that does not answer, or that asked to be left alone.
type Unchecked struct {
	Rep  string      `json:"rep,omitempty"`
	Kind record.Kind `json:"kind,omitempty"`
	Side record.Side `json:"side,omitempty"`
	Code string      `json:"code"`
}

// Counts say how much was looked at.
type Counts struct {
	Reps    int `json:"reps"`
	Links   int `json:"links"`
	Items   int `json:"items"` // read from the vendors
	Claims  int `json:"claims"`
	Intents int `json:"intents"`
	Parked  int `json:"parked"`
}

// Report is the outcome of Run.
type Report struct {
	Org       string      `json:"org"`
	Checked   Counts      `json:"checked"`
	Findings  []Finding   `json:"findings"`
	Pending   []Finding   `json:"pending"` // wrong, and the rep's next pass is asked already to read everything again
	Unchecked []Unchecked `json:"unchecked"`
}

// Open counts the findings that were not fixed.
func (r Report) Open() (n int) {
	for _, f := range r.Findings {
		if !f.Fixed {
			n++
		}
	}
	return n
}

// Run examines an org or one rep. Its errors are the store's, the context's, and store.ErrNotFound for an org or rep that
// is not there; what a vendor refuses is Unchecked in the report.
func Run(ctx context.Context, c Config, o Options) (Report, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Wait == nil {
		c.Wait = wait
	}
	c.Keep, c.Lease = cmp.Or(c.Keep, 72*time.Hour), cmp.Or(c.Lease, time.Minute)
	e := &examiner{Config: c, Options: o, stamp: c.Now().UTC().Format(time.RFC3339Nano), report: Report{Org: o.Org, Findings: []Finding{}, Pending: []Finding{}, Unchecked: []Unchecked{}}}
	reps, err := e.begin(ctx)
	if err != nil {
		return e.report, err
	}
	if o.Rep == "" {
		if err := e.examineOrg(ctx); err != nil {
			return e.report, err
		}
	}
	for _, r := range reps {
		if err := e.attend(ctx, r.Rep.Rep); err != nil {
			return e.report, err
		}
	}
	return e.report, nil
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// examiner is one run.
type examiner struct {
	Config
	Options
	crm      connector.CRM
	policies policies
	feeds    map[record.Kind]store.FeedLog
	reps     map[string]bool
	opened   map[int]int // key versions under which something of the org opened
	stamp    string      // of the run, in its journal lines
	report   Report
}

// begin reads what is common to all reps.
func (e *examiner) begin(ctx context.Context) (reps []store.RepRow, err error) {
	e.reps, e.opened = map[string]bool{}, map[int]int{}
	all, err := e.Store.RepRows(ctx, e.Org, "")
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		e.reps[r.Rep.Rep] = true
		if !r.MailboxBroken {
			e.opened[r.Key]++
		}
		if e.Options.Rep == "" || e.Options.Rep == r.Rep.Rep {
			reps = append(reps, r)
		}
	}
	if e.Options.Rep != "" && len(reps) == 0 {
		return nil, store.ErrNotFound
	}
	if e.policies, err = e.readPolicies(ctx); err != nil {
		return nil, err
	}
	if e.crm, err = e.Connect.CRM(e.Org); err != nil {
		e.unchecked(Unchecked{Side: record.CRM, Code: "not_configured"})
		e.crm = nil
	}
	return reps, nil
}

// unchecked notes once what could not be looked at.
func (e *examiner) unchecked(u Unchecked) {
	if !slices.Contains(e.report.Unchecked, u) {
		e.report.Unchecked = append(e.report.Unchecked, u)
	}
}

const (
	moment   = 2 * time.Second  // between two readings of what no vendor is asked about
	leaseFor = 2 * time.Minute  // how long to wait for a rep's lease: a worker gives it back between two stages
	longest  = 15 * time.Minute // no lease lasts longer, and no claim on a create that is under way
)

// attend examines one rep, looks again at what is suspicious, and mends it if it is to.
func (e *examiner) attend(ctx context.Context, rep string) error {
	first, err := e.examine(ctx, rep, nil, 0)
	if err != nil {
		return err
	}
	e.report.Checked.Reps++
	e.report.Pending = append(e.report.Pending, first.pending...)
	if len(first.found) == 0 {
		return nil
	}
	pause := moment
	if first.lag > 0 {
		pause = max(moment, cmp.Or(e.Patience, first.lag))
	}
	if e.Note != nil {
		e.Note(rep, len(first.found), pause)
	}
	if err := e.Wait(ctx, pause); err != nil {
		return err
	}
	var epoch int64
	if e.Fix && slices.ContainsFunc(first.found, func(f Finding) bool { return f.Fixable }) {
		if err := e.boundLease(ctx, first); err != nil {
			return err
		}
		if epoch, err = e.lease(ctx, rep); err != nil {
			return err
		}
		defer func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			_ = e.Store.Release(ctx, e.Org, rep, epoch) // a lease that is not given back expires
		}()
	}
	again, err := e.examine(ctx, rep, first, epoch)
	if errors.Is(err, store.ErrLeaseLost) { // it took too long; the next run sees what is left
		e.unchecked(Unchecked{Rep: rep, Code: "lease_lost"})
		return nil
	}
	if err != nil {
		return err
	}
	before := map[string]bool{}
	for _, f := range first.found {
		before[f.key()] = true
	}
	found := slices.DeleteFunc(again.found, func(f Finding) bool { return !before[f.key()] })
	if epoch != 0 && len(found) > 0 {
		if err := e.mend(ctx, again, epoch, found); err != nil {
			return err
		}
	}
	e.report.Findings = append(e.report.Findings, first.bounded...)
	e.report.Findings = append(e.report.Findings, found...)
	return nil
}

// lease takes the rep's lease, waiting for a worker that has it. Without it nothing is mended: epoch 0.
func (e *examiner) lease(ctx context.Context, rep string) (epoch int64, err error) {
	holder := fmt.Sprintf("doctor/%d/%s", os.Getpid(), e.stamp)
	for end := e.Now().Add(leaseFor); ; {
		epoch, err = e.Store.Acquire(ctx, e.Org, rep, holder, e.Lease)
		var held store.ErrLeaseHeld
		switch {
		case !errors.As(err, &held):
			return epoch, err
		case !e.Now().Before(end):
			e.unchecked(Unchecked{Rep: rep, Code: "lease_held"})
			return 0, nil
		}
		if err := e.Wait(ctx, moment); err != nil {
			return 0, err
		}
	}
}
