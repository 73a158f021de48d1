package salesforce_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

// meeting is an event of Alice's tomorrow from 9 to 10.
func meeting(b *bench, more ...values) values {
	v := values{"Subject": "Review", "OwnerId": b.alice, "StartDateTime": "2026-11-19T09:00:00.000+0000", "EndDateTime": "2026-11-19T10:00:00.000+0000"}
	for _, m := range more {
		maps.Copy(v, m)
	}
	return v
}

// event creates an event over HTTP and returns its id.
func (b *bench) event(more ...values) string {
	b.t.Helper()
	return b.do("POST", "sobjects/Event", meeting(b, more...)).want(201).object()["id"].(string)
}

// get reads one record.
func (b *bench) get(object, id string) values {
	b.t.Helper()
	return b.do("GET", "sobjects/"+object+"/"+id, nil).want(200).object()
}

// part picks some fields of a record.
func part(v values, fields ...string) values {
	out := values{}
	for _, f := range fields {
		out[f] = v[f]
	}
	return out
}

func TestEventShowsWhatTheVendorShows(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.event(values{"Location": "Room 1", "WhatId": b.account, "Repsync_Key__c": "acme/1"})
	require.Equal(t, "00U", id[:3])
	got := b.get("Event", id)
	for field, want := range map[string]any{"Subject": "Review", "Location": "Room 1", "StartDateTime": "2026-11-19T09:00:00.000+0000", "EndDateTime": "2026-11-19T10:00:00.000+0000",
		"ActivityDateTime": "2026-11-19T09:00:00.000+0000", "ActivityDate": "2026-11-19", "EndDate": "2026-11-19", "DurationInMinutes": 60.0, "IsAllDayEvent": false,
		"ShowAs": "Busy", "IsPrivate": false, "IsChild": false, "IsGroupEvent": false, "GroupEventType": "0", "IsRecurrence": false, "IsRecurrence2": false,
		"IsRecurrence2Exception": false, "IsRecurrence2Exclusion": false, "Recurrence2PatternText": nil, "IsArchived": false, "IsDeleted": false, "OwnerId": b.alice,
		"AccountId": b.account, "WhoId": nil, "EventSubtype": "Event", "CreatedById": b.api, "SystemModstamp": "2026-11-18T12:00:00.000+0000"} {
		require.Equal(t, want, got[field], field)
	}
	again := b.do("PATCH", "sobjects/Event/Repsync_Key__c/acme%2F1", values{"Subject": "Other"}).want(200).object()
	require.Equal(t, id, again["id"])
	require.Equal(t, []any{id}, b.column("SELECT Id FROM Event WHERE Subject = 'Other'", "Id"))
}

