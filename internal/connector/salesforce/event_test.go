package salesforce_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/salesforce"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/fault"
	sandbox "github.com/repsync/repsync/internal/sandbox/salesforce"
)

// appointment makes an event of Alice's at nine o'clock.
func (b *bench) appointment(more map[string]any) string {
	v := map[string]any{"Subject": "Review", "OwnerId": b.alice, "StartDateTime": "2026-12-01T09:00:00.000+0000", "EndDateTime": "2026-12-01T10:00:00.000+0000"}
	maps.Copy(v, more)
	return b.insert("Event", v)
}

func (b *bench) user(name string) string {
	return b.org.AddUser(sandbox.User{Username: name + "@acme.test", Name: name, Profile: "Field Sales", Active: true})
}

func (b *bench) lead(name string) string {
	return b.insert("Lead", map[string]any{"LastName": name, "Company": "Prospect", "Email": name + "@lead.test"})
}

func (b *bench) guest(event, who, status string) string {
	return b.insert("EventRelation", map[string]any{"EventId": event, "RelationId": who, "Status": status, "IsInvitee": true})
}

// relations are an event's relations by a person's reading: id, status, and what of parent, what and invitee is true.
func (b *bench) relations(event string) map[string]string {
	out := map[string]string{}
	for _, row := range b.org.All("EventRelation") {
		if row["EventId"] == event && row["IsDeleted"] != true {
			id, _ := row["RelationId"].(string)
			out[id] = fmt.Sprintf("%v parent=%v what=%v invitee=%v", row["Status"], row["IsParent"] == true, row["IsWhat"] == true, row["IsInvitee"] == true)
		}
	}
	return out
}

func lines(all ...record.Relation) string { return record.JoinRelations(all) }

func TestRelationsAreRead(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	bob, account := b.user("bob"), b.account("Company 1").(string)
	who := b.contact("Who", map[string]any{"Email": "Who@Out.test"})
	second, nobody := b.contact("Second", map[string]any{"Email": "second@out.test"}), b.contact("Nobody", nil)
	id := b.appointment(map[string]any{"WhoId": who, "WhatId": account})
	b.guest(id, second, "Declined")
	b.guest(id, nobody, "New")
	b.guest(id, bob, "Accepted")
	it := b.getEvent(id)
	people := []record.Relation{{ID: second, Answer: record.AnswerNo}, {ID: nobody, Answer: record.AnswerNone}, {ID: bob, Answer: record.AnswerYes}}
	slices.SortFunc(people, func(x, y record.Relation) int { return strings.Compare(x.ID, y.ID) })
	require.Equal(t, lines(slices.Concat([]record.Relation{{ID: who}}, people, []record.Relation{{ID: account}})...), it.Fields[record.FieldRelations])
	require.Equal(t, "bob@acme.test accepted\nsecond@out.test declined\nwho@out.test needs_action", it.Fields[record.FieldAttendees])
	require.Equal(t, b.alice, it.Owner)
	require.Equal(t, []string{bob}, it.Reps)

	only := b.readEvents(connector.Query{}).Items
	require.Len(t, only, 1, "an invitee's copy belongs to its event")
	require.Equal(t, it.Version, only[0].Version)
}

// An answer does not move the event's stamp, and is seen all the same where the row is read: by its tag, and inside the
// overlap by the feed.
func TestAnAnswerChangesTheTagAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	bob := b.user("bob")
	id := b.appointment(nil)
	tie := b.guest(id, bob, "New")
	before, token := b.getEvent(id), b.readEvents(connector.Query{}).Token
	b.clock.advance(time.Minute)
	require.NoError(t, b.org.Update("EventRelation", tie, map[string]any{"Status": "Accepted"}, bob))
	after := b.getEvent(id)
	require.Equal(t, before.Version.At, after.Version.At)
	require.NotEqual(t, before.Version.Tag, after.Version.Tag)
	d := b.readEvents(connector.Query{Token: token})
	require.Len(t, d.Items, 1)
	require.Equal(t, bob+" "+record.AnswerYes, d.Items[0].Fields[record.FieldRelations])
	require.Empty(t, b.readEvents(connector.Query{Token: d.Token}).Items)
}

