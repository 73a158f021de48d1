package planner

import (
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/record"
)

// EventScope is what a policy admits of events, beyond what it admits of every kind.
//
// Private events are judged wherever they are. Every other rule asks the original: a copy that Repsync made (Link.Made)
// shows less than what it copies, and goes with it. The window counts only while there is no active link, so that what
// leaves it as time passes stays linked.
type EventScope struct {
	Rep      string    // the mailbox's address
	Domains  []string  // the org's own mail domains
	From, To time.Time // the window; zero is unbounded
	Private  string    // skip | busy | sync
	Series   string    // sync | skip
	Select   string    // all | selected | related
	Label    string    // the label that marks an event under selected
	Exclude  EventExclude
	// Related tells, under related, whether a contact or lead attends.
	Related func(connector.Item) bool
}

// EventExclude leaves events out. The rep's own address excludes nothing.
type EventExclude struct {
	Domains      []string // an attendee of one of these mail domains
	Addresses    []string // one of these attendees
	AllDay       bool
	Declined     bool // declined by the rep
	InternalOnly bool // nobody from outside Domains attends
}

// skips reports whether the policy leaves an event out because it is private.
func (s *EventScope) skips(it connector.Item, link *Link) bool {
	if planted.Is(planted.PrivateCopied) && link != nil {
		return false
	}
	return s.Private == "skip" && Private(it.Fields)
}

// Private reports whether an event is private or confidential.
func Private(f record.Fields) bool {
	return f[record.FieldPrivacy] == record.PrivacyPrivate || f[record.FieldPrivacy] == record.PrivacyConfidential
}

// refuses tells why an event is not admitted, "" when it is. s may be nil: then nothing is refused.
func (s *EventScope) refuses(side record.Side, it connector.Item, link *Link) Reason {
	if s == nil || link != nil && link.Made == side {
		return ""
	}
	recurs := it.Fields[record.FieldRecurrence] != ""
	inSeries := recurs || it.Fields[record.FieldOccurrence] != "" || it.Fields[record.FieldSeries] != ""
	switch {
	case s.Series == "skip" && inSeries:
		return ReasonSeriesSkipped
	case link == nil && !recurs && s.outside(it.Fields): // a series is judged by its occurrences
		return ReasonOutsideWindow
	}
	if why := s.excludes(side, it); why != "" {
		return why
	}
	switch {
	case s.Select == "selected" && side == record.Mailbox && !s.labelled(it.Fields):
		return ReasonNotSelected
	case s.Select == "related" && !s.Related(it):
		return ReasonNotRelated
	}
	return ""
}

// outside reports whether an event ends before the window begins, or begins when it has ended. A time that cannot be read
// is not judged.
func (s *EventScope) outside(f record.Fields) bool {
	span, err := record.ParseSpan(f[record.FieldTime])
	if err != nil {
		return false
	}
	start, end := span.Start.At, span.End.At
	past := start.Before(s.From) && !end.After(s.From)
	return past || !s.To.IsZero() && !start.Before(s.To)
}

// excludes applies exclude.
func (s *EventScope) excludes(side record.Side, it connector.Item) Reason {
	people := s.people(side, it)
	of := func(list []string, name func(string) string) bool {
		return slices.ContainsFunc(people, func(who string) bool {
			return slices.ContainsFunc(list, func(listed string) bool { return record.NormalEmail(listed) == name(who) })
		})
	}
	x := s.Exclude
	span, _ := record.ParseSpan(it.Fields[record.FieldTime]) // a time that cannot be read is no day
	switch {
	case x.AllDay && span.AllDay():
		return ReasonExcludedAllDay
	case x.Declined && s.answer(it.Fields) == record.AnswerNo:
		return ReasonExcludedDeclined
	case of(x.Addresses, whole):
		return ReasonExcludedAddress
	case of(x.Domains, domain):
		return ReasonExcludedDomain
	case x.InternalOnly && !slices.ContainsFunc(people, s.external):
		return ReasonExcludedInternal
	}
	return ""
}

// people lists the addresses of everybody who attends, the organiser included and the rep not.
func (s *EventScope) people(side record.Side, it connector.Item) []string {
	var out []string
	for _, a := range record.Attendees(it.Fields[record.FieldAttendees]) {
		out = append(out, a.Email)
	}
	if side == record.Mailbox && it.Owner != "" { // a guest list may be hidden, an organiser is not
		out = append(out, record.NormalEmail(it.Owner))
	}
	return slices.DeleteFunc(out, func(who string) bool { return who == record.NormalEmail(s.Rep) })
}

func (s *EventScope) answer(f record.Fields) string {
	if own := f[record.FieldAnswer]; own != "" {
		return own
	}
	return record.AnswerOf(f[record.FieldAttendees], s.Rep)
}

func (s *EventScope) external(who string) bool {
	return !slices.ContainsFunc(s.Domains, func(own string) bool { return record.NormalEmail(own) == domain(who) })
}

func (s *EventScope) labelled(f record.Fields) bool {
	return slices.Contains(strings.Split(f[record.FieldLabels], "\n"), strings.ToLower(s.Label))
}

func whole(who string) string { return who }

func domain(who string) string { return who[strings.LastIndexByte(who, '@')+1:] }

// binds reports whether a reason keeps an item out by itself, whatever the pair's other item is: the rules of events that
// hold for either side. Outside the window a pair is linked all the same, since it would stay linked.
func (r Reason) binds() bool {
	switch r {
	case ReasonPrivateSkipped, ReasonSeriesSkipped, ReasonExcludedAllDay, ReasonExcludedDeclined, ReasonExcludedAddress,
		ReasonExcludedDomain, ReasonExcludedInternal, ReasonNotSelected, ReasonNotRelated:
		return true
	}
	return false
}
