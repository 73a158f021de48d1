package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/policy"
)

// mistakes are documents with one mistake each: where it is, what it is called, and what to do about it.
var mistakes = []struct {
	name, doc    string
	line, column int
	key          string
	message      string // part of it
	remedy       string // part of it
}{
	// The file.
	{"empty", "", 1, 1, "", "is empty", "write at least name:"},
	{"only a comment", "# nothing\n", 1, 1, "", "is empty", "write at least name:"},
	{"only dashes", "---\n", 1, 1, "", "is empty", "write at least name:"},
	{"not UTF-8", "name: x\norg: caf\xe9\n", 2, 9, "", "is not UTF-8 text", "save the file as UTF-8"},
	{"UTF-16", "\xff\xfen\x00a\x00m\x00e\x00", 1, 1, "", "is not UTF-8 text", "save the file as UTF-8"},
	{"control character", "name: a\x00b\n", 1, 8, "", "is not UTF-8 text", "save the file as UTF-8"},
	{"too large", "name: x\n#" + strings.Repeat("x", 1<<20), 1, 1, "", "more than 1 MiB", "assign by profile"},
	{"several documents", "name: a\n---\nname: b\n", 2, 1, "", "second YAML document", "one policy a file"},
	{"a trailing document", "name: a\n---\n", 2, 1, "", "second YAML document", "remove this ---"},
	{"a directive", "%YAML 1.2\n---\nname: x\n", 1, 1, "", "directives are not allowed", "remove the line"},
	{"a list", "- name: x\n", 1, 1, "", "is a list, not a set of keys", "begin with a key"},
	{"a text", "hello\n", 1, 1, "", "is text, not a set of keys", "begin with a key"},
	{"no space after the colon", "name:x\n", 1, 1, "", "is text", "a space after the colon"},
	{"a tab", "contacts:\n\tdirection: both\n", 2, 1, "", "a tab is used", "use spaces"},
	{"a tab after spaces", "contacts:\n  limit:\n  \tmax: 5\n", 3, 3, "", "a tab is used", "use spaces"},
	{"an anchor", "assign: {reps: &r [a], except: *r}\n", 1, 16, "", "anchors, aliases", "write the value out"},
	{"an alias", "name: *x\n", 1, 7, "", "anchors, aliases", "in quotes"},
	{"a merge key", "contacts:\n  <<: {direction: both}\n", 2, 3, "", "merge keys", "write the value out"},
	{"aliases that multiply", "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n", 1, 4, "", "anchors, aliases", "write the value out"},
	{"a tag", "contacts:\n  filter: !crm.Blocked__c\n", 2, 11, "", "is a YAML tag", "'!crm.Blocked__c'"},
	{"nested in brackets", "name: " + strings.Repeat("[", 100000), 1, 23, "", "nested too deeply", "bracket"},
	{"nested in dashes", strings.Repeat("- ", 100000), 1, 33, "", "nested too deeply", "indentation"},
	{"an open bracket", "assign:\n  reps: [a, b\n", 2, 9, "", "is not valid YAML", "brackets"},
	{"an open quote", "name: \"x\n", 1, 7, "", "is not valid YAML", "quotes"},
	{"a wrong indentation", "contacts:\n  direction: off\n records: owned\n", 3, 2, "", "is not valid YAML", "indentation"},
	{"a colon in a value", "name: a: b\n", 1, 7, "", "is not valid YAML", "put the value in quotes"},
	{"a reserved character", "name: @x\n", 1, 7, "", "is not valid YAML", "put the value in quotes"},
	{"a filter that starts with a quote", "contacts:\n  filter: \"US\" == crm.MailingCountry\n", 2, 16, "", "is not valid YAML", "write filter: |"},

	// Keys.
	{"unknown key", "contacts:\n  directoin: both\n", 2, 3, "contacts.directoin", "unknown key", "did you mean direction?"},
	{"unknown section", "contact:\n  direction: both\n", 1, 1, "contact", "unknown key", "did you mean contacts?"},
	{"section within a section", "contacts:\n  events: {direction: off}\n", 2, 3, "contacts.events", "unknown key", "events belongs to the document itself: write it without indentation"},
	{"section within itself", "contacts:\n  contacts:\n", 2, 3, "contacts.contacts", "unknown key", "contacts belongs to the document itself"},
	{"key of another place", "direction: both\n", 1, 1, "direction", "unknown key", "did you mean contacts.direction? Indent it under contacts"},
	{"key of a deeper place", "contacts:\n  on_ambiguous: newest\n", 2, 3, "contacts.on_ambiguous", "unknown key", "did you mean contacts.match.on_ambiguous?"},
	{"key like no other", "guard:\n  xyzzy: 1\n", 2, 3, "guard.xyzzy", "unknown key", "use one of deletes, overwrites, creates, org or empty_side"},
	{"upper case", "contacts: {Direction: both}\n", 1, 12, "contacts.Direction", "unknown key", "did you mean direction?"},
	{"dash for underscore", "contacts: {on-drift: keep}\n", 1, 12, "contacts.on-drift", "unknown key", "did you mean on_drift?"},
	{"match.by of tasks", "tasks: {match: {by: [email]}}\n", 1, 17, "tasks.match.by", "unknown key", "tasks match by subject"},
	{"match.by of events", "events: {match: {by: [email]}}\n", 1, 23, "events.match.by", "unknown value", "use one of uid or subject_and_time"},
	{"twice", "name: a\nname: b\n", 2, 1, "name", "is written twice, first on line 1", "keep one of the two"},
	{"twice below", "contacts:\n  conflict: newest\n  records: owned\n  conflict: review\n", 4, 3, "contacts.conflict", "first on line 2", "keep one of the two"},
	{"twice with quotes", "name: a\n\"name\": b\n", 2, 1, "name", "is written twice", "keep one of the two"},
	{"a key that is no word", "contacts:\n  ? [a]\n  : b\n", 2, 3, "", "begins with ?", "plain word"},
	{"too many keys", strings.Repeat("a: b\n", 3000), 2001, 2, "", "more than 2000 keys", "is a policy"},
	{"a number for a key", "1: x\n", 1, 1, "1", "unknown key", "use one of"},

	// Types.
	{"a section that is text", "contacts: both\n", 1, 11, "contacts", "is text, not a set of keys", "write its keys beneath it"},
	{"a section that is a list", "guard: [1]\n", 1, 8, "guard", "is a list, not a set of keys", "deletes, overwrites"},
	{"no value", "contacts:\n  direction:\n", 2, 3, "contacts.direction", "has no value", "write one of off, crm_to_mailbox"},
	{"null", "name: ~\n", 1, 1, "name", "has no value", "or remove the key for its default"},
	{"a number for text", "name: 2026\n", 1, 7, "name", "is the number 2026, not text", "put the value in quotes"},
	{"a truth for text", "name: true\n", 1, 7, "name", "is true, which is not text", "put the value in quotes"},
	{"a list for text", "name: [a]\n", 1, 7, "name", "is a list", "write 1 to 100 characters"},
	{"text for a list", "assign:\n  reps: alice\n", 2, 9, "assign.reps", "is text, not a list", "put it in brackets: [alice]"},
	{"a number in a list", "assign: {reps: [1]}\n", 1, 17, "assign.reps", "an entry is the number 1", "put it in quotes"},
	{"a list in a list", "assign: {reps: [[a]]}\n", 1, 17, "assign.reps", "an entry is a list", "one name an entry"},
	{"an empty name", "assign: {reps: [\"\"]}\n", 1, 17, "assign.reps", "an entry is", "one name an entry"},
	{"text for a number", "contacts:\n  limit: {max: many}\n", 2, 16, "contacts.limit.max", "is text, not a whole number", "write a whole number from 1"},
	{"a quoted number", "contacts: {limit: {max: \"5\"}}\n", 1, 25, "contacts.limit.max", "is text", "remove the quotes"},
	{"a fraction", "guard: {deletes: {percent: 2.5}}\n", 1, 28, "guard.deletes.percent", "is the number 2.5", "write a whole number from 1 to 100"},
	{"a number with underscores", "contacts: {limit: {max: 50_000}}\n", 1, 25, "contacts.limit.max", "is the number 50_000", "write a whole number"},
	{"text for a truth", "events: {exclude: {all_day: yes}}\n", 1, 29, "events.exclude.all_day", "is text, not true or false", "did you mean true?"},
	{"a number for a duration", "schedule: {every: 5}\n", 1, 19, "schedule.every", "5 has no unit", "5s, 5m, 5h or 5d"},
	{"a truth for a choice", "contacts: {direction: false}\n", 1, 23, "contacts.direction", "is false", "write one of off"},

	// Values.
	{"unknown value", "contacts:\n  direction: crm_to_mail\n", 2, 14, "contacts.direction", `unknown value "crm_to_mail"`, "did you mean crm_to_mailbox?"},
	{"unknown value with dashes", "contacts: {direction: CRM-to-mailbox}\n", 1, 23, "contacts.direction", "unknown value", "did you mean crm_to_mailbox?"},
	{"a value like no other", "contacts: {conflict: ask}\n", 1, 22, "contacts.conflict", `unknown value "ask"`, "use one of crm_wins, mailbox_wins, newest or review"},
	{"unknown keep_first", "contacts:\n  limit:\n    keep_first: [last_activty]\n", 3, 18, "contacts.limit.keep_first", `unknown value "last_activty"`, "did you mean last_activity?"},
	{"no keep_first", "contacts: {limit: {keep_first: []}}\n", 1, 32, "contacts.limit.keep_first", "is empty", "write at least one of"},
	{"nothing to match by", "contacts: {match: {by: []}}\n", 1, 24, "contacts.match.by", "is empty", "at least one of email, name_and_company"},
	{"unknown match", "contacts: {match: {by: [phone]}}\n", 1, 25, "contacts.match.by", `unknown value "phone"`, "use one of email or name_and_company"},
	{"twice in a list", "assign: {reps: [a, b, a]}\n", 1, 23, "assign.reps", `"a" is listed twice`, "keep one of the two"},
	{"zero records", "contacts: {limit: {max: 0}}\n", 1, 25, "contacts.limit.max", "0 is out of range", "use direction: off"},
	{"negative", "guard: {creates: {max: -1}}\n", 1, 24, "guard.creates.max", "-1 is out of range", "from 0 to"},
	{"more than all", "guard: {deletes: {percent: 101}}\n", 1, 28, "guard.deletes.percent", "101 is out of range", "from 1 to 100"},
	{"no percent", "guard: {overwrites: {percent: 0}}\n", 1, 31, "guard.overwrites.percent", "0 is out of range", "only widened"},
	{"a number too large for any", "contacts: {limit: {max: 99999999999999999999}}\n", 1, 25, "contacts.limit.max", "99999999999999999999", "write a whole number"},
	{"negative duration", "schedule: {every: -5m}\n", 1, 19, "schedule.every", `"-5m" is negative`, "from 30s to 1d"},
	{"negative window", "events: {window: {past: -1d}}\n", 1, 25, "events.window.past", `"-1d" is negative`, "from 0s to 3650d"},
	{"too often", "schedule:\n  every: 10s\n", 2, 10, "schedule.every", `"10s" is out of range`, "from 30s to 1d"},
	{"too seldom", "schedule: {every: 2d}\n", 1, 19, "schedule.every", "out of range", "from 30s to 1d"},
	{"no duration", "schedule: {every: 5 minutes}\n", 1, 19, "schedule.every", `"5 minutes" is not a duration`, "30d or 1h30m"},
	{"a duration with a fraction", "schedule: {every: 1.5h}\n", 1, 19, "schedule.every", "is not a duration", "1h30m"},
	{"a duration beyond all time", "events: {window: {past: 999999d999999d}}\n", 1, 25, "events.window.past", "", "3650d"},
	{"org with a space", "org: my org\n", 1, 6, "org", `cannot be "my org"`, "letters, digits"},
	{"org with a colon", "org: \"a:b\"\n", 1, 6, "org", "cannot be", "letters, digits"},
	{"a label of two words", "events: {label: to CRM}\n", 1, 17, "events.label", "cannot be", "without white space"},
	{"a label with its hash", "events: {label: \"#crm\"}\n", 1, 17, "events.label", "cannot be", "without white space and #"},
	{"empty name", "name: \"\"\n", 1, 7, "name", "cannot be", "1 to 100 characters"},

	// Fields.
	{"unknown field", "contacts:\n  fields:\n    titel: {winner: crm}\n", 3, 5, "contacts.fields.titel", "unknown field", "did you mean title?"},
	{"family of fields", "contacts: {fields: {phone: {winner: crm}}}\n", 1, 21, "contacts.fields.phone", "is a family of fields", "phone.work, phone.mobile"},
	{"derived field", "contacts: {fields: {emails: {winner: crm}}}\n", 1, 21, "contacts.fields.emails", "is derived", "did you mean email?"},
	{"CRM's name for ours", "contacts: {fields: {Phone_Work: {winner: crm}}}\n", 1, 21, "contacts.fields.Phone_Work", "unknown field", "did you mean phone.work?"},
	{"text for a field", "contacts: {fields: {title: crm}}\n", 1, 28, "contacts.fields.title", "is text, not a set of keys", "{winner: newest}"},
	{"unknown key of a field", "contacts: {fields: {title: {win: crm}}}\n", 1, 29, "contacts.fields.title.win", "unknown key", "did you mean winner?"},
	{"unknown winner", "contacts: {fields: {title: {winner: crm_wins}}}\n", 1, 37, "contacts.fields.title.winner", "unknown value", "use one of crm, mailbox, newest or review"},
	{"unknown mailbox field", "contacts: {fields: {title: {mailbox: titel}}}\n", 1, 38, "contacts.fields.title.mailbox", `unknown field "titel"`, "did you mean title?"},
	{"no API name", "contacts: {fields: {title: {crm: Job Title}}}\n", 1, 34, "contacts.fields.title.crm", "is no API name", "as Setup shows it"},
	{"a number for a winner", "contacts: {fields: {title: {winner: 1}}}\n", 1, 37, "contacts.fields.title.winner", "is the number 1", "write one of crm"},
	{"a field of events that one side tells", "events: {fields: {relations: {winner: crm}}}\n", 1, 19, "events.fields.relations", "is not decided by a winner", "see events.relate"},
	{"attendees", "events: {fields: {attendees: {winner: mailbox}}}\n", 1, 19, "events.fields.attendees", "is not decided by a winner", "see events.invitations"},
	{"an answer", "events: {fields: {answer: {winner: crm}}}\n", 1, 19, "events.fields.answer", "is not decided by a winner", "its attendee's own"},
	{"a field of contacts", "events: {fields: {title: {winner: crm}}}\n", 1, 19, "events.fields.title", "unknown field", "use one of subject, time"},
	{"one CRM field for two of events", "events: {fields: {subject: {crm: Location}}}\n", 1, 34, "events.fields.subject.crm", "Location is already the CRM field of location", "map each CRM field once"},
	{"no CRM field", "contacts: {fields: {address.home.city: {winner: crm}}}\n", 1, 21, "contacts.fields.address.home.city", "has no CRM field", "name one with crm:"},
	{"one CRM field for two", "contacts:\n  fields:\n    title: {crm: Department}\n", 3, 18, "contacts.fields.title.crm", "Department is already the CRM field of department", "map each CRM field once"},

	// Filters.
	{"an address for a domain", "events: {exclude: {domains: [\"@law.test\"]}}\n", 1, 30, "events.exclude.domains", `"@law.test" is no mail domain`, "law.test"},
	{"a domain for an address", "events: {exclude: {addresses: [law.test]}}\n", 1, 32, "events.exclude.addresses", `"law.test" is no address`, "exclude.domains"},
	{"a filter that does not compile", "contacts:\n  filter: crm.A = 1\n", 2, 17, "contacts.filter", "Syntax error", "write == to compare"},
	{"a filter in quotes", "contacts:\n  filter: 'crn.A == 1'\n", 2, 12, "contacts.filter", `unknown name "crn"`, "did you mean crm?"},
	{"a filter in a block", "contacts:\n  filter: |\n    crm.A == 1 &&\n    crn.B == 2\n", 4, 5, "contacts.filter", `unknown name "crn"`, "did you mean crm?"},
	{"a filter without an answer", "contacts: {filter: size(crm.A)}\n", 1, 20, "contacts.filter", "not true or false", "compare it"},
	{"a filter on an unknown field", "contacts: {filter: record.emial == null}\n", 1, 26, "contacts.filter", "unknown field record.emial", "did you mean email?"},
	{"an empty filter", "contacts: {filter: \"\"}\n", 1, 21, "contacts.filter", "is empty", "remove the key"},
	{"a list for a filter", "contacts: {filter: [a]}\n", 1, 20, "contacts.filter", "is a list", "write a CEL expression"},
	{"a filter of events on a contact's field", "events: {filter: record.email == null}\n", 1, 24, "events.filter", "unknown field record.email", "use one of"},
	{"a filter of tasks", "tasks: {filter: crn.A == 1}\n", 1, 17, "tasks.filter", `unknown name "crn"`, "did you mean crm?"},

	// Contradictions.
	{"in reps and in except", "assign:\n  reps: [alice, bob]\n  except: [carol, bob]\n", 3, 19, "assign.except", `"bob" is in assign.reps too`, "remove the rep from one"},
	{"deletes against the direction", "contacts:\n  direction: crm_to_mailbox\n  deletes: {from_mailbox: propagate}\n", 3, 27, "contacts.deletes.from_mailbox", "can never happen", "write unlink, or direction: both"},
	{"deletes against the default direction", "contacts: {deletes: {from_mailbox: propagate}}\n", 1, 36, "contacts.deletes.from_mailbox", "can never happen", "direction: both"},
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for _, c := range mistakes {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, problems := policy.Parse([]byte(c.doc))
			errs := problems.Errors()
			require.Len(t, errs, 1, errs.Text())
			got := errs[0]
			require.Equal(t, c.key, got.Key)
			require.Contains(t, got.Message, c.message)
			require.Contains(t, got.Remedy, c.remedy)
			require.Equal(t, [2]int{c.line, c.column}, [2]int{got.Line, got.Column}, got.String())
			require.Error(t, problems.Err())
		})
	}
}