func TestEventTimes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const nine, ten = "2026-11-19T09:00:00.000+0000", "2026-11-19T10:00:00.000+0000"
	shape := []string{"IsAllDayEvent", "StartDateTime", "EndDateTime", "DurationInMinutes", "ActivityDate"}
	timed := values{"IsAllDayEvent": false, "StartDateTime": nine, "EndDateTime": ten, "DurationInMinutes": 60.0, "ActivityDate": "2026-11-19"}
	days := func(start, end string, n float64) values {
		return values{"IsAllDayEvent": true, "StartDateTime": start + "T00:00:00.000+0000", "EndDateTime": end + "T00:00:00.000+0000", "DurationInMinutes": n * 1440, "ActivityDate": start}
	}
	long := values{"IsAllDayEvent": false, "StartDateTime": nine, "EndDateTime": "2026-12-03T09:00:00.000+0000", "DurationInMinutes": 20160.0, "ActivityDate": "2026-11-19"}
	for name, c := range map[string]struct {
		create, update values
		want           values // nil: code says what is refused
		code, field    string
	}{
		"start and end":                    {create: values{"StartDateTime": nine, "EndDateTime": ten}, want: timed},
		"start and duration":               {create: values{"StartDateTime": nine, "DurationInMinutes": 60}, want: timed},
		"both that agree":                  {create: values{"StartDateTime": nine, "EndDateTime": ten, "DurationInMinutes": 60}, want: timed},
		"both that do not agree":           {create: values{"StartDateTime": nine, "EndDateTime": ten, "DurationInMinutes": 30}, code: "FIELD_INTEGRITY_EXCEPTION", field: "DurationInMinutes"},
		"the older name of the start":      {create: values{"ActivityDateTime": nine, "DurationInMinutes": 60}, want: timed},
		"names of the start that agree":    {create: values{"StartDateTime": nine, "ActivityDateTime": nine, "ActivityDate": "2026-11-19", "DurationInMinutes": 60}, want: timed},
		"a due time that is not the start": {create: values{"StartDateTime": nine, "ActivityDateTime": ten, "DurationInMinutes": 60}, code: "FIELD_INTEGRITY_EXCEPTION", field: "ActivityDateTime"},
		"a due date that is not the start": {create: values{"StartDateTime": nine, "ActivityDate": "2026-11-20", "DurationInMinutes": 60}, code: "FIELD_INTEGRITY_EXCEPTION", field: "ActivityDate"},
		"an offset":                        {create: values{"StartDateTime": "2026-11-19T10:00:00+01:00", "EndDateTime": "2026-11-19T11:00:00+01:00"}, want: timed},
		"no start":                         {create: values{"EndDateTime": ten}, code: "REQUIRED_FIELD_MISSING", field: "StartDateTime"},
		"neither end nor duration":         {create: values{"StartDateTime": nine}, code: "REQUIRED_FIELD_MISSING", field: "EndDateTime"},
		"no length at all":                 {create: values{"StartDateTime": nine, "EndDateTime": nine}, want: values{"IsAllDayEvent": false, "StartDateTime": nine, "EndDateTime": nine, "DurationInMinutes": 0.0, "ActivityDate": "2026-11-19"}},
		"an end before the start":          {create: values{"StartDateTime": ten, "EndDateTime": nine}, code: "FIELD_INTEGRITY_EXCEPTION", field: "EndDateTime"},
		"a negative duration":              {create: values{"StartDateTime": nine, "DurationInMinutes": -1}, code: "FIELD_INTEGRITY_EXCEPTION", field: "DurationInMinutes"},
		"14 days":                          {create: values{"StartDateTime": nine, "EndDateTime": "2026-12-03T09:00:00Z"}, want: long},
		"a minute more than 14 days":       {create: values{"StartDateTime": nine, "EndDateTime": "2026-12-03T09:01:00Z"}, code: "FIELD_INTEGRITY_EXCEPTION", field: "EndDateTime"},
		"20161 minutes":                    {create: values{"StartDateTime": nine, "DurationInMinutes": 20161}, code: "FIELD_INTEGRITY_EXCEPTION", field: "DurationInMinutes"},
		"all day, a day by default":        {create: values{"IsAllDayEvent": true, "ActivityDate": "2026-11-19"}, want: days("2026-11-19", "2026-11-19", 1)},
		"all day, the end is a day of it":  {create: values{"IsAllDayEvent": true, "StartDateTime": "2026-11-19", "EndDateTime": "2026-11-21"}, want: days("2026-11-19", "2026-11-21", 3)},
		"all day, times of day are dropped": {create: values{"IsAllDayEvent": true, "StartDateTime": nine, "EndDateTime": ten},
			want: days("2026-11-19", "2026-11-19", 1)},
		"all day by duration":             {create: values{"IsAllDayEvent": true, "ActivityDate": "2026-11-19", "DurationInMinutes": 2880}, want: days("2026-11-19", "2026-11-20", 2)},
		"all day, both that agree":        {create: values{"IsAllDayEvent": true, "ActivityDate": "2026-11-19", "EndDateTime": "2026-11-20", "DurationInMinutes": 2880}, want: days("2026-11-19", "2026-11-20", 2)},
		"all day, both that do not agree": {create: values{"IsAllDayEvent": true, "ActivityDate": "2026-11-19", "EndDateTime": "2026-11-20", "DurationInMinutes": 1440}, code: "FIELD_INTEGRITY_EXCEPTION", field: "DurationInMinutes"},
		"all day, half a day":             {create: values{"IsAllDayEvent": true, "ActivityDate": "2026-11-19", "DurationInMinutes": 720}, code: "FIELD_INTEGRITY_EXCEPTION", field: "DurationInMinutes"},
		"all day, 14 days":                {create: values{"IsAllDayEvent": true, "ActivityDate": "2026-11-19", "EndDateTime": "2026-12-02"}, want: days("2026-11-19", "2026-12-02", 14)},
		"all day, 15 days":                {create: values{"IsAllDayEvent": true, "ActivityDate": "2026-11-19", "EndDateTime": "2026-12-03"}, code: "FIELD_INTEGRITY_EXCEPTION", field: "EndDateTime"},
		"update of the start moves it":    {create: timed, update: values{"StartDateTime": "2026-11-19T08:00:00Z"}, want: values{"IsAllDayEvent": false, "StartDateTime": "2026-11-19T08:00:00.000+0000", "EndDateTime": nine, "DurationInMinutes": 60.0, "ActivityDate": "2026-11-19"}},
		"update of the end":               {create: timed, update: values{"EndDateTime": "2026-11-19T11:00:00Z"}, want: values{"IsAllDayEvent": false, "StartDateTime": nine, "EndDateTime": "2026-11-19T11:00:00.000+0000", "DurationInMinutes": 120.0, "ActivityDate": "2026-11-19"}},
		"update of the duration":          {create: timed, update: values{"DurationInMinutes": 20160}, want: long},
		"update to before the start":      {create: timed, update: values{"EndDateTime": "2026-11-19T08:00:00Z"}, code: "FIELD_INTEGRITY_EXCEPTION", field: "EndDateTime"},
		"update that empties the start":   {create: timed, update: values{"StartDateTime": nil}, code: "REQUIRED_FIELD_MISSING", field: "StartDateTime"},
		"update that empties the end":     {create: timed, update: values{"EndDateTime": nil, "DurationInMinutes": nil}, code: "REQUIRED_FIELD_MISSING", field: "EndDateTime"},
		"update of another field":         {create: timed, update: values{"Subject": "Other"}, want: timed},
		"update to all day":               {create: timed, update: values{"IsAllDayEvent": true}, want: days("2026-11-19", "2026-11-19", 1)},
		"update from all day": {create: values{"IsAllDayEvent": true, "ActivityDate": "2026-11-19"}, update: values{"IsAllDayEvent": false, "StartDateTime": nine, "EndDateTime": ten},
			want: timed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := *b
			b.t = t
			a := b.do("POST", "sobjects/Event", c.create)
			id := ""
			if a.status == 201 {
				id = a.object()["id"].(string)
			}
			if c.update != nil {
				a.want(201)
				a = b.do("PATCH", "sobjects/Event/"+id, c.update)
			}
			if c.code != "" {
				a.fails(400, c.code)
				require.Equal(t, []any{c.field}, a.list()[0].(values)["fields"])
				return
			}
			require.Less(t, a.status, 300, "body: %s", a.raw)
			require.Equal(t, c.want, part(b.get("Event", id), shape...))
		})
	}
}

