package planner

import (
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// refused tells why a target cannot take an operation as it is, and for which field; "" when it can. What is refused
// parks the item: nothing is cut to fit, nothing made up, and the base stays, so that the edit is not lost.
func refused(p Pair, op Op) (Reason, string) {
	switch {
	case op.Side == record.Mailbox && p.Voice == Outside:
		return ReasonNotOurs, firstField(op.Set)
	case op.Side == record.CRM && op.Verb != connector.Create && !p.CRM.Editable && p.Voice != OwnAnswer: // whoever is invited may answer
		return ReasonCRMDeniesEdit, ""
	}
	caps := p.Caps.Of(op.Side)
	for _, f := range slices.Sorted(maps.Keys(caps)) {
		v, set := op.Set[f]
		c := caps[f]
		switch {
		case c.Required && v == "" && (set || op.Verb == connector.Create):
			return missing(f), f
		case c.MaxLen > 0 && utf8.RuneCountInString(v) > c.MaxLen:
			return ReasonTooLong, f
		case f == record.FieldTime && v != "":
			if why := spanRefused(v, c.MaxSpan); why != "" {
				return why, f
			}
		case c.FullDate && v != "" && !record.HasYear(v):
			return ReasonDateNeedsYear, f
		}
	}
	return "", ""
}

// spanRefused tells why a target cannot take an event's time; most is the longest that it can, 0 is unlimited.
func spanRefused(value string, most time.Duration) Reason {
	span, err := record.ParseSpan(value)
	switch {
	case err != nil:
		return ReasonTimeInvalid
	case most > 0 && span.Length() > most:
		return ReasonEventTooLong
	}
	return ""
}

// firstField returns the first of an operation's fields, "" of none.
func firstField(set record.Fields) string {
	if len(set) == 0 {
		return ""
	}
	return slices.Min(slices.Collect(maps.Keys(set)))
}

func missing(field string) Reason {
	if field == record.FieldFamily {
		return ReasonNoFamilyName
	}
	return ReasonRequiredMissing
}