// What has no effect and harms nobody is said, and the document still counts.
func TestWarnings(t *testing.T) {
	t.Parallel()
	const assigned = "name: x\nassign: {reps: [a]}\n"
	for _, c := range []struct {
		name, doc    string
		line, column int
		key          string
		message      string
	}{
		{"drift both ways", assigned + "contacts: {direction: both, on_drift: revert}\n", 3, 39, "contacts.on_drift", "has no effect"},
		{"CRM deletes to nowhere", assigned + "contacts:\n  direction: mailbox_to_crm\n  deletes: {from_crm: propagate}\n", 5, 23, "contacts.deletes.from_crm", "has no effect"},
		{"reaches nobody", "org: acme\nname: x\n", 2, 1, "assign", "reaches no rep"},
		{"reaches nobody, in so many words", "name: x\nassign:\n  reps: []\n", 2, 1, "assign", "reaches no rep"},
		{"except from nothing", "name: x\nassign:\n  reps: [a]\n  except: [b]\n", 4, 3, "assign.except", "no effect without profiles"},
		{"limit beyond the guard", assigned + "contacts: {limit: {max: 70000}}\n", 3, 25, "contacts.limit.max", "guard.creates.first_sync (60000)"},
		{"limit of events beyond the guard", assigned + "events: {limit: {max: 70000}}\n", 3, 23, "events.limit.max", "guard.creates.first_sync (60000)"},
		{"a label that nobody asks for", assigned + "events: {label: x}\n", 3, 17, "events.label", "has no effect without scope: selected"},
		{"a selection in the wrong direction", assigned + "events: {scope: selected}\n", 3, 17, "events.scope", "reps mark events in the mailbox"},
		{"invitations in the wrong direction", assigned + "events: {direction: mailbox_to_crm, invitations: organizer}\n", 3, 50, "events.invitations", "writes nothing to the mailbox"},
		{"rep's guard beyond the org's", assigned + "guard: {deletes: {max: 5000}}\n", 3, 24, "guard.deletes.max", "the whole org is held at 2000"},
		{"filter that reads nothing", assigned + "contacts: {filter: \"true\"}\n", 3, 20, "contacts.filter", "reads no field"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, problems := policy.Parse([]byte(c.doc))
			require.NoError(t, problems.Err())
			require.Len(t, problems, 1, problems.Text())
			got := problems[0]
			require.Equal(t, policy.SeverityWarning, got.Severity)
			require.Equal(t, c.key, got.Key)
			require.Contains(t, got.Message, c.message)
			require.NotEmpty(t, got.Remedy)
			require.Equal(t, [2]int{c.line, c.column}, [2]int{got.Line, got.Column}, got.String())
		})
	}
}

