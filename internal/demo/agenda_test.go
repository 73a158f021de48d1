package demo

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/demo/scenario"
	"github.com/repsync/repsync/internal/demo/verify"
	"github.com/repsync/repsync/internal/demo/wire"
)

// meetingSpoilers are ways to spoil the calendars.
func meetingSpoilers() []spoiler {
	const contract, brightwater = "Contract with Halden", "Visit to Brightwater"
	crm := func(subject string, do func(ctx context.Context, w scenario.World, id string) error) func(context.Context, scenario.World) error {
		return func(ctx context.Context, w scenario.World) error {
			rows, err := w.CRM.Query(ctx, "SELECT Id FROM Event WHERE IsChild = false AND Subject = '"+subject+"' ORDER BY StartDateTime")
			if err != nil || len(rows) == 0 {
				return errors.Join(err, errors.New("no event "+subject))
			}
			return do(ctx, w, wire.Text(rows[0], "Id"))
		}
	}
	box := func(rep, subject string, do func(ctx context.Context, c wire.Calendar, e wire.Object) error) func(context.Context, scenario.World) error {
		return func(ctx context.Context, w scenario.World) error {
			all, err := w.Calendars[rep].Events(ctx, time.Now(), time.Now().AddDate(1, 0, 0))
			i := slices.IndexFunc(all, func(e wire.Object) bool { return wire.Text(e, "summary") == subject })
			if err != nil || i < 0 {
				return errors.Join(err, errors.New("no event "+subject))
			}
			return do(ctx, w.Calendars[rep], all[i])
		}
	}
	update := func(fields wire.Object) func(context.Context, scenario.World, string) error {
		return func(ctx context.Context, w scenario.World, id string) error {
			return w.CRM.Update(ctx, "Event", id, fields)
		}
	}
	patch := func(change wire.Object) func(context.Context, wire.Calendar, wire.Object) error {
		return func(ctx context.Context, c wire.Calendar, e wire.Object) error {
			return c.Patch(ctx, wire.Text(e, "id"), change)
		}
	}
	hourLater := func(ctx context.Context, c wire.Calendar, e wire.Object) error {
		change := wire.Object{}
		for _, k := range []string{"start", "end"} {
			at, err := time.Parse(time.RFC3339, wire.Text(e, k, "dateTime"))
			if err != nil {
				return err
			}
			change[k] = wire.Object{"dateTime": at.Add(time.Hour).Format(time.RFC3339), "timeZone": wire.Text(e, k, "timeZone")}
		}
		return c.Patch(ctx, wire.Text(e, "id"), change)
	}
	return []spoiler{
		{"missing: an occurrence has no record", crm("Grid call", func(ctx context.Context, w scenario.World, id string) error {
			return w.CRM.Delete(ctx, "Event", id)
		}), "Salesforce: Grid call at *: is missing"},
		{"missing: an occurrence is not in the calendar", box("alice", "Grid call", func(ctx context.Context, c wire.Calendar, e wire.Object) error {
			return c.Delete(ctx, wire.Text(e, "id"))
		}), "alice's calendar: Grid call at *: is missing"},
		{"moved: an occurrence is an hour late", box("alice", "Grid call", hourLater), "alice's calendar: Grid call at *: nobody expects this item"},
		{"moved: a record is an hour late", crm("Board dinner", func(ctx context.Context, w scenario.World, id string) error {
			row, err := w.CRM.Query(ctx, "SELECT StartDateTime, EndDateTime FROM Event WHERE Id = '"+id+"'")
			if err != nil {
				return err
			}
			at, err := time.Parse("2006-01-02T15:04:05.000-0700", wire.Text(row[0], "EndDateTime"))
			return errors.Join(err, w.CRM.Update(ctx, "Event", id, wire.Object{"EndDateTime": at.Add(time.Hour).UTC().Format(time.RFC3339)}))
		}), "Salesforce: Board dinner at *: end is *, want "},
		{"double: an event is there twice", box("bob", brightwater, func(ctx context.Context, c wire.Calendar, e wire.Object) error {
			_, err := c.Insert(ctx, wire.Object{"summary": brightwater, "start": e["start"], "end": e["end"], "location": e["location"]})
			return err
		}), "bob's calendar: Visit to Brightwater at *: is there 2 times"},
		{"double: a record for each calendar that has the meeting", crm(contract, copyRecord), "Salesforce: Contract with Halden at *: is there 2 times"},
		{"a relation is missing", crm(contract, func(ctx context.Context, w scenario.World, id string) error {
			rows, err := w.CRM.Query(ctx, "SELECT Id FROM EventRelation WHERE EventId = '"+id+"' AND Status = 'Accepted'")
			if err != nil || len(rows) != 1 {
				return errors.Join(err, errors.New("bob is not there to begin with"))
			}
			return w.CRM.Delete(ctx, "EventRelation", wire.Text(rows[0], "Id"))
		}), "Salesforce: Contract with Halden at *: people is *New, carol@acme.test New*, want "},
		{"an answer is the old one", crm(contract, func(ctx context.Context, w scenario.World, id string) error {
			rows, err := w.CRM.Query(ctx, "SELECT Id FROM EventRelation WHERE EventId = '"+id+"' AND Status = 'Accepted'")
			if err != nil || len(rows) != 1 {
				return errors.Join(err, errors.New("bob has not accepted to begin with"))
			}
			return w.CRM.Update(ctx, "EventRelation", wire.Text(rows[0], "Id"), wire.Object{"Status": "New"})
		}), "Salesforce: Contract with Halden at *: people is *bob@acme.test New*, want "},
		{"revert: the description is the old one", crm("Demo at Vega", update(wire.Object{"Description": "Bring the arm."})), "Salesforce: Demo at Vega at *: Description is *, want "},
		{"wrong: a meeting belongs to another rep", crm(brightwater, func(ctx context.Context, w scenario.World, id string) error {
			users, err := w.CRM.Query(ctx, "SELECT Id FROM User WHERE Email = 'alice@acme.test'")
			if err != nil {
				return err
			}
			return w.CRM.Update(ctx, "Event", id, wire.Object{"OwnerId": wire.Text(users[0], "Id")})
		}), "Salesforce: Visit to Brightwater at *: Owner is *, want "},
		{"leak: a private event is in the CRM", func(ctx context.Context, w scenario.World) error {
			_, err := w.CRM.Create(ctx, "Event", wire.Object{"Subject": "Dentist", "StartDateTime": "2030-01-01T08:00:00Z", "EndDateTime": "2030-01-01T09:00:00Z"})
			return err
		}, "Salesforce: Dentist at 2030-01-01T08:00:00Z: nobody expects this item"},
		{"leak: an event that became private is still there", func(ctx context.Context, w scenario.World) error {
			_, err := w.CRM.Create(ctx, "Event", wire.Object{"Subject": "Pricing", "StartDateTime": "2030-01-01T08:00:00Z", "EndDateTime": "2030-01-01T09:00:00Z"})
			return err
		}, "Salesforce: Pricing at 2030-01-01T08:00:00Z: nobody expects this item"},
		{"loss: a guest is not asked any more", box("alice", contract, patch(wire.Object{"attendees": []wire.Object{{"email": "bob@acme.test", "responseStatus": "accepted"}}})),
			"alice's calendar: Contract with Halden at *: attendee.carol@acme.test is empty, want "},
		{"loss: the series is broken into single events", box("alice", "Grid call", func(ctx context.Context, c wire.Calendar, e wire.Object) error {
			_, err := c.Insert(ctx, wire.Object{"summary": "Grid call", "start": e["start"], "end": e["end"]})
			return errors.Join(err, c.Delete(ctx, wire.Text(e, "id")))
		}), "alice's calendar: Grid call at *: series is empty, want "},
		{"mail: a guest was told of a meeting", box("alice", contract, func(ctx context.Context, c wire.Calendar, e wire.Object) error {
			loud := wire.Calendar{Endpoint: c.Endpoint, Loud: true}
			return errors.Join(loud.Patch(ctx, wire.Text(e, "id"), wire.Object{"location": "elsewhere"}), c.Patch(ctx, wire.Text(e, "id"), wire.Object{"location": nil}))
		}), "mail: 3 messages were sent"},
	}
}

