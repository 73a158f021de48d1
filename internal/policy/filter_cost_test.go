package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/policy"
	"github.com/repsync/repsync/internal/record"
)

// CEL counts steps: a filter of few steps, each of which is large, must be stopped too, before it fills a worker's memory.
func TestFilterOfFewLargeStepsIsStopped(t *testing.T) {
	t.Parallel()
	long := map[string]any{"A": strings.Repeat("a", 130_000), "B": strings.Repeat("b", 130_000)}
	for name, filter := range map[string]string{
		"a text doubled":           `["aaaaaaaaaa"]` + strings.Repeat(".map(a, a + a)", 40) + `[0].size() > 3`,
		"a text of replacements":   `"a"` + strings.Repeat(`.replace("a", "aaaaaaaaaa")`, 40) + `.size() > 3`,
		"one long field between":   `crm.A.replace("", crm.B).size() > 3`,
		"some of them":             `crm.A.replace("a", crm.B, 100).size() > 3`,
		"a list doubled":           `[[1]]` + strings.Repeat(".map(a, a + a)", 40) + `[0].size() > 3`,
		"lists of lists compared":  `[1]` + strings.Repeat(".map(a, [a, a])", 40) + `.exists(a, a == a)`,
		"lists of lists looked in": `[1]` + strings.Repeat(".map(a, [a, a])", 40) + `.exists(a, a in [a])`,
		"a large pattern":          `crm.A.matches("` + strings.Repeat("(a?){900}", 2) + `b")`,
		"a text read many times":   `["` + strings.Repeat(`a","`, 500) + `"].all(a, crm.A.contains("b") || a != "")`,
		"many texts kept":          `["` + strings.Repeat(`a","`, 500) + `"].map(a, crm.A + crm.B).size() > 3`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := policy.CompileFilter(filter)
			require.NoError(t, err)
			started := time.Now()
			_, err = f.Match(long, record.Fields{})
			require.ErrorIs(t, err, policy.ErrFilterCost)
			require.Less(t, time.Since(started), 10*time.Second)
		})
	}
}

func TestFilterRefusesCallsWithoutABound(t *testing.T) {
	t.Parallel()
	for filter, message := range map[string]string{
		`crm.A.matches(crm.B)`: "the regular expression is computed", `matches(crm.A, crm.B + "x")`: "the regular expression is computed",
		`crm.A.matches("` + strings.Repeat("(a?){900}", 30) + `")`: "the regular expression is too large",
		`crm.A.indexOf("x") == 1`:                                  "indexOf is not offered", `crm.A.lastIndexOf("x", 3) == 1`: "lastIndexOf is not offered",
		`"%.999999999f".format([1.0]) == crm.A`: "format", `["a"].join(crm.A) == "a"`: "join",
	} {
		_, err := policy.CompileFilter(filter)
		require.ErrorContains(t, err, message, filter)
	}
}

// What was replaced does what CEL's own does.
func TestFilterCallsThatAreReplaced(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string]bool{
		`"abab".replace("a", "x") == "xbxb"`: true, `"abab".replace("a", "x", 1) == "xbab"`: true, `"abab".replace("a", "x", -1) == "xbxb"`: true, `"abab".replace("a", "x", 0) == "abab"`: true,
		`"ab".replace("", "-") == "-a-b-"`: true, `[1] + [2, 3] == [1, 2, 3]`: true, `"a" + "b" == "ab"`: true, `1 + 2 == 3`: true, `1.5 + 2.0 == 3.5`: true,
		`2 in [1, 2]`: true, `"a" in {"a": 1}`: true, `"x" in {"a": 1}`: false, `{"a": [1, 2]} == {"a": [1, 2]}`: true, `[1, 2] != [1, 3]`: true, `matches("abc", "^a.c$")`: true, `"abc".matches("b+")`: true,
		`"ABC".matches("b")`: false, `timestamp("2026-01-01T00:00:00Z") + duration("1h") == timestamp("2026-01-01T01:00:00Z")`: true, `b"a" + b"b" == b"ab"`: true,
		`has(crm.Missing) || crm.Missing + "x" == "x"`: false, `crm.Tags.exists(a, a == "c") && crm.Tags.size() == 3`: true, `[1, 2, 3].map(a, a + 1) == [2, 3, 4]`: true, `[1, 2, 3].exists_one(a, a > 2)`: true,
	} {
		f, err := policy.CompileFilter(filter)
		require.NoError(t, err, filter)
		got, err := f.Match(raw, fields)
		require.NoError(t, err, filter)
		require.Equal(t, want, got, filter)
	}
	for _, filter := range []string{`crm.Status__c + 1 == 2`, `crm.Tags + 1 == 1`, `1 in crm.Status__c`, `crm.Score__c.replace("a", "b") == ""`, `crm.Score__c.matches("a")`} {
		f, err := policy.CompileFilter(filter)
		require.NoError(t, err, filter)
		_, err = f.Match(raw, fields)
		require.ErrorIs(t, err, policy.ErrFilterType, filter)
	}
}