func TestEventRules(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	contact, lead := b.contact("Doe"), b.insert("Lead", values{"LastName": "Roe", "Company": "Roe Ltd"})
	long := strings.Repeat("ä", 256)
	for name, c := range map[string]struct {
		v     values
		code  string // "": accepted
		field string
	}{
		"subject of 255 characters":   {values{"Subject": long[2:]}, "", ""},
		"no subject":                  {values{"Subject": nil}, "", ""},
		"subject too long":            {values{"Subject": long}, "STRING_TOO_LONG", "Subject"},
		"location too long":           {values{"Location": long}, "STRING_TOO_LONG", "Location"},
		"description of 32000":        {values{"Description": strings.Repeat("x", 32000)}, "", ""},
		"description too long":        {values{"Description": strings.Repeat("x", 32001)}, "STRING_TOO_LONG", "Description"},
		"show as free":                {values{"ShowAs": "Free"}, "", ""},
		"show as out of office":       {values{"ShowAs": "OutOfOffice"}, "", ""},
		"show as something":           {values{"ShowAs": "Tentative"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "ShowAs"},
		"with a contact":              {values{"WhoId": contact, "WhatId": b.account}, "", ""},
		"with a lead":                 {values{"WhoId": lead}, "", ""},
		"with a lead and a record":    {values{"WhoId": lead, "WhatId": b.account}, "FIELD_INTEGRITY_EXCEPTION", "WhatId"},
		"with an account as a person": {values{"WhoId": b.account}, "FIELD_INTEGRITY_EXCEPTION", "WhoId"},
		"with a user as a person":     {values{"WhoId": b.bob}, "FIELD_INTEGRITY_EXCEPTION", "WhoId"},
		"about a contact":             {values{"WhatId": contact}, "FIELD_INTEGRITY_EXCEPTION", "WhatId"},
		"private":                     {values{"IsPrivate": true}, "", ""},
		"private with a contact":      {values{"IsPrivate": true, "WhoId": contact}, "FIELD_INTEGRITY_EXCEPTION", "IsPrivate"},
		"private about an account":    {values{"IsPrivate": true, "WhatId": b.account}, "FIELD_INTEGRITY_EXCEPTION", "IsPrivate"},
		"derived account":             {values{"AccountId": b.account}, "INVALID_FIELD_FOR_INSERT_UPDATE", "AccountId"},
		"group event":                 {values{"IsGroupEvent": true}, "INVALID_FIELD_FOR_INSERT_UPDATE", "IsGroupEvent"},
		"child":                       {values{"IsChild": true}, "INVALID_FIELD_FOR_INSERT_UPDATE", "IsChild"},
		"series":                      {values{"Recurrence2PatternText": "RRULE:FREQ=DAILY"}, "INVALID_FIELD_FOR_INSERT_UPDATE", "Recurrence2PatternText"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := *b
			b.t = t
			a := b.do("POST", "sobjects/Event", meeting(&b, c.v))
			if c.code == "" {
				a.want(201)
				return
			}
			a.fails(400, c.code)
			require.Equal(t, []any{c.field}, a.list()[0].(values)["fields"])
		})
	}
}

