package e2e

import (
	"context"
	"fmt"
	"io"
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
`
	// A filter that cannot be evaluated quotes the value in CEL's error; a guard that trips at once holds the first pass.
	heldPolicy = `name: held
org: acme
assign: {reps: [bob]}
contacts:
  direction: both
  filter: int(crm.Description) != 7 || crm.LastName == "Zqxcanary"
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

// cagedContact is a CRM contact that has a canary in every field which the API lets anybody write.
func (w *world) cagedContact(rep, n string) (id, email string) {
	w.t.Helper()
	crm := wire.Salesforce{Version: "65.0", Endpoint: wire.Endpoint{BaseURL: w.box.SalesforceURL, Token: func(context.Context) (string, error) {
		return w.box.Salesforce.NewSession(w.users[rep]), nil
	}}}
	described, err := crm.Describe(w.t.Context(), "Contact")
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
		case "string", "textarea":
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
	require.Greater(w.t, len(f), 25, "every kind of field is filled")
	return w.contact(rep, f), fmt.Sprint(f["Email"])
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

	t.Log("updates, deletes, a conflict and a validation rule that quotes what it refuses")
	w.box.Salesforce.AddValidation("Contact", func(v map[string]any) (string, string) {
		if v["Title"] == "Zqxcanary refused" {
			return fmt.Sprintf("%v (%v) may not be Zqxcanary refused", v["Email"], v["Phone"]), "Title"
		}
		return "", ""
	})
	w.editPerson("alice", book, fields{"organizations": []fields{{"name": "Zqxcanary", "title": "Zqxcanary refused"}}})
	w.editContact("alice", two, fields{"Title": "Zqxcanary in the CRM"})
	w.editPerson("alice", w.personOf("alice", twoEmail), fields{"organizations": []fields{{"title": "Zqxcanary in the book"}}})
	require.NoError(t, w.box.Salesforce.Delete("Contact", one, w.users["alice"]))
	w.sync("alice")
	require.Empty(t, w.personOf("alice", oneEmail))
	require.Contains(t, w.parked("alice"), "conflict_review")

	t.Log("faults whose bodies quote canaries, in every part of an error")
	for _, rule := range faults {
		w.editContact("alice", two, fields{"Department": "Zqxcanary " + rule.Name})
		w.editPerson("alice", book, fields{"nicknames": []fields{{"value": "Zqxcanary " + rule.Name}}, "phoneNumbers": []fields{{"value": fmt.Sprintf("+1 617 555 919%d", len(rule.Name)%10), "type": "work"}}})
		w.box.Salesforce.ExpireSessions() // so that sign-ins are struck too
		w.box.Google.RevokeTokens("")
		for _, injector := range []*fault.Injector{w.box.SalesforceFaults, w.box.GoogleFaults} {
			injector.MustAdd(rule)
		}
		hits := 0
		for try := 0; hits == 0 && try < 10; try++ { // a side that could not be read before is read first
			before, _ := w.status("alice")
			w.syncNow("alice")
			w.until("alice", "past the fault", func(st workflows.Status) bool { return st.Pass > before.Pass })
			hits = w.box.SalesforceFaults.Hits()[rule.Name] + w.box.GoogleFaults.Hits()[rule.Name]
		}
		require.NotZero(t, hits, "the fault %q struck nobody", rule.Name)
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

// faults are answers that quote customers in every place where an error has room.
var faults = func() []fault.Rule {
	const words = `Zqxcanary <zqxcanary@customer.test> +1 617 555 9191`
	kinds := []fault.Rule{
		{Name: "500 in plain words", Kind: fault.Status, Status: 500, Body: words},
		{Name: "500 after the write", Kind: fault.StatusAfter, Status: 500, Body: `{"error":{"code":500,"message":"` + words + `","status":"INTERNAL"}}`},
		{Name: "malformed JSON", Kind: fault.Status, Status: 200, Body: `{"connections":[{"names":[{"givenName":"` + words},
		{Name: "a number where a list belongs", Kind: fault.Status, Status: 200, Body: `{"connections":"` + words + `","records":"` + words + `","totalSize":"` + words + `"}`},
		{Name: "nothing in a list", Kind: fault.Status, Status: 200, Body: `{"connections":[null],"records":[null,{"Id":"` + words + `"}],"responses":[null]}`},
		{Name: "half an answer", Kind: fault.Truncate},
		{Name: "a code that is a customer", Kind: fault.Status, Status: 400, Body: `[{"message":"` + words + `","errorCode":"` + words + `","fields":["` + words + `"]}]`},
		{Name: "a reason that is a customer", Kind: fault.Status, Status: 403, Body: `{"error":{"code":403,"message":"` + words + `","status":"` + words + `","errors":[{"reason":"` + words + `"}],"details":[{"reason":"` + words + `"}]}}`},
		{Name: "a token refused in words", Kind: fault.Status, Status: 401, Body: `{"error":"` + words + `","error_description":"` + words + `"}`},
	}
	var rules []fault.Rule
	for _, rule := range kinds {
		reading, writing := rule, rule
		reading.Name, reading.Path, reading.Times = rule.Name+", reading", `/query|/v1/people/me/connections|people:batchGet`, 4
		writing.Name, writing.Path, writing.Times = rule.Name+", writing", `/composite/sobjects$|people:batch(Create|Update)`, 2
		rules = append(rules, reading, writing)
	}
	return append(rules, fault.Rule{Name: "sign-in refused in words", Path: `/token$`, Kind: fault.Status, Status: 400, Times: 4, Body: `{"error":"invalid_grant","error_description":"` + words + `"}`})
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
