package salesforce_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// invite relates somebody to an event and returns the relation's id.
func (b *bench) invite(event, who string, more ...values) string {
	b.t.Helper()
	v := values{"EventId": event, "RelationId": who}
	for _, m := range more {
		maps.Copy(v, m)
	}
	return b.do("POST", "sobjects/EventRelation", v).want(201).object()["id"].(string)
}

// relations lists an event's relations as "RelationId IsParent IsWhat IsInvitee Status".
func (b *bench) relations(event string) []string {
	b.t.Helper()
	out := []string{}
	got := b.query("SELECT RelationId, IsParent, IsWhat, IsInvitee, Status FROM EventRelation WHERE EventId = '" + event + "' ORDER BY CreatedDate, Id").want(200).object()
	for _, r := range got["records"].([]any) {
		v := r.(values)
		out = append(out, fmt.Sprintf("%v %v %v %v %v", v["RelationId"], v["IsParent"], v["IsWhat"], v["IsInvitee"], v["Status"]))
	}
	return out
}

// copyOf finds the invitee's copy of an event by its owner.
func (b *bench) copyOf(owner string) []any {
	b.t.Helper()
	return b.column("SELECT Id FROM Event WHERE IsChild = true AND OwnerId = '"+owner+"'", "Id")
}

func TestRelationsOfWhoAndWhatAppearByThemselves(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two := b.contact("One"), b.contact("Two")
	id := b.event(values{"WhoId": one, "WhatId": b.account})
	require.Equal(t, []string{one + " true false false New", b.account + " true true false <nil>"}, b.relations(id))
	require.Equal(t, []any{b.account, b.account}, b.column("SELECT AccountId FROM EventRelation", "AccountId"))

	b.do("PATCH", "sobjects/Event/"+id, values{"WhoId": two, "WhatId": nil}).want(204)
	require.Equal(t, []string{two + " true false false New"}, b.relations(id))

	b.invite(id, one, values{"IsParent": true})
	b.do("PATCH", "sobjects/Event/"+id, values{"WhoId": nil}).want(204)
	require.Equal(t, one, b.get("Event", id)["WhoId"], "another contact of the event takes the place")
	require.Equal(t, []string{one + " true false false New"}, b.relations(id))
}

func TestDeletingTheRelationOfWhoOrWhat(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two := b.contact("One"), b.contact("Two")
	id := b.event(values{"WhoId": one, "WhatId": b.account})
	b.invite(id, two, values{"IsParent": true, "IsInvitee": true})
	row := func(who string) string {
		return b.column("SELECT Id FROM EventRelation WHERE RelationId = '"+who+"'", "Id")[0].(string)
	}
	b.do("DELETE", "sobjects/EventRelation/"+row(one), nil).want(204)
	require.Equal(t, two, b.get("Event", id)["WhoId"])
	b.do("DELETE", "sobjects/EventRelation/"+row(b.account), nil).want(204)
	require.Nil(t, b.get("Event", id)["WhatId"])
	b.do("PATCH", "sobjects/Event/"+id, values{"WhoId": one}).want(204)
	require.Equal(t, []string{two + " false false true New", one + " true false false New"}, b.relations(id), "who was invited stays invited")
}

func TestARelationFilesAnEventThatHasNoWhoYet(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	contact := b.contact("Doe")
	id := b.event()
	relation := b.invite(id, contact)
	require.Nil(t, b.get("Event", id)["WhoId"], "an invitee is no WhoId")
	b.clock.advance(time.Minute)
	b.do("PATCH", "sobjects/EventRelation/"+relation, values{"IsParent": true}).want(204)
	got := b.get("Event", id)
	require.Equal(t, contact, got["WhoId"])
	require.Equal(t, b.account, got["AccountId"])
	require.Equal(t, "2026-11-18T12:00:00.000+0000", got["SystemModstamp"], "the event's stamp does not move with its relations")
	require.Equal(t, []string{contact + " true false true New"}, b.relations(id))
	b.invite(id, b.account, values{"IsWhat": true})
	require.Equal(t, b.account, b.get("Event", id)["WhatId"])
}