func TestEventAccountFollowsWhatThenWho(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	other := b.insert("Account", values{"Name": "Other"})
	contact := b.contact("Doe")
	id := b.event(values{"WhoId": contact})
	require.Equal(t, b.account, b.get("Event", id)["AccountId"])
	b.do("PATCH", "sobjects/Event/"+id, values{"WhatId": other}).want(204)
	require.Equal(t, other, b.get("Event", id)["AccountId"])
	b.do("PATCH", "sobjects/Event/"+id, values{"WhatId": nil, "WhoId": nil}).want(204)
	require.Nil(t, b.get("Event", id)["AccountId"])
}

func TestEventKeyFieldByOrg(t *testing.T) {
	t.Parallel()
	key := salesforce.Field{Name: "Repsync_Key__c", Label: "Key", Type: salesforce.TypeString, Length: 255, Custom: true}
	t.Run("no external id", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.s.AddField("Event", key)
		b.do("PATCH", "sobjects/Event/Repsync_Key__c/k1", meeting(b)).fails(404, "NOT_FOUND")
		one, two := b.event(values{"Repsync_Key__c": "k1"}), b.event(values{"Repsync_Key__c": "k1"})
		require.Equal(t, []any{one, two}, b.column("SELECT Id FROM Event WHERE Repsync_Key__c = 'k1'", "Id"))
	})
	t.Run("absent", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.s.RemoveField("Event", "Repsync_Key__c")
		b.do("POST", "sobjects/Event", meeting(b, values{"Repsync_Key__c": "k1"})).fails(400, "INVALID_FIELD")
		b.contact("Doe", values{"Repsync_Key__c": "k1"}) // the contact's is another field
	})
	t.Run("unique", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.event(values{"Repsync_Key__c": "k1"})
		b.do("POST", "sobjects/Event", meeting(b, values{"Repsync_Key__c": "k1"})).fails(400, "DUPLICATE_VALUE")
	})
}

func TestEventAccess(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id, private := b.event(), b.event(values{"IsPrivate": true})
	level := func(event string) any {
		return b.column("SELECT MaxAccessLevel FROM UserRecordAccess WHERE UserId = '"+b.bob+"' AND RecordId = '"+event+"'", "MaxAccessLevel")[0]
	}
	bob := b.as(b.bob)
	require.Equal(t, "Edit", level(id), "public read/write until the org says otherwise")
	require.Equal(t, "None", level(private))
	require.Equal(t, []any{id}, bob.column("SELECT Id FROM Event", "Id"), "nobody else sees a private event")
	made := bob.do("POST", "sobjects/Event", meeting(b, values{"IsPrivate": true})).want(201).object()["id"].(string)
	require.Equal(t, "Edit", level(made), "who made it for somebody else does")
	b.s.SetSharing("Event", salesforce.Private)
	require.Equal(t, "None", level(id))
	relation := b.do("POST", "sobjects/EventRelation", values{"EventId": id, "RelationId": b.bob}).want(201).object()["id"].(string)
	require.Equal(t, "Read", level(id), "an invitee reads the event")
	require.Equal(t, "Edit", level(relation), "and may answer")
	bob.do("PATCH", "sobjects/EventRelation/"+relation, values{"Status": "Accepted"}).want(204)
	bob.do("DELETE", "sobjects/EventRelation/"+relation, nil).fails(403, "INSUFFICIENT_ACCESS_OR_READONLY")
	bob.do("PATCH", "sobjects/Event/"+id, values{"Subject": "Mine"}).fails(403, "INSUFFICIENT_ACCESS_OR_READONLY")
	bob.do("POST", "sobjects/EventRelation", values{"EventId": id, "RelationId": b.contact("Doe")}).fails(403, "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY")
	alice := b.as(b.alice)
	require.Len(t, alice.copyOf(b.bob), 1, "the owner sees the invitees' copies")
	alice.do("DELETE", "sobjects/EventRelation/"+relation, nil).want(204)
	b.s.SetFieldAccess("Field Sales", "Event", "Location", false, false)
	bob.query("SELECT Location FROM Event").fails(400, "INVALID_FIELD")
}

