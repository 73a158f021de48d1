package salesforce_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/salesforce"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/fault"
	sandbox "github.com/repsync/repsync/internal/sandbox/salesforce"
)

// change is an update of an event as it stands now.
func (b *bench) change(id string, set record.Fields) connector.Op {
	it := b.getEvent(id)
	return connector.Op{Verb: connector.Update, Ref: it.Ref, If: it.Version, Current: &it, Set: set, Owner: b.alice}
}

func (b *bench) must(r connector.Result) connector.Item {
	b.t.Helper()
	require.NoError(b.t, r.Err)
	return b.getEvent(r.Ref.ID)
}

const (
	invitee = " parent=false what=false invitee=true"
	parent  = " parent=true what=false invitee=false"
	both    = " parent=true what=false invitee=true"
	about   = "<nil> parent=true what=true invitee=false"
)

func TestRelationsOfANewEvent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	bob, account, other := b.user("bob"), b.account("Company 1").(string), b.account("Company 2").(string)
	who, second, third := b.contact("Who", nil), b.contact("Second", nil), b.contact("Third", nil)
	want := []record.Relation{{ID: bob, Answer: record.AnswerYes}, {ID: b.alice, Answer: record.AnswerYes}, {ID: who, Answer: record.AnswerNo}, {ID: second},
		{ID: third, Answer: record.AnswerTentative}, {ID: account}, {ID: other}}
	f := meeting(1)
	f[record.FieldRelations] = lines(want...)
	op := connector.Op{Verb: connector.Create, Key: "k", Owner: b.alice, Set: f}
	b.writeEvents(connector.Op{Verb: connector.Create, Key: "first", Owner: b.alice, Set: meeting(2)}) // sign-in and describe are paid once
	b.org.ResetCalls()
	r := b.writeEvents(op)[0]
	require.NoError(t, r.Err)
	require.LessOrEqual(t, sum(b.org.Calls()), 1+1+1+1+1, "the event, describe of EventRelation, the relations there are, new ones, changed ones")
	stands := map[string]string{
		who: "Declined" + both, second: "New" + invitee, third: "New" + invitee, bob: "Accepted" + invitee, account: about,
	}
	require.Equal(t, stands, b.relations(r.Ref.ID), "the owner is no guest, and an event is about one record")
	row := b.event(r.Ref.ID)
	require.Equal(t, who, row["WhoId"])
	require.Equal(t, account, row["WhatId"])
	require.Equal(t, []string{bob}, b.getEvent(r.Ref.ID).Reps)

	again := b.writeEvents(op)[0]
	require.NoError(t, again.Err)
	require.Equal(t, r.Ref, again.Ref)
	require.Equal(t, stands, b.relations(r.Ref.ID), "sent again, nothing is doubled")
}

func TestRelationsThatStandCostNoWrite(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who, bob := b.contact("Who", nil), b.user("bob")
	id := b.appointment(map[string]any{"WhoId": who})
	b.guest(id, bob, "Accepted")
	op := b.change(id, nil)
	op.Set = record.Fields{record.FieldRelations: op.Current.Fields[record.FieldRelations]}
	b.writeEvents(op)
	b.org.ResetCalls()
	require.NoError(t, b.writeEvents(op)[0].Err)
	require.Equal(t, map[string]int{"queryAll": 1}, b.org.Calls(), "they are compared first")
}

