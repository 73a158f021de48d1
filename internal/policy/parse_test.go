package policy_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/policy"
	"github.com/repsync/repsync/internal/record"
)

func design(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/design.yaml")
	require.NoError(t, err)
	return data
}

// The document that DESIGN.md shows, word for word.
func TestParseDesign(t *testing.T) {
	t.Parallel()
	p, problems := policy.Parse(design(t))
	require.Empty(t, problems)
	const day = 24 * time.Hour
	require.Equal(t, policy.Policy{
		Name:     "field-sales",
		Org:      "acme",
		Assign:   policy.Assign{Reps: []string{"alice"}, Profiles: []string{"Field Sales"}, Except: []string{"bob"}},
		Schedule: policy.Schedule{Every: 5 * time.Minute},
		Contacts: policy.Sync{
			Direction:    "crm_to_mailbox",
			Records:      "owned",
			Filter:       `crm.Status__c == "Active candidate" && crm.MailingCountry in ["US", "CA"]`,
			Limit:        policy.Limit{Max: 50000, KeepFirst: []string{"last_activity"}},
			Match:        policy.Match{By: []string{"email", "name_and_company"}, OnAmbiguous: "review"},
			Conflict:     "crm_wins",
			Fields:       map[string]policy.Field{"phone.work": {CRM: "Phone", Mailbox: "phone.work", Winner: "newest"}, "owner": {CRM: "OwnerId", Winner: "crm"}},
			Deletes:      policy.Deletes{FromCRM: "propagate", FromMailbox: "unlink"},
			OnFilterExit: "remove",
			OnDrift:      "keep",
		},
		Events: policy.Events{
			Sync: policy.Sync{
				Direction: "crm_to_mailbox", Records: "owned", Limit: policy.Limit{Max: 50000, KeepFirst: []string{"last_activity"}},
				Match: policy.Match{By: []string{"uid", "subject_and_time"}, OnAmbiguous: "review"}, Conflict: "crm_wins",
				Deletes: policy.Deletes{FromCRM: "propagate", FromMailbox: "unlink"}, OnFilterExit: "remove", OnDrift: "keep",
			},
			Scope: "all", Label: "crm", Private: "skip", Series: "sync",
			Relate:      policy.Relate{Contacts: true, Leads: true, Accounts: true, OnTie: "most_recent_activity"},
			Window:      policy.Window{Past: 30 * day, Future: 365 * day},
			Exclude:     policy.Exclude{Declined: true},
			Invitations: "never",
		},
		Tasks: policy.Sync{
			Direction: "crm_to_mailbox", Records: "owned", Limit: policy.Limit{Max: 50000, KeepFirst: []string{"last_activity"}},
			Match: policy.Match{OnAmbiguous: "review"}, Conflict: "crm_wins",
			Deletes: policy.Deletes{FromCRM: "propagate", FromMailbox: "unlink"}, OnFilterExit: "remove", OnDrift: "keep",
		},
		Emails: policy.Emails{Capture: "manual"},
		Guard: policy.Guard{
			Deletes: policy.Threshold{Max: 50, Percent: 10}, Overwrites: policy.Threshold{Max: 500, Percent: 25},
			Creates: policy.CreateThreshold{Max: 500, FirstSync: 60000}, Org: policy.OrgThreshold{Deletes: 2000, Overwrites: 20000},
			EmptySide: "hold",
		},
	}, p)
}

func TestUnenforcedOfDesign(t *testing.T) {
	t.Parallel()
	doc, problems := policy.Read(design(t))
	require.Empty(t, problems)
	var keys []string
	for _, p := range doc.Unenforced() {
		keys = append(keys, p.Key)
		require.Equal(t, policy.SeverityError, p.Severity)
		require.Contains(t, p.Message, "not enforced yet")
		require.Contains(t, p.Remedy, "in this version; remove the")
	}
	require.Equal(t, []string{
		"contacts.fields.owner",
		"tasks.direction", "emails.capture",
	}, keys)
}

