package policy

import (
	"maps"
	"slices"

	"github.com/repsync/repsync/internal/connector/salesforce/mapping"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// Sync returns the rules that a kind has in common with the others. Emails have none: what it returns is off.
func (p Policy) Sync(kind record.Kind) Sync {
	switch kind {
	case record.Contact:
		return p.Contacts
	case record.Event:
		return p.Events.Sync
	case record.Task:
		return p.Tasks
	}
	return Sync{Direction: "off"}
}

// Rules resolves the policy for one kind. Fields are the standard mapping's and those that the document names; the
// latter are ByAdmin. Of an event's fields that one side alone can tell, that side wins. A kind that this version does not enforce is off, whatever the policy says.
func (p Policy) Rules(kind record.Kind) planner.Rules {
	s := p.Sync(kind)
	r := planner.Rules{
		Direction:    s.Direction,
		Conflict:     s.Conflict,
		Fields:       map[string]planner.FieldRule{},
		MatchBy:      slices.Clone(s.Match.By),
		OnAmbiguous:  s.Match.OnAmbiguous,
		FromCRM:      s.Deletes.FromCRM,
		FromMailbox:  s.Deletes.FromMailbox,
		OnFilterExit: s.OnFilterExit,
		OnDrift:      s.OnDrift,
	}
	if !Enforces(kind) {
		r.Direction = "off"
	}
	// A delete does not travel against the direction, whatever the default of deletes says.
	if s.Direction == "mailbox_to_crm" && r.FromCRM == "propagate" {
		r.FromCRM = "unlink"
	}
	if s.Direction == "crm_to_mailbox" && r.FromMailbox == "propagate" {
		r.FromMailbox = "unlink"
	}
	for name := range standard(kind) {
		r.Fields[name] = planner.FieldRule{}
	}
	for name, f := range s.Fields {
		r.Fields[name] = planner.FieldRule{Winner: f.Winner, ByAdmin: true}
	}
	if kind == record.Event {
		for name, winner := range builtIn {
			r.Fields[name] = planner.FieldRule{Winner: winner}
		}
	}
	return r
}

// builtIn are the winners of an event's fields that one side alone can tell; see oneSided.
var builtIn = map[string]string{record.FieldRelations: "mailbox", record.FieldAttendees: "crm", record.FieldAnswer: "mailbox"}

// Fields returns the canonical fields that the kind's rules map, sorted.
func (p Policy) Fields(kind record.Kind) []string {
	return slices.Sorted(maps.Keys(p.Rules(kind).Fields))
}

// standard is the standard mapping of a kind: canonical field → CRM field.
func standard(kind record.Kind) map[string]string {
	switch kind {
	case record.Contact:
		return mapping.Contact
	case record.Event:
		return mapping.Event
	}
	return nil
}
