package world

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/chaos/scenario"
)

const (
	gcalTime = time.RFC3339
	crmTime  = "2006-01-02T15:04:05.000+0000"
)

// moment is when something is that a step gives in minutes after the story's start.
func (o *Org) moment(minutes string) time.Time {
	n, err := strconv.Atoi(minutes)
	if err != nil {
		n = 0
	}
	return o.began.Add(time.Duration(n) * time.Minute)
}

func length(minutes string) time.Duration {
	n, err := strconv.Atoi(minutes)
	if err != nil || n <= 0 {
		n = 30
	}
	return time.Duration(n) * time.Minute
}

// zone is where a series keeps its wall time.
func zone(step scenario.Step) string { return cmp.Or(step.Set["zone"], "UTC") }

// subject is what a meeting is called: its item's name comes first.
func subject(item, rest string) string { return strings.TrimSpace(item + " " + rest) }

// boxMeeting is what a rep does in the calendar. Item m1@2 is occurrence 2 of the series m1, in the order in which they
// were laid out.
func (o *Org) boxMeeting(step scenario.Step) (bool, error) {
	calendar := o.Box.Google.Calendar(Address(o.Name, step.Rep))
	item, nth, isOne := strings.Cut(step.Item, "@")
	list, err := calendar.List(url.Values{})
	if err != nil {
		return false, err
	}
	at := slices.IndexFunc(list, func(e map[string]any) bool {
		text, _ := e["summary"].(string)
		word, _, _ := strings.Cut(text, " ")
		return word == item && e["recurringEventId"] == nil && e["status"] != "cancelled"
	})
	if (at >= 0) == (step.Do == scenario.Create) {
		return false, nil
	}
	if step.Do == scenario.Create {
		_, err := calendar.Insert(o.event(step))
		return err == nil, err
	}
	event := list[at]
	if step.Do == scenario.Answer && event["attendees"] == nil {
		return false, nil
	}
	if isOne {
		if event = o.occurrence(step.Rep, event, nth); event == nil {
			return false, nil
		}
	}
	id, _ := event["id"].(string)
	switch step.Do {
	case scenario.Split:
		if !isOne {
			return false, nil
		}
		return o.split(step, list[at], event)
	case scenario.Answer:
		return o.answer(step, event)
	case scenario.Edit:
		_, err := calendar.Patch(id, o.change(item, step, event))
		return err == nil, err
	case scenario.Touch:
		_, err := calendar.Patch(id, map[string]any{"summary": event["summary"]})
		return err == nil, err
	case scenario.Delete:
		err := calendar.Delete(id)
		return err == nil, err
	default:
		return false, nil
	}
}

// occurrence returns the n-th occurrence of a series by its original start, nil where it is not there.
func (o *Org) occurrence(rep string, master map[string]any, nth string) map[string]any {
	n, err := strconv.Atoi(nth)
	if err != nil || master["recurrence"] == nil {
		return nil
	}
	id, _ := master["id"].(string)
	all, err := o.Box.Google.Calendar(Address(o.Name, rep)).Instances(id, url.Values{"showDeleted": {"true"}})
	if err != nil {
		return nil
	}
	slices.SortFunc(all, func(a, b map[string]any) int { return strings.Compare(original(a), original(b)) })
	if n >= len(all) || all[n]["status"] == "cancelled" {
		return nil
	}
	return all[n]
}

// original is when an occurrence was laid out to be.
func original(e map[string]any) string {
	was, _ := e["originalStartTime"].(map[string]any)
	text, _ := was["dateTime"].(string)
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return t.UTC().Format(time.RFC3339)
}

// event is a new meeting as the calendar's page sends it.
func (o *Org) event(step scenario.Step) map[string]any {
	start := o.moment(step.Set["start"])
	e := map[string]any{"summary": subject(step.Item, step.Set["subject"]), "location": step.Set["location"], "description": step.Set["description"],
		"start": map[string]any{"dateTime": start.Format(gcalTime), "timeZone": zone(step)},
		"end":   map[string]any{"dateTime": start.Add(length(step.Set["length"])).Format(gcalTime), "timeZone": zone(step)}}
	if step.Set["private"] == "true" {
		e["visibility"] = "private"
	}
	if rule := step.Set["rule"]; rule != "" {
		e["recurrence"] = []any{"RRULE:" + rule}
	}
	var guests []any
	for guest := range strings.SplitSeq(step.Set["guests"], ",") {
		if guest == "" {
			continue
		}
		if !strings.Contains(guest, "@") {
			guest = Address(o.Name, guest)
		} else {
			o.asks = true
		}
		guests = append(guests, map[string]any{"email": guest})
	}
	if guests != nil {
		e["attendees"] = guests
	}
	return e
}

