package activities_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/google"
	"github.com/repsync/repsync/internal/connector/salesforce"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// org is every world's org.
const org = "acme"

// world is one org with its two vendors, its store and the stages, on a clock that is moved by hand. A test edits as
// people would and asks for passes; no Temporal is involved.
type world struct {
	t       *testing.T
	clock   *sandbox.Clock
	box     *sandbox.Sandbox
	store   *store.Store
	stages  *activities.Activities
	crm     connector.CRM
	boxes   map[string]connector.Connector
	users   map[string]string // rep → CRM user id
	passes  map[string]int64
	fetched map[string]activities.FetchOut // the last Fetch by rep
}

func newWorld(t *testing.T, reps ...string) *world {
	t.Helper()
	t.Parallel()
	clock := &sandbox.Clock{}
	box, err := sandbox.Start(t.Context(), sandbox.Config{Dir: t.TempDir(), Clock: clock, Key: storetestKey(t)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = box.Close() })
	ring, _ := storetest.Ring(t)
	w := &world{t: t, clock: clock, box: box, boxes: map[string]connector.Connector{}, users: map[string]string{}, passes: map[string]int64{}, fetched: map[string]activities.FetchOut{}}
	w.store = storetest.With(t, ring, store.Options{Now: clock.Now})
	pem, err := os.ReadFile(box.SalesforceKeyFile)
	require.NoError(t, err)
	w.crm, err = salesforce.New(salesforce.Config{Org: org, LoginURL: box.SalesforceURL, BaseURL: box.SalesforceURL, Now: clock.Now,
		Auth: salesforce.Auth{JWT: &salesforce.JWT{ClientID: sandbox.ConnectedAppID, Username: box.IntegrationUser(), KeyPEM: pem}}})
	require.NoError(t, err)
	log := slog.New(slog.NewTextHandler(testWriter{t}, nil))
	w.stages = activities.New(activities.Config{Store: w.store, Ring: ring, Connect: w, Now: clock.Now, Log: log})
	require.NoError(t, w.store.PutOrg(t.Context(), org))
	if len(reps) == 0 {
		reps = []string{"alice"}
	}
	for _, rep := range reps {
		w.addRep(rep)
	}
	return w
}

// testWriter sends logs to the test's own.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(string(p))
	return len(p), nil
}

func address(rep string) string { return rep + "@acme.test" }

func (w *world) addRep(rep string) {
	w.t.Helper()
	w.users[rep] = w.box.AddRep(address(rep), "Rep "+rep, "")
	require.NoError(w.t, w.store.AddRep(w.t.Context(), store.Rep{Org: org, Rep: rep, Mailbox: address(rep), Active: true}))
}

// CRM and Mailbox make the world the stages' Connectors.
func (w *world) CRM(string) (connector.CRM, error) { return w.crm, nil }

func (w *world) Mailbox(_, address string) (connector.Connector, string, error) {
	if c, ok := w.boxes[address]; ok {
		return c, "google", nil
	}
	key, err := os.ReadFile(w.box.GoogleKeyFile)
	if err != nil {
		return nil, "", err
	}
	c, err := google.New(google.Config{Org: org, Mailbox: address, BaseURLPeople: w.box.GoogleURL, ServiceAccount: key, TokenURL: w.box.GoogleURL + "/token", Now: w.clock.Now})
	w.boxes[address] = c
	return c, "google", err
}

// policy applies a document.
func (w *world) policy(doc string) int64 {
	w.t.Helper()
	n, err := w.store.ApplyPolicy(w.t.Context(), org, "test", []byte(doc))
	require.NoError(w.t, err)
	return n
}

// bothWays assigns every rep a policy that syncs contacts in both directions.
func (w *world) bothWays(more string) {
	w.t.Helper()
	w.policy("name: test\norg: acme\nassign: {profiles: [Field Sales]}\ncontacts:\n  direction: both\n" + more)
}

// result is what one pass did.
type result struct {
	activities.Summary
	fetch  activities.FetchOut
	hold   *activities.Hold
	commit activities.StageOut
	writes activities.StageOut
}

// trouble is the first trouble of a pass.
func (r result) trouble() *activities.Trouble {
	for _, t := range []*activities.Trouble{r.fetch.Trouble, r.writes.Trouble, r.commit.Trouble} {
		if t != nil {
			return t
		}
	}
	return nil
}

// pass runs the stages once, as RepSync does.
func (w *world) pass(rep string) result {
	w.t.Helper()
	return w.passReleasing(rep, "")
}

func (w *world) passReleasing(rep, digest string) result {
	w.t.Helper()
	ctx := w.t.Context()
	w.clock.Advance(time.Second)
	f, err := w.stages.Fetch(ctx, activities.FetchIn{Org: org, Rep: rep, Pass: w.passes[rep] + 1, Fresh: true, Release: digest})
	require.NoError(w.t, err)
	r := result{fetch: f}
	w.fetched[rep] = f
	if !f.Work {
		return r
	}
	w.passes[rep] = f.Pass
	p := activities.Pass{Org: org, Rep: rep, Pass: f.Pass, Revision: f.Revision, Policy: f.Policy, Complete: f.Complete}
	run := func(stage func(context.Context, activities.Pass) (activities.StageOut, error)) activities.StageOut {
		out, err := stage(ctx, p)
		require.NoError(w.t, err)
		r.Summary = r.Summary.Plus(out.Summary)
		if r.writes.Trouble == nil {
			r.writes.Trouble = out.Trouble
		}
		return out
	}
	if out := run(w.stages.Filter); out.Trouble == nil {
		m := run(w.stages.Match)
		r.hold = m.Hold
		if m.Hold == nil && m.Writes {
			run(w.stages.Write)
		}
		if m.Hold == nil && m.Deletes {
			run(w.stages.PropagateDeletes)
		}
	}
	r.commit = run(w.stages.Commit)
	return r
}