// What is left unsaid cannot mislead: defaults that have no effect are no problem.
func TestNoWarnings(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		"{}", "org: acme\n", "assign: {except: [bob]}\n", "name: x\nassign: {profiles: [p], except: [bob]}\n",
		"contacts: {direction: mailbox_to_crm}\n", "contacts: {direction: both, on_drift: keep, deletes: {from_mailbox: propagate}}\n",
		"contacts: {direction: off}\n", "events: {label: crm}\n", "events: {direction: both, scope: selected, label: x, invitations: organizer}\n",
		"events: {direction: mailbox_to_crm, scope: selected, invitations: never}\n", "events: {scope: related, invitations: organizer}\n",
	} {
		_, problems := policy.Parse([]byte(doc))
		require.Empty(t, problems, doc)
	}
}

func TestSeveralProblemsInTheOrderOfLines(t *testing.T) {
	t.Parallel()
	_, problems := policy.Load([]byte(`name: 5
contacts:
  records: owend
  directoin: both
  limit: {max: 0, keep_first: [activity, size]}
  filter: crn.A == 1
tasks:
  direction: both
guard: {deletes: {percent: 200}}
nmae: x
`))
	var at []string
	last := 0
	for _, p := range problems {
		require.GreaterOrEqual(t, p.Line, last)
		last = p.Line
		at = append(at, p.Key)
	}
	require.Equal(t, []string{
		"name", "contacts.records", "contacts.directoin", "contacts.limit.max", "contacts.limit.keep_first", "contacts.limit.keep_first", "contacts.filter",
		"tasks.direction", "guard.deletes.percent", "nmae",
	}, at)
}

// The largest document that is read at all is read at once, whatever it holds.
func TestLargeDocuments(t *testing.T) {
	t.Parallel()
	for name, unit := range map[string]string{
		"keys": "contacts: {a: b}\n", "lines": "  x\n", "dashes": "- a\n", "brackets": "[]\n", "colons": "a: ", "quotes": "'a' ", "comments": "# a\n",
		"blank": "\n", "spaces": " ", "carriage returns": "a: b\r\n", "documents": "---\n", "commas": "a,", "questions": "? a\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			started := time.Now()
			_, problems := policy.Parse([]byte("name: x\n" + strings.Repeat(unit, (1<<20-8)/len(unit))))
			require.Less(t, time.Since(started), time.Minute)
			require.LessOrEqual(t, len(problems), 100)
		})
	}
}