func TestEventsOfAnOwner(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	bob := b.user("bob")
	var mine []string
	for n := range 5 { // more than a page of own ones and of invitations
		mine = append(mine, b.appointment(nil))
		his := b.appointment(map[string]any{"OwnerId": bob})
		b.guest(his, b.alice, "New")
		mine = append(mine, his)
		b.appointment(map[string]any{"OwnerId": bob, "Subject": fmt.Sprint(n)})
	}
	shown := func(d connector.Delta) []string {
		var out []string
		for _, it := range d.Items {
			out = append(out, it.ID)
		}
		slices.Sort(out)
		return out
	}
	slices.Sort(mine)
	d := b.readEvents(connector.Query{Owner: b.alice})
	require.True(t, d.Complete)
	require.Equal(t, mine, shown(d), "own ones, and those of others that she is invited to, each once")
	require.Len(t, b.readEvents(connector.Query{}).Items, 15)

	b.clock.advance(time.Hour)
	require.NoError(t, b.org.Update("Event", mine[0], map[string]any{"Location": "here"}, ""))
	require.NoError(t, b.org.Update("Event", mine[1], map[string]any{"Location": "there"}, ""))
	require.NoError(t, b.org.Delete("Event", mine[2], ""))
	require.NoError(t, b.org.Delete("Event", mine[3], ""))
	d = b.readEvents(connector.Query{Owner: b.alice, Token: d.Token})
	require.Equal(t, mine[:2], shown(d))
	require.Len(t, d.Gone, 2, "deleted ones, the own one and that of somebody else")
	for _, g := range d.Gone {
		require.True(t, g.Deleted)
	}
	d = b.readEvents(connector.Query{Owner: b.alice, Token: d.Token})
	require.Empty(t, d.Items)
	require.Empty(t, d.Gone)
}

func TestWindowOfEvents(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	at := func(from, to string) map[string]any {
		return map[string]any{"StartDateTime": from, "EndDateTime": to}
	}
	days := func(first, last string) map[string]any {
		return map[string]any{"IsAllDayEvent": true, "StartDateTime": first + "T00:00:00.000+0000", "EndDateTime": last + "T00:00:00.000+0000"}
	}
	in := []string{
		b.appointment(at("2026-11-30T23:30:00.000+0000", "2026-12-01T00:30:00.000+0000")),
		b.appointment(at("2026-12-07T23:59:00.000+0000", "2026-12-08T01:00:00.000+0000")),
		b.appointment(days("2026-11-29", "2026-12-01")),
		b.appointment(days("2026-11-30", "2026-11-30")), // in Honolulu it is still going on
		b.appointment(days("2026-12-07", "2026-12-07")),
	}
	for _, out := range []map[string]any{
		at("2026-11-30T22:00:00.000+0000", "2026-11-30T23:59:00.000+0000"), at("2026-12-08T00:00:00.000+0000", "2026-12-08T01:00:00.000+0000"),
		days("2026-11-27", "2026-11-28"), days("2026-12-09", "2026-12-09"),
	} {
		b.appointment(out)
	}
	q := connector.Query{Owner: b.alice, From: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 12, 8, 0, 0, 0, 0, time.UTC)}
	d := b.readEvents(q)
	var shown []string
	for _, it := range d.Items {
		shown = append(shown, it.ID)
	}
	require.ElementsMatch(t, in, shown)
	q.From, q.To = time.Time{}, time.Time{}
	require.Len(t, b.readEvents(q).Items, 9, "unbounded")
}

func TestArchivedEventsAreShown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	old := b.appointment(map[string]any{"StartDateTime": "2025-01-07T09:00:00.000+0000", "EndDateTime": "2025-01-07T10:00:00.000+0000", "WhoId": b.contact("Who", nil)})
	key := record.NameKey(b.getEvent(old).Fields)
	require.Equal(t, 1, b.org.Archive(b.clock.now().AddDate(-1, 0, 0)))
	it := b.getEvent(old)
	require.NotEmpty(t, it.Fields[record.FieldRelations])
	require.Len(t, b.readEvents(connector.Query{Owner: b.alice}).Items, 1)
	found, err := b.crm.Find(t.Context(), record.Event, connector.ByName, []string{key}, nil)
	require.NoError(t, err)
	require.Len(t, found[key], 1)
	require.NoError(t, b.org.Delete("Event", old, ""))
	require.Empty(t, b.readEvents(connector.Query{Owner: b.alice}).Items, "a deleted one is not among them")
	found, err = b.crm.Find(t.Context(), record.Event, connector.ByName, []string{key}, nil)
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestFindEventsByName(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	fields := func(subject, at string) string {
		return record.NameKey(record.Fields{record.FieldSubject: subject, record.FieldTime: at})
	}
	timedAt, day := timed(time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC), time.Hour), "2026-12-01/2026-12-03"
	one := b.appointment(map[string]any{"Subject": "Réview."})
	b.appointment(map[string]any{"Subject": "Other"})
	b.appointment(map[string]any{"Subject": "Review", "EndDateTime": "2026-12-01T11:00:00.000+0000"})
	allDay := b.appointment(map[string]any{"Subject": "Fair", "IsAllDayEvent": true, "StartDateTime": "2026-12-01T00:00:00.000+0000", "EndDateTime": "2026-12-02T00:00:00.000+0000"})
	keys := []string{fields("review", timedAt), fields("FAIR", day), fields("fair", "2026-12-01/2026-12-02"), "nobody\nat\nall", ""}
	found, err := b.crm.Find(t.Context(), record.Event, connector.ByName, keys, nil)
	require.NoError(t, err)
	require.Len(t, found, 2)
	require.Equal(t, one, found[keys[0]][0].ID)
	require.Len(t, found[keys[0]], 1, "the longer one is another meeting")
	require.Equal(t, allDay, found[keys[1]][0].ID)
	_, err = b.crm.Find(t.Context(), record.Event, connector.ByEmail, []string{"a@x.test"}, nil)
	require.Equal(t, connector.Bug, connector.ClassOf(err))
}

