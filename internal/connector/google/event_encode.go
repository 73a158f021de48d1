package google

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// change is what a write sends: the members of an event that it sets. In an insert there is no current event; in a patch a
// member that is null is removed, one that is not there stays, and so do reminders, conference, colours and all that is
// not known here.
type change struct {
	body    entry
	current event // nil in an insert
	ref     connector.Ref
	mailbox string
}

const writeEvent = "google write event"

func notWritable(code string) *connector.Error {
	return &connector.Error{Class: connector.Park, Code: code, Op: writeEvent}
}

// insert builds the event of a create.
func (c *calendar) insert(op connector.Op) (entry, *connector.Error) {
	if op.Set[record.FieldTime] == "" {
		return nil, notWritable("required:" + record.FieldTime)
	}
	if op.Set[record.FieldAttendees] != "" && !op.Invite {
		return nil, notWritable("would_mail")
	}
	marker := c.marker(op.Key)
	ch := change{body: entry{"id": idFor(marker), memberExtended: marked(entry{markerKey: marker})}, mailbox: record.NormalEmail(c.Mailbox)}
	if err := ch.apply(op.Set); err != nil {
		return nil, err
	}
	maps.DeleteFunc(ch.body, func(_ string, v any) bool { return v == nil })
	return ch.body, nil
}

func marked(properties entry) entry { return entry{"private": properties} }

// patch builds what an update sends; an empty one means that there is nothing to do.
func (c *calendar) patch(op connector.Op) (entry, *connector.Error) {
	current, err := parseEvent(op.Current.Image)
	if err != nil {
		return nil, &connector.Error{Class: connector.Bug, Code: "image", Op: writeEvent}
	}
	ch := change{body: entry{}, current: current, ref: op.Ref, mailbox: record.NormalEmail(c.Mailbox)}
	if err := ch.apply(op.Set); err != nil {
		return nil, err
	}
	if op.Key != "" && op.Current.Key == "" {
		ch.body[memberExtended] = marked(entry{markerKey: c.marker(op.Key), markedKey: str(current, "id")})
	}
	return ch.body, nil
}

// apply sets fields, in a stable order. Error: Park for what an event cannot be made to say.
func (ch *change) apply(f record.Fields) *connector.Error {
	for _, field := range slices.Sorted(maps.Keys(f)) {
		v := record.Canonical(field, f[field])
		var err *connector.Error
		switch field {
		case record.FieldUID, record.FieldOccurrence, record.FieldStatus, record.FieldLabels, record.FieldSequence: // derived
		case record.FieldSubject:
			ch.text(memberSubject, v)
		case record.FieldLocation:
			ch.text(memberLocation, v)
		case record.FieldDescription:
			ch.text(memberDescription, descriptionOf(v))
		case record.FieldTime:
			err = ch.time(v)
		case record.FieldShowAs:
			err = ch.show(v)
		case record.FieldPrivacy:
			err = ch.privacy(v)
		case record.FieldAttendees:
			err = ch.attendees(v)
		case record.FieldRecurrence:
			err = ch.recurrence(v)
		default:
			err = notWritable("field_not_writable:" + field)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (ch *change) text(name, v string) {
	ch.body[name] = v
	if v == "" {
		ch.body[name] = nil
	}
}

// time sets start and end. A CRM that knows instants only says UTC; where the event has a zone, it keeps it.
func (ch *change) time(v string) *connector.Error {
	span, err := record.ParseSpan(v)
	if err != nil {
		return notWritable("not_a_time")
	}
	ch.body[memberStart] = ch.moment(span.Start, memberStart)
	ch.body[memberEnd] = ch.moment(span.End, memberEnd)
	return nil
}

func (ch *change) moment(at record.Moment, name string) entry {
	if at.Date {
		return ch.only(entry{"date": at.String()}, "dateTime", "timeZone")
	}
	t := at.At
	if zone := t.Location().String(); zone == "UTC" || zone == "" {
		current, _ := ch.current[name].(entry)
		if own, err := record.Zone(str(current, "timeZone")); err == nil {
			t = t.In(own)
		}
	}
	zone := t.Location().String()
	if zone == "" || zone == "Local" {
		t, zone = t.UTC(), "UTC"
	}
	return ch.only(entry{"dateTime": t.Format(time.RFC3339), "timeZone": zone}, "date")
}

// only adds, in a patch, that other members of a start or an end are removed: an event has dates or times.
func (ch *change) only(at entry, not ...string) entry {
	if ch.current != nil {
		for _, name := range not {
			at[name] = nil
		}
	}
	return at
}

// show sets busy or free. An event of the type outOfOffice declines invitations by itself and cannot be made one later: an
// absence that the CRM knows of makes the rep busy, no more; and one that the rep entered stays what it is.
func (ch *change) show(v string) *connector.Error {
	if str(ch.current, memberType) == typeOutOfOffice {
		if v == record.ShowOutOfOffice {
			return nil
		}
		return notWritable("event_type_fixed")
	}
	switch v {
	case record.ShowFree:
		ch.body[memberShow] = "transparent"
	case "", record.ShowBusy, record.ShowOutOfOffice:
		ch.body[memberShow] = "opaque"
	default:
		return notWritable("unknown_value:" + record.FieldShowAs)
	}
	return nil
}

func (ch *change) privacy(v string) *connector.Error {
	switch v {
	case "":
		ch.body[memberPrivacy] = "default"
	case record.PrivacyPrivate, record.PrivacyConfidential:
		ch.body[memberPrivacy] = v
	default:
		return notWritable("unknown_value:" + record.FieldPrivacy)
	}
	return nil
}

// attendees adds people and removes none: the list is rebuilt from what was read, with everybody's answer as it stands,
// and only who is not on it comes behind. Nobody's answer is written.
func (ch *change) attendees(v string) *connector.Error {
	list, err := ch.current.attendees()
	if err != nil {
		return &connector.Error{Class: connector.Bug, Code: "image", Op: writeEvent}
	}
	there := map[string]bool{}
	all := make([]any, 0, len(list)+1)
	for _, one := range list {
		all = append(all, one)
		there[record.NormalEmail(str(one, "email"))] = true
	}
	for _, a := range record.Attendees(v) {
		if there[a.Email] || a.Email == "" {
			continue
		}
		there[a.Email] = true
		one := entry{"email": a.Email}
		if a.Email == ch.mailbox {
			one["responseStatus"] = "accepted" // whoever invites comes
		}
		all = append(all, one)
	}
	switch {
	case len(all) == len(list):
	case ch.current["attendeesOmitted"] == true: // the rest of the list would be taken for removed
		return notWritable("attendees_omitted")
	default:
		ch.body[memberAttendees] = all
	}
	return nil
}

// recurrence sets the rules of a series; an occurrence has none.
func (ch *change) recurrence(v string) *connector.Error {
	if ch.ref.Occurrence != "" {
		return notWritable("field_not_writable:" + record.FieldRecurrence)
	}
	lines := recurrenceOf(strings.Split(v, "\n"))
	switch {
	case v == "":
		ch.body[memberRecurrence] = nil
	case len(lines) == 0:
		return notWritable("not_a_recurrence")
	default:
		ch.body[memberRecurrence] = lines
	}
	return nil
}