func TestUnenforced(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, doc, want string }{
		{"tasks", "tasks:\n  direction: both\n", "tasks.direction: not enforced yet (line 2, column 3): Repsync enforces contacts, events in this version; remove the key"},
		{"events off", "events: {direction: off}\ntasks: {direction: off}\nemails: {capture: off}\n", ""},
		{"a section alone", "events:\ntasks: {}\n", ""},
		{"below tasks", "tasks:\n  deletes: {from_crm: unlink, from_mailbox: unlink}\n", "tasks.deletes: not enforced yet (line 2, column 3): Repsync enforces contacts, events in this version; remove the key"},
		{"fields of tasks", "tasks: {fields: {subject: {crm: Subject}}}\n", "tasks.fields: not enforced yet (line 1, column 9): Repsync enforces contacts, events in this version; remove the key"},
		{"records of events", "events: {records: visible}\n", "events.records: visible is not enforced yet (line 1, column 10): Repsync enforces owned in this version; write that or remove the key"},
		{"another CRM field of events", "events: {fields: {subject: {crm: Name__c}}}\n", "events.fields.subject.crm: another CRM field than Subject is not enforced yet (line 1, column 29): Repsync enforces the standard mapping in this version; write Subject or remove the key"},
		{"records", "contacts: {records: team}\n", "contacts.records: team is not enforced yet (line 1, column 12): Repsync enforces owned in this version; write that or remove the key"},
		{"order of a limit", "contacts: {limit: {keep_first: [last_activity, name]}}\n", "contacts.limit.keep_first: name is not enforced yet (line 1, column 48): Repsync enforces last_activity in this version; write that or remove the key"},
		{"list of tasks", "tasks: {limit: {keep_first: [name]}}\n", "tasks.limit: not enforced yet (line 1, column 9): Repsync enforces contacts, events in this version; remove the key"},
		{"order of a limit of events", "events: {limit: {keep_first: [name]}}\n", "events.limit.keep_first: name is not enforced yet (line 1, column 31): Repsync enforces last_activity in this version; write that or remove the key"},
		{"all of events", "events: {direction: both, records: owned, filter: 'record.subject != null', limit: {max: 5, keep_first: [last_activity]}, match: {by: [subject_and_time], on_ambiguous: create}, conflict: newest, fields: {subject: {winner: crm}, time: {crm: StartDateTime}}, deletes: {from_mailbox: propagate}, on_filter_exit: keep, on_drift: keep, scope: selected, label: sync, private: busy, series: skip, relate: {contacts: false, leads: false, accounts: false, on_tie: review}, window: {past: 0s, future: 7d}, exclude: {domains: [a.test], addresses: [b@c.test], all_day: true, declined: false, internal_only: true}, invitations: organizer}\n", ""},
		{"another CRM field", "contacts:\n  fields:\n    title:\n      crm: Role__c\n", "contacts.fields.title.crm: another CRM field than Title is not enforced yet (line 4, column 7): Repsync enforces the standard mapping in this version; write Title or remove the key"},
		{"another mailbox field", "contacts: {fields: {phone.work: {mailbox: phone.home}}}\n", "contacts.fields.phone.work.mailbox: another mailbox field than phone.work is not enforced yet (line 1, column 34): Repsync enforces the standard mapping in this version; write phone.work or remove the key"},
		{"a field without a standard place", "contacts: {fields: {address.home.city: {crm: City__c, winner: crm}}}\n", "contacts.fields.address.home.city: not enforced yet (line 1, column 21): Repsync enforces the standard mapping in this version; remove the field"},
		{"everything enforced", "name: a\norg: b\nassign: {reps: [c]}\nschedule: {every: 1m}\ncontacts: {direction: both, records: owned, filter: crm.A == 1, limit: {max: 5, keep_first: [last_activity]}, match: {by: [email]}, conflict: newest, fields: {title: {crm: Title, mailbox: title, winner: review}}, deletes: {from_mailbox: propagate}, on_filter_exit: keep, on_drift: keep}\nguard: {deletes: {max: 0}, empty_side: ignore}\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			doc, problems := policy.Read([]byte(c.doc))
			require.NoError(t, problems.Err())
			require.Equal(t, c.want, doc.Unenforced().Text())
			_, all := policy.Load([]byte(c.doc))
			require.Equal(t, c.want != "", all.Failed())
		})
	}
}

func TestDefault(t *testing.T) {
	t.Parallel()
	p, problems := policy.Parse([]byte("{}"))
	require.Empty(t, problems)
	require.Equal(t, policy.Default(), p)
	require.Equal(t, policy.Default(), policy.Policy{}.WithDefaults())
	require.Equal(t, policy.Default(), policy.Default().WithDefaults())

	require.Equal(t, "crm_to_mailbox", p.Contacts.Direction)
	require.Equal(t, "crm_to_mailbox", p.Events.Direction)
	require.Equal(t, "off", p.Tasks.Direction, "not enforced yet")
	require.Equal(t, "off", p.Emails.Capture, "not enforced yet")

	// Apart from those and from the examples in it, the design's document states the defaults.
	stated, _ := policy.Parse(design(t))
	stated.Name, stated.Org, stated.Assign = p.Name, p.Org, p.Assign
	stated.Contacts.Filter, stated.Contacts.Fields = "", nil
	stated.Tasks.Direction, stated.Emails.Capture = "off", "off"
	require.Equal(t, p, stated)
}