func TestRelationsOfAnEventThatPeopleFiled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set       func(p people) []record.Relation
		who, what func(p people) string
		ties      func(p people) map[string]string
	}{
		"ours come beside theirs": {
			set: func(p people) []record.Relation {
				return []record.Relation{{ID: p.new, Answer: record.AnswerYes}, {ID: p.account2}}
			},
			who:  func(p people) string { return p.old },
			what: func(p people) string { return p.account1 },
			ties: func(p people) map[string]string {
				return map[string]string{p.old: "New" + parent, p.guest: "Declined" + invitee, p.new: "Accepted" + invitee, p.account1: about}
			},
		},
		"ours first, theirs listed": {
			set: func(p people) []record.Relation {
				return []record.Relation{{ID: p.new}, {ID: p.old, Answer: record.AnswerYes}, {ID: p.account2}, {ID: p.account1}}
			},
			who:  func(p people) string { return p.new },
			what: func(p people) string { return p.account2 },
			ties: func(p people) map[string]string {
				return map[string]string{p.old: "Accepted" + invitee, p.guest: "Declined" + invitee, p.new: "New" + parent, p.account2: about}
			},
		},
		"taken out": {
			set: func(p people) []record.Relation {
				return []record.Relation{{ID: p.old, Gone: true}, {ID: p.guest, Gone: true}, {ID: p.account1, Gone: true}, {ID: p.new, Gone: true}}
			},
			who: func(people) string { return "" }, what: func(people) string { return "" },
			ties: func(people) map[string]string { return map[string]string{} },
		},
		"taken out and replaced": {
			set: func(p people) []record.Relation {
				return []record.Relation{{ID: p.old, Gone: true}, {ID: p.new, Answer: record.AnswerNone}, {ID: p.account1, Gone: true}, {ID: p.account2}}
			},
			who:  func(p people) string { return p.new },
			what: func(p people) string { return p.account2 },
			ties: func(p people) map[string]string {
				return map[string]string{p.new: "New" + both, p.guest: "Declined" + invitee, p.account2: about}
			},
		},
		"nothing listed": {
			set: func(people) []record.Relation { return nil },
			who: func(p people) string { return p.old }, what: func(p people) string { return p.account1 },
			ties: func(p people) map[string]string {
				return map[string]string{p.old: "New" + parent, p.guest: "Declined" + invitee, p.account1: about}
			},
		},
		"another answer": {
			set:  func(p people) []record.Relation { return []record.Relation{{ID: p.guest, Answer: record.AnswerNone}} },
			who:  func(p people) string { return p.old },
			what: func(p people) string { return p.account1 },
			ties: func(p people) map[string]string {
				return map[string]string{p.old: "New" + parent, p.guest: "New" + invitee, p.account1: about}
			},
		},
		"a lead beside an account is invited only": {
			set: func(p people) []record.Relation {
				return []record.Relation{{ID: p.lead, Answer: record.AnswerYes}, {ID: p.old, Gone: true}}
			},
			who:  func(people) string { return "" },
			what: func(p people) string { return p.account1 },
			ties: func(p people) map[string]string {
				return map[string]string{p.lead: "Accepted" + invitee, p.guest: "Declined" + invitee, p.account1: about}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			p := people{old: b.contact("Old", nil), new: b.contact("New", nil), guest: b.contact("Guest", nil), lead: b.lead("lara"),
				account1: b.account("Company 1").(string), account2: b.account("Company 2").(string)}
			id := b.appointment(map[string]any{"WhoId": p.old, "WhatId": p.account1})
			b.guest(id, p.guest, "Declined")
			it := b.must(b.writeEvents(b.change(id, record.Fields{record.FieldRelations: lines(c.set(p)...)}))[0])
			text := func(v any) string { s, _ := v.(string); return s }
			require.Equal(t, c.who(p), text(b.event(id)["WhoId"]))
			require.Equal(t, c.what(p), text(b.event(id)["WhatId"]))
			require.Equal(t, c.ties(p), b.relations(id))
			// Writing what was just read changes nothing.
			b.must(b.writeEvents(b.change(id, record.Fields{record.FieldRelations: it.Fields[record.FieldRelations]}))[0])
			require.Equal(t, it.Fields, b.getEvent(id).Fields)
		})
	}
}

type people struct{ old, new, guest, lead, account1, account2 string }