// copyRecord makes a second record with the content of the first.
func copyRecord(ctx context.Context, w scenario.World, id string) error {
	rows, err := w.CRM.Query(ctx, "SELECT Subject, StartDateTime, EndDateTime, OwnerId, ShowAs FROM Event WHERE Id = '"+id+"'")
	if err != nil {
		return err
	}
	delete(rows[0], "attributes")
	_, err = w.CRM.Create(ctx, "Event", rows[0])
	return err
}

// rightAgenda writes what calendars must show into both sandboxes.
func rightAgenda(t *testing.T, w scenario.World, a verify.Agenda) {
	t.Helper()
	ctx := t.Context()
	ids := map[string]string{}
	for object, field := range map[string]string{"User": "Email", "Contact": "Email", "Account": "Name"} {
		rows, err := w.CRM.Query(ctx, "SELECT Id, "+field+" FROM "+object)
		require.NoError(t, err)
		for _, row := range rows {
			ids[wire.Text(row, field)] = wire.Text(row, "Id")
		}
	}
	for _, m := range a.CRM {
		rightRecord(t, w, m, ids)
	}
	for _, c := range a.Deleted {
		id := rightRecord(t, w, verify.Meeting{When: c.When, Fields: verify.Expected{"Subject": {c.Subject}}}, ids)
		require.NoError(t, w.CRM.Delete(ctx, "Event", id))
	}
	made := map[string]bool{}
	for _, rep := range slices.Sorted(maps.Keys(a.Calendars)) {
		for _, m := range a.Calendars[rep] {
			subject, series := m.Fields["summary"][0], m.Fields["series"] != nil
			if m.Fields["organizer"][0] != rep+"@acme.test" || series && made[subject] {
				continue // comes with the organiser's copy, or with the series
			}
			made[subject] = true
			span, err := m.When.Span(w.Today)
			require.NoError(t, err)
			event := wire.Object{"start": googleTime(span.Start, m.When), "end": googleTime(span.End, m.When)}
			var guests []wire.Object
			for k, want := range m.Fields {
				if address, ok := strings.CutPrefix(k, "attendee."); ok {
					guests = append(guests, wire.Object{"email": address, "responseStatus": want[0]})
				} else if k != "series" && k != "organizer" {
					event[k] = want[0]
				}
			}
			if guests != nil {
				event["attendees"] = guests
			}
			if series {
				event["recurrence"] = []string{"RRULE:FREQ=WEEKLY;COUNT=6"}
			}
			_, err = w.Calendars[rep].Insert(ctx, event)
			require.NoError(t, err)
		}
	}
}

