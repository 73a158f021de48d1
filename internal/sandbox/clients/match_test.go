package clients_test

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mismatch says where a value differs from a pattern, "" when it does not. Both are what encoding/json decodes to. Of an
// object the members that the pattern has must match, and "-" is a member that must be missing; a list must have as many
// elements as the pattern's, each matching; "*" is any value but null; "~…" is a text that a regular expression matches; all
// else is itself.
func mismatch(at string, pattern, value any) string {
	switch p := pattern.(type) {
	case map[string]any:
		v, ok := value.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s: %v is no object", at, value)
		}
		for _, k := range slices.Sorted(maps.Keys(p)) {
			member, there := v[k]
			if p[k] == "-" {
				if there {
					return fmt.Sprintf("%s.%s: %v, which should be missing", at, k, member)
				}
				continue
			}
			if !there {
				return fmt.Sprintf("%s.%s is missing", at, k)
			}
			if m := mismatch(at+"."+k, p[k], member); m != "" {
				return m
			}
		}
		return ""
	case []any:
		v, ok := value.([]any)
		if !ok || len(v) != len(p) {
			return fmt.Sprintf("%s: %v is not a list of %d", at, value, len(p))
		}
		for i := range p {
			if m := mismatch(fmt.Sprintf("%s[%d]", at, i), p[i], v[i]); m != "" {
				return m
			}
		}
		return ""
	case string:
		if re, ok := strings.CutPrefix(p, "~"); ok {
			if v, isText := value.(string); !isText || !regexp.MustCompile(re).MatchString(v) {
				return fmt.Sprintf("%s: %v does not match %s", at, value, re)
			}
			return ""
		}
		if p == "*" && value != nil {
			return ""
		}
	}
	if !reflect.DeepEqual(pattern, value) {
		return fmt.Sprintf("%s: %v, want %v", at, value, pattern)
	}
	return ""
}

// TestMismatch holds that the comparison finds what differs: a table that accepts anything proves nothing.
func TestMismatch(t *testing.T) {
	t.Parallel()
	value := map[string]any{"id": "003A", "n": 2.0, "list": []any{"a", map[string]any{"b": true, "c": nil}}}
	for name, tc := range map[string]struct {
		pattern any
		differs string
	}{
		"members that are named":        {map[string]any{"n": 2.0}, ""},
		"a member that is not there":    {map[string]any{"m": 2.0}, ".m is missing"},
		"null is not absence":           {map[string]any{"m": nil}, ".m is missing"},
		"a member that must be missing": {map[string]any{"n": "-"}, ".n: 2, which should be missing"},
		"missing as it must be":         {map[string]any{"m": "-"}, ""},
		"another number":                {map[string]any{"n": 3.0}, ".n: 2, want 3"},
		"a text by pattern":             {map[string]any{"id": "~^003"}, ""},
		"a text against the pattern":    {map[string]any{"id": "~^001"}, ".id: 003A does not match ^001"},
		"any value":                     {map[string]any{"id": "*"}, ""},
		"null is no value":              {map[string]any{"list": []any{"a", map[string]any{"c": "*"}}}, ".list[1].c: <nil>, want *"},
		"a shorter list":                {map[string]any{"list": []any{"a"}}, ".list: [a map[b:true c:<nil>]] is not a list of 1"},
		"a list's elements":             {map[string]any{"list": []any{"a", map[string]any{"b": true}}}, ""},
		"an object for a text":          {map[string]any{"id": map[string]any{}}, ".id: 003A is no object"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.differs, mismatch("", tc.pattern, value))
		})
	}
}