func TestALeadHasNoAccountBesideIt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	lead := b.lead("lara")
	f := meeting(1)
	f[record.FieldRelations] = lines(record.Relation{ID: lead}, record.Relation{ID: b.account("Company 1").(string)})
	it := b.must(b.writeEvents(connector.Op{Verb: connector.Create, Key: "k", Owner: b.alice, Set: f})[0])
	require.Equal(t, lead, it.Fields[record.FieldRelations])
}

func TestOwnAnswer(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	bob, eve := b.user("bob"), b.user("eve")
	id := b.appointment(nil)
	b.guest(id, bob, "New")
	answer := func(who, v string) connector.Result {
		op := b.change(id, record.Fields{record.FieldAnswer: v})
		op.Owner = who
		return b.writeEvents(op)[0]
	}
	require.NoError(t, answer(bob, record.AnswerYes).Err)
	require.Equal(t, map[string]string{bob: "Accepted" + invitee}, b.relations(id))
	require.NoError(t, answer(bob, record.AnswerNo).Err)
	require.Equal(t, map[string]string{bob: "Declined" + invitee}, b.relations(id))
	require.NoError(t, answer(b.alice, record.AnswerYes).Err, "it is in her calendar")
	require.NoError(t, answer(eve, record.AnswerYes).Err, "she attends, though nobody has invited her in the CRM")
	require.Equal(t, map[string]string{bob: "Declined" + invitee, eve: "Accepted" + invitee}, b.relations(id))
	require.NoError(t, answer(eve, record.AnswerNo).Err)
	require.Equal(t, map[string]string{bob: "Declined" + invitee, eve: "Declined" + invitee}, b.relations(id), "she is invited once")

	id = b.appointment(nil)
	op := b.change(id, record.Fields{record.FieldAnswer: record.AnswerYes, record.FieldRelations: lines(record.Relation{ID: eve})})
	op.Owner = eve
	b.must(b.writeEvents(op)[0])
	require.Equal(t, "Accepted"+invitee, b.relations(id)[eve], "invited and answered in one")
}

