package verify

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/demo/wire"
)

// The names under which Item.Fields of an event holds what both vendors say in forms of their own.
const (
	fieldStart  = "start"  // 2026-11-25T08:00:00Z, or 2026-11-25 for whole days
	fieldEnd    = "end"    // the instant after the last, or the day after the last
	fieldPeople = "people" // of an event in Salesforce: "amara.okafor@halden.test Accepted", by address, with commas between
	fieldSeries = "series" // of an event in Google: "yes" for an occurrence of a series
)

// calendarMade are the parts of an event that Google fills in by itself or that apps leave marks in. recurringEventId and
// originalStartTime count as field series.
var calendarMade = []string{"kind", "id", "etag", "htmlLink", "created", "updated", "creator", "organizer", "iCalUID", "sequence",
	"reminders", "eventType", "extendedProperties", "recurringEventId", "originalStartTime", "start", "end", "attendees", "hangoutLink"}

// FlattenEvent turns an event of Calendar v3 into flat fields. Attendees stand as "attendee.<address>" with their answers,
// the organiser's address stands under organizer.
func FlattenEvent(e wire.Object) (map[string]string, error) {
	flat := map[string]string{}
	for k, v := range e {
		if !slices.Contains(calendarMade, k) {
			flat[k] = scalar(v)
			if o, nested := v.(wire.Object); nested {
				flat[k] = fmt.Sprint(o)
			}
		}
	}
	flat["organizer"] = wire.Text(e, "organizer", "email")
	people, _ := e["attendees"].([]any)
	for _, p := range people {
		who, _ := p.(wire.Object)
		flat["attendee."+wire.Text(who, "email")] = wire.Text(who, "responseStatus")
	}
	if wire.Text(e, "recurringEventId") != "" {
		flat[fieldSeries] = "yes"
	}
	span, err := googleSpan(e)
	if err != nil {
		return nil, err
	}
	flat[fieldStart], flat[fieldEnd] = span.Words()
	maps.DeleteFunc(flat, func(_, v string) bool { return v == "" })
	return flat, nil
}

// googleSpan reads start and end of an event.
func googleSpan(e wire.Object) (s Span, err error) {
	s.Dates = wire.Text(e, "start", "date") != ""
	for name, to := range map[string]*time.Time{"start": &s.Start, "end": &s.End} {
		if s.Dates {
			*to, err = time.Parse(time.DateOnly, wire.Text(e, name, "date"))
		} else {
			*to, err = time.Parse(time.RFC3339, wire.Text(e, name, "dateTime"))
		}
		if err != nil {
			return s, fmt.Errorf("event %s: its %s: %w", wire.Text(e, "id"), name, err)
		}
	}
	return s, nil
}

// eventMade are the fields of an Event of Salesforce that the platform fills in, or that say start and end once more.
var eventMade = append(slices.Clone(platformMade), "StartDateTime", "EndDateTime", "EndDate", "ActivityDate", "ActivityDateTime",
	"DurationInMinutes", "IsAllDayEvent", "GroupEventType", "IsGroupEvent", "EventSubtype", "IsChild", "AccountId", "WhoId", "WhatId")

// salesforceTime is how Salesforce writes a dateTime in JSON.
const salesforceTime = "2006-01-02T15:04:05.000-0700"

// salesforceSpan reads start and end of an Event. Those of an all-day event are midnights UTC of its first and last day.
func salesforceSpan(row wire.Object) (s Span, err error) {
	s.Dates = row["IsAllDayEvent"] == true
	for name, to := range map[string]*time.Time{"StartDateTime": &s.Start, "EndDateTime": &s.End} {
		if *to, err = time.Parse(salesforceTime, wire.Text(row, name)); err != nil {
			return s, fmt.Errorf("event %s: its %s: %w", wire.Text(row, "Id"), name, err)
		}
	}
	if s.Dates {
		s.End = s.End.AddDate(0, 0, 1)
	}
	return s, nil
}

// readEvents reads every event of the org, also those in the recycle bin, but for the copies that Salesforce itself keeps
// for those who are invited. People and records that an event concerns are shown by address and name.
func readEvents(ctx context.Context, sf wire.Salesforce) (live, deleted []Item, err error) {
	fields, err := fieldsOf(ctx, sf, "Event", eventMade)
	if err != nil {
		return nil, nil, err
	}
	names, err := peopleNames(ctx, sf)
	if err != nil {
		return nil, nil, err
	}
	relations, err := sf.Query(ctx, "SELECT EventId, RelationId, Status FROM EventRelation")
	if err != nil {
		return nil, nil, err
	}
	concerns := map[string][]string{}
	for _, r := range relations {
		id := wire.Text(r, "EventId")
		concerns[id] = append(concerns[id], strings.TrimSpace(known(names, wire.Text(r, "RelationId"))+" "+wire.Text(r, "Status")))
	}
	rows, err := sf.QueryAll(ctx, "SELECT Id, IsDeleted, IsChild, IsAllDayEvent, StartDateTime, EndDateTime, "+strings.Join(fields, ", ")+" FROM Event ORDER BY Id")
	if err != nil {
		return nil, nil, err
	}
	for _, row := range rows {
		if row["IsChild"] == true {
			continue
		}
		span, err := salesforceSpan(row)
		if err != nil {
			return nil, nil, err
		}
		it := Item{ID: wire.Text(row, "Id"), Fields: FlattenContact(row, fields, nil, names)}
		it.Fields[fieldStart], it.Fields[fieldEnd] = span.Words()
		if all := concerns[it.ID]; len(all) > 0 {
			slices.Sort(all)
			it.Fields[fieldPeople] = strings.Join(all, ", ")
		}
		if row["IsDeleted"] == true {
			deleted = append(deleted, it)
		} else {
			live = append(live, it)
		}
	}
	return live, deleted, nil
}

// peopleNames is a table of id → address of everybody in the org, and id → name of accounts.
func peopleNames(ctx context.Context, sf wire.Salesforce) (map[string]string, error) {
	names := map[string]string{}
	for _, of := range []struct{ object, field string }{{"User", "Email"}, {"Contact", "Email"}, {"Account", "Name"}} {
		some, err := lookup(ctx, sf, "SELECT Id, "+of.field+" FROM "+of.object, of.field)
		if err != nil {
			return nil, err
		}
		maps.Copy(names, some)
	}
	return names, nil
}

// readCalendar reads a calendar as its owner sees it, every occurrence by itself.
func readCalendar(ctx context.Context, c wire.Calendar, from, to time.Time) ([]Item, error) {
	events, err := c.Events(ctx, from, to)
	if err != nil {
		return nil, err
	}
	items := make([]Item, len(events))
	for i, e := range events {
		fields, err := FlattenEvent(e)
		if err != nil {
			return nil, err
		}
		items[i] = Item{ID: wire.Text(e, "id"), Fields: fields}
	}
	return items, nil
}

// eventKeys are the names under which an event can be found: its subject with its start, and its subject.
func eventKeys(fields map[string]string) []string {
	subject := fields["Subject"] + fields["summary"]
	return []string{subject + " at " + fields[fieldStart], subject}
}

// Meet is what a person would call an event: its subject and its start.
func Meet(fields map[string]string) string { return eventKeys(fields)[0] }
