package config

import (
	"cmp"
	"net/http"
	"strconv"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/credential"
)

// Budget says how much of a CRM's API Repsync may use. What the CRM itself says of its daily limit (Salesforce's
// Sforce-Limit-Info) is obeyed beside it.
type Budget struct {
	Daily int64 `yaml:"daily,omitempty"` // calls in 24 hours. Default 0: all that the org has
	// Reserve is the part of the limit, in percent, that background passes leave for what people wait for: `starter sync`, an
	// undo, the command line. Default 10.
	Reserve int `yaml:"reserve,omitempty"`
}

const defaultReserve = 10

// MailboxBudget says how fast a mailbox server's APIs may be called, by all workers together.
type MailboxBudget struct {
	// Calendar is the Calendar API's. Default 600 per mailbox, 10000 per project, as a new project has
	// (https://developers.google.com/workspace/calendar/api/guides/quota). Each part of a batch counts.
	Calendar Pace `yaml:"calendar,omitempty"`
	// PeopleReads are the People API's "critical read requests", PeopleWrites its "critical write requests". Default 90 per
	// mailbox: Google shows both in its console and documents neither. Default per project: none; write what the console says.
	PeopleReads  Pace `yaml:"people_reads,omitempty"`
	PeopleWrites Pace `yaml:"people_writes,omitempty"`
}

// Pace is a number of calls a minute; -1 is no limit. The defaults are the vendor's own: a server at another address has
// none.
type Pace struct {
	Mailbox int `yaml:"mailbox,omitempty"`
	Project int `yaml:"project,omitempty"` // of the entry's credentials
}

func (b MailboxBudget) withDefaults(at BaseURLs) MailboxBudget {
	if at.Calendar == googleCalendar {
		b.Calendar = b.Calendar.or(Pace{600, 10_000})
	}
	if at.People == googlePeople {
		b.PeopleReads, b.PeopleWrites = b.PeopleReads.or(Pace{Mailbox: 90}), b.PeopleWrites.or(Pace{Mailbox: 90})
	}
	return b
}

func (p Pace) or(d Pace) Pace {
	return Pace{cmp.Or(p.Mailbox, d.Mailbox), cmp.Or(p.Project, d.Project)}
}

// Of returns the pace of a quota.
func (b MailboxBudget) Of(q connector.Quota) Pace {
	switch q {
	case connector.QuotaCalendar:
		return b.Calendar
	case connector.QuotaPeopleRead:
		return b.PeopleReads
	case connector.QuotaPeopleWrite:
		return b.PeopleWrites
	}
	return Pace{}
}

func (k *checker) budget(b Budget, path []string) {
	if b.Daily < 0 {
		k.report(join(path, "daily"), "is negative", "write the calls of 24 hours that Repsync may make, or leave it out for all that the org has")
	}
	if b.Reserve < 0 || b.Reserve > 90 {
		k.report(join(path, "reserve"), "is no percentage from 1 to 90: "+strconv.Itoa(b.Reserve), "write 10 to keep a tenth for what people wait for")
	}
}

// Meters makes the meters of connectors.
type Meters interface {
	CRM(org string, b Budget) connector.Meter
	Mailbox(org, address, project string, b MailboxBudget) connector.Meter
}

// Use is what connectors send their requests through. The zero Use sends them plainly.
type Use struct {
	Meters Meters
	// Wrap stands around every request to a vendor, sign-ins too; nil adds nothing.
	Wrap func(vendor string, next http.RoundTripper) http.RoundTripper

	meter connector.Meter  // of the connector that is being built
	gate  *credential.Gate // shared by the mailboxes of one credential
}

// client is nil where there is nothing to add: a connector then has its own.
func (u Use) client(vendor string) *http.Client {
	if u.Wrap == nil {
		return nil
	}
	return &http.Client{Transport: u.Wrap(vendor, http.DefaultTransport)}
}
