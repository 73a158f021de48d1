package policy

import "time"

// shape is what a key's value looks like.
type shape int

const (
	aGroup    shape = iota // keys beneath it
	aText                  // *string
	aChoice                // *string, one of choices
	aNumber                // *int, from min to max
	aFlag                  // *bool
	aDuration              // *time.Duration, from shortest to longest
	aList                  // *[]string, free or of choices
	aFilter                // *string holding CEL
	aFields                // *map[string]Field
)

// key is one row of the table that everything about the document's form is read from: parsing, validation, the JSON
// Schema, Show, and the check that docs/policy.md leaves none out.
type key struct {
	name     string
	about    string // one sentence
	shape    shape
	keys     []*key // of a group
	at       func(*Policy) any
	choices  []string
	min, max int // of a number; of a list: its least number of entries
	shortest time.Duration
	longest  time.Duration
	pattern  string   // of a text
	format   string   // what pattern asks for, in words
	known    []string // names that fields may hold, nil for any
}

// fields is where a policy holds the mapping that the key stands for; nil for a key of another shape.
func (k *key) fields(p *Policy) *map[string]Field {
	at, _ := k.at(p).(*map[string]Field)
	return at
}

func (k *key) child(name string) *key {
	for _, c := range k.keys {
		if c.name == name {
			return c
		}
	}
	return nil
}

func (k *key) names() []string {
	out := make([]string, len(k.keys))
	for i, c := range k.keys {
		out[i] = c.name
	}
	return out
}

const (
	most    = 10_000_000
	longest = 3650 * day
)

// document is the table.
var document = group("", "A Repsync policy.",
	&key{name: "name", shape: aText, at: func(p *Policy) any { return &p.Name }, pattern: `^[^\x00-\x1f\x7f]{1,100}$`,
		format: "1 to 100 characters on one line", about: "Name of the policy. Revisions with one name replace each other."},
	&key{name: "org", shape: aText, at: func(p *Policy) any { return &p.Org }, pattern: `^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`,
		format: "letters, digits, dot, dash and underscore", about: "Org that the policy is for. Without it, the one it is applied to."},
	group("assign", "Who gets the policy. A rep named beats a profile.",
		list("reps", "Reps by name.", 0, nil, func(p *Policy) *[]string { return &p.Assign.Reps }),
		list("profiles", "CRM profiles by name.", 0, nil, func(p *Policy) *[]string { return &p.Assign.Profiles }),
		list("except", "Reps who do not get the policy, whatever their profile.", 0, nil, func(p *Policy) *[]string { return &p.Assign.Except }),
	),
	group("schedule", "When passes run.",
		duration("every", "Pause between two passes.", 30*time.Second, day, func(p *Policy) *time.Duration { return &p.Schedule.Every }),
	),
	group("contacts", "Contacts.", syncKeys(func(p *Policy) *Sync { return &p.Contacts }, contactFields,
		list("by", "What tells that two contacts are one person, in this order.", 1, []string{"email", "name_and_company"},
			func(p *Policy) *[]string { return &p.Contacts.Match.By }))...),
	group("events", "Calendar events.", append(syncKeys(func(p *Policy) *Sync { return &p.Events.Sync }, eventFields,
		list("by", "What tells that two events are one, in this order.", 1, []string{"uid", "subject_and_time"},
			func(p *Policy) *[]string { return &p.Events.Match.By })), eventKeys()...)...),
	group("tasks", "Tasks.", syncKeys(func(p *Policy) *Sync { return &p.Tasks }, nil)...),
	group("emails", "Emails.",
		choice("capture", "Which messages are logged in the CRM: none, those that the rep labels, or all.",
			func(p *Policy) *string { return &p.Emails.Capture }, "off", "manual", "automatic")),
	group("guard", "Holds a pass before its first write when its plan is too large. Counted over a rolling day, per rep and per org.",
		group("deletes", "Deletes by one rep's passes.",
			number("max", "Most a day; 0 holds every one.", 0, most, func(p *Policy) *int { return &p.Guard.Deletes.Max }),
			number("percent", "Most a day, of what is linked; counts from 50 items on.", 1, 100, func(p *Policy) *int { return &p.Guard.Deletes.Percent })),
		group("overwrites", "Updates that replace a value, by one rep's passes.",
			number("max", "Most a day; 0 holds every one.", 0, most, func(p *Policy) *int { return &p.Guard.Overwrites.Max }),
			number("percent", "Most a day, of what is linked; counts from 50 items on.", 1, 100, func(p *Policy) *int { return &p.Guard.Overwrites.Percent })),
		group("creates", "Creates by one rep's passes.",
			number("max", "Most a day; 0 holds every one.", 0, most, func(p *Policy) *int { return &p.Guard.Creates.Max }),
			number("first_sync", "Most in the rep's first sync.", 1, most, func(p *Policy) *int { return &p.Guard.Creates.FirstSync })),
		group("org", "All reps of the org together.",
			number("deletes", "Most deletes a day.", 1, most, func(p *Policy) *int { return &p.Guard.Org.Deletes }),
			number("overwrites", "Most overwrites a day.", 1, most, func(p *Policy) *int { return &p.Guard.Org.Overwrites })),
		choice("empty_side", "What happens when a side that had items shows none at all.",
			func(p *Policy) *string { return &p.Guard.EmptySide }, "hold", "ignore"),
	),
)

