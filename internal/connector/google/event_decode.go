package google

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// standing is what an event's JSON is to a sync.
type standing int

const (
	present standing = iota
	gone             // cancelled: the event, or the occurrence
	foreign          // no item at all: a birthday, a working location
)

// seen is what an event's JSON says.
type seen struct {
	item  connector.Item
	id    string // Google's own id of the event or occurrence
	state standing

	original record.Moment // of an occurrence
	loose    bool          // its zone is not said
	bad      error         // of read: why it cannot be decoded
}

// decode turns one event's JSON into an item. With an error, the item's Ref, Key and Image are what could be read.
func (c *calendar) decode(raw []byte) (seen, error) {
	var d seen
	if len(raw) > connector.MaxItem {
		var named struct{ ID string }
		if json.Unmarshal(raw, &named) == nil && eventID.MatchString(named.ID) {
			d.id, d.item = named.ID, connector.Item{Ref: connector.Ref{ID: named.ID}, Fields: record.Fields{}}
		}
		return d, unreadable{"event", "is larger than any that Google keeps"}
	}
	e, err := parseEvent(raw)
	if err != nil {
		return d, err
	}
	d.id = str(e, "id")
	if !eventID.MatchString(d.id) {
		return d, unreadable{"event.id", "is not the id of an event"}
	}
	d.item = connector.Item{Ref: connector.Ref{ID: d.id}, Image: compact(raw), Fields: record.Fields{}}
	switch str(e, memberType) {
	case "birthday", "workingLocation":
		d.state = foreign
		return d, nil
	}
	if str(e, "status") == cancelled {
		d.state = gone
	}
	if d.item.Version.Tag = str(e, "etag"); d.item.Version.Tag == "" {
		d.item.Version.Tag = tagOf(e, readMembers)
	}
	if err := d.occurrence(e); err != nil {
		return d, err
	}
	if t := str(e, "updated"); t != "" {
		at, err := time.Parse(time.RFC3339Nano, t)
		if err != nil {
			return d, unreadable{"event.updated", "is not a time"}
		}
		d.item.Version.At = at.UTC()
	}
	if d.state == gone { // its other members are not promised
		return d, nil
	}
	if d.item.Key, err = c.ownMarker(d.id, e); err != nil {
		return d, err
	}
	for _, read := range []func(event, *connector.Item) error{readTime, readTexts, readChoices, readPeople, readRecurrence, readRest} {
		if err := read(e, &d.item); err != nil {
			return d, err
		}
	}
	d.item.Fields[record.FieldOccurrence] = d.item.Occurrence
	for field, v := range d.item.Fields {
		if v = record.Canonical(field, v); v == "" {
			delete(d.item.Fields, field)
		} else {
			d.item.Fields[field] = v
		}
	}
	return d, nil
}

// occurrence gives an occurrence its ref: its series, and its original start in the series' zone.
func (d *seen) occurrence(e event) error {
	master, err := e.text(memberMaster)
	if err != nil {
		return err
	}
	if master == "" {
		if base := baseOf(d.id); base != d.id {
			d.item.Previous = []string{base}
		}
		return nil
	}
	original, ok, err := e.object(memberOriginal)
	if err != nil {
		return err
	}
	if slot := occurrenceID.FindStringSubmatch(d.id); !ok && d.state == gone && slot != nil { // it is promised, and left out at times
		if t, err := time.Parse("20060102T150405Z", slot[1]); err == nil {
			d.item.ID, d.loose = master, true
			d.place(record.Moment{At: t})
			return nil
		}
	}
	if !ok || !eventID.MatchString(master) {
		return unreadable{"event.originalStartTime", "is not there"}
	}
	start, _, err := e.object(memberStart)
	if err != nil {
		return err
	}
	at, err := moment(memberOriginal, original, str(start, "timeZone"))
	if err != nil {
		return err
	}
	d.item.ID = master
	d.place(at)
	d.loose = !at.Date && str(original, "timeZone") == ""
	return nil
}

// ownMarker returns the marker of an event that carries one for itself. One of ours that came with a copy, or from the
// master of a series, is none; another org's stays what it is, so that the event is refused and reported.
func (c *calendar) ownMarker(id string, e event) (string, error) {
	marker, err := e.private(markerKey)
	if err != nil || marker == "" {
		return "", err
	}
	on, err := e.private(markedKey)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(marker, c.Org+"/") && on != id && idFor(marker) != id {
		return "", nil
	}
	return marker, nil
}