func TestNativeSeriesAreRead(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	series, err := b.org.AddSeries(b.alice, "RRULE:FREQ=WEEKLY;BYDAY=SU;COUNT=3", map[string]any{"Subject": "Weekly", "Recurrence2PatternTimeZone": "Europe/Berlin",
		"StartDateTime": "2027-03-21T08:00:00.000+0000", "EndDateTime": "2027-03-21T09:00:00.000+0000"})
	require.NoError(t, err)
	rows := b.org.Occurrences(series)
	require.Len(t, rows, 3)
	require.NoError(t, b.org.EditOccurrence(rows[1], map[string]any{"Subject": "Special"}, b.alice))
	q := connector.Query{Owner: b.alice, From: time.Date(2027, 3, 28, 0, 0, 0, 0, time.UTC), To: time.Date(2027, 3, 29, 0, 0, 0, 0, time.UTC)}
	items := map[string]connector.Item{}
	for _, it := range b.readEvents(q).Items {
		items[it.ID] = it
	}
	require.Len(t, items, 2, "the series, and of its rows the one inside the window")
	master := items[series].Fields
	require.Contains(t, master[record.FieldRecurrence], "RRULE:FREQ=WEEKLY")
	require.Equal(t, "2027-03-21T09:00:00+01:00[Europe/Berlin]/2027-03-21T10:00:00+01:00[Europe/Berlin]", master[record.FieldTime])
	require.Empty(t, master[record.FieldSeries])
	moved := items[rows[1]].Fields
	require.Equal(t, series, moved[record.FieldSeries])
	require.Equal(t, "2027-03-28T07:00:00Z[UTC]/2027-03-28T08:00:00Z[UTC]", moved[record.FieldTime], "summer time has begun")
	require.Empty(t, moved[record.FieldRecurrence])

	last, whole := b.getEvent(rows[2]), b.getEvent(series)
	r := b.writeEvents(
		connector.Op{Verb: connector.Update, Ref: last.Ref, Current: &last, Set: record.Fields{record.FieldSubject: "ours"}},
		connector.Op{Verb: connector.Update, Ref: last.Ref, Current: &last, Key: "ours", Set: record.Fields{}},
		connector.Op{Verb: connector.Delete, Ref: whole.Ref, Current: &whole},
		connector.Op{Verb: connector.Delete, Ref: last.Ref, Current: &last})
	for _, one := range r[:3] {
		cl, code := class(one.Err)
		require.Equal(t, [2]string{string(connector.Park), "native_series"}, [2]string{string(cl), code}, "it would change every occurrence")
	}
	require.NoError(t, r[3].Err, "one occurrence can be deleted alone")
	require.Len(t, b.org.Occurrences(series), 2)
}

// A page of events costs a query for the events, one for their relations and one for each sort of people.
func TestAPageOfEventsCostsFiveQueries(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.crm = b.connect(salesforce.Config{PageSize: 2000})
	bob, who, lead := b.user("bob"), b.contact("Who", map[string]any{"Email": "who@out.test"}), b.lead("lara")
	for n := range 400 {
		id := b.appointment(map[string]any{"Subject": fmt.Sprint(n), "WhoId": who})
		b.guest(id, bob, "New")
		if n%2 == 0 {
			b.guest(id, lead, "New")
		}
	}
	token := b.readEvents(connector.Query{FromNow: true}).Token
	b.org.ResetCalls()
	items := b.readEvents(connector.Query{Token: token}).Items
	require.Len(t, items, 400)
	require.Equal(t, "bob@acme.test needs_action\nlara@lead.test needs_action\nwho@out.test needs_action", items[0].Fields[record.FieldAttendees])
	calls := b.org.Calls()
	t.Logf("calls: %v", calls)
	require.LessOrEqual(t, calls["query"]+calls["queryAll"], 1+1+3)
}

