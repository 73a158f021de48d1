package doctor_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/google"
	"github.com/repsync/repsync/internal/connector/salesforce"
	"github.com/repsync/repsync/internal/doctor"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// org is every world's org.
const org = "acme"

type fields = map[string]any

var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// world is one org with its two vendors, its store and the stages of a pass, on a clock that is moved by hand.
type world struct {
	t      *testing.T
	clock  *sandbox.Clock
	box    *sandbox.Sandbox
	store  *store.Store
	ring   *keyring.Ring
	stages *activities.Activities
	crm    connector.CRM
	boxes  map[string]connector.Connector
	users  map[string]string
	passes map[string]int64
	db     *pgx.Conn
	schema string
	waited func() // what happens while the doctor waits to look again
}

func newWorld(t *testing.T, reps ...string) *world {
	t.Helper()
	clock := &sandbox.Clock{}
	box, err := sandbox.Start(t.Context(), sandbox.Config{Dir: t.TempDir(), Clock: clock, Key: testKey()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = box.Close() })
	ring, _ := storetest.Ring(t)
	w := &world{t: t, clock: clock, box: box, ring: ring, schema: storetest.Migrated(t), boxes: map[string]connector.Connector{}, users: map[string]string{}, passes: map[string]int64{}}
	w.store = storetest.Warm(t, ring, store.Options{Now: clock.Now, Schema: w.schema})
	w.stages = activities.New(activities.Config{Store: w.store, Ring: ring, Connect: w, Now: clock.Now})
	pem, err := os.ReadFile(box.SalesforceKeyFile)
	require.NoError(t, err)
	w.crm, err = salesforce.New(salesforce.Config{Org: org, LoginURL: box.SalesforceURL, BaseURL: box.SalesforceURL, Now: clock.Now,
		Auth: salesforce.Auth{JWT: &salesforce.JWT{ClientID: sandbox.ConnectedAppID, Username: box.IntegrationUser(), KeyPEM: pem}}})
	require.NoError(t, err)
	key, err := os.ReadFile(box.GoogleKeyFile)
	require.NoError(t, err)
	require.NoError(t, w.store.PutOrg(t.Context(), org))
	for _, rep := range reps {
		w.users[rep] = box.AddRep(address(rep), "Rep "+rep, "")
		require.NoError(t, w.store.AddRep(t.Context(), store.Rep{Org: org, Rep: rep, Mailbox: address(rep), Active: true}))
		w.boxes[address(rep)], err = google.New(google.Config{Org: org, Mailbox: address(rep), BaseURLPeople: box.GoogleURL, BaseURLCalendar: box.GoogleURL + "/calendar/v3/", ServiceAccount: key, TokenURL: box.GoogleURL + "/token", Now: clock.Now})
		require.NoError(t, err)
	}
	w.db, err = pgx.Connect(t.Context(), storetest.URL(t))
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.db.Close(context.WithoutCancel(t.Context())) })
	w.sql(`set search_path to ` + pgx.Identifier{w.schema}.Sanitize())
	return w
}

func address(rep string) string { return rep + "@acme.test" }

// CRM and Mailbox make the world the stages' and the doctor's Connectors.
func (w *world) CRM(string) (connector.CRM, error) { return w.crm, nil }

func (w *world) Mailbox(_, address string) (connector.Connector, string, error) {
	c, ok := w.boxes[address]
	if !ok {
		return nil, "", fmt.Errorf("no such mailbox")
	}
	return c, "google", nil
}

const bothWays = "name: test\norg: acme\nassign: {profiles: [Field Sales]}\ncontacts:\n  direction: both\nevents:\n  direction: both\n  window: {past: 60d, future: 365d}\n"

func (w *world) policy(doc string) {
	w.t.Helper()
	_, err := w.store.ApplyPolicy(w.t.Context(), org, "test", []byte(doc))
	require.NoError(w.t, err)
}

type stageFunc func(context.Context, activities.Pass) (activities.StageOut, error)

// pass runs the stages once, as RepSync does, and reports whether there was work.
func (w *world) pass(rep string) bool {
	w.t.Helper()
	w.clock.Advance(time.Second)
	f, err := w.stages.Fetch(w.t.Context(), activities.FetchIn{Org: org, Rep: rep, Pass: w.passes[rep] + 1, Fresh: true})
	require.NoError(w.t, err)
	require.Nil(w.t, f.Trouble)
	w.passes[rep] = f.Pass
	if !f.Work {
		return false
	}
	in := activities.Pass{Org: org, Rep: rep, Pass: f.Pass, Revision: f.Revision, Policy: f.Policy, Complete: f.Complete, Reread: f.Reread, Closed: f.Closed}
	for _, stage := range []stageFunc{w.stages.Filter, w.stages.Match, w.stages.Write, w.stages.PropagateDeletes, w.stages.Commit} {
		out, err := stage(w.t.Context(), in)
		require.NoError(w.t, err)
		require.Nil(w.t, out.Hold)
	}
	return true
}

// settle passes every rep until none finds work.
func (w *world) settle() {
	w.t.Helper()
	for range 12 {
		work := false
		for _, rep := range slices.Sorted(maps.Keys(w.users)) {
			work = w.pass(rep) || work
		}
		if !work {
			return
		}
	}
	require.Fail(w.t, "the sides do not come to rest")
}