func readTime(e event, it *connector.Item) error {
	var ends [2]record.Moment
	for i, name := range []string{memberStart, memberEnd} {
		at, ok, err := e.object(name)
		if err != nil {
			return err
		}
		if !ok {
			return unreadable{"event." + name, "is not there"}
		}
		if ends[i], err = moment(name, at, ""); err != nil {
			return err
		}
	}
	value := record.Span{Start: ends[0], End: ends[1]}.String()
	if _, err := record.ParseSpan(value); err != nil {
		return unreadable{"event.end", "does not fit its start"}
	}
	it.Fields[record.FieldTime] = value
	return nil
}

func readTexts(e event, it *connector.Item) error {
	for field, name := range map[string]string{
		record.FieldSubject: memberSubject, record.FieldLocation: memberLocation,
		record.FieldDescription: memberDescription, record.FieldUID: "iCalUID",
	} {
		v, err := e.text(name)
		if err != nil {
			return err
		}
		it.Fields[field] = v
	}
	it.Fields[record.FieldDescription] = plainText(it.Fields[record.FieldDescription])
	it.Fields[record.FieldLabels] = labels(it.Fields[record.FieldSubject], it.Fields[record.FieldDescription])
	return nil
}

// readChoices reads the members that hold one of a few words. A word that Google adds later reads as the usual one.
func readChoices(e event, it *connector.Item) error {
	for _, name := range []string{"status", memberShow, memberPrivacy, memberType} {
		if _, err := e.text(name); err != nil {
			return err
		}
	}
	it.Fields[record.FieldStatus] = record.StatusConfirmed
	if str(e, "status") == "tentative" {
		it.Fields[record.FieldStatus] = record.StatusTentative
	}
	switch {
	case str(e, memberType) == typeOutOfOffice:
		it.Fields[record.FieldShowAs] = record.ShowOutOfOffice
	case str(e, memberShow) == "transparent":
		it.Fields[record.FieldShowAs] = record.ShowFree
	default:
		it.Fields[record.FieldShowAs] = record.ShowBusy
	}
	switch v := str(e, memberPrivacy); v {
	case record.PrivacyPrivate, record.PrivacyConfidential:
		it.Fields[record.FieldPrivacy] = v
	}
	return nil
}

// readPeople reads organiser and attendees. Rooms and other resources are no people.
func readPeople(e event, it *connector.Item) error {
	organiser, _, err := e.object("organizer")
	if err != nil {
		return err
	}
	who, err := member("event.organizer", organiser, "email")
	if err != nil {
		return err
	}
	it.Owner = record.NormalEmail(who)
	list, err := e.attendees()
	if err != nil {
		return err
	}
	var all []record.Attendee
	for _, one := range list {
		if one["resource"] == true {
			continue
		}
		who, err := member(memberAttendees, one, "email")
		if err != nil {
			return err
		}
		answer := answers[str(one, "responseStatus")]
		if answer == "" {
			answer = record.AnswerNone
		}
		if one["self"] == true {
			it.Fields[record.FieldAnswer] = answer
		}
		all = append(all, record.Attendee{Email: who, Answer: answer})
	}
	it.Fields[record.FieldAttendees] = record.JoinAttendees(all)
	for _, a := range record.Attendees(it.Fields[record.FieldAttendees]) {
		it.Reps = append(it.Reps, a.Email)
	}
	return nil
}

func readRecurrence(e event, it *connector.Item) error {
	if e[memberRecurrence] == nil || it.Occurrence != "" {
		return nil
	}
	all, ok := e[memberRecurrence].([]any)
	if !ok {
		return unreadable{"event.recurrence", "is not a list"}
	}
	lines := make([]string, len(all))
	for i, one := range all {
		if lines[i], ok = one.(string); !ok || strings.ContainsAny(lines[i], "\r\n") {
			return unreadable{"event.recurrence", "holds what is not a line"}
		}
	}
	it.Fields[record.FieldRecurrence] = strings.Join(recurrenceOf(lines), "\n")
	return nil
}

func readRest(e event, it *connector.Item) error {
	switch n := e["sequence"].(type) {
	case nil:
	case json.Number:
		it.Fields[record.FieldSequence] = n.String()
	default:
		return unreadable{"event.sequence", "is not a number"}
	}
	return nil
}

// hashtag is how people label an event in Google Calendar, which has no labels of its own. What stands inside a word or an
// address is none, nor is a number ("#2").
var hashtag = regexp.MustCompile(`(?:^|[\s(\[,;])#([\p{L}\p{N}_-]*\p{L}[\p{L}\p{N}_-]*)`)

// labels returns the value of FieldLabels.
func labels(texts ...string) string {
	var all []string
	for _, text := range texts {
		for _, found := range hashtag.FindAllStringSubmatch(text, -1) {
			all = append(all, strings.ToLower(found[1]))
		}
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), "\n")
}