// syncKeys are the keys that contacts, events and tasks have in common. known are the kind's canonical fields, nil for a
// kind that has none yet; match are keys of match that only this kind has.
func syncKeys(of func(*Policy) *Sync, known []string, match ...*key) []*key {
	str := func(f func(*Sync) *string) func(*Policy) *string { return func(p *Policy) *string { return f(of(p)) } }
	deletes := []string{"propagate", "unlink", "review"}
	return []*key{
		choice("direction", "Which side is copied to the other.", str(func(s *Sync) *string { return &s.Direction }),
			"off", "crm_to_mailbox", "mailbox_to_crm", "both"),
		choice("records", "Which CRM records a rep gets: those the rep owns, the rep's team's, or all that the rep may see.",
			str(func(s *Sync) *string { return &s.Records }), "owned", "team", "visible"),
		{name: "filter", shape: aFilter, at: func(p *Policy) any { return &of(p).Filter },
			about: "CEL expression over crm (Salesforce's API names) and record (Repsync's field names); items for which it is false are left out."},
		group("limit", "How many records one rep gets at most.",
			number("max", "Most records.", 1, most, func(p *Policy) *int { return &of(p).Limit.Max }),
			list("keep_first", "What decides which records are kept, the first rule first: latest activity, latest change, or name.", 1,
				[]string{"last_activity", "last_modified", "name"}, func(p *Policy) *[]string { return &of(p).Limit.KeepFirst })),
		group("match", "How items that are on both sides before the first sync are paired.", append(match,
			choice("on_ambiguous", "What happens when several records match.", str(func(s *Sync) *string { return &s.Match.OnAmbiguous }),
				"review", "newest", "oldest", "most_recent_activity", "create"))...),
		choice("conflict", "Who wins when both sides changed a field.", str(func(s *Sync) *string { return &s.Conflict }),
			"crm_wins", "mailbox_wins", "newest", "review"),
		{name: "fields", shape: aFields, known: known, at: func(p *Policy) any { return &of(p).Fields },
			about: "Fields by Repsync's name, where they shall differ from the standard mapping or from conflict."},
		group("deletes", "What a delete on one side does to the other side's copy.",
			choice("from_crm", "A delete in the CRM.", str(func(s *Sync) *string { return &s.Deletes.FromCRM }), deletes...),
			choice("from_mailbox", "A delete in the mailbox.", str(func(s *Sync) *string { return &s.Deletes.FromMailbox }), deletes...)),
		choice("on_filter_exit", "What happens to a copy that Repsync made when its record leaves the policy.",
			str(func(s *Sync) *string { return &s.OnFilterExit }), "remove", "keep"),
		choice("on_drift", "What happens to an edit on the receiving side of a one-way policy.",
			str(func(s *Sync) *string { return &s.OnDrift }), "keep", "revert"),
	}
}

