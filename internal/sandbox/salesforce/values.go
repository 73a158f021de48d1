package salesforce

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Layouts of the vendor's dates and times.
const (
	dateLayout     = "2006-01-02"
	dateTimeLayout = "2006-01-02T15:04:05.000-0700"
)

// formatTime prints a time as the REST API does: "2026-11-22T04:27:00.000+0000".
func formatTime(t time.Time) string { return t.UTC().Format(dateTimeLayout) }

// parseTime reads the forms of a dateTime that clients send.
func parseTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00", dateLayout} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// errParse is the answer to a JSON value of the wrong kind.
func errParse(want string, v any) *Error {
	token := "VALUE_STRING"
	switch v := v.(type) {
	case json.Number:
		token = "VALUE_NUMBER_INT"
		if strings.ContainsAny(v.String(), ".eE") {
			token = "VALUE_NUMBER_FLOAT"
		}
	case bool:
		token = "VALUE_FALSE"
		if v {
			token = "VALUE_TRUE"
		}
	case map[string]any:
		return fail("JSON_PARSER_ERROR", "Cannot deserialize instance of %s from START_OBJECT value { or request may be missing a required field at [line:1, column:2]", want)
	case []any:
		return fail("JSON_PARSER_ERROR", "Cannot deserialize instance of %s from START_ARRAY value [ or request may be missing a required field at [line:1, column:2]", want)
	}
	return fail("JSON_PARSER_ERROR", "Cannot deserialize instance of %s from %s value %v or request may be missing a required field at [line:1, column:2]", want, token, v)
}

// coerce turns a value from JSON or from a Go caller into the canonical form of the field: string, bool, float64,
// "2006-01-02" or time.Time; nil for null and for the empty string. Texts lose white space at both ends, as at the
// vendor, and addresses their capitals (from published answers: no document says it). The error says that the request cannot be read at all; whether the value is acceptable is check's business.
func coerce(f *Field, v any) (any, *Error) {
	if v == nil {
		return nil, nil
	}
	switch f.Type {
	case TypeBoolean:
		switch v := v.(type) {
		case bool:
			return v, nil
		case string:
			if b, ok := map[string]bool{"true": true, "1": true, "false": false, "0": false}[strings.ToLower(v)]; ok {
				return b, nil
			}
		}
		return nil, errParse("boolean", v)
	case TypeInt, TypeDouble:
		n, ok := number(v)
		if !ok || f.Type == TypeInt && n != math.Trunc(n) {
			return nil, errParse(map[Type]string{TypeInt: "int", TypeDouble: "double"}[f.Type], v)
		}
		return n, nil
	case TypeDate:
		if t, ok := v.(time.Time); ok {
			return t.Format(dateLayout), nil
		}
		s, ok := v.(string)
		if !ok {
			return nil, errParse("date", v)
		}
		if s == "" {
			return nil, nil
		}
		t, ok := parseTime(s)
		if !ok {
			return nil, errParse("date", v)
		}
		return t.Format(dateLayout), nil
	case TypeDateTime:
		if t, ok := v.(time.Time); ok {
			return t.UTC().Truncate(time.Second), nil
		}
		s, ok := v.(string)
		if !ok {
			return nil, errParse("datetime", v)
		}
		if s == "" {
			return nil, nil
		}
		t, ok := parseTime(s)
		if !ok {
			return nil, errParse("datetime", v)
		}
		return t.Truncate(time.Second), nil
	default:
		s, ok := v.(string)
		if !ok {
			return nil, errParse("string", v)
		}
		if s = strings.TrimSpace(s); s == "" {
			return nil, nil
		}
		if f.Type == TypeEmail {
			s = strings.ToLower(s)
		}
		return s, nil
	}
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case json.Number:
		n, err := v.Float64()
		return n, err == nil
	case float64:
		return v, true
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	}
	return 0, false
}

// check tells whether a canonical value is acceptable in the field, in the vendor's words.
func check(f *Field, v any) *Error {
	s, ok := v.(string)
	if !ok {
		return nil
	}
	if f.isText() && f.Type != TypePicklist && utf8.RuneCountInString(s) > f.Length {
		return failFields("STRING_TOO_LONG", fmt.Sprintf("%s: data value too large: %s (max length=%d)", f.Label, s, f.Length), f.Name)
	}
	switch {
	case f.Type == TypeEmail && !validEmail(s):
		return failFields("INVALID_EMAIL_ADDRESS", fmt.Sprintf("%s: invalid email address: %s", f.Label, s), f.Name)
	case f.Type == TypePicklist && f.Restricted && !slices.Contains(f.Picklist, s):
		return failFields("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", fmt.Sprintf("%s: bad value for restricted picklist field: %s", f.Label, s), f.Name)
	case f.Type == TypePicklist && utf8.RuneCountInString(s) > 255:
		return failFields("STRING_TOO_LONG", fmt.Sprintf("%s: data value too large: %s (max length=255)", f.Label, s), f.Name)
	}
	return nil
}

// validEmail is the vendor's idea of an address: ASCII, a dotted domain, no quoted local part.
var validEmail = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\\.)+[A-Za-z0-9]{2,}$").MatchString

// show is a canonical value as JSON shows it.
func show(f *Field, v any) any {
	switch v := v.(type) {
	case nil:
		if f.Type == TypeBoolean {
			return false
		}
		return nil
	case time.Time:
		return formatTime(v)
	case float64:
		if f.Type == TypeInt {
			return int64(v)
		}
		return json.RawMessage(formatDouble(v))
	}
	return v
}

// formatDouble prints a double with a decimal point, as the vendor does: 42.0.
func formatDouble(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return fmt.Sprintf("%.1f", v)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(b)
}

// ordered is a JSON object whose members keep their order: attributes first, then fields as selected.
type ordered struct {
	keys   []string
	values map[string]any
}

func newOrdered() *ordered { return &ordered{values: map[string]any{}} }

func (o *ordered) set(key string, v any) {
	if _, ok := o.values[key]; !ok {
		o.keys = append(o.keys, key)
	}
	o.values[key] = v
}

// MarshalJSON writes the members in the order in which they were set.
func (o *ordered) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, k := range o.keys {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(k)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(o.values[k])
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