// A row that was written and whose relations were not is half done: unclear, and sending it again makes it whole.
func TestHalfDoneIsUnclear(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]fault.Rule{
		"the relations never arrived":       {Kind: fault.Drop, Method: "POST", Path: "/composite/sobjects$", Times: 1},
		"their answer was lost":             {Kind: fault.DropAfter, Method: "POST", Path: "/composite/sobjects$", Times: 1},
		"the relations could not be read":   {Kind: fault.Status, Status: 503, Query: "FROM EventRelation", Times: 1},
		"the org has no calls left by then": {Kind: fault.Status, Status: 403, Method: "POST", Path: "/composite/sobjects$", Times: 1, Body: `[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			who, bob := b.contact("Who", nil), b.user("bob")
			f := meeting(1)
			f[record.FieldRelations] = lines(record.Relation{ID: who}, record.Relation{ID: bob, Answer: record.AnswerYes})
			ops := []connector.Op{{Verb: connector.Create, Key: "k", Owner: b.alice, Set: f}, {Verb: connector.Create, Key: "plain", Owner: b.alice, Set: meeting(2)}}
			b.faults.MustAdd(rule)
			r := b.writeEvents(ops...)
			require.Equal(t, connector.Unclear, connector.ClassOf(r[0].Err))
			require.NotEmpty(t, r[0].Ref.ID)
			require.NoError(t, r[1].Err, "it has no relations")
			r = b.writeEvents(ops...)
			require.NoError(t, r[0].Err)
			require.Equal(t, map[string]string{who: "New" + parent, bob: "Accepted" + invitee}, b.relations(r[0].Ref.ID))
		})
	}
}

func TestRelationThatIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who, gone := b.contact("Who", nil), b.contact("Gone", nil)
	require.NoError(t, b.org.Delete("Contact", gone, ""))
	bad := lines(record.Relation{ID: who}, record.Relation{ID: gone})
	id, plain := b.appointment(map[string]any{"WhoId": who}), b.appointment(nil)
	r := b.writeEvents(
		b.change(id, record.Fields{record.FieldRelations: bad}),
		b.change(plain, record.Fields{record.FieldRelations: bad, record.FieldLocation: "x"}),
		b.change(plain, record.Fields{record.FieldRelations: lines(record.Relation{ID: gone})}),
		b.change(plain, record.Fields{record.FieldRelations: "no id"}),
		connector.Op{Verb: connector.Update, Ref: connector.Ref{ID: id}, Set: record.Fields{record.FieldRelations: who}},
	)
	require.Equal(t, connector.Park, connector.ClassOf(r[0].Err), "nothing of it was written; the event itself is not missing")
	require.Equal(t, connector.Unclear, connector.ClassOf(r[1].Err), "the location was")
	require.Equal(t, connector.Park, connector.ClassOf(r[2].Err), "the event is there: it is the contact that is not")
	require.Equal(t, connector.Park, connector.ClassOf(r[3].Err))
	require.Equal(t, connector.Bug, connector.ClassOf(r[4].Err), "what people filed it under is not known")
}

func TestTimedToAllDayAndBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.appointment(nil)
	for _, v := range []string{
		"2026-12-01/2026-12-02", "2026-12-03/2026-12-06", "2026-12-03T23:15:00+01:00[Europe/Berlin]/2026-12-04T00:45:00+01:00[Europe/Berlin]",
		"2028-02-29/2028-03-01", "2026-12-01T09:00:00Z[UTC]/2026-12-01T09:00:00Z[UTC]", "2026-12-01T09:00:00Z[UTC]/2026-12-15T09:00:00Z[UTC]", "2026-12-01/2026-12-15",
	} {
		it := b.must(b.writeEvents(b.change(id, record.Fields{record.FieldTime: v}))[0])
		require.True(t, record.Equal(record.FieldTime, v, it.Fields[record.FieldTime]), "%s reads back as %s", v, it.Fields[record.FieldTime])
	}
}

func TestWhatSalesforceDoesNotHoldIsParked(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := b.contact("Who", nil)
	for name, set := range map[string]record.Fields{
		"15 days":                   {record.FieldTime: "2026-12-01T09:00:00Z[UTC]/2026-12-15T09:01:00Z[UTC]"},
		"15 dates":                  {record.FieldTime: "2026-12-01/2026-12-16"},
		"no time":                   {record.FieldTime: ""},
		"a recurrence":              {record.FieldRecurrence: "RRULE:FREQ=DAILY"},
		"attendees":                 {record.FieldAttendees: "a@x.test needs_action"},
		"private with a contact":    {record.FieldPrivacy: record.PrivacyPrivate, record.FieldRelations: who},
		"a long subject":            {record.FieldSubject: longText(256)},
		"show_as that nobody knows": {record.FieldShowAs: "asleep"},
	} {
		id := b.appointment(nil)
		before := b.getEvent(id)
		require.Equal(t, connector.Park, connector.ClassOf(b.writeEvents(b.change(id, set))[0].Err), name)
		require.Equal(t, before.Fields, b.getEvent(id).Fields, name)
	}
}

func longText(n int) string {
	out := make([]byte, n)
	for i := range out {
		out[i] = 'a'
	}
	return string(out)
}

func TestEventCaps(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	caps, err := b.crm.Caps(t.Context(), record.Event, b.alice)
	require.NoError(t, err)
	require.Equal(t, connector.GuardUpsert, caps.Create)
	require.True(t, caps.Deletions)
	require.Equal(t, map[string]connector.FieldCaps{
		record.FieldSubject:     {Read: true, Write: true, MaxLen: 255},
		record.FieldTime:        {Read: true, Write: true, Required: true, MaxSpan: 14 * 24 * time.Hour},
		record.FieldLocation:    {Read: true, Write: true, MaxLen: 255},
		record.FieldDescription: {Read: true, Write: true, MaxLen: 32000},
		record.FieldShowAs:      {Read: true, Write: true},
		record.FieldPrivacy:     {Read: true, Write: true},
		record.FieldRelations:   {Read: true, Write: true},
		record.FieldAttendees:   {Read: true},
		record.FieldRecurrence:  {Read: true},
		record.FieldAnswer:      {Read: true, Write: true},
	}, caps.Fields)

	b.org.SetSeriesCreatable(true)
	b.org.SetFieldAccess("Field Sales", "Event", "Description", true, false)
	b.org.SetFieldAccess("Field Sales", "Event", "Location", false, false)
	b.clock.advance(time.Hour)
	narrow, err := b.crm.Caps(t.Context(), record.Event, b.alice)
	require.NoError(t, err)
	require.Equal(t, connector.FieldCaps{Read: true}, narrow.Fields[record.FieldRecurrence], "whatever describe says")
	require.Equal(t, connector.FieldCaps{Read: true, MaxLen: 32000}, narrow.Fields[record.FieldDescription])
	require.False(t, narrow.Fields[record.FieldLocation].Read)
	require.NotEqual(t, caps.Metadata, narrow.Metadata)

	b.org.RemoveField("Event", "Repsync_Key__c")
	b.clock.advance(time.Hour)
	caps, err = b.crm.Caps(t.Context(), record.Event, "")
	require.NoError(t, err)
	require.Equal(t, connector.GuardNone, caps.Create)
	r := b.writeEvents(connector.Op{Verb: connector.Create, Key: "k", Owner: b.alice, Set: meeting(1)})
	require.Equal(t, connector.Unsupported, connector.ClassOf(r[0].Err))
}

func TestAccessToEvents(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.org.SetSharing("Event", sandbox.Private)
	bob := b.user("bob")
	mine, his, shared := b.appointment(nil), b.appointment(map[string]any{"OwnerId": bob}), b.appointment(map[string]any{"OwnerId": bob})
	b.guest(shared, b.alice, "New")
	got, err := b.crm.Access(t.Context(), record.Event, b.alice, []string{mine, his, shared})
	require.NoError(t, err)
	require.Equal(t, map[string]connector.Access{mine: {Read: true, Edit: true, Delete: true}, shared: {Read: true}}, got)
}

func TestOneEventTwiceInAWrite(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	bob, who := b.user("bob"), b.contact("Who", nil)
	id := b.appointment(nil)
	b.guest(id, bob, "New")
	set := func(v string) connector.Op {
		return b.change(id, record.Fields{record.FieldRelations: lines(record.Relation{ID: bob, Answer: v}, record.Relation{ID: who})})
	}
	for _, r := range b.writeEvents(set(record.AnswerNo), set(record.AnswerYes)) {
		require.NoError(t, r.Err)
	}
	require.Equal(t, map[string]string{bob: "Accepted" + invitee, who: "New" + parent}, b.relations(id), "the later one stands")
}

// Two hundred events with relations are written in five calls.
func TestRelationsAreWrittenInBulk(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.crm = b.connect(salesforce.Config{PageSize: 2000})
	who, bob := b.contact("Who", nil), b.user("bob")
	var ops []connector.Op
	for n := range 200 {
		f := meeting(n)
		f[record.FieldRelations] = lines(record.Relation{ID: who}, record.Relation{ID: bob, Answer: record.AnswerYes})
		ops = append(ops, connector.Op{Verb: connector.Create, Key: f[record.FieldSubject], Owner: b.alice, Set: f})
	}
	b.writeEvents(ops[:1]...)
	b.org.ResetCalls()
	for _, r := range b.writeEvents(ops...) {
		require.NoError(t, r.Err)
		require.Len(t, b.relations(r.Ref.ID), 2)
	}
	t.Logf("calls: %v", b.org.Calls())
	require.LessOrEqual(t, sum(b.org.Calls()), 3)
}
