package e2e

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"

	"github.com/repsync/repsync/internal/demo/wire"
	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/internal/sandbox/salesforce"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/workflows"
)

// Documents with canaries of their own: what an admin writes into a filter is a customer's value too.
const (
	cagedPolicy = `name: caged
org: acme
assign: {profiles: [Field Sales]}
contacts:
  direction: both
  filter: crm.Status__c != "Zqxcanary out" && record.email != "zqxcanary.filter@customer.test"
  match: {on_ambiguous: review}
  conflict: review
  deletes: {from_crm: propagate, from_mailbox: propagate}
events:
  direction: both
  filter: crm.Location != "Zqxcanary out" && record.subject != "Zqxcanary nothing"
  private: busy
  exclude: {addresses: [zqxcanary.excluded@customer.test]}
  conflict: review
  deletes: {from_crm: propagate, from_mailbox: propagate}
`
	// A filter that cannot be evaluated quotes the value in CEL's error; a guard that trips at once holds the first pass.
	heldPolicy = `name: held
org: acme
assign: {reps: [bob]}
contacts:
  direction: both
  filter: int(crm.Description) != 7 || crm.LastName == "Zqxcanary"
events:
  direction: both
  filter: int(record.subject) != 7 || crm.Subject == "Zqxcanary"
guard: {creates: {first_sync: 1}}
`
	brokenPolicy = `name: broken
org: acme
assign: {reps: [carol]}
contacts:
  direction: Zqxcanary sideways
  filter: crm.LastName == "Zqxcanary
`
)

// cagedRow is what a client can write of a CRM object, with a canary in every field that may hold one.
func (w *world) cagedRow(rep, object, n string) fields {
	w.t.Helper()
	crm := wire.Salesforce{Version: "65.0", Endpoint: wire.Endpoint{BaseURL: w.box.SalesforceURL, Token: func(context.Context) (string, error) {
		return w.box.Salesforce.NewSession(w.users[rep]), nil
	}}}
	described, err := crm.Describe(w.t.Context(), object)
	require.NoError(w.t, err)
	f := fields{}
	for i, d := range described["fields"].([]any) {
		d := d.(wire.Object)
		name, length := wire.Text(d, "name"), 0
		if l, ok := d["length"].(float64); ok {
			length = int(l)
		}
		if d["createable"] != true || name == "Repsync_Key__c" || name == "OwnerId" {
			continue
		}
		switch d["type"] {
		case "string", "textarea", "combobox":
			f[name] = fmt.Sprintf("Zqxcanary %s %s", n, name)
			f[name] = fmt.Sprint(f[name])[:min(length, len(fmt.Sprint(f[name])))]
		case "email":
			f[name] = strings.ToLower("zqxcanary." + n + "." + name + "@customer.test")
		case "phone":
			f[name] = fmt.Sprintf("+1 (617) 555-919%d", i%10)
		case "url":
			f[name] = "https://zqxcanary.test/" + n
		case "date":
			f[name] = fmt.Sprintf("%s%d", canaryDay, i%10)
		case "double":
			f[name] = 12.34567891
		}
	}
	return f
}

// cagedContact is a CRM contact that has a canary in every field which the API lets anybody write.
func (w *world) cagedContact(rep, n string) (id, email string) {
	w.t.Helper()
	f := w.cagedRow(rep, "Contact", n)
	require.Greater(w.t, len(f), 25, "every kind of field is filled")
	return w.contact(rep, f), fmt.Sprint(f["Email"])
}

// cagedCRMEvent is a CRM event of such text; when it is, is no canary.
func (w *world) cagedCRMEvent(rep, n string, start time.Time, more fields) string {
	w.t.Helper()
	f := w.cagedRow(rep, "Event", n)
	delete(f, "ActivityDate")
	require.Subset(w.t, slices.Collect(maps.Keys(f)), []string{"Subject", "Location", "Description"})
	return w.crmEvent(rep, with(with(f, crmHour(start)), more))
}

