package scenario

import (
	"context"
	_ "embed" // the tables of the story
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/repsync/repsync/internal/demo/verify"
	"github.com/repsync/repsync/internal/demo/wire"
)

var (
	//go:embed calendar.json
	calendarJSON []byte
	//go:embed calendar_after_first_sync.json
	calendarFirstJSON []byte
	//go:embed calendar_after_edits.json
	calendarEditsJSON []byte
	//go:embed calendar_after_retiming.json
	calendarRetimedJSON []byte
)

// Zones are those of the reps' calendars.
var Zones = map[string]string{"alice": "Europe/Berlin", "bob": "America/New_York"}

// Date is the day on which the story is played: all its meetings are told by days from it.
func Date(now time.Time) verify.Today {
	now = now.UTC()
	return verify.Today(time.Date(now.Year(), now.Month(), now.Day(), 12, 0, 0, 0, time.UTC))
}

// Cast says which meetings of the start the story is about.
func Cast(today verify.Today) []string {
	zone, err := time.LoadLocation(Zones["alice"])
	if err != nil {
		zone = time.UTC // a machine without zones fails at the first meeting, saying so
	}
	return []string{
		"Grid call is alice's weekly series of six, two of them before the clocks change in Berlin on " + verify.NextChange(time.Time(today), zone).Format("2 January 2006"),
		"Contract with Halden has alice as its organiser, and bob, carol and a customer as guests: it is in two calendars",
		"Lunch with Greta Lindqvist is on both sides already; Demo at Vega and Call with Keiko Tanaka are in Salesforce only",
		"Dentist is private, and a lawyer attends Advice on the contract: the policy keeps both out of Salesforce",
	}
}

// appointment is an event of the start: when it is, and its fields in the vendor's own names. In the CRM Who, What and
// Owner are an address, an account's name and an address; in a calendar attendees are addresses.
type appointment map[string]any

// startCalendar is what calendars hold before Repsync.
type startCalendar struct {
	CRM       []appointment            `json:"crm"`
	Calendars map[string][]appointment `json:"calendars"`
}

// seedCalendars puts the meetings of the start in place.
func seedCalendars(ctx context.Context, w World) error {
	var s startCalendar
	if err := decode(calendarJSON, &s); err != nil {
		return fmt.Errorf("calendar.json: %w", err)
	}
	ids, err := namedIDs(ctx, w.CRM)
	if err != nil {
		return err
	}
	events := make([]wire.Object, len(s.CRM))
	for i, a := range s.CRM {
		if events[i], err = a.crm(w.Today, ids); err != nil {
			return fmt.Errorf("calendar.json: %w", err)
		}
	}
	if _, err := createAll(ctx, w.CRM, "Event", events); err != nil {
		return err
	}
	for _, rep := range slices.Sorted(maps.Keys(s.Calendars)) {
		for _, a := range s.Calendars[rep] {
			event, err := a.google(w.Today)
			if err != nil {
				return fmt.Errorf("calendar.json: %w", err)
			}
			if _, err := w.Calendars[rep].Insert(ctx, event); err != nil {
				return fmt.Errorf("%s: %w", rep, err)
			}
		}
	}
	return nil
}

// namedIDs is a table of the ids of users and contacts by address, and of accounts by name.
func namedIDs(ctx context.Context, crm wire.Salesforce) (map[string]string, error) {
	ids := map[string]string{}
	for object, field := range map[string]string{"User": "Email", "Contact": "Email", "Account": "Name"} {
		rows, err := crm.Query(ctx, "SELECT Id, "+field+" FROM "+object)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			ids[wire.Text(row, field)] = wire.Text(row, "Id")
		}
	}
	return ids, nil
}

// crm is the appointment as an Event of Salesforce.
func (a appointment) crm(today verify.Today, ids map[string]string) (wire.Object, error) {
	span, when, err := a.span(today)
	if err != nil {
		return nil, err
	}
	if when.Days > 0 {
		return nil, fmt.Errorf("%s: the CRM's side of the start has no whole days", when)
	}
	o := salesforceTimes(span)
	for k, v := range a {
		switch k {
		case "when":
		case "Who", "What", "Owner":
			id := ids[fmt.Sprint(v)]
			if id == "" {
				return nil, fmt.Errorf("%s: the CRM knows nobody and nothing called %v", when, v)
			}
			o[k+"Id"] = id
		default:
			o[k] = v
		}
	}
	return o, nil
}

// google is the appointment as an event of Google Calendar.
func (a appointment) google(today verify.Today) (wire.Object, error) {
	span, when, err := a.span(today)
	if err != nil {
		return nil, err
	}
	o := googleTimes(span, when.Zone)
	for k, v := range a {
		switch k {
		case "when":
		case "attendees":
			var people []wire.Object
			addresses, _ := v.([]any)
			for _, address := range addresses {
				people = append(people, wire.Object{"email": address})
			}
			o[k] = people
		default:
			o[k] = v
		}
	}
	return o, nil
}

func (a appointment) span(today verify.Today) (verify.Span, verify.When, error) {
	var when verify.When
	err := again(a["when"], &when)
	if err != nil {
		return verify.Span{}, when, err
	}
	span, err := when.Span(today)
	return span, when, err
}

func googleTimes(s verify.Span, zone string) wire.Object {
	if s.Dates {
		return wire.Object{"start": wire.Object{"date": s.Start.Format(time.DateOnly)}, "end": wire.Object{"date": s.End.Format(time.DateOnly)}}
	}
	at := func(t time.Time) wire.Object {
		return wire.Object{"dateTime": t.Format(time.RFC3339), "timeZone": zone}
	}
	return wire.Object{"start": at(s.Start), "end": at(s.End)}
}

func salesforceTimes(s verify.Span) wire.Object {
	return wire.Object{"StartDateTime": s.Start.UTC().Format(time.RFC3339), "EndDateTime": s.End.UTC().Format(time.RFC3339)}
}

// AgendaAfterFirstSync is what calendars must show once the first sync is over.
func AgendaAfterFirstSync() (verify.Agenda, error) {
	return agenda("calendar_after_first_sync.json", calendarFirstJSON)
}

// AgendaAfterEdits is what calendars must show once everybody's edits are on both sides.
func AgendaAfterEdits() (verify.Agenda, error) {
	return agenda("calendar_after_edits.json", calendarEditsJSON)
}

// AgendaAfterRetiming is what calendars must show once alice has moved her whole series.
func AgendaAfterRetiming() (verify.Agenda, error) {
	return agenda("calendar_after_retiming.json", calendarRetimedJSON)
}

func agenda(name string, table []byte) (a verify.Agenda, err error) {
	if err := decode(table, &a); err != nil {
		return a, fmt.Errorf("%s: %w", name, err)
	}
	return a, nil
}
