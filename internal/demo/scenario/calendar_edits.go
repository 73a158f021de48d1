package scenario

import (
	"context"
	"fmt"

	"github.com/repsync/repsync/internal/demo/verify"
	"github.com/repsync/repsync/internal/demo/wire"
)

const (
	berlin  = "Europe/Berlin"
	newYork = "America/New_York"
)

// on and clocks are moments of the story, as the tables have them.
func on(day int, at, to, zone string) verify.When {
	return verify.When{Day: &day, At: at, To: to, Zone: zone}
}

func clocks(day int, at, to string) verify.When {
	return verify.When{Clocks: &day, At: at, To: to, Zone: berlin}
}

// Meetings are what people do in their calendars between the first sync and the next pass, in order.
func Meetings() []Edit {
	return []Edit{
		{"bob, in his calendar,", "moves Demo at Vega from 10:00 to 14:00", "",
			event("bob", "Demo at Vega", on(7, "10:00", "11:00", newYork), moved(on(7, "14:00", "15:00", newYork)))},
		{carolsPlace, "changes what Demo at Vega is about", "both edits are on both sides",
			crmEvent("Demo at Vega", on(7, "10:00", "11:00", newYork), func(ctx context.Context, crm wire.Salesforce, id string) error {
				return crm.Update(ctx, "Event", id, wire.Object{"Description": "Bring the arm and the new gripper."})
			})},
		{carolsPlace, "deletes the third Grid call", "it goes from alice's calendar; the other five stay (deletes.from_crm: propagate)",
			crmEvent("Grid call", clocks(3, "09:00", "09:30"), func(ctx context.Context, crm wire.Salesforce, id string) error {
				return crm.Delete(ctx, "Event", id)
			})},
		{"alice, in her calendar,", "moves the fourth Grid call to the afternoon", "its record moves, and no other",
			event("alice", "Grid call", clocks(10, "09:00", "09:30"), moved(clocks(10, "16:00", "16:30")))},
		{"bob, in his calendar,", "accepts Contract with Halden", "in Salesforce bob is down as coming; there is one record, though two calendars have the meeting",
			event("bob", "Contract with Halden", on(6, "15:00", "16:00", berlin), func(_ verify.Today, e wire.Object) (wire.Object, error) {
				people, _ := e["attendees"].([]any)
				for _, p := range people {
					if who, _ := p.(wire.Object); wire.Text(who, "email") == "bob@acme.test" {
						who["responseStatus"] = "accepted"
					}
				}
				return wire.Object{"attendees": people}, nil
			})},
		{"alice, in her calendar,", "makes Pricing private", "its record goes: the policy keeps private events out of the CRM (private: skip)",
			event("alice", "Pricing", on(9, "14:00", "15:00", berlin), func(verify.Today, wire.Object) (wire.Object, error) {
				return wire.Object{"visibility": "private"}, nil
			})},
		{"alice, in her calendar,", "deletes Tour of the warehouse", "its record goes too (deletes.from_mailbox: propagate)",
			onEvent("alice", "Tour of the warehouse", on(10, "14:00", "17:00", berlin), func(ctx context.Context, w World, e wire.Object) error {
				return w.Calendars["alice"].Delete(ctx, wire.Text(e, "id"))
			})},
	}
}

// Retiming is what alice does to her series after its occurrences went their own ways.
func Retiming() []Edit {
	return []Edit{
		{"alice, in her calendar,", "moves the whole series Grid call from 09:00 to 09:45",
			"Google forgets what was changed at single calls, the deletion too: all six are at 09:45, by the clocks of their day. Five records move, one is new",
			onEvent("alice", "Grid call", clocks(-11, "09:00", "09:30"), func(ctx context.Context, w World, e wire.Object) error {
				change, err := moved(clocks(-11, "09:45", "10:15"))(w.Today, e)
				if err != nil {
					return err
				}
				return w.Calendars["alice"].Patch(ctx, wire.Text(e, "recurringEventId"), change)
			})},
	}
}

// moved is the change that gives an event another time.
func moved(to verify.When) func(verify.Today, wire.Object) (wire.Object, error) {
	return func(today verify.Today, _ wire.Object) (wire.Object, error) {
		span, err := to.Span(today)
		return googleTimes(span, to.Zone), err
	}
}

// event changes an event of a rep's calendar, or one occurrence of a series.
func event(rep, subject string, when verify.When, change func(verify.Today, wire.Object) (wire.Object, error)) func(context.Context, World) error {
	return onEvent(rep, subject, when, func(ctx context.Context, w World, e wire.Object) error {
		c, err := change(w.Today, e)
		if err != nil {
			return err
		}
		return w.Calendars[rep].Patch(ctx, wire.Text(e, "id"), c)
	})
}

// onEvent finds the one event of a rep's calendar with a subject and a start.
func onEvent(rep, subject string, when verify.When, do func(context.Context, World, wire.Object) error) func(context.Context, World) error {
	return func(ctx context.Context, w World) error {
		span, err := when.Span(w.Today)
		if err != nil {
			return err
		}
		all, err := w.Calendars[rep].Events(ctx, span.Start.AddDate(0, 0, -1), span.End.AddDate(0, 0, 1))
		if err != nil {
			return err
		}
		var found []wire.Object
		for _, e := range all {
			fields, err := verify.FlattenEvent(e)
			if err != nil {
				return err
			}
			if start, _ := span.Words(); wire.Text(e, "summary") == subject && fields["start"] == start {
				found = append(found, e)
			}
		}
		if len(found) != 1 {
			return fmt.Errorf("%d events are called %s at %s, expected one", len(found), subject, when)
		}
		return do(ctx, w, found[0])
	}
}

// crmEvent finds the one CRM event with a subject and a start.
func crmEvent(subject string, when verify.When, do func(ctx context.Context, crm wire.Salesforce, id string) error) func(context.Context, World) error {
	return func(ctx context.Context, w World) error {
		span, err := when.Span(w.Today)
		if err != nil {
			return err
		}
		start, _ := span.Words()
		rows, err := w.CRM.Query(ctx, "SELECT Id FROM Event WHERE IsChild = false AND Subject = '"+subject+"' AND StartDateTime = "+start)
		if err != nil {
			return err
		}
		if len(rows) != 1 {
			return fmt.Errorf("%d events are called %s at %s, expected one", len(rows), subject, when)
		}
		return do(ctx, w.CRM, wire.Text(rows[0], "Id"))
	}
}