// cagedMeeting is a mailbox event that has a canary in every text which the API lets anybody write.
func cagedMeeting(n string, start time.Time, guests ...string) fields {
	word := func(what string) string { return "Zqxcanary " + n + " " + what }
	attendees := []any{fields{"email": "zqxcanary." + n + ".guest@customer.test", "displayName": word("guest"), "comment": word("comment"), "responseStatus": "tentative"}}
	for _, g := range guests {
		attendees = append(attendees, fields{"email": g})
	}
	return with(hour(start), fields{
		"summary": word("subject"), "location": word("location"), "description": word("description") + " #zqxcanary <a href=\"https://zqxcanary.test/" + n + "\">x</a>",
		"attendees": attendees, "source": fields{"title": word("source"), "url": "https://zqxcanary.test/source"},
		"extendedProperties": fields{"private": fields{"zqxcanary": word("private")}, "shared": fields{"zqxcanary": word("shared")}},
		"conferenceData":     fields{"conferenceId": "zqxcanary", "notes": word("notes"), "entryPoints": []any{fields{"entryPointType": "video", "uri": "https://zqxcanary.test/meet", "label": word("link")}}},
	})
}

// cagedCalendars fills both calendars of a rep: single events, a series with an exception, one from outside with a UID of its
// own, one made in the CRM, a private event, and a series whose rule cannot be expanded.
func (w *world) cagedCalendars(rep, customer, who string) {
	w.t.Helper()
	require.NoError(w.t, w.box.Google.Calendar(address(rep)).SetTimeZone(zone))
	w.cagedCRMEvent(rep, "one", day(2, 9), fields{"WhoId": who})
	w.cagedCRMEvent(rep, "two", day(3, 9), nil)
	w.event(rep, cagedMeeting("three", day(4, 9), customer))
	w.event(rep, with(cagedMeeting("four", day(5, 9)), fields{"visibility": "private"}))
	w.event(rep, cagedMeeting("excluded", day(6, 9), "zqxcanary.excluded@customer.test"))
	series := w.event(rep, with(weekly("", day(1, 11)), cagedMeeting("five", day(1, 11), customer)))
	w.editEvent(rep, instance(series, week(day(1, 11), 1)), with(hour(week(day(1, 11), 1).Add(time.Hour)), fields{"summary": "Zqxcanary five moved"}))
	w.deleteEvent(rep, instance(series, week(day(1, 11), 2)))
	_, err := w.box.Google.Invite(address(rep), with(with(weekly("", day(2, 13)), cagedMeeting("six", day(2, 13), customer)), fields{"iCalUID": "Zqxcanary-uid@customer.test",
		"organizer": fields{"email": "zqxcanary.organizer@customer.test", "displayName": "Zqxcanary organizer"}}))
	require.NoError(w.t, err)
	w.event(rep, with(cagedMeeting("unread", day(3, 15)), fields{"recurrence": []any{"RRULE:FREQ=YEARLY;BYWEEKNO=53"}}))
	first := day(1, 15)
	_, err = w.box.Salesforce.AddSeries(w.users[rep], "RRULE:FREQ=WEEKLY;BYDAY="+strings.ToUpper(first.Weekday().String()[:2])+";COUNT=4", with(crmHour(first), fields{"Subject": "Zqxcanary seven", "Location": "Zqxcanary seven", "Recurrence2PatternTimeZone": zone}))
	require.NoError(w.t, err)
}