func TestEventArchiveAndReplication(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	old := b.event(values{"StartDateTime": "2025-01-01T09:00:00Z", "EndDateTime": "2025-01-01T10:00:00Z"})
	id := b.event()
	require.Equal(t, 1, b.s.Archive(b.clock.now().AddDate(-1, 0, 0)))
	require.Equal(t, []any{id}, b.column("SELECT Id FROM Event", "Id"))
	require.EqualValues(t, 1, b.query("SELECT COUNT() FROM Event").want(200).object()["totalSize"])
	all := b.do("GET", "queryAll?q=SELECT+Id,IsArchived+FROM+Event+ORDER+BY+Id", nil).want(200).object()
	require.Equal(t, []any{old, id}, column(all, "Id"))
	b.clock.advance(5 * time.Minute)
	relation := b.do("POST", "sobjects/EventRelation", values{"EventId": id, "RelationId": b.bob}).want(201).object()["id"].(string)
	b.do("DELETE", "sobjects/Event/"+id, nil).want(204)
	b.clock.advance(5 * time.Minute)
	span := "?start=2026-11-18T12:01:00Z&end=2026-11-18T12:09:00Z"
	gone := func(object string) (ids []any) {
		for _, r := range b.do("GET", "sobjects/"+object+"/deleted"+span, nil).want(200).object()["deletedRecords"].([]any) {
			ids = append(ids, r.(values)["id"])
		}
		return ids
	}
	require.Len(t, gone("Event"), 2, "the event and the invitee's copy")
	require.Contains(t, gone("Event"), id)
	require.Equal(t, []any{relation}, gone("EventRelation"), "relations go with their event")
	require.NoError(t, b.s.Undelete("Event", id, ""))
	require.Empty(t, gone("EventRelation"))
	require.Len(t, b.column("SELECT Id FROM Event", "Id"), 2)
}

func TestAnEventArchivedBetweenTwoPages(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.event()
	b.event(values{"StartDateTime": "2025-01-01T09:00:00Z", "EndDateTime": "2025-01-01T10:00:00Z"})
	b.s.SetPageLimit(1)
	next := b.query("SELECT Id FROM Event ORDER BY Id").want(200).object()["nextRecordsUrl"].(string)
	b.s.Archive(b.clock.now().AddDate(-1, 0, 0))
	require.Empty(t, b.raw("GET", next, nil).want(200).object()["records"])
}

func TestEventDescribe(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	object := b.do("GET", "sobjects/Event/describe", nil).want(200).object()
	require.Equal(t, "00U", object["keyPrefix"])
	got := map[string]values{}
	for _, f := range object["fields"].([]any) {
		got[f.(values)["name"].(string)] = f.(values)
	}
	for field, want := range map[string]values{
		"Subject":                {"type": "combobox", "length": 255.0, "createable": true},
		"WhoId":                  {"referenceTo": []any{"Contact", "Lead"}, "relationshipName": "Who", "polymorphicForeignKey": true},
		"OwnerId":                {"referenceTo": []any{"Calendar", "User"}, "relationshipName": "Owner"},
		"AccountId":              {"createable": false, "updateable": false},
		"GroupEventType":         {"createable": false, "restrictedPicklist": true},
		"IsRecurrence2":          {"createable": false},
		"Recurrence2PatternText": {"createable": false, "updateable": false, "length": 512.0},
		"ShowAs":                 {"restrictedPicklist": true, "createable": true},
		"Repsync_Key__c":         {"externalId": true, "unique": true, "caseSensitive": true, "length": 255.0},
	} {
		for key, value := range want {
			require.Equal(t, value, got[field][key], "%s.%s", field, key)
		}
	}
	b.s.SetSeriesCreatable(true)
	for _, f := range b.do("GET", "sobjects/Event/describe", nil).want(200).object()["fields"].([]any) {
		if f.(values)["name"] == "Recurrence2PatternText" {
			require.Equal(t, true, f.(values)["createable"])
			require.Equal(t, false, f.(values)["updateable"])
		}
	}
	names := []any{}
	for _, o := range b.do("GET", "sobjects", nil).want(200).object()["sobjects"].([]any) {
		names = append(names, o.(values)["name"])
	}
	require.Subset(t, names, []any{"Event", "EventRelation"})
	require.NotContains(t, names, "Name")
}
