package policy

import (
	"time"

	"github.com/repsync/repsync/internal/record"
)

// DefaultName is the name of a document that names itself nothing, and of the policy for reps whom no other one names.
const DefaultName = "default"

const day = 24 * time.Hour

// enforcedKinds lists the kinds that a pass of this version enforces. A kind that is not here is off by default.
var enforcedKinds = map[record.Kind]bool{record.Contact: true}

// Default is the recommended policy: everything from the CRM to the mailbox, emails logged by hand. Kinds that are not
// enforced yet are off.
func Default() Policy { return Policy{}.WithDefaults() }

// WithDefaults fills in what p leaves empty. It is pure, and WithDefaults of a complete policy changes nothing.
//
// Empty are "", 0 and nil. Where 0 or false is a choice, the group it stands in decides: a Threshold or CreateThreshold
// without any bound, and the Relate, Window and Exclude of events that have no direction yet.
func (p Policy) WithDefaults() Policy {
	text(&p.Name, DefaultName)
	if p.Schedule.Every == 0 {
		p.Schedule.Every = 5 * time.Minute
	}
	p.Events = p.Events.withDefaults()
	p.Contacts = p.Contacts.withDefaults(record.Contact)
	p.Tasks = p.Tasks.withDefaults(record.Task)
	text(&p.Emails.Capture, onceEnforced(record.Email, "manual"))
	p.Guard = p.Guard.withDefaults()
	return p
}

func (s Sync) withDefaults(kind record.Kind) Sync {
	text(&s.Direction, onceEnforced(kind, "crm_to_mailbox"))
	text(&s.Records, "owned")
	number(&s.Limit.Max, 50000)
	if s.Limit.KeepFirst == nil {
		s.Limit.KeepFirst = []string{"last_activity"}
	}
	if s.Match.By == nil && kind == record.Contact {
		s.Match.By = []string{"email", "name_and_company"}
	}
	text(&s.Match.OnAmbiguous, "review")
	text(&s.Conflict, "crm_wins")
	text(&s.Deletes.FromCRM, "propagate")
	text(&s.Deletes.FromMailbox, "unlink")
	text(&s.OnFilterExit, "remove")
	text(&s.OnDrift, "keep")
	return s
}

func (e Events) withDefaults() Events {
	if e.Direction == "" {
		e.Relate = Relate{Contacts: true, Leads: true, Accounts: true, OnTie: e.Relate.OnTie}
		e.Window = Window{Past: 30 * day, Future: 365 * day}
		e.Exclude = Exclude{Domains: e.Exclude.Domains, Addresses: e.Exclude.Addresses, Declined: true}
	}
	e.Sync = e.Sync.withDefaults(record.Event)
	text(&e.Scope, "all")
	text(&e.Private, "skip")
	text(&e.Series, "sync")
	text(&e.Relate.OnTie, "most_recent_activity")
	text(&e.Invitations, "never")
	return e
}

func (g Guard) withDefaults() Guard {
	if g.Deletes == (Threshold{}) {
		g.Deletes = Threshold{Max: 50, Percent: 10}
	}
	number(&g.Deletes.Percent, 10)
	if g.Overwrites == (Threshold{}) {
		g.Overwrites = Threshold{Max: 500, Percent: 25}
	}
	number(&g.Overwrites.Percent, 25)
	if g.Creates == (CreateThreshold{}) {
		g.Creates = CreateThreshold{Max: 500, FirstSync: 60000}
	}
	number(&g.Creates.FirstSync, 60000)
	number(&g.Org.Deletes, 2000)
	number(&g.Org.Overwrites, 20000)
	text(&g.EmptySide, "hold")
	return g
}

func onceEnforced(kind record.Kind, value string) string {
	if enforcedKinds[kind] {
		return value
	}
	return "off"
}

func text(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

func number(n *int, value int) {
	if *n == 0 {
		*n = value
	}
}