func googleTime(at time.Time, when verify.When) wire.Object {
	if when.Days > 0 {
		return wire.Object{"date": at.Format(time.DateOnly)}
	}
	return wire.Object{"dateTime": at.Format(time.RFC3339), "timeZone": when.Zone}
}

// rightRecord makes one record of the CRM's calendar, with its relations.
func rightRecord(t *testing.T, w scenario.World, m verify.Meeting, ids map[string]string) string {
	t.Helper()
	span, err := m.When.Span(w.Today)
	require.NoError(t, err)
	if span.Dates {
		span.End = span.End.AddDate(0, 0, -1)
	}
	record := wire.Object{"IsAllDayEvent": span.Dates, "StartDateTime": span.Start.UTC().Format(time.RFC3339), "EndDateTime": span.End.UTC().Format(time.RFC3339)}
	invited := map[string]string{}
	for k, want := range m.Fields {
		switch k {
		case "Owner":
			record["OwnerId"] = ids[want[0]]
		case "people":
			for one := range strings.SplitSeq(want[0], ", ") {
				who, status, person := one, "", strings.Contains(one, "@")
				if person {
					who, status, _ = strings.Cut(one, " ")
				}
				switch {
				case !person:
					record["WhatId"] = ids[who]
				case strings.HasSuffix(who, "@acme.test"):
					invited[ids[who]] = status
				default:
					record["WhoId"] = ids[who]
				}
			}
		default:
			record[k] = want[0]
		}
	}
	id, err := w.CRM.Create(t.Context(), "Event", record)
	require.NoError(t, err)
	for user, status := range invited {
		_, err := w.CRM.Create(t.Context(), "EventRelation", wire.Object{"EventId": id, "RelationId": user, "IsInvitee": true, "Status": status})
		require.NoError(t, err)
	}
	return id
}