// cagedPerson is an address book entry that has a canary in every field which the API lets anybody write.
func cagedPerson(n string) fields {
	word := func(what string) string { return "Zqxcanary " + n + " " + what }
	day := fields{"year": 1907, "month": 3, "day": 11}
	value := func(what string) []fields { return []fields{{"value": word(what)}} }
	link := []fields{{"value": "https://zqxcanary.test/" + n, "type": "work"}}
	return fields{
		"names": []fields{{"givenName": word("given"), "familyName": word("family"), "middleName": word("middle"), "honorificPrefix": "Zqxcanary",
			"honorificSuffix": "Zqxcanary", "phoneticGivenName": word("phonetic")}},
		"nicknames": value("nick"), "birthdays": []fields{{"date": day}}, "biographies": []fields{{"value": word("notes"), "contentType": "TEXT_PLAIN"}},
		"genders":        []fields{{"value": word("gender")}},
		"emailAddresses": []fields{{"value": "zqxcanary." + n + ".book@customer.test", "type": "work"}, {"value": "zqxcanary." + n + ".second@customer.test", "type": "home", "displayName": word("shown")}},
		"phoneNumbers":   []fields{{"value": "+1 (617) 555-9198", "type": "work"}, {"value": "617.555.9199", "type": "mobile"}},
		"addresses": []fields{{"type": "work", "streetAddress": word("street"), "city": word("city"), "region": word("region"), "postalCode": "Zqxcanary1",
			"country": word("country"), "poBox": word("box"), "extendedAddress": word("floor")}},
		"organizations": []fields{{"name": word("company"), "title": word("title"), "department": word("department"), "jobDescription": word("job"), "location": word("desk")}},
		"occupations":   value("occupation"), "interests": value("interest"), "locations": value("location"),
		"relations": []fields{{"person": word("spouse"), "type": "spouse"}}, "events": []fields{{"date": day, "type": "anniversary"}},
		"urls": link, "calendarUrls": []fields{{"url": "https://zqxcanary.test/cal"}}, "externalIds": []fields{{"value": word("id"), "type": "account"}},
		"imClients": []fields{{"username": word("im"), "protocol": "jabber"}}, "sipAddresses": []fields{{"value": "sip:zqxcanary@customer.test"}},
		"userDefined": []fields{{"key": word("key"), "value": word("value")}}, "clientData": []fields{{"key": word("app"), "value": word("data")}},
	}
}