func eventKeys() []*key {
	return []*key{
		choice("scope", "Which events: all, those that the rep marks, or those that a contact or lead attends.",
			func(p *Policy) *string { return &p.Events.Scope }, "all", "selected", "related"),
		{name: "label", shape: aText, at: func(p *Policy) any { return &p.Events.Label }, pattern: `^[^\s#]{1,50}$`,
			format: "1 to 50 characters without white space and #", about: "Label, or on Google the hashtag, that a rep gives an event under scope: selected."},
		choice("private", "What happens to private events: left out, copied as busy, or copied whole.",
			func(p *Policy) *string { return &p.Events.Private }, "skip", "busy", "sync"),
		choice("series", "Whether recurring events sync.", func(p *Policy) *string { return &p.Events.Series }, "sync", "skip"),
		group("relate", "Which CRM records an event is related to through its attendees.",
			flag("contacts", "Relate to contacts.", func(p *Policy) *bool { return &p.Events.Relate.Contacts }),
			flag("leads", "Relate to leads.", func(p *Policy) *bool { return &p.Events.Relate.Leads }),
			flag("accounts", "Relate to accounts.", func(p *Policy) *bool { return &p.Events.Relate.Accounts }),
			choice("on_tie", "What happens when several records have an attendee's address.",
				func(p *Policy) *string { return &p.Events.Relate.OnTie }, "review", "newest", "oldest", "most_recent_activity")),
		group("window", "How far from now events sync.",
			duration("past", "Back from now.", 0, longest, func(p *Policy) *time.Duration { return &p.Events.Window.Past }),
			duration("future", "Ahead of now.", 0, longest, func(p *Policy) *time.Duration { return &p.Events.Window.Future })),
		group("exclude", "Events to leave out.",
			list("domains", "Events with an attendee of one of these mail domains.", 0, nil, func(p *Policy) *[]string { return &p.Events.Exclude.Domains }),
			list("addresses", "Events with one of these attendees.", 0, nil, func(p *Policy) *[]string { return &p.Events.Exclude.Addresses }),
			flag("all_day", "All-day events.", func(p *Policy) *bool { return &p.Events.Exclude.AllDay }),
			flag("declined", "Events that the rep declined.", func(p *Policy) *bool { return &p.Events.Exclude.Declined }),
			flag("internal_only", "Events without an attendee from outside.", func(p *Policy) *bool { return &p.Events.Exclude.InternalOnly })),
		choice("invitations", "Whether writes may mail attendees: never, or where the rep organises the event.",
			func(p *Policy) *string { return &p.Events.Invitations }, "never", "organizer"),
	}
}

func group(name, about string, keys ...*key) *key {
	return &key{name: name, about: about, shape: aGroup, keys: keys}
}

func choice(name, about string, at func(*Policy) *string, choices ...string) *key {
	return &key{name: name, about: about, shape: aChoice, choices: choices, at: func(p *Policy) any { return at(p) }}
}

func number(name, about string, least, greatest int, at func(*Policy) *int) *key {
	return &key{name: name, about: about, shape: aNumber, min: least, max: greatest, at: func(p *Policy) any { return at(p) }}
}

func flag(name, about string, at func(*Policy) *bool) *key {
	return &key{name: name, about: about, shape: aFlag, at: func(p *Policy) any { return at(p) }}
}

func duration(name, about string, shortest, longest time.Duration, at func(*Policy) *time.Duration) *key {
	return &key{name: name, about: about, shape: aDuration, shortest: shortest, longest: longest, at: func(p *Policy) any { return at(p) }}
}

func list(name, about string, least int, choices []string, at func(*Policy) *[]string) *key {
	return &key{name: name, about: about, shape: aList, min: least, choices: choices, at: func(p *Policy) any { return at(p) }}
}
