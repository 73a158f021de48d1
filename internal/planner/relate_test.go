package planner_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

func TestRelate(t *testing.T) {
	t.Parallel()
	who := func(kind connector.PersonKind, id, account string, modified, active int) connector.Person {
		return connector.Person{Kind: kind, ID: id, Account: account, Modified: noon.Add(time.Duration(modified)), LastActivity: noon.Add(time.Duration(active))}
	}
	contact := func(id, account string) connector.Person { return who(connector.PersonContact, id, account, 0, 0) }
	lead := func(id string) connector.Person { return who(connector.PersonLead, id, "", 0, 0) }
	user := func(id string) connector.Person { return who(connector.PersonUser, id, "", 0, 0) }
	people := map[string][]connector.Person{
		"ada@x.test":      {contact("003A", "001A")},
		"bea@x.test":      {contact("003B", "001B")},
		"cat@x.test":      {contact("003C", "")},
		"ada2@x.test":     {contact("003A", "001A")},
		"lea@x.test":      {lead("00QL")},
		"dual@x.test":     {lead("00QD"), contact("003D", "001D")},
		"bob@acme.test":   {contact("003Bob", "001Acme"), user("005Bob")},
		"alice@acme.test": {user("005Alice"), contact("003Alice", "001Acme")},
		"tie@x.test":      {who(connector.PersonContact, "0031", "", 3, 1), who(connector.PersonContact, "0032", "", 1, 2), who(connector.PersonContact, "0033", "", 2, 3)},
		"zed@x.test":      {contact("003Z", "")},
		"same@x.test":     {contact("0039", ""), contact("0038", "")},
	}
	all := planner.RelateRules{Contacts: true, Leads: true, Accounts: true, OnTie: "review"}
	on := func(tie string) planner.RelateRules { r := all; r.OnTie = tie; return r }
	for name, c := range map[string]struct {
		attendees string
		rules     planner.RelateRules
		was       []string
		want      string
		tie       bool
	}{
		"Nobody":                                 {"", all, nil, "", false},
		"A stranger":                             {"eve@x.test accepted", all, nil, "", false},
		"A contact and its account":              {"ada@x.test accepted", all, nil, "003A accepted\n001A", false},
		"A contact without its account":          {"ada@x.test accepted", planner.RelateRules{Contacts: true}, nil, "003A accepted", false},
		"Two contacts, by address":               {"bea@x.test declined\nada@x.test accepted", all, nil, "003A accepted\n003B declined\n001A", false},
		"The account is the first that there is": {"cat@x.test\nbea@x.test", all, nil, "003B needs_action\n003C needs_action\n001B", false},
		"The first contact has no account":       {"cat@x.test\nzoe@x.test", all, nil, "003C needs_action", false},
		"Two addresses of one contact":           {"ada@x.test accepted\nada2@x.test declined", all, nil, "003A declined\n001A", false},
		"A lead":                                 {"lea@x.test tentative", all, nil, "00QL tentative", false},
		"Leads are not related":                  {"lea@x.test", planner.RelateRules{Contacts: true}, nil, "", false},
		"A contact beats a lead":                 {"dual@x.test", all, nil, "003D needs_action\n001D", false},
		"Contacts are not related, a lead is":    {"dual@x.test", planner.RelateRules{Leads: true}, nil, "00QD needs_action", false},
		"A user is no contact, and comes last":   {"bob@acme.test accepted\ncat@x.test", all, nil, "003C needs_action\n005Bob accepted", false},
		"A user where contacts are not related":  {"bob@acme.test", planner.RelateRules{}, nil, "005Bob needs_action", false},
		"A user before the account":              {"ada@x.test\nbob@acme.test", all, nil, "003A needs_action\n005Bob needs_action\n001A", false},
		"The rep is not related":                 {"Alice@Acme.test accepted", all, nil, "", false},
		"Several, review":                        {"tie@x.test\nada@x.test", all, nil, "003A needs_action\n001A", true},
		"Several, review, and one after":         {"tie@x.test\nzed@x.test", all, nil, "003Z needs_action", true},
		"Several, newest":                        {"tie@x.test", on("newest"), nil, "0031 needs_action", false},
		"Several, oldest":                        {"tie@x.test", on("oldest"), nil, "0032 needs_action", false},
		"Several, most recent activity":          {"tie@x.test", on("most_recent_activity"), nil, "0033 needs_action", false},
		"Several, equally new":                   {"same@x.test", on("newest"), nil, "0038 needs_action", false},
		"Several, one was related before":        {"tie@x.test", on("newest"), []string{"0032"}, "0032 needs_action", false},
		"Several, one was related, review":       {"tie@x.test", all, []string{"0032"}, "0032 needs_action", false},
		"No longer wanted":                       {"ada@x.test", all, []string{"001A", "003A", "003B", "005Bob"}, "003A needs_action\n001A\n-003B\n-005Bob", false},
		"Nobody any more":                        {"", all, []string{"003A"}, "-003A", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, tie := planner.Relate(record.Attendees(c.attendees), rep, people, c.rules, c.was)
			require.Equal(t, c.want, record.JoinRelations(got))
			require.Equal(t, c.tie, tie)
		})
	}
	t.Run("Whatever order they come in", func(t *testing.T) {
		t.Parallel()
		list := []record.Attendee{{Email: "BEA@x.test"}, {Email: "ada@x.test"}}
		got, _ := planner.Relate(list, rep, people, all, nil)
		require.Equal(t, "003A\n003B\n001A", record.JoinRelations(got))
		require.Equal(t, "BEA@x.test", list[0].Email, "what was given stays in order")
	})
}