// A pattern that is changed from a day on stays with the series' record; what lies before follows it no more, and is an
// event as any.
func TestNativeSeriesThatIsChanged(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	series, err := b.org.AddSeries(b.alice, "RRULE:FREQ=DAILY;COUNT=4", map[string]any{"Subject": "Daily", "Recurrence2PatternTimeZone": "Europe/Berlin",
		"StartDateTime": "2027-03-01T08:00:00.000+0000", "EndDateTime": "2027-03-01T09:00:00.000+0000"})
	require.NoError(t, err)
	require.NoError(t, b.org.ChangeSeries(series, time.Date(2027, 3, 3, 0, 0, 0, 0, time.UTC), "RRULE:FREQ=DAILY;INTERVAL=2;COUNT=2", nil))
	follow, before := 0, connector.Item{}
	for _, it := range b.readEvents(connector.Query{}).Items {
		switch {
		case it.Fields[record.FieldSeries] != "":
			require.Equal(t, series, it.Fields[record.FieldSeries])
			follow++
		case it.ID != series:
			before = it
		}
	}
	require.Equal(t, 2, follow)
	require.NotEmpty(t, before.ID)
	after := b.must(b.writeEvents(connector.Op{Verb: connector.Update, Ref: before.Ref, Current: &before, Set: record.Fields{record.FieldSubject: "held"}})[0])
	require.Equal(t, "held", after.Fields[record.FieldSubject])
}

// Two series with one pattern cannot be told apart by their rows: these wait for a person, and the series themselves sync.
func TestSeriesThatCannotBeToldApart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range 2 {
		_, err := b.org.AddSeries(b.alice, "RRULE:FREQ=DAILY;COUNT=2", map[string]any{"Subject": "Daily",
			"StartDateTime": "2027-03-21T08:00:00.000+0000", "EndDateTime": "2027-03-21T09:00:00.000+0000"})
		require.NoError(t, err)
	}
	b.crm = b.connect(salesforce.Config{PageSize: 2000})
	d, err := b.crm.Changes(t.Context(), record.Event, connector.Query{})
	require.NoError(t, err)
	require.Len(t, d.Items, 2)
	require.Len(t, d.Bad, 4)
	for _, bad := range d.Bad {
		require.Equal(t, connector.Park, connector.ClassOf(bad))
	}
}

// Through WhoId, which may point to contacts and to leads, SOQL reaches what the two have in common and no more.
func TestExtraFieldsOfEvents(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.appointment(map[string]any{"WhoId": b.contact("Who", map[string]any{"Title": "CTO"}), "Type": "Call"})
	it := b.readEvents(connector.Query{Extra: []string{"Type", "Who.Title", "Owner.Name", "Who.Type"}}).Items[0]
	require.Equal(t, map[string]any{"Type": "Call", "Who": map[string]any{"Title": "CTO", "Type": "Contact"}, "Owner": map[string]any{"Name": "Alice Able"}}, it.Raw)
	_, err := b.crm.Changes(t.Context(), record.Event, connector.Query{Extra: []string{"Who.Department"}})
	cl, code := class(err)
	require.Equal(t, connector.Unsupported, cl)
	require.Equal(t, "unknown_field:Who.Department", code)
}

// A server without EventRelation holds whom an event is with and what it is about, and nothing else is sent to it.
func TestServerWithoutEventRelation(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.faults.MustAdd(fault.Rule{Kind: fault.Status, Status: 404, Path: "/sobjects/EventRelation/describe", Body: `[{"message":"The requested resource does not exist","errorCode":"NOT_FOUND"}]`})
	who, bob := b.contact("Who", map[string]any{"Email": "who@out.test"}), b.user("bob")
	id := b.appointment(nil)
	it := b.must(b.writeEvents(b.change(id, record.Fields{record.FieldRelations: who}))[0])
	require.Equal(t, who, it.Fields[record.FieldRelations])
	require.Equal(t, "who@out.test needs_action", it.Fields[record.FieldAttendees])
	r := b.writeEvents(b.change(id, record.Fields{record.FieldRelations: lines(record.Relation{ID: who}, record.Relation{ID: bob})}))[0]
	cl, code := class(r.Err)
	require.Equal(t, connector.Park, cl)
	require.Equal(t, "no_event_relation", code)
	caps, err := b.crm.Caps(t.Context(), record.Event, "")
	require.NoError(t, err)
	require.False(t, caps.Fields[record.FieldAnswer].Write)
}