func TestInvitingAUserMakesACopy(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	contact := b.contact("Doe")
	id := b.event(values{"WhoId": contact, "Location": "Room 1", "Repsync_Key__c": "k1"})
	b.clock.advance(time.Minute)
	relation := b.invite(id, b.bob)
	parent := b.get("Event", id)
	require.Equal(t, values{"IsGroupEvent": true, "GroupEventType": "1", "IsChild": false, "SystemModstamp": "2026-11-18T12:00:00.000+0000"},
		part(parent, "IsGroupEvent", "GroupEventType", "IsChild", "SystemModstamp"))
	copied := b.copyOf(b.bob)[0].(string)
	shared := []string{"Subject", "Location", "StartDateTime", "EndDateTime", "DurationInMinutes", "ActivityDate", "ShowAs", "WhoId", "AccountId", "IsGroupEvent", "GroupEventType"}
	require.Equal(t, part(parent, shared...), part(b.get("Event", copied), shared...))
	require.Nil(t, b.get("Event", copied)["Repsync_Key__c"])
	require.Equal(t, []string{contact + " true false false New", b.bob + " false false true New"}, b.relations(id))
	require.Empty(t, b.relations(copied), "relations point at the event, never at a copy")

	b.clock.advance(time.Minute)
	b.do("PATCH", "sobjects/Event/"+id, values{"Subject": "Moved", "StartDateTime": "2026-11-20T09:00:00Z"}).want(204)
	got := b.get("Event", copied)
	require.Equal(t, values{"Subject": "Moved", "StartDateTime": "2026-11-20T09:00:00.000+0000", "EndDateTime": "2026-11-20T10:00:00.000+0000", "SystemModstamp": "2026-11-18T12:02:00.000+0000"},
		part(got, "Subject", "StartDateTime", "EndDateTime", "SystemModstamp"))

	b.do("PATCH", "sobjects/Event/"+copied, values{"Subject": "Mine"}).fails(400, "FIELD_INTEGRITY_EXCEPTION")
	b.do("PATCH", "sobjects/Event/"+copied, values{"IsReminderSet": true}).want(204)
	b.do("POST", "sobjects/EventRelation", values{"EventId": copied, "RelationId": contact}).fails(400, "FIELD_INTEGRITY_EXCEPTION")

	b.do("DELETE", "sobjects/EventRelation/"+relation, nil).want(204)
	require.Empty(t, b.copyOf(b.bob), "the copy goes with the invitation")
	require.Equal(t, values{"IsGroupEvent": false, "GroupEventType": "0"}, part(b.get("Event", id), "IsGroupEvent", "GroupEventType"))
}

func TestCopiesGoWithTheirEventAndInvitationsWithTheirCopy(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.event()
	b.invite(id, b.bob)
	b.as(b.bob).do("DELETE", "sobjects/Event/"+b.copyOf(b.bob)[0].(string), nil).want(204)
	require.Empty(t, b.relations(id))
	require.Equal(t, false, b.get("Event", id)["IsGroupEvent"])
	b.invite(id, b.bob)
	require.Len(t, b.copyOf(b.bob), 1)
	b.do("DELETE", "sobjects/Event/"+id, nil).want(204)
	require.Empty(t, b.copyOf(b.bob))
	require.Empty(t, b.column("SELECT Id FROM EventRelation", "Id"))
}

func TestWhoComesToOwnAnEventIsNoGuestAnyMore(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.event()
	b.invite(id, b.bob)
	b.do("PATCH", "sobjects/Event/"+id, values{"OwnerId": b.bob}).want(204)
	require.Empty(t, b.relations(id))
	require.Empty(t, b.copyOf(b.bob))
	require.Equal(t, false, b.get("Event", id)["IsGroupEvent"])
}

func TestAnEventWithPeopleCannotBecomePrivate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	guests, people := b.event(), b.event()
	b.invite(guests, b.bob)
	b.invite(people, b.contact("Doe"))
	b.do("PATCH", "sobjects/Event/"+guests, values{"IsPrivate": true}).want(204)
	require.Equal(t, true, b.get("Event", b.copyOf(b.bob)[0].(string))["IsPrivate"])
	b.do("PATCH", "sobjects/Event/"+people, values{"IsPrivate": true}).fails(400, "FIELD_INTEGRITY_EXCEPTION")
}

