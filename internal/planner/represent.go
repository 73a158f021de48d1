package planner

import (
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// refused tells why a target cannot take an operation as it is, and for which field; "" when it can. What is refused
// parks the item: nothing is cut to fit, nothing made up, and the base stays, so that the edit is not lost.
func refused(p Pair, op Op) (Reason, string) {
	if op.Side == record.CRM && op.Verb != connector.Create && !p.CRM.Editable {
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
		case c.FullDate && v != "" && !record.HasYear(v):
			return ReasonDateNeedsYear, f
		}
	}
	return "", ""
}

func missing(field string) Reason {
	if field == record.FieldFamily {
		return ReasonNoFamilyName
	}
	return ReasonRequiredMissing
}