// TestNoCustomerValueInTemporal plays a story in which everything is a canary and much goes wrong, watching what Temporal
// shows all the while, and then looks at every trace that it left.
func TestNoCustomerValueInTemporal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{reps: []string{"alice", "bob", "carol"}})
	w.box.Salesforce.AddField("Contact", salesforce.Field{Name: "Status__c", Type: salesforce.TypeString, Length: 80, Custom: true})
	for _, doc := range []string{cagedPolicy, heldPolicy} {
		_, err := w.store.ApplyPolicy(t.Context(), org, regexp.MustCompile(`name: (\w+)`).FindStringSubmatch(doc)[1], []byte(doc))
		require.NoError(t, err)
	}
	var shown scanner // what Temporal shows while it happens
	stop := w.watch(&shown)

	w.worker("REPSYNC_HTTP=127.0.0.1:0")
	one, oneEmail := w.cagedContact("alice", "one")
	two, twoEmail := w.cagedContact("alice", "two")
	w.cagedContact("alice", "three")
	w.cagedCalendars("alice", twoEmail, two)
	w.cagedCRMEvent("bob", "eight", day(2, 9), nil)
	w.event("bob", cagedMeeting("nine", day(3, 9)))
	w.cagedContact("bob", "four")
	w.cagedContact("bob", "five")
	book := w.person("alice", cagedPerson("six"))
	w.person("alice", someone("Zqxcanary", "Twin", "zqxcanary.twin@customer.test", "")) // two with one address: ambiguous
	w.person("alice", someone("Zqxcanary", "Twins", "zqxcanary.twin@customer.test", ""))
	w.person("bob", cagedPerson("seven"))
	w.person("bob", cagedPerson("eight"))

	// The vendors refuse items in words that quote them.
	w.box.Salesforce.SetDuplicateRule("Contact", &salesforce.DuplicateRule{Block: true, Match: func(a, b map[string]any) bool {
		return a["LastName"] == b["LastName"] && a["LastName"] == "Double"
	}})
	w.contact("alice", fields{"LastName": "Double", "FirstName": "Zqxcanary", "Email": "zqxcanary.double@customer.test"})
	w.person("alice", someone("Zqxcanary other", "Double", "zqxcanary.other@customer.test", ""))
	for _, rep := range []string{"alice", "bob"} {
		w.start(rep)
	}
	w.rest("alice", 0)
	w.until("bob", "held", func(st workflows.Status) bool { return st.State == workflows.Held })
	require.NotEmpty(t, w.personOf("alice", oneEmail), "the filter admits canaries")
	require.NotEmpty(t, w.contactOf("zqxcanary.six.book@customer.test"))
	refused := w.parked("alice")
	require.Contains(t, refused, "ambiguous_match")
	require.Contains(t, refused, "vendor_refused")
	require.Contains(t, refused, "rule_unsupported")
	require.NotEmpty(t, w.eventOf("alice", "Zqxcanary one Subject"), "events are copied")
	require.NotEmpty(t, w.eventOf("alice", "Zqxcanary seven"), "a series of the CRM's is copied")
	for what, start := range map[string]time.Time{"a single event": day(4, 9), "an occurrence": day(1, 11), "an exception": week(day(1, 11), 1).Add(time.Hour), "an invitation": day(2, 13)} {
		require.NotEmpty(t, w.crmEventAt(start), "%s is copied", what)
	}

	t.Log("updates, deletes, a conflict and a validation rule that quotes what it refuses")
	w.box.Salesforce.AddValidation("Contact", func(v map[string]any) (string, string) {
		if v["Title"] == "Zqxcanary refused" {
			return fmt.Sprintf("%v (%v) may not be Zqxcanary refused", v["Email"], v["Phone"]), "Title"
		}
		return "", ""
	})
	w.box.Salesforce.AddValidation("Event", func(v map[string]any) (string, string) {
		if v["Location"] == "Zqxcanary refused" {
			return fmt.Sprintf("%v (%v) may not be at Zqxcanary refused", v["Subject"], v["Description"]), "Location"
		}
		return "", ""
	})
	invited := w.crmEventAt(day(2, 13))
	w.editEvent("alice", w.eventOf("alice", "Zqxcanary five subject"), fields{"location": "Zqxcanary refused"})
	w.editEvent("alice", w.eventOf("alice", "Zqxcanary three subject"), fields{"summary": "Zqxcanary in the mailbox"})
	w.editCRMEvent("alice", w.crmEventAt(day(4, 9)), fields{"Subject": "Zqxcanary in the CRM"})
	w.editCRMEvent("alice", invited, fields{"Description": "Zqxcanary prepared"})
	w.deleteCRMEvent("alice", w.crmEventAt(day(2, 9)))
	w.editPerson("alice", book, fields{"organizations": []fields{{"name": "Zqxcanary", "title": "Zqxcanary refused"}}})
	w.editContact("alice", two, fields{"Title": "Zqxcanary in the CRM"})
	w.editPerson("alice", w.personOf("alice", twoEmail), fields{"organizations": []fields{{"title": "Zqxcanary in the book"}}})
	require.NoError(t, w.box.Salesforce.Delete("Contact", one, w.users["alice"]))
	w.sync("alice")
	require.Empty(t, w.personOf("alice", oneEmail))
	refused = w.parked("alice")
	require.Equal(t, 2, strings.Count(refused, "conflict_review"), "a contact and an event: %s", refused)
	require.Greater(t, strings.Count(refused, "vendor_refused"), 3, "occurrences too: %s", refused)
	require.Empty(t, w.eventOf("alice", "Zqxcanary one Subject"))

	t.Log("faults whose bodies quote canaries, in every part of an error")
	called := w.crmEventAt(day(3, 9))
	met := w.event("alice", cagedMeeting("ten", day(7, 9)))
	for i, rules := range faults {
		rule := rules[len(rules)-1]
		w.editCRMEvent("alice", called, fields{"Description": "Zqxcanary " + rule.Name})
		w.editEvent("alice", met, fields{"description": fmt.Sprint("Zqxcanary ", i)})
		w.editContact("alice", two, fields{"Department": "Zqxcanary " + rule.Name})
		w.editPerson("alice", book, fields{"nicknames": []fields{{"value": "Zqxcanary " + rule.Name}}, "phoneNumbers": []fields{{"value": fmt.Sprintf("+1 617 555 919%d", len(rule.Name)%10), "type": "work"}}})
		w.box.Salesforce.ExpireSessions() // so that sign-ins are struck too
		w.box.Google.RevokeTokens("")
		for _, injector := range []*fault.Injector{w.box.SalesforceFaults, w.box.GoogleFaults} {
			for _, rule := range rules {
				injector.MustAdd(rule)
			}
		}
		var spared []string
		for try := 0; (try == 0 || len(spared) > 0) && try < 10; try++ { // a side that could not be read before is read first
			before, _ := w.status("alice")
			w.syncNow("alice")
			w.until("alice", "past the fault", func(st workflows.Status) bool { return st.Pass > before.Pass })
			spared = nil
			for _, rule := range rules {
				if w.box.SalesforceFaults.Hits()[rule.Name]+w.box.GoogleFaults.Hits()[rule.Name] == 0 {
					spared = append(spared, rule.Name)
				}
			}
		}
		require.Empty(t, spared, "faults that struck nobody")
		w.box.SalesforceFaults.Clear()
		w.box.GoogleFaults.Clear()
	}
	w.sync("alice")

	t.Log("a document that no version can read, and a mailbox of no known domain")
	_, err := w.store.ApplyPolicy(t.Context(), org, "broken", []byte(brokenPolicy))
	require.NoError(t, err)
	w.start("carol")
	w.until("carol", "failing", func(st workflows.Status) bool { return st.State == workflows.Failing })
	_, err = w.store.ApplyPolicy(t.Context(), org, "broken", []byte(strings.Replace(heldPolicy, "[bob]", "[carol]", 1)))
	require.NoError(t, err)
	require.NoError(t, w.store.AddRep(t.Context(), store.Rep{Org: org, Rep: "dora", Mailbox: "zqxcanary@customer.test", Active: true}))
	w.start("dora")
	w.until("dora", "failing", func(st workflows.Status) bool { return st.State == workflows.Failing })

	require.NoError(t, w.temporal.Client.CancelWorkflow(t.Context(), workflows.RepID(org, "alice"), ""))
	require.Error(t, w.temporal.Client.GetWorkflow(t.Context(), workflows.RepID(org, "alice"), "").Get(t.Context(), nil))
	w.start("alice")
	w.rest("alice", 0)
	stop()

	require.NotZero(t, shown.seen)
	var left scanner
	w.eventually(func() bool {
		left = scanner{}
		runs, err := left.everything(t.Context(), w)
		return err == nil && runs >= 6 // alice twice, bob, carol, dora, the feed
	}, func() string { return "not every run is listed" })
	require.NoError(t, left.logFiles(w))
	left.text("metrics", w.metrics())
	rows, err := left.databaseText(t.Context(), w.database)
	require.NoError(t, err)
	require.Greater(t, rows, 50, "there is something in the database to look at")
	slices.Sort(left.found)
	require.Empty(t, strings.Join(slices.Compact(append(left.found, shown.found...)), "\n"))
}