func TestContactsHaveNoCopy(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.event()
	b.invite(id, b.contact("Doe"))
	b.invite(id, b.insert("Lead", values{"LastName": "Roe", "Company": "Roe Ltd"}))
	require.Len(t, b.column("SELECT Id FROM Event", "Id"), 1)
	require.Equal(t, true, b.get("Event", id)["IsGroupEvent"])
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.event()
	relation := b.invite(id, b.bob)
	require.Equal(t, values{"Status": "New", "RespondedDate": nil}, part(b.get("EventRelation", relation), "Status", "RespondedDate"))
	b.clock.advance(time.Minute)
	row := values{"attributes": values{"type": "EventRelation"}, "Id": relation, "Status": "Accepted", "Response": "Gladly"}
	b.do("PATCH", "composite/sobjects", values{"records": []any{row}}).want(200)
	require.Equal(t, values{"Status": "Accepted", "Response": "Gladly", "RespondedDate": "2026-11-18T12:01:00.000+0000", "SystemModstamp": "2026-11-18T12:01:00.000+0000"},
		part(b.get("EventRelation", relation), "Status", "Response", "RespondedDate", "SystemModstamp"))
	require.Equal(t, "2026-11-18T12:00:00.000+0000", b.get("Event", id)["SystemModstamp"])
	b.do("PATCH", "sobjects/EventRelation/"+relation, values{"Status": "Declined", "RespondedDate": "2026-11-18T11:00:00Z"}).want(204)
	require.Equal(t, "2026-11-18T11:00:00.000+0000", b.get("EventRelation", relation)["RespondedDate"])
	b.do("PATCH", "sobjects/EventRelation/"+relation, values{"Status": "Maybe"}).fails(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
}

func TestRelationRules(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	contact, other := b.contact("Doe"), b.contact("Other")
	lead := b.insert("Lead", values{"LastName": "Roe", "Company": "Roe Ltd"})
	account := b.insert("Account", values{"Name": "Other"})
	for name, c := range map[string]struct {
		event, relation values
		code            string // "": accepted
	}{
		"no event":                           {nil, values{"EventId": nil, "RelationId": contact}, "REQUIRED_FIELD_MISSING"},
		"nobody":                             {nil, values{}, "REQUIRED_FIELD_MISSING"},
		"a contact":                          {nil, values{"RelationId": contact}, ""},
		"somebody twice":                     {values{"WhoId": contact}, values{"RelationId": contact}, "DUPLICATE_VALUE"},
		"the owner":                          {nil, values{"RelationId": b.alice}, "FIELD_INTEGRITY_EXCEPTION"},
		"an account as an invitee":           {nil, values{"RelationId": b.account}, "FIELD_INTEGRITY_EXCEPTION"},
		"an account":                         {nil, values{"RelationId": b.account, "IsWhat": true, "IsParent": true}, ""},
		"a second account":                   {values{"WhatId": account}, values{"RelationId": b.account, "IsWhat": true}, "FIELD_INTEGRITY_EXCEPTION"},
		"a person as a record":               {nil, values{"RelationId": contact, "IsWhat": true}, "FIELD_INTEGRITY_EXCEPTION"},
		"a user as a parent":                 {nil, values{"RelationId": b.bob, "IsParent": true}, "FIELD_INTEGRITY_EXCEPTION"},
		"a second contact":                   {values{"WhoId": contact}, values{"RelationId": other, "IsParent": true}, ""},
		"a contact beside a lead":            {values{"WhoId": lead}, values{"RelationId": contact, "IsParent": true}, "FIELD_INTEGRITY_EXCEPTION"},
		"a lead beside a contact":            {values{"WhoId": contact}, values{"RelationId": lead, "IsParent": true}, "FIELD_INTEGRITY_EXCEPTION"},
		"a lead invited beside a contact":    {values{"WhoId": contact}, values{"RelationId": lead}, ""},
		"a lead beside an account":           {values{"WhatId": account}, values{"RelationId": lead, "IsParent": true}, "FIELD_INTEGRITY_EXCEPTION"},
		"an account beside a lead":           {values{"WhoId": lead}, values{"RelationId": b.account, "IsWhat": true}, "FIELD_INTEGRITY_EXCEPTION"},
		"a contact of a private event":       {values{"IsPrivate": true}, values{"RelationId": contact}, "FIELD_INTEGRITY_EXCEPTION"},
		"a user invited to a private event":  {values{"IsPrivate": true}, values{"RelationId": b.bob}, ""},
		"neither invited nor a parent":       {nil, values{"RelationId": contact, "IsInvitee": false, "IsParent": false}, "FIELD_INTEGRITY_EXCEPTION"},
		"an account that the platform keeps": {nil, values{"RelationId": contact, "AccountId": account}, "INVALID_FIELD_FOR_INSERT_UPDATE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := *b
			b.t = t
			v := values{"EventId": b.event(c.event)}
			maps.Copy(v, c.relation)
			a := b.do("POST", "sobjects/EventRelation", v)
			if c.code == "" {
				a.want(201)
				return
			}
			a.fails(400, c.code)
		})
	}
	t.Run("what is settled", func(t *testing.T) {
		t.Parallel()
		b := *b
		b.t = t
		relation := b.invite(b.event(), contact)
		b.do("PATCH", "sobjects/EventRelation/"+relation, values{"RelationId": other}).fails(400, "INVALID_FIELD_FOR_INSERT_UPDATE")
		b.do("PATCH", "sobjects/EventRelation/"+relation, values{"EventId": b.event()}).fails(400, "INVALID_FIELD_FOR_INSERT_UPDATE")
	})
}