func TestWithDefaultsKeepsWhatIsSet(t *testing.T) {
	t.Parallel()
	p := policy.Policy{
		Name:     "x",
		Contacts: policy.Sync{Direction: "both", Match: policy.Match{By: []string{"email"}}},
		Events:   policy.Events{Sync: policy.Sync{Direction: "both"}, Exclude: policy.Exclude{Declined: false}},
		Guard:    policy.Guard{Deletes: policy.Threshold{Max: 0, Percent: 5}},
	}.WithDefaults()
	require.Equal(t, "both", p.Contacts.Direction)
	require.Equal(t, []string{"email"}, p.Contacts.Match.By)
	require.Equal(t, "review", p.Contacts.Match.OnAmbiguous)
	require.False(t, p.Events.Exclude.Declined)
	require.Equal(t, policy.Threshold{Max: 0, Percent: 5}, p.Guard.Deletes)
	require.Equal(t, 500, p.Guard.Creates.Max)
	require.Equal(t, p, p.WithDefaults())
}

func TestParseForms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, doc string
		get       func(policy.Policy) any
		want      any
	}{
		{"byte order mark and CRLF", "\xef\xbb\xbfname: x\r\ncontacts:\r\n  direction: both\r\n", func(p policy.Policy) any { return p.Contacts.Direction }, "both"},
		{"one document after ---", "---\nname: x\n...\n", func(p policy.Policy) any { return p.Name }, "x"},
		{"quoted", "name: 'x: y'\n", func(p policy.Policy) any { return p.Name }, "x: y"},
		{"off is a word", "contacts: {direction: off}\n", func(p policy.Policy) any { return p.Contacts.Direction }, "off"},
		{"days", "events: {direction: off, window: {past: 1d12h}}\n", func(p policy.Policy) any { return p.Events.Window.Past }, 36 * time.Hour},
		{"zero holds all", "guard: {deletes: {max: 0}}\n", func(p policy.Policy) any { return p.Guard.Deletes }, policy.Threshold{Max: 0, Percent: 10}},
		{"filter in a block", "contacts:\n  filter: |\n    crm.A == 1 &&\n    crm.B == 2\n", func(p policy.Policy) any { return p.Contacts.Filter }, "crm.A == 1 &&\ncrm.B == 2"},
		{"filter folded", "contacts:\n  filter: >-\n    crm.A == 1 &&\n    crm.B == 2\n", func(p policy.Policy) any { return p.Contacts.Filter }, "crm.A == 1 && crm.B == 2"},
		{"a list in lines", "assign:\n  reps:\n    - alice\n    - \"123\"\n", func(p policy.Policy) any { return p.Assign.Reps }, []string{"alice", "123"}},
		{"false instead of the default", "events: {exclude: {declined: false}}\n", func(p policy.Policy) any { return p.Events.Exclude.Declined }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, problems := policy.Parse([]byte(c.doc))
			require.NoError(t, problems.Err())
			require.Equal(t, c.want, c.get(p))
		})
	}
}

func TestProblemsRender(t *testing.T) {
	t.Parallel()
	_, problems := policy.Parse([]byte("name: x\nassign: {reps: [a]}\ncontacts:\n  directoin: both\n  on_drift: revert\n  direction: both\n"))
	require.Equal(t, strings.Join([]string{
		"contacts.directoin: unknown key (line 4, column 3): did you mean direction?",
		"warning: contacts.on_drift: has no effect with direction: both, where an edit on either side counts (line 5, column 13): remove the key",
	}, "\n"), problems.Text())
	require.Equal(t, problems.Text(), problems.Error())
	require.Error(t, problems.Err())
	require.Len(t, problems.Errors(), 1)
	require.Len(t, problems.Warnings(), 1)
	require.NoError(t, problems.Warnings().Err())

	var back []map[string]any
	require.NoError(t, json.Unmarshal(problems.JSON(), &back))
	require.Equal(t, map[string]any{
		"line": 4.0, "column": 3.0, "key": "contacts.directoin", "message": "unknown key", "remedy": "did you mean direction?", "severity": "error",
	}, back[0])
	require.Equal(t, "[]\n", string(policy.Problems(nil).JSON()))
}

func TestWritten(t *testing.T) {
	t.Parallel()
	doc, _ := policy.Read([]byte("name: x\nassign: {reps: [a, b]}\ncontacts:\n  fields: {title: {winner: crm}}\n  limit:\n"))
	require.Equal(t, []string{"name", "assign.reps", "contacts.fields.title.winner"}, doc.Written())
}

func TestEnforces(t *testing.T) {
	t.Parallel()
	require.True(t, policy.Enforces(record.Contact))
	require.True(t, policy.Enforces(record.Event))
	require.Equal(t, []record.Kind{record.Task, record.Email}, policy.KindsOff())
}