// change is an edit of a meeting as the calendar's page sends it.
func (o *Org) change(item string, step scenario.Step, was map[string]any) map[string]any {
	out := map[string]any{}
	for field, value := range step.Set {
		switch field {
		case "subject":
			out["summary"] = subject(item, value)
		case "location", "description":
			out[field] = value
		case "private":
			out["visibility"] = map[bool]string{true: "private", false: "default"}[value == "true"]
		}
	}
	if step.Set["start"] != "" || step.Set["length"] != "" {
		start, end := when(was, "start"), when(was, "end")
		long := end.Sub(start)
		if step.Set["start"] != "" {
			start = o.moment(step.Set["start"])
		}
		if step.Set["length"] != "" {
			long = length(step.Set["length"])
		}
		out["start"] = map[string]any{"dateTime": start.Format(gcalTime), "timeZone": "UTC"}
		out["end"] = map[string]any{"dateTime": start.Add(long).Format(gcalTime), "timeZone": "UTC"}
	}
	return out
}

// when reads an event's start or end.
func when(e map[string]any, which string) time.Time {
	v, _ := e[which].(map[string]any)
	text, _ := v["dateTime"].(string)
	t, err := time.Parse(time.RFC3339, text)
	if err != nil { // a whole day has no time
		return time.Time{}
	}
	return t.UTC()
}

// crmMeeting is what a rep does to an event in Salesforce. Item m1@2 is the third record of m1 by start that is there.
func (o *Org) crmMeeting(step scenario.Step) (bool, error) {
	sf, user := o.Box.Salesforce, o.Users[step.Rep]
	item, nth, _ := strings.Cut(step.Item, "@")
	var rows []map[string]any
	for _, r := range sf.All("Event") {
		text, _ := r["Subject"].(string)
		gone, _ := r["IsDeleted"].(bool)
		child, _ := r["IsChild"].(bool)
		if word, _, _ := strings.Cut(text, " "); word == item && gone == (step.Do == scenario.Restore) && !child {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b map[string]any) int {
		return strings.Compare(fmt.Sprint(a["StartDateTime"]), fmt.Sprint(b["StartDateTime"]))
	})
	n, err := strconv.Atoi(nth)
	if err != nil {
		n = 0
	}
	if step.Do == scenario.Create {
		if len(rows) > 0 {
			return false, nil
		}
		start := o.moment(step.Set["start"])
		_, err := sf.Insert("Event", map[string]any{"Subject": subject(item, step.Set["subject"]), "Location": step.Set["location"], "Description": step.Set["description"], "OwnerId": user,
			"StartDateTime": start.Format(crmTime), "DurationInMinutes": length(step.Set["length"]).Minutes(), "IsPrivate": step.Set["private"] == "true"}, user)
		return err == nil, err
	}
	if n >= len(rows) {
		return false, nil
	}
	id, _ := rows[n]["Id"].(string)
	switch step.Do {
	case scenario.Edit:
		return o.editRow(id, item, step)
	case scenario.Touch:
		return true, sf.Update("Event", id, map[string]any{"Subject": rows[n]["Subject"]}, "")
	case scenario.Delete:
		return true, sf.Delete("Event", id, "")
	case scenario.Restore:
		return true, sf.Undelete("Event", id, "")
	case scenario.Reassign:
		return o.Users[step.To] != "", sf.Update("Event", id, map[string]any{"OwnerId": o.Users[step.To]}, "")
	default:
		return false, nil
	}
}

// editRow edits an event's record.
func (o *Org) editRow(id, item string, step scenario.Step) (bool, error) {
	values := map[string]any{}
	for field, value := range step.Set {
		switch field {
		case "subject":
			values["Subject"] = subject(item, value)
		case "location":
			values["Location"] = value
		case "description":
			values["Description"] = value
		case "private":
			values["IsPrivate"] = value == "true"
		case "length":
			values["DurationInMinutes"] = length(value).Minutes()
		case "start":
			values["StartDateTime"] = o.moment(value).Format(crmTime)
		}
	}
	err := o.Box.Salesforce.Update("Event", id, values, "")
	return err == nil, err
}
