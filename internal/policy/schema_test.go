package policy_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/policy"
)

func TestSchemaIsNotStale(t *testing.T) {
	t.Parallel()
	published, err := os.ReadFile("../../docs/policy.schema.json")
	require.NoError(t, err)
	require.Equal(t, string(policy.Schema()), string(published), "run go generate ./internal/policy")
}

// The schema is published for editors, while Read has its own validation: they must not disagree. Every document that
// Read takes meets the schema, and what is wrong with a document's form, the schema sees too.
func TestSchemaAgreesWithRead(t *testing.T) {
	t.Parallel()
	var schema map[string]any
	require.NoError(t, json.Unmarshal(policy.Schema(), &schema))

	// What a schema cannot know: CEL, other keys, places in a range of durations, and YAML itself.
	beyond := regexp.MustCompile(`^(a filter|an address for|a domain for|twice$|twice below|twice with|several|a trailing|a directive|an anchor|an alias|a merge|aliases|` +
		`too (often|seldom)|a duration beyond|no CRM field|one CRM field|in reps|deletes against|unknown mailbox field|too large|only |empty$|` +
		`a number with underscores)`)
	for _, c := range mistakes {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var v any
			if beyond.MatchString(c.name) || len(c.doc) > 10000 || yaml.Unmarshal([]byte(c.doc), &v) != nil {
				return
			}
			require.NotEmpty(t, violations(schema, v, ""), "the schema takes what Read refuses")
		})
	}
	good := []string{string(design(t)), "{}", "events:\n", string(policy.Show(policy.Default()))}
	for _, file := range presets(t) {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		good = append(good, string(data))
	}
	for _, doc := range good {
		var v any
		require.NoError(t, yaml.Unmarshal([]byte(doc), &v))
		require.Empty(t, violations(schema, v, ""), doc)
	}
}

// violations checks a value by the keywords of JSON Schema that the schema uses, and by no other.
func violations(schema map[string]any, v any, path string) (out []string) {
	fail := func(format string, args ...any) { out = append(out, path+": "+fmt.Sprintf(format, args...)) }
	for keyword, want := range schema {
		switch keyword {
		case "$schema", "$id", "title", "description", "default", "properties", "additionalProperties", "propertyNames", "items":
		case "type":
			types, ok := want.([]any)
			if !ok {
				types = []any{want}
			}
			if !slices.Contains(types, any(typeOf(v))) {
				fail("is %s, not %v", typeOf(v), want)
			}
		case "enum":
			if !slices.Contains(want.([]any), v) {
				fail("is none of %v", want)
			}
		case "pattern":
			if s, ok := v.(string); ok && !regexp.MustCompile(want.(string)).MatchString(s) {
				fail("does not match %v", want)
			}
		case "minimum":
			if n, ok := number(v); ok && n < want.(float64) {
				fail("is less than %v", want)
			}
		case "maximum":
			if n, ok := number(v); ok && n > want.(float64) {
				fail("is more than %v", want)
			}
		case "minItems":
			if l, ok := v.([]any); ok && float64(len(l)) < want.(float64) {
				fail("has less than %v items", want)
			}
		case "uniqueItems":
			l, _ := v.([]any)
			for i := range l {
				if slices.ContainsFunc(l[:i], func(o any) bool { return fmt.Sprint(o) == fmt.Sprint(l[i]) }) {
					fail("has %v twice", l[i])
				}
			}
		default:
			fail("the schema's keyword %s is not known here", keyword)
		}
	}
	if l, ok := v.([]any); ok {
		for i, e := range l {
			if items, ok := schema["items"].(map[string]any); ok {
				out = append(out, violations(items, e, fmt.Sprintf("%s[%d]", path, i))...)
			}
		}
	}
	object, _ := v.(map[string]any)
	for name, e := range object {
		if names, ok := schema["propertyNames"].(map[string]any); ok {
			out = append(out, violations(names, name, path+"."+name)...)
		}
		properties, _ := schema["properties"].(map[string]any)
		if p, ok := properties[name].(map[string]any); ok {
			out = append(out, violations(p, e, path+"."+name)...)
		} else if more, ok := schema["additionalProperties"].(map[string]any); ok {
			out = append(out, violations(more, e, path+"."+name)...)
		} else {
			fail("has the unknown key %s", name)
		}
	}
	return out
}

func typeOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	case float64:
		if v != math.Trunc(v) {
			return "number"
		}
	}
	return "integer"
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case uint64:
		return float64(v), true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}