// faults are answers that quote customers in every place where an error has room, some at a time: of contacts, and of
// calendars, which have paths of their own.
var faults = func() (groups [][]fault.Rule) {
	const words = `Zqxcanary <zqxcanary@customer.test> +1 617 555 9191`
	kinds := []fault.Rule{
		{Name: "500 in plain words", Kind: fault.Status, Status: 500, Body: words},
		{Name: "500 after the write", Kind: fault.StatusAfter, Status: 500, Body: `{"error":{"code":500,"message":"` + words + `","status":"INTERNAL"}}`},
		{Name: "malformed JSON", Kind: fault.Status, Status: 200, Body: `{"connections":[{"names":[{"givenName":"` + words + `"}]}],"items":[{"summary":"` + words},
		{Name: "a number where a list belongs", Kind: fault.Status, Status: 200, Body: `{"connections":"` + words + `","items":"` + words + `","records":"` + words + `","totalSize":"` + words + `"}`},
		{Name: "nothing in a list", Kind: fault.Status, Status: 200, Body: `{"connections":[null],"items":[null,{"id":"` + words + `"}],"records":[null,{"Id":"` + words + `"}],"responses":[null]}`},
		{Name: "half an answer", Kind: fault.Truncate},
		{Name: "a code that is a customer", Kind: fault.Status, Status: 400, Body: `[{"message":"` + words + `","errorCode":"` + words + `","fields":["` + words + `"]}]`},
		{Name: "a reason that is a customer", Kind: fault.Status, Status: 403, Body: `{"error":{"code":403,"message":"` + words + `","status":"` + words + `","errors":[{"reason":"` + words + `"}],"details":[{"reason":"` + words + `"}]}}`},
		{Name: "a token refused in words", Kind: fault.Status, Status: 401, Body: `{"error":"` + words + `","error_description":"` + words + `"}`},
	}
	for _, rule := range kinds {
		of := func(what, method, path, query string, times int) fault.Rule {
			rule := rule
			rule.Name, rule.Method, rule.Path, rule.Query, rule.Times = rule.Name+", "+what, method, path, query, times
			return rule
		}
		groups = append(groups,
			[]fault.Rule{of("reading calendars", "GET", `/calendars/primary/events$`, "", 2), of("reading CRM events", "", `/query`, `FROM Event `, 2),
				of("reading", "", `/query|/v1/people/me/connections|people:batchGet`, "", 4)},
			[]fault.Rule{of("writing calendars", "PATCH", `/calendars/primary/events/`, "", 1),
				of("writing", "", `/composite/sobjects$|people:batch(Create|Update)`, "", 2)})
	}
	return append(groups, []fault.Rule{{Name: "sign-in refused in words", Path: `/token$`, Kind: fault.Status, Status: 400, Times: 4, Body: `{"error":"invalid_grant","error_description":"` + words + `"}`}})
}()