func TestRelationLimits(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.event()
	series, err := b.s.AddSeries(b.alice, "FREQ=DAILY;COUNT=1", values{"StartDateTime": "2026-11-19T09:00:00Z", "DurationInMinutes": 60})
	require.NoError(t, err)
	occurrence := b.s.Occurrences(series)[0]
	for i := range 1001 {
		contact := b.contact(fmt.Sprint(i))
		_, err := b.s.Insert("EventRelation", values{"EventId": id, "RelationId": contact, "IsInvitee": true, "IsParent": i < 50}, "")
		if i < 1000 {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "An event can have up to 1000 invitees")
			_, err = b.s.Insert("EventRelation", values{"EventId": id, "RelationId": contact, "IsParent": true}, "")
			require.ErrorContains(t, err, "up to 50 contacts or one lead")
		}
		if i > 100 {
			continue
		}
		_, err = b.s.Insert("EventRelation", values{"EventId": occurrence, "RelationId": contact}, "")
		if i < 100 {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "An event can have up to 100 invitees")
		}
	}
}

func TestEventQueries(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	contact := b.contact("Doe", values{"FirstName": "Jane", "Email": "jane@x.test"})
	id, alone := b.event(values{"WhoId": contact, "WhatId": b.account}), b.event(values{"Subject": "Alone"})
	b.invite(id, b.bob)
	got := b.query("SELECT Id, Owner.Name, Owner.Username, Who.Type, Who.Name, Who.Email, What.Name, Account.Name, " +
		"(SELECT RelationId, Relation.Email, Relation.Type, Status FROM EventRelations WHERE IsWhat = false ORDER BY RelationId) FROM Event WHERE IsChild = false ORDER BY Id").want(200).object()["records"].([]any)
	require.Len(t, got, 2)
	first := got[0].(values)
	require.Equal(t, values{"attributes": values{"type": "Name", "url": "/services/data/v65.0/sobjects/Contact/" + contact}, "Type": "Contact", "Name": "Jane Doe", "Email": "jane@x.test"}, first["Who"])
	require.Equal(t, "Alice Able", first["Owner"].(values)["Name"])
	require.Equal(t, "alice@acme.test", first["Owner"].(values)["Username"])
	require.Equal(t, "Acme", first["What"].(values)["Name"])
	require.Equal(t, "Acme", first["Account"].(values)["Name"])
	rows := first["EventRelations"].(values)
	require.EqualValues(t, 2, rows["totalSize"])
	var people []values
	for _, r := range rows["records"].([]any) {
		v := r.(values)
		people = append(people, values{"RelationId": v["RelationId"], "Type": v["Relation"].(values)["Type"], "Email": v["Relation"].(values)["Email"], "Status": v["Status"]})
	}
	require.Equal(t, []values{{"RelationId": contact, "Type": "Contact", "Email": "jane@x.test", "Status": "New"},
		{"RelationId": b.bob, "Type": "User", "Email": "bob@acme.test", "Status": "New"}}, people)
	require.Nil(t, got[1].(values)["EventRelations"])
	require.Nil(t, got[1].(values)["Who"])

	for name, c := range map[string]struct {
		soql string
		want []any
	}{
		"events of a person":        {"SELECT Id FROM Event WHERE Id IN (SELECT EventId FROM EventRelation WHERE RelationId = '" + contact[:15] + "')", []any{id}},
		"events of an invited user": {"SELECT Id FROM Event WHERE Id IN (SELECT EventId FROM EventRelation WHERE RelationId IN ('" + b.bob + "') AND IsInvitee = true)", []any{id}},
		"events without people":     {"SELECT Id FROM Event WHERE IsChild = false AND Id NOT IN (SELECT EventId FROM EventRelation)", []any{alone}},
		"by kind of person":         {"SELECT Id FROM Event WHERE Who.Type = 'Contact' AND IsChild = false", []any{id}},
		"by address":                {"SELECT Id FROM Event WHERE Who.Email = 'jane@x.test' AND IsChild = false", []any{id}},
		"by start":                  {"SELECT Id FROM Event WHERE StartDateTime >= 2026-11-19T09:00:00Z AND EndDateTime <= 2026-11-19T10:00:00Z AND IsChild = false ORDER BY Id", []any{id, alone}},
	} {
		require.Equal(t, c.want, b.column(c.soql, "Id"), name)
	}
	require.EqualValues(t, 2, b.query("SELECT Id, (SELECT Id FROM Events) FROM Contact").want(200).object()["records"].([]any)[0].(values)["Events"].(values)["totalSize"])
	b.query("SELECT Who.Department FROM Event").fails(400, "INVALID_FIELD")
}
