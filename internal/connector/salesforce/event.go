package salesforce

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/salesforce/mapping"
	"github.com/repsync/repsync/internal/record"
)

// longestEvent is how long an event may last. Source: Object Reference, Event, DurationInMinutes.
const longestEvent = 14 * 24 * time.Hour

var eventShape = &shape{
	kind:    record.Event,
	object:  "Event",
	mapping: mapping.Event,
	fixed:   []string{"WhoId", "WhatId", "GroupEventType", "IsRecurrence2", "IsRecurrence2Exclusion"},
	derived: []string{record.FieldUID, record.FieldOccurrence, record.FieldStatus, record.FieldLabels, record.FieldSequence, record.FieldSeries},
	special: map[string]special{
		record.FieldTime: {
			read:   []string{"StartDateTime", "EndDateTime", "DurationInMinutes", "IsAllDayEvent", "ActivityDate", "ActivityDateTime"},
			write:  []string{"StartDateTime", "EndDateTime", "IsAllDayEvent"},
			decode: decodeTime, encode: encodeTime, span: longestEvent, must: true,
		},
		record.FieldShowAs:  {read: []string{"ShowAs"}, write: []string{"ShowAs"}, decode: decodeShowAs, encode: encodeShowAs},
		record.FieldPrivacy: {read: []string{"IsPrivate"}, write: []string{"IsPrivate"}, decode: decodePrivacy, encode: encodePrivacy},
		record.FieldRelations: {
			read: []string{"WhoId", "WhatId"}, write: []string{"WhoId", "WhatId"}, decode: decodeRelations, encode: encodeRelations,
		},
		record.FieldAttendees: {read: []string{"WhoId"}, decode: decodeAttendees},
		record.FieldAnswer:    {encode: encodeAnswer},
		// Object Reference, Event, "Note": create and update do not reach the fields of a series. Where describe should show
		// them createable, this version writes none all the same (docs/decisions/0002).
		record.FieldRecurrence: {
			read:   append([]string{"Recurrence2PatternText", "IsRecurrence2"}, patternFields[1:]...),
			decode: decodeRecurrence,
		},
	},
	hidden: "IsChild", archived: true,
	window: eventWindow,
	guests: "EventRelation", tie: "EventId",
	find: map[connector.By]finder{
		connector.ByKey:  byKey,
		connector.ByName: {needs: []string{"StartDateTime", "Subject"}, of: byNameKey, term: eventTerm, where: eventsAt},
	},
	attach: func(ctx context.Context, c *crm, rows []*row) error {
		if err := c.attachTies(ctx, rows); err != nil {
			return err
		}
		return c.attachSeries(ctx, rows)
	},
	finish: func(r row, it *connector.Item) error {
		it.Reps = invitedUsers(r)
		if series, _ := text(r.values[seriesMember]); series != "" {
			it.Fields[record.FieldSeries] = series
		}
		if several, _ := r.values[seriesMember].(bool); several {
			return errRow{"Recurrence2PatternText", "belongs to several series"}
		}
		return nil
	},
	caps: eventCaps,
	before: func(ctx context.Context, w *writing) error {
		touched := slices.ContainsFunc(w.ops, touchesTies)
		if !touched {
			return nil
		}
		d, err := w.describe(ctx, tieObject)
		if err != nil && connector.ClassOf(err) != connector.Unsupported {
			return err
		}
		w.ties = d
		return nil
	},
	refuse: refuseSeries,
	after:  func(ctx context.Context, w *writing) { w.writeTies(ctx) },
}

// eventWindow is the condition of events inside a window. All-day events begin at midnight in every zone: they are shown
// when they touch the window anywhere on earth. A series is shown whatever the window, since its start says little of it.
func eventWindow(d *describe, from, to time.Time) string {
	span := func(east, west time.Duration) string {
		var both []string
		if !to.IsZero() {
			both = append(both, "StartDateTime < "+literal(to.Add(east)))
		}
		if !from.IsZero() {
			both = append(both, "EndDateTime >= "+literal(from.Add(-west)))
		}
		return strings.Join(both, " AND ")
	}
	if from.IsZero() && to.IsZero() {
		return ""
	}
	const farthest = 14 * time.Hour // no zone is farther from UTC
	out := "((IsAllDayEvent = false AND " + span(0, 0) + ")" +
		" OR (IsAllDayEvent = true AND " + span(farthest, farthest+24*time.Hour) + ")" // the end is the last day's midnight
	if d.byName["GroupEventType"] != nil {
		out += " OR GroupEventType = " + quote(groupSeries)
	}
	return out + ")"
}

// eventTerm is the start of a name key as a SOQL literal, of a date or a time.
func eventTerm(key string) string {
	parts := strings.Split(key, "\n")
	if len(parts) != 3 {
		return ""
	}
	if t, err := time.Parse(time.DateOnly, parts[1]); err == nil {
		return t.Format(time.DateOnly)
	}
	if t, err := time.Parse(time.RFC3339, parts[1]); err == nil {
		return literal(t)
	}
	return ""
}

// eventsAt is the condition of events that start at one of these dates and times.
func eventsAt(_ *crm, terms []string) string {
	var times, dates, either []string
	for _, t := range terms {
		if strings.Contains(t, "T") {
			times = append(times, t)
		} else {
			dates = append(dates, t)
		}
	}
	if len(times) > 0 {
		either = append(either, "StartDateTime IN ("+strings.Join(times, ",")+")")
	}
	if len(dates) > 0 {
		either = append(either, "(IsAllDayEvent = true AND ActivityDate IN ("+strings.Join(dates, ",")+"))")
	}
	return "(" + strings.Join(either, " OR ") + ")"
}

// eventCaps completes the caps of events by what describe says of EventRelation. A rep's own answer can be read where
// relations can: it stands in FieldRelations under the rep's user id, and callers take it from there, since a row does not
// know for whom it is read.
func eventCaps(ctx context.Context, c *crm, _ *describe, caps *connector.Caps) error {
	answer := connector.FieldCaps{}
	relations, has := caps.Fields[record.FieldRelations]
	ties, err := c.describe(ctx, tieObject)
	switch {
	case connector.ClassOf(err) == connector.Unsupported: // WhoId and WhatId are all there is
	case err != nil:
		return err
	default:
		if status := ties.byName["Status"]; status != nil {
			answer.Read = relations.Read
			answer.Write = ties.Updateable && status.Updateable
			relations.Write = relations.Write && ties.Createable
		}
		caps.Metadata += "/" + ties.digest
	}
	if has {
		caps.Fields[record.FieldRelations] = relations
	}
	caps.Fields[record.FieldAnswer] = answer
	return nil
}
