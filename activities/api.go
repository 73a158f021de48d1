// Package activities holds the stages of a pass, one file each: fetch, filter, match, write, deletes, commit; and the
// polling of an org's feed. A stage reads and writes Postgres and the two vendors through their connectors, and asks the
// planner what to do. Between stages, items travel through staging rows in Postgres: what a stage returns to the workflow
// are ids, counts, revisions and codes, so that no customer's value ever enters a Temporal history.
//
// Every stage may be run again at any moment, also beside a run of itself that was thought dead: each takes the mailbox's
// lease, under a fresh epoch, before it changes anything, and every change to the store is refused once a newer epoch
// exists.
package activities

import (
	"context"
	"log/slog"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// SweepEvery is how often everything of a rep is read.
const SweepEvery = 24 * time.Hour

// FetchIn starts a pass.
type FetchIn struct {
	Org       string    `json:"org"`
	Rep       string    `json:"rep"`
	Pass      int64     `json:"pass"`                // number of this pass
	Fresh     bool      `json:"fresh,omitempty"`     // a person waits: poll the org's feed first
	Release   string    `json:"release,omitempty"`   // digest of the held plan that an admin released
	Committed int64     `json:"committed,omitempty"` // the last pass that the workflow saw committed: a store that knows of earlier ones only was restored from a backup
	Due       time.Time `json:"due,omitzero"`        // when the pass was to begin
	Sweep     bool      `json:"sweep,omitempty"`     // read everything: what no feed tells of (formulas, parents, sharing, profiles) is met here
	SweptAt   time.Time `json:"swept_at,omitzero"`   // when that was last done, as far as the workflow knows
}

// FetchOut is what a pass begins with.
type FetchOut struct {
	Pass     int64         `json:"pass"`           // the number of this pass; higher than asked for when the store knows of later ones
	Work     bool          `json:"work"`           // there is something for the other stages
	News     bool          `json:"news,omitempty"` // of Glance: there is something to fetch, or there may be
	Revision int64         `json:"revision"`
	Policy   string        `json:"policy"` // name@revision
	Provider string        `json:"provider"`
	Every    time.Duration `json:"every"` // until the next pass
	Observed int           `json:"observed"`
	Parked   int           `json:"parked"`
	Held     *Hold         `json:"held,omitempty"`
	Trouble  *Trouble      `json:"trouble,omitempty"`
	Restored bool          `json:"restored,omitempty"` // the store was restored from an older backup
	Reread   bool          `json:"reread,omitempty"`   // everything was read because somebody asked for it
	Complete bool          `json:"complete,omitempty"` // every side of every kind was read to its end
	Closed   []record.Kind `json:"closed,omitempty"`   // kinds of which a side could not be read: they wait for the next pass
	SweptAt  time.Time     `json:"swept_at,omitzero"`  // when everything was last read, as the store knows
	Plain    bool          `json:"plain,omitempty"`    // the server has no search attributes of ours
}

// Pass names a pass to the stages after Fetch.
type Pass struct {
	Org      string `json:"org"`
	Rep      string `json:"rep"`
	Pass     int64  `json:"pass"`
	Revision int64  `json:"revision"`
	Policy   string `json:"policy"`
	Complete bool   `json:"complete,omitempty"` // as FetchOut.Complete
	Reread   bool   `json:"reread,omitempty"`   // as FetchOut.Reread
	Restored bool   `json:"restored,omitempty"` // as FetchOut.Restored
	Fresh    bool   `json:"fresh,omitempty"`    // as FetchIn.Fresh

	Began time.Time `json:"began,omitzero"` // when its Fetch was asked for

	Closed []record.Kind `json:"closed,omitempty"` // as FetchOut.Closed
}

// under marks what a person waits for.
func (p Pass) under(ctx context.Context) context.Context {
	if p.Fresh {
		return connector.Awaited(ctx)
	}
	return ctx
}

// Sided counts per side.
type Sided struct {
	CRM     int `json:"crm"`
	Mailbox int `json:"mailbox"`
}

// LogValue shows both counts.
func (s Sided) LogValue() slog.Value {
	return slog.GroupValue(slog.Int("crm", s.CRM), slog.Int("mailbox", s.Mailbox))
}

// Add counts n on a side.
func (s *Sided) Add(side record.Side, n int) {
	if side == record.CRM {
		s.CRM += n
	} else {
		s.Mailbox += n
	}
}

// Summary counts what a pass did.
type Summary struct {
	Created   Sided                  `json:"created"`
	Updated   Sided                  `json:"updated"`
	Deleted   Sided                  `json:"deleted"`
	Linked    int                    `json:"linked"` // pairs found on both sides and joined
	Unchanged int                    `json:"unchanged"`
	Conflicts int                    `json:"conflicts"`
	Parked    int                    `json:"parked"`
	Held      int                    `json:"held"`
	Reasons   map[planner.Reason]int `json:"reasons,omitempty"`
}

// reason counts n decisions of a reason.
func (s *Summary) reason(r planner.Reason, n int) {
	if s.Reasons == nil {
		s.Reasons = map[planner.Reason]int{}
	}
	s.Reasons[r] += n
}

// Plus adds two summaries up.
func (s Summary) Plus(o Summary) Summary {
	s.Created.CRM += o.Created.CRM
	s.Created.Mailbox += o.Created.Mailbox
	s.Updated.CRM += o.Updated.CRM
	s.Updated.Mailbox += o.Updated.Mailbox
	s.Deleted.CRM += o.Deleted.CRM
	s.Deleted.Mailbox += o.Deleted.Mailbox
	s.Linked += o.Linked
	s.Unchanged += o.Unchanged
	s.Conflicts += o.Conflicts
	s.Parked += o.Parked
	s.Held += o.Held
	reasons := make(map[planner.Reason]int, len(s.Reasons)+len(o.Reasons))
	// A sum is the same in every order, so that a workflow may add summaries up (.ci/workflowcheck.yml).
	for r, n := range s.Reasons {
		reasons[r] += n
	}
	for r, n := range o.Reasons {
		reasons[r] += n
	}
	s.Reasons = reasons
	return s
}

// StageOut is what a stage after Fetch reports.
type StageOut struct {
	Summary Summary                `json:"summary"`
	Writes  bool                   `json:"writes,omitempty"`  // match: creates or updates are planned
	Deletes bool                   `json:"deletes,omitempty"` // match: deletes are planned
	Hold    *Hold                  `json:"hold,omitempty"`    // match: a guard tripped; nothing is to be written
	More    bool                   `json:"more,omitempty"`    // commit: something is left that a next pass can do at once
	Parked  map[planner.Reason]int `json:"parked,omitempty"`  // commit: items parked now, by reason
	Trouble *Trouble               `json:"trouble,omitempty"`
}

// Hold is a pass that stopped before its first write because a guard tripped.
type Hold struct {
	Digest string         `json:"digest"`
	Counts map[string]int `json:"counts"` // what the plan would do: "delete mailbox": 120
	Why    []string       `json:"why"`    // the guards: "guard.deletes.max: 120 > 50"
	Since  time.Time      `json:"since"`
}

// Trouble is why a pass could not do all it wanted. The rest of it was done.
type Trouble struct {
	Class  string    `json:"class"` // retry | reconnect | unsupported | bug | waiting
	Code   string    `json:"code"`
	Op     string    `json:"op,omitempty"`
	Remedy string    `json:"remedy,omitempty"`
	Until  time.Time `json:"until,omitzero"` // not worth trying before
}

// passes reports whether the trouble is that an API's budget is spent: it is back by itself, and what is of another side or
// kind goes on meanwhile.
func (t *Trouble) passes() bool { return t.Class == ClassWaiting && t.Code == connector.BudgetSpent }

// FeedIn asks for one poll of an org's CRM.
type FeedIn struct {
	Org string `json:"org"`
}

// FeedOut reports a poll.
type FeedOut struct {
	Rows    int           `json:"rows"`
	More    bool          `json:"more,omitempty"`
	Every   time.Duration `json:"every"`
	Trouble *Trouble      `json:"trouble,omitempty"`
}
