package google

import (
	"context"
	"encoding/json"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// decodeAll decodes the events of a page. Google may tell of a cancelled occurrence its original start without a zone; its
// key is in its series' zone all the same, or the same occurrence would have two. The zone is that of the master, or of
// another occurrence, on the page; else the master is read. Errors: those of get.
func (c *calendar) decodeAll(ctx context.Context, page []json.RawMessage) ([]seen, error) {
	all := make([]seen, len(page))
	zones := map[string]*time.Location{}
	for i, raw := range page {
		one := c.read(raw)
		all[i] = one
		switch {
		case one.item.Occurrence != "":
			if !one.original.Date && !one.loose {
				zones[one.item.ID] = one.original.At.Location()
			}
		case one.item.Fields[record.FieldRecurrence] != "":
			learnZone(zones, one.item)
		}
	}
	var refs []connector.Ref
	for _, one := range all {
		if one.loose && zones[one.item.ID] == nil {
			refs = append(refs, connector.Ref{ID: one.item.ID})
		}
	}
	if len(refs) > 0 {
		masters, _, err := c.get(ctx, refs)
		if err != nil {
			return nil, err
		}
		for _, it := range masters {
			learnZone(zones, it)
		}
	}
	for i := range all {
		if zone := zones[all[i].item.ID]; all[i].loose && zone != nil {
			all[i].place(record.Moment{At: all[i].original.At.In(zone)})
		}
	}
	return all, nil
}

// read is decode with its error inside.
func (c *calendar) read(raw []byte) seen {
	one, err := c.decode(raw)
	one.bad = err
	return one
}

func (d seen) unreadable() bool { return d.bad != nil }

// learnZone notes the zone of a series, which is that of its first occurrence.
func learnZone(zones map[string]*time.Location, master connector.Item) {
	if span, err := record.ParseSpan(master.Fields[record.FieldTime]); err == nil && !span.AllDay() {
		zones[master.ID] = span.Start.At.Location()
	}
}

// place gives an occurrence its original start.
func (d *seen) place(original record.Moment) {
	d.original, d.item.Occurrence = original, original.Key()
	if d.item.Fields[record.FieldOccurrence] != "" {
		d.item.Fields[record.FieldOccurrence] = d.item.Occurrence
	}
}