// settle passes every rep until none finds work, and returns what each did in all. Ten rounds without rest fail.
func (w *world) settle(reps ...string) map[string]result {
	w.t.Helper()
	if len(reps) == 0 {
		for rep := range w.users {
			reps = append(reps, rep)
		}
	}
	sum := map[string]result{}
	for range 10 {
		rest := true
		for _, rep := range reps {
			r := w.pass(rep)
			rest = rest && !r.fetch.Work
			was := sum[rep]
			was.Summary = was.Summary.Plus(r.Summary)
			was.fetch, was.hold, was.commit, was.writes = r.fetch, r.hold, r.commit, r.writes
			sum[rep] = was
			require.Nil(w.t, r.hold, "held")
		}
		if rest {
			return sum
		}
	}
	w.dump()
	require.Fail(w.t, "the sides do not come to rest")
	return nil
}

// dump logs what is still staged and open.
func (w *world) dump() {
	for rep := range w.users {
		rows, err := w.store.StagedPage(w.t.Context(), org, rep, record.Contact, "", 50, store.StagedFilter{})
		w.t.Log(rep, "staged", len(rows), err)
		for _, r := range rows {
			w.t.Logf("  %s %s %s in=%v why=%s tag=%s at=%s key=%s", r.Side, r.ID, r.Obs.Presence, r.Obs.In, r.Obs.Why, r.Obs.Item.Version.Tag, r.Obs.Item.Version.At, r.Obs.Item.Key)
		}
		open, err := w.store.Intents(w.t.Context(), org, rep, record.Contact, []store.IntentState{store.Planned, store.Sent, store.Unknown, store.Dropped, store.ParkedI}, nil, "", 50)
		w.t.Log(rep, "intents", len(open), err)
		for _, in := range open {
			w.t.Logf("  %s %s %s %s %s code=%s reason=%s if=%s", in.State, in.Op.Verb, in.Op.Side, in.Ref.ID, in.LinkID, in.Code, in.Reason, in.If.Tag)
		}
	}
}

// fields is shorthand for a CRM record's or a person's values.
type fields = map[string]any

// contact makes a CRM contact owned by a rep, as its owner would.
func (w *world) contact(rep string, f fields) string {
	w.t.Helper()
	if _, ok := f["OwnerId"]; !ok {
		f["OwnerId"] = w.users[rep]
	}
	id, err := w.box.Salesforce.Insert("Contact", f, w.users[rep])
	require.NoError(w.t, err)
	return id
}

func (w *world) editContact(rep, id string, f fields) {
	w.t.Helper()
	w.clock.Advance(time.Second)
	require.NoError(w.t, w.box.Salesforce.Update("Contact", id, f, w.users[rep]))
}

func (w *world) deleteContact(rep, id string) {
	w.t.Helper()
	w.clock.Advance(time.Second)
	require.NoError(w.t, w.box.Salesforce.Delete("Contact", id, w.users[rep]))
}

// crmContacts returns the living contacts by id.
func (w *world) crmContacts() map[string]map[string]any {
	out := map[string]map[string]any{}
	for _, row := range w.box.Salesforce.All("Contact") {
		if row["IsDeleted"] != true {
			out[fmt.Sprint(row["Id"])] = row
		}
	}
	return out
}

// person makes an address book entry, as its owner would.
func (w *world) person(rep, body string) string {
	w.t.Helper()
	name, err := w.box.Google.Insert(address(rep), body)
	require.NoError(w.t, err)
	return name
}

func (w *world) editPerson(rep, name, body string) {
	w.t.Helper()
	w.clock.Advance(time.Second)
	require.NoError(w.t, w.box.Google.Update(address(rep), name, body))
}

func (w *world) deletePerson(rep, name string) {
	w.t.Helper()
	w.clock.Advance(time.Second)
	require.NoError(w.t, w.box.Google.Delete(address(rep), name))
}

// people returns a rep's living address book entries by resource name.
func (w *world) people(rep string) map[string]person {
	w.t.Helper()
	out := map[string]person{}
	for _, c := range w.box.Google.Living(address(rep)) {
		var p person
		text, err := json.Marshal(c.Person)
		require.NoError(w.t, err)
		require.NoError(w.t, json.Unmarshal(text, &p))
		out[c.ResourceName] = p
	}
	return out
}

// person is the part of a Google person that tests look at.
type person struct {
	Names []struct {
		GivenName, FamilyName string
	} `json:"names"`
	EmailAddresses []struct{ Value, Type string } `json:"emailAddresses"`
	PhoneNumbers   []struct{ Value, Type string } `json:"phoneNumbers"`
	Organizations  []struct{ Name, Title string } `json:"organizations"`
	ClientData     []struct{ Key, Value string }  `json:"clientData"`
}