// parked are the reasons and codes for which items of a rep are parked, in one string.
func (w *world) parked(rep string) string {
	w.t.Helper()
	rows, err := w.store.ParkedList(w.t.Context(), org, rep, 0)
	require.NoError(w.t, err)
	var out []string
	for _, r := range rows {
		out = append(out, string(r.Reason)+" "+r.Code)
	}
	return strings.Join(out, ", ")
}

// watch describes and queries the reps' workflows over and over, until stopped: a pending activity's failure is gone from
// what Temporal shows once a retry succeeds.
func (w *world) watch(s *scanner) (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		every := time.NewTicker(200 * time.Millisecond)
		defer every.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-every.C:
			}
			for _, rep := range []string{"alice", "bob", "carol", "dora"} {
				_ = s.described(ctx, w, &common.WorkflowExecution{WorkflowId: workflows.RepID(org, rep)}) // one that does not run yet is met later
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// metrics is what the first worker's metrics endpoint says.
func (w *world) metrics() string {
	w.t.Helper()
	log, err := os.ReadFile(w.logs[0])
	require.NoError(w.t, err)
	at := regexp.MustCompile(`address=(http://\S+)`).FindSubmatch(log)
	require.NotNil(w.t, at, "the worker logs where its metrics are")
	resp, err := http.Get(string(at[1]) + "/metrics")
	require.NoError(w.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	require.Equal(w.t, http.StatusOK, resp.StatusCode)
	return string(text)
}
