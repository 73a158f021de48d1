package record

import (
	"slices"
	"strings"
)

// Canonical fields of an event.
//
// FieldTime is start and end in one, since they are moved as one: a merge never takes the start of one side and the end
// of the other. FieldAttendees lists people by address, as a mailbox knows them, and FieldRelations by CRM id, as the CRM
// does: the first is written to mailboxes alone, the second to the CRM alone.
const (
	FieldSubject     = "subject"
	FieldTime        = "time" // see Span
	FieldLocation    = "location"
	FieldDescription = "description" // plain text
	FieldShowAs      = "show_as"     // ShowBusy, ShowFree or ShowOutOfOffice
	FieldPrivacy     = "privacy"     // "" for the calendar's default, PrivacyPrivate or PrivacyConfidential
	FieldAttendees   = "attendees"   // see JoinAttendees
	FieldRelations   = "relations"   // see JoinRelations
	FieldAnswer      = "answer"      // the rep's own answer, one of the Answer constants; "" where the rep is not asked
	FieldRecurrence  = "recurrence"  // of a series' master: its RRULE, RDATE, EXRULE and EXDATE lines (RFC 5545), one a line
)

// Derived fields of an event: they serve matching and the policy, and are never written.
const (
	FieldUID        = "uid"        // the meeting's UID (RFC 5545 section 3.8.4.7), the same in every attendee's calendar
	FieldOccurrence = "occurrence" // the original start of one occurrence of a series, as connector.Ref has it
	FieldStatus     = "status"     // StatusConfirmed or StatusTentative
	FieldLabels     = "labels"     // labels that a person put on the event, lower-cased, sorted, one a line
	FieldSequence   = "sequence"   // how often the organiser changed it (RFC 5545 section 3.8.7.4), a decimal number
	FieldSeries     = "series"     // crm: id of the vendor's own series that the row is an occurrence of
)

// Values of FieldShowAs.
const (
	ShowBusy        = "busy"
	ShowFree        = "free"
	ShowOutOfOffice = "out_of_office"
)

// Values of FieldPrivacy.
const (
	PrivacyPrivate      = "private"
	PrivacyConfidential = "confidential"
)

// Values of FieldStatus. A cancelled event is gone.
const (
	StatusConfirmed = "confirmed"
	StatusTentative = "tentative"
)

// An attendee's answers.
const (
	AnswerNone      = "needs_action"
	AnswerYes       = "accepted"
	AnswerNo        = "declined"
	AnswerTentative = "tentative"
)

// eventFields lists the fields of an event that are merged, in the order in which a person reads them, with their labels.
var eventFields = []struct{ field, label string }{
	{FieldSubject, "subject"},
	{FieldTime, "time"},
	{FieldLocation, "location"},
	{FieldDescription, "description"},
	{FieldShowAs, "show as"},
	{FieldPrivacy, "privacy"},
	{FieldAttendees, "attendees"},
	{FieldRelations, "related records"},
	{FieldAnswer, "own answer"},
	{FieldRecurrence, "recurrence"},
}

// EventFields returns every field of an event that a side may let be written, in a stable order fit for people.
func EventFields() []string {
	out := make([]string, len(eventFields))
	for i, c := range eventFields {
		out[i] = c.field
	}
	return out
}

// Attendee is one person of a meeting, its organiser included. Rooms and other resources are none.
type Attendee struct{ Email, Answer string }

// JoinAttendees returns the value of FieldAttendees: a line "address answer" for each, sorted by address, each once (the
// last one of an address counts).
func JoinAttendees(all []Attendee) string {
	answers := map[string]string{}
	for _, a := range all {
		if e := NormalEmail(a.Email); e != "" && !strings.ContainsAny(e, " \n") {
			answers[e] = answerOf(a.Answer)
		}
	}
	return joinLines(answers)
}

// Attendees reads a value of FieldAttendees.
func Attendees(value string) []Attendee {
	var out []Attendee
	for line := range strings.Lines(value) {
		if who, answer, _ := strings.Cut(strings.TrimSpace(line), " "); who != "" {
			out = append(out, Attendee{Email: NormalEmail(who), Answer: answerOf(answer)})
		}
	}
	return out
}

// AnswerOf returns what one attendee answered, "" when the address is not among them.
func AnswerOf(value, email string) string {
	for _, a := range Attendees(value) {
		if a.Email == NormalEmail(email) {
			return a.Answer
		}
	}
	return ""
}

func answerOf(raw string) string {
	switch raw {
	case AnswerYes, AnswerNo, AnswerTentative:
		return raw
	}
	return AnswerNone
}

// Relation is a CRM record that an event concerns: a contact, lead or user with its answer, or an account without one.
// Gone stands in a write only: Repsync had related the record, and takes it out again. Records that people related stay.
type Relation struct {
	ID, Answer string
	Gone       bool
}

// JoinRelations returns the value of FieldRelations: a line "id answer" for each, in the order given, in which the first
// contact or lead is the one that the event is with; a line "-id" takes one out.
func JoinRelations(all []Relation) string {
	lines := make([]string, 0, len(all))
	for _, r := range all {
		switch {
		case r.Gone:
			lines = append(lines, "-"+r.ID)
		case r.Answer == "":
			lines = append(lines, r.ID)
		default:
			lines = append(lines, r.ID+" "+r.Answer)
		}
	}
	return strings.Join(lines, "\n")
}

// Relations reads a value of FieldRelations.
func Relations(value string) []Relation {
	var out []Relation
	for line := range strings.Lines(value) {
		id, answer, _ := strings.Cut(strings.TrimSpace(line), " ")
		id, gone := strings.CutPrefix(id, "-")
		if id != "" {
			out = append(out, Relation{ID: id, Answer: answer, Gone: gone})
		}
	}
	return out
}

func joinLines(answers map[string]string) string {
	lines := make([]string, 0, len(answers))
	for who, answer := range answers {
		lines = append(lines, who+" "+answer)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