// doctor examines the org; time passes while it waits.
func (w *world) doctor(o doctor.Options) doctor.Report {
	w.t.Helper()
	o.Org = org
	r, err := doctor.Run(w.t.Context(), doctor.Config{Store: w.store, Ring: w.ring, Connect: w, Now: w.clock.Now, Wait: func(_ context.Context, d time.Duration) error {
		w.clock.Advance(d)
		if w.waited != nil {
			w.waited()
		}
		return nil
	}}, o)
	require.NoError(w.t, err)
	require.Empty(w.t, r.Unchecked, "something could not be looked at")
	return r
}

func codesOf(found []doctor.Finding) []string {
	out := []string{}
	for _, f := range found {
		out = append(out, string(f.Code))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// sql changes the store behind everybody's back.
func (w *world) sql(text string, args ...any) {
	w.t.Helper()
	_, err := w.db.Exec(w.t.Context(), text, args...)
	require.NoError(w.t, err)
}

// hits is sql that must change rows.
func (w *world) hits(text string, args ...any) {
	w.t.Helper()
	tag, err := w.db.Exec(w.t.Context(), text, args...)
	require.NoError(w.t, err)
	require.NotZero(w.t, tag.RowsAffected(), "nothing to corrupt: %s", text)
}

// tables dumps every row of every table, by table.
func (w *world) tables() map[string][]string {
	w.t.Helper()
	rows, err := w.db.Query(w.t.Context(), `select tablename::text from pg_tables where schemaname = $1 and tablename not like 'goose%' order by tablename`, w.schema)
	require.NoError(w.t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(w.t, err)
	require.Greater(w.t, len(names), 15)
	out := map[string][]string{}
	for _, name := range names {
		rows, err := w.db.Query(w.t.Context(), `select t::text from `+pgx.Identifier{name}.Sanitize()+` t order by 1`)
		require.NoError(w.t, err)
		out[name], err = pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(w.t, err)
	}
	return out
}

// holdings is everything that the two vendors hold: what a write by anybody changes.
func (w *world) holdings() string {
	w.t.Helper()
	var b strings.Builder
	for _, object := range []string{"Contact", "Event", "EventRelation"} {
		fmt.Fprintln(&b, w.box.Salesforce.All(object))
	}
	for _, rep := range slices.Sorted(maps.Keys(w.users)) {
		for _, c := range w.box.Google.All(address(rep)) {
			fmt.Fprintf(&b, "%+v\n", c)
		}
		list, err := w.box.Google.Calendar(address(rep)).List(map[string][]string{"showDeleted": {"true"}, "maxResults": {"2500"}})
		require.NoError(w.t, err)
		fmt.Fprintln(&b, list)
	}
	return b.String()
}

// link is the link of an item of alice's.
func (w *world) link(k record.Kind, side record.Side, id string) planner.Link {
	w.t.Helper()
	links, err := w.store.LinksBySide(w.t.Context(), org, "alice", k, side, []string{id})
	require.NoError(w.t, err)
	require.Contains(w.t, links, id)
	return links[id]
}

func (w *world) contact(rep string, f fields) string {
	w.t.Helper()
	f["OwnerId"] = w.users[rep]
	id, err := w.box.Salesforce.Insert("Contact", f, w.users[rep])
	require.NoError(w.t, err)
	return id
}

func (w *world) person(rep, given, family, email string) string {
	w.t.Helper()
	name, err := w.box.Google.Insert(address(rep), `{"names":[{"givenName":"`+given+`","familyName":"`+family+`"}],"emailAddresses":[{"value":"`+email+`","type":"work"}]}`)
	require.NoError(w.t, err)
	return name
}

// day is a wall time in Berlin, so many days from today.
func (w *world) day(days, hour int) time.Time {
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(w.t, err)
	now := w.clock.Now().In(zone)
	return time.Date(now.Year(), now.Month(), now.Day()+days, hour, 0, 0, 0, zone)
}

func meeting(subject string, start time.Time, more fields) fields {
	at := func(t time.Time) fields {
		return fields{"dateTime": t.Format(time.RFC3339), "timeZone": t.Location().String()}
	}
	e := fields{"summary": subject, "start": at(start), "end": at(start.Add(time.Hour))}
	maps.Copy(e, more)
	return e
}

func (w *world) event(rep string, e fields) string {
	w.t.Helper()
	w.clock.Advance(time.Second)
	made, err := w.box.Google.Calendar(address(rep)).Insert(e)
	require.NoError(w.t, err)
	return made["id"].(string)
}

func (w *world) crmEvent(rep, subject string, start time.Time) string {
	w.t.Helper()
	w.clock.Advance(time.Second)
	id, err := w.box.Salesforce.Insert("Event", fields{"OwnerId": w.users[rep], "Subject": subject, "StartDateTime": start.UTC().Format(time.RFC3339), "EndDateTime": start.Add(time.Hour).UTC().Format(time.RFC3339)}, w.users[rep])
	require.NoError(w.t, err)
	return id
}
