package doctor_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/doctor"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// office is an org of two reps after a real sync: contacts from either side and of both, single events, a series of the
// mailbox with an exception and a cancelled occurrence, a native series of the CRM, and a meeting that both reps attend.
func office(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, "alice", "bob")
	w.policy(bothWays)
	w.contact("alice", fields{"FirstName": "Cara", "LastName": "Crm", "Email": "cara@example.com"})
	w.contact("alice", fields{"FirstName": "Both", "LastName": "Sides", "Email": "both@example.com"})
	w.contact("bob", fields{"FirstName": "Bea", "LastName": "Bob", "Email": "bea@example.com"})
	w.person("alice", "Max", "Mailbox", "max@example.com")
	w.person("alice", "Both", "Sides", "both@example.com")
	w.person("bob", "Max", "Mailbox", "max@example.com") // one person of two reps
	w.crmEvent("alice", "In the CRM", w.day(2, 9))
	w.event("alice", meeting("In the mailbox", w.day(3, 9), nil))
	series := w.event("alice", meeting("Stand-up", w.day(1, 10), fields{"recurrence": []any{"RRULE:FREQ=WEEKLY;COUNT=6"}}))
	_, err := w.box.Salesforce.AddSeries(w.users["alice"], "RRULE:FREQ=WEEKLY;BYDAY="+[]string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}[w.day(4, 12).Weekday()]+";COUNT=4",
		fields{"Subject": "Pipeline", "StartDateTime": w.day(4, 12).UTC().Format(time.RFC3339), "EndDateTime": w.day(4, 13).UTC().Format(time.RFC3339), "Recurrence2PatternTimeZone": "Europe/Berlin"})
	require.NoError(t, err)
	for _, rep := range []string{"alice", "bob"} {
		_, err := w.box.Google.Invite(address(rep), meeting("Their demo", w.day(5, 9), fields{"iCalUID": "demo@outside.example", "organizer": fields{"email": "olga@outside.example"},
			"attendees": []any{fields{"email": "alice@acme.test"}, fields{"email": "bob@acme.test"}}}))
		require.NoError(t, err)
	}
	w.settle()
	second, third := w.day(8, 10), w.day(15, 10)
	_, err = w.box.Google.Calendar(address("alice")).Patch(series+"_"+second.UTC().Format("20060102T150405Z"), fields{"summary": "Only this one"})
	require.NoError(t, err)
	require.NoError(t, w.box.Google.Calendar(address("alice")).Delete(series+"_"+third.UTC().Format("20060102T150405Z")))
	w.settle()
	return w
}

func TestNothingIsFoundOrChangedWhereAllIsInOrder(t *testing.T) {
	t.Parallel()
	w := office(t)
	rows, holdings := w.tables(), w.holdings()
	for _, fix := range []bool{false, true} {
		r := w.doctor(doctor.Options{Fix: fix})
		require.Empty(t, r.Findings, "%+v", r.Findings)
		require.Empty(t, r.Pending)
		require.Equal(t, 2, r.Checked.Reps)
		require.Greater(t, r.Checked.Links, 15)
		require.Greater(t, r.Checked.Items, 25)
		require.NotZero(t, r.Checked.Claims)
	}
	require.Equal(t, rows, w.tables(), "a row changed")
	require.Equal(t, holdings, w.holdings(), "a vendor was written to")
}

// TestWhatWaitsForAPersonIsInOrder holds that a delete that waits for review is no finding, for as long as it waits.
func TestWhatWaitsForAPersonIsInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "alice")
	w.policy(strings.Replace(bothWays, "events:", "  deletes: {from_crm: review, from_mailbox: review}\nevents:", 1))
	one, two := w.contact("alice", fields{"LastName": "One", "Email": "one@example.com"}), w.contact("alice", fields{"LastName": "Two", "Email": "two@example.com"})
	w.settle()
	require.NoError(t, w.box.Salesforce.Delete("Contact", one, w.users["alice"]))
	require.NoError(t, w.box.Google.Delete(address("alice"), w.link(record.Contact, record.CRM, two).Mailbox.ID))
	for range 3 {
		w.settle()
		list, err := w.store.ParkedList(t.Context(), org, "alice", 0)
		require.NoError(t, err)
		require.Len(t, list, 2)
		r := w.doctor(doctor.Options{})
		require.Empty(t, r.Findings, "%+v", r.Findings)
		w.clock.Advance(12 * time.Hour)
	}
}

// TestAnotherOrgIsAnotherMatter holds that what is wrong in one org is neither told of nor touched for another.
func TestAnotherOrgIsAnotherMatter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "alice")
	w.policy(bothWays)
	w.settle()
	require.NoError(t, w.store.PutOrg(t.Context(), "globex"))
	require.NoError(t, w.store.AddRep(t.Context(), store.Rep{Org: "globex", Rep: "alice", Mailbox: "alice@globex.test", Active: true}))
	w.hits(`insert into claim (coll, key, link_id, until) select no, `+noKey+`, 'nowhere', $1 from collection where org = 'globex' and rep = 'alice' and kind = 'contact'`, w.clock.Now().Add(100*day))
	w.hits(`insert into record_lease (org, kind, crm_id, rep, until) values ('globex', 'contact', '003', 'alice/1', $1)`, w.clock.Now().Add(100*day))
	w.hits(`update rep set holder = 'x', lease_until = null, applied_revision = 9 where org = 'globex'`)
	w.hits(`insert into collection (org, rep, kind) values ('globex', 'ghost', 'contact')`)
	w.hits(`insert into staged (coll, side, id, pass, read_no, presence, tag, admitted, why, judged, obs_sealed)
		select no, 'mailbox', 'people/c1', 1, 1, 'present', 'x', true, '', false, ` + noBox + ` from collection where rep = 'ghost'`)
	rows := w.tables()
	r := w.doctor(doctor.Options{Fix: true})
	require.Empty(t, r.Findings, "%+v", r.Findings)
	require.Equal(t, rows, w.tables())
}

// TestANativeSeriesIsOneAfterItsBaseWasLost holds that the link of a series stays what it is: its base told, and its record
// tells again.
func TestANativeSeriesIsOneAfterItsBaseWasLost(t *testing.T) {
	t.Parallel()
	w := office(t)
	var id string
	require.NoError(t, w.db.QueryRow(t.Context(), `select l.link_id from link l join told v on v.id = l.crm_id and v.reason = 'series_master' limit 1`).Scan(&id))
	before := w.holdings()
	w.hits(`update link set crm_base = '\x01ff' where link_id = $1`, id)
	r := w.doctor(doctor.Options{Fix: true})
	require.Equal(t, []string{string(doctor.LinkBase)}, codesOf(r.Findings))
	require.Zero(t, r.Open())
	w.settle()
	links, err := w.store.LinksByID(t.Context(), org, "alice", record.Event, []string{id})
	require.NoError(t, err)
	l := links[id]
	require.True(t, l.Series())
	require.Equal(t, planner.Active, l.State)
	require.Empty(t, w.doctor(doctor.Options{}).Findings)
	require.Equal(t, before, w.holdings(), "something was written")
}
