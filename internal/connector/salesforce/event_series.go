package salesforce

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// A native series ("Lightning Experience event series") is a record of its own with GroupEventType 3, and each occurrence
// a row. No field of a row names its series (Object Reference, Event): the two belong together by owner and by the
// pattern, which stands on both. Where the org shows no record of the series, its rows are events of their own.

const groupSeries = "3" // GroupEventType of a series' record

// seriesMember is where attachSeries puts the id of a row's series; true where several would do.
const seriesMember = "_SeriesId"

// patternFields are the pattern of a series, its text first.
var patternFields = []string{"Recurrence2PatternText", "Recurrence2PatternStartDate", "Recurrence2PatternTimeZone", "Recurrence2PatternVersion"}

func isSeries(r row) bool {
	group, _ := text(r.values["GroupEventType"])
	pattern, _ := text(r.values[patternFields[0]])
	return group == groupSeries && pattern != ""
}

// patternOf is what a series and its rows have in common.
func patternOf(values map[string]any) string {
	var b strings.Builder
	for _, name := range append([]string{"OwnerId"}, patternFields...) {
		v, _ := text(values[name])
		fmt.Fprintf(&b, "%q", v)
	}
	return b.String()
}

// refuseSeries keeps writes off native series. Since version 58.0 an update of one occurrence to come is an update of all
// (Object Reference, Event, "Event Series and Recurring Events"), so that one of them can be read, related and deleted, and
// not edited. The record of a series is left to people altogether: what deleting it does to its rows no document says.
// Occurrences from before a change of the pattern follow no pattern any more, and are written as any event.
func refuseSeries(op connector.Op, row map[string]any) *refusal {
	if op.Current == nil {
		return nil
	}
	var image struct {
		GroupEventType                        string
		IsRecurrence2, IsRecurrence2Exclusion bool
	}
	_ = json.Unmarshal(op.Current.Image, &image)
	follows := image.IsRecurrence2 && !image.IsRecurrence2Exclusion
	switch {
	case image.GroupEventType == groupSeries:
		return &refusal{connector.Park, "native_series"}
	case follows && op.Verb == connector.Update && len(row) > 2: // more than attributes and id
		return &refusal{connector.Park, "native_series"}
	}
	return nil
}

// attachSeries notes on each row of a series which record that is.
func (c *crm) attachSeries(ctx context.Context, rows []*row) error {
	members := map[string][]*row{} // by pattern
	var owners []string
	for _, r := range rows {
		pattern, _ := text(r.values[patternFields[0]])
		if repeats, _ := r.values["IsRecurrence2"].(bool); !repeats || pattern == "" || isSeries(*r) {
			continue
		}
		key := patternOf(r.values)
		members[key] = append(members[key], r)
		owner, _ := text(r.values["OwnerId"])
		owners = append(owners, owner)
	}
	if len(members) == 0 {
		return nil
	}
	d, err := c.describe(ctx, "Event")
	if err != nil {
		return err
	}
	fields := d.list(append([]string{"Id", "OwnerId"}, patternFields...))
	for _, batch := range idBatches(unique(owners), c.room(fields)) {
		conditions := "GroupEventType = " + quote(groupSeries) + " AND OwnerId IN (" + quoteAll(batch) + ")"
		archive := d.byName["IsDeleted"] != nil
		if archive {
			conditions += " AND IsDeleted = false"
		}
		err := c.each(ctx, "series of Event", fields, "Event", conditions, archive, func(raw json.RawMessage) error {
			var values map[string]any
			_ = json.Unmarshal(raw, &values) // what is no object is nobody's series
			for _, r := range members[patternOf(values)] {
				if _, taken := r.values[seriesMember]; taken {
					r.values[seriesMember] = true
				} else {
					r.values[seriesMember] = values["Id"]
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// decodeRecurrence reads the rule of a series' record. The text is an RRULE of RFC 5545 with its name before it.
func decodeRecurrence(r row) (string, error) {
	v, bad := text(r.values[patternFields[0]])
	switch {
	case bad:
		return "", errRow{patternFields[0], "is not text"}
	case !isSeries(r):
		return "", nil
	}
	v = record.Canonical(record.FieldRecurrence, v)
	if !strings.Contains(v, ":") {
		v = "RRULE:" + v
	}
	return v, nil
}

// seriesTime is the first occurrence of a series, in the zone in which its pattern counts.
func seriesTime(r row) (record.Span, error) {
	span, err := spanOf(r.values)
	if err != nil {
		return record.Span{}, err
	}
	first, err := instantOf(r.values, "Recurrence2PatternStartDate")
	if err != nil {
		return record.Span{}, err
	}
	length := span.Length()
	if first.IsZero() {
		first = span.Start.At
	}
	name, _ := text(r.values["Recurrence2PatternTimeZone"])
	if span.AllDay() {
		first = midnight(first)
	} else if name != "" {
		zone, err := record.Zone(name)
		if err != nil {
			return record.Span{}, errRow{"Recurrence2PatternTimeZone", "is not a time zone"}
		}
		first = first.In(zone)
	}
	at := func(t time.Time) record.Moment { return record.Moment{At: t, Date: span.AllDay()} }
	return record.Span{Start: at(first), End: at(first.Add(length))}, nil
}
