package policy

import (
	"time"

	"github.com/repsync/repsync/internal/record"
)

// DefaultName is the name of a document that names itself nothing, and of the policy for reps whom no other one names.
const DefaultName = "default"

const day = 24 * time.Hour

// Default is the recommended policy: everything from the CRM to the mailbox, emails logged by hand. Kinds that are not
// enforced yet are off.
func Default() Policy { return Policy{}.WithDefaults() }

// WithDefaults fills in what p leaves empty. It is pure, and WithDefaults of a complete policy changes nothing.
//
// Empty are "", 0 and nil. Where 0 or false is a choice, the group it stands in decides: a Threshold or CreateThreshold
// without any bound, and the Relate, Window and Exclude of events that have no direction yet.
func (p Policy) WithDefaults() Policy {
	orText(&p.Name, DefaultName)
	if p.Schedule.Every == 0 {
		p.Schedule.Every = 5 * time.Minute
	}
	p.Events = p.Events.withDefaults()
	p.Contacts = p.Contacts.withDefaults(record.Contact)
	p.Tasks = p.Tasks.withDefaults(record.Task)
	orText(&p.Emails.Capture, onceEnforced(record.Email, "manual"))
	p.Guard = p.Guard.withDefaults()
	return p
}

func (s Sync) withDefaults(kind record.Kind) Sync {
	orText(&s.Direction, onceEnforced(kind, "crm_to_mailbox"))
	orText(&s.Records, "owned")
	orNumber(&s.Limit.Max, 50000)
	if s.Limit.KeepFirst == nil {
		s.Limit.KeepFirst = []string{"last_activity"}
	}
	switch {
	case s.Match.By != nil:
	case kind == record.Contact:
		s.Match.By = []string{"email", "name_and_company"}
	case kind == record.Event:
		s.Match.By = []string{"uid", "subject_and_time"}
	}
	orText(&s.Match.OnAmbiguous, "review")
	orText(&s.Conflict, "crm_wins")
	orText(&s.Deletes.FromCRM, "propagate")
	orText(&s.Deletes.FromMailbox, "unlink")
	orText(&s.OnFilterExit, "remove")
	orText(&s.OnDrift, "keep")
	return s
}

func (e Events) withDefaults() Events {
	if e.Direction == "" {
		e.Relate = Relate{Contacts: true, Leads: true, Accounts: true, OnTie: e.Relate.OnTie}
		e.Window = Window{Past: 30 * day, Future: 365 * day}
		e.Exclude = Exclude{Domains: e.Exclude.Domains, Addresses: e.Exclude.Addresses, Declined: true}
	}
	e.Sync = e.Sync.withDefaults(record.Event)
	orText(&e.Scope, "all")
	orText(&e.Label, "crm")
	orText(&e.Private, "skip")
	orText(&e.Series, "sync")
	orText(&e.Relate.OnTie, "most_recent_activity")
	orText(&e.Invitations, "never")
	return e
}

func (g Guard) withDefaults() Guard {
	if g.Deletes == (Threshold{}) {
		g.Deletes = Threshold{Max: 50, Percent: 10}
	}
	orNumber(&g.Deletes.Percent, 10)
	if g.Overwrites == (Threshold{}) {
		g.Overwrites = Threshold{Max: 500, Percent: 25}
	}
	orNumber(&g.Overwrites.Percent, 25)
	if g.Creates == (CreateThreshold{}) {
		g.Creates = CreateThreshold{Max: 500, FirstSync: 60000}
	}
	orNumber(&g.Creates.FirstSync, 60000)
	orNumber(&g.Org.Deletes, 2000)
	orNumber(&g.Org.Overwrites, 20000)
	orText(&g.EmptySide, "hold")
	return g
}

func onceEnforced(kind record.Kind, value string) string {
	if Enforces(kind) {
		return value
	}
	return "off"
}

func orText(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

func orNumber(n *int, value int) {
	if *n == 0 {
		*n = value
	}
}
