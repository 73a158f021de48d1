package policy_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector/salesforce/mapping"
	"github.com/repsync/repsync/internal/policy"
	"github.com/repsync/repsync/internal/record"
)

// The reference names every key with its default, and what it shows can be applied.
func TestReference(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../docs/policy.md")
	require.NoError(t, err)
	text := string(data)

	var schema map[string]any
	require.NoError(t, json.Unmarshal(policy.Schema(), &schema))
	var walk func(s map[string]any, path string)
	walk = func(s map[string]any, path string) {
		properties, ok := s["properties"].(map[string]any)
		if !ok {
			// Tasks take the keys of contacts, and so do events where the reference lists what they share.
			section, rest, _ := strings.Cut(path, ".")
			if shared := []string{"fields", "conflict", "on_filter_exit", "on_drift"}; section == "tasks" || section == "events" && slices.Contains(shared, rest) {
				if strings.Contains(text, "`contacts."+rest+"`") {
					return
				}
			}
			require.Contains(t, text, "`"+path+"`")
			return
		}
		for name, p := range properties {
			walk(p.(map[string]any), strings.TrimPrefix(path+"."+name, "."))
		}
	}
	walk(schema, "")

	for canonical, api := range mapping.Contact {
		require.Contains(t, text, api, "the Salesforce field of %s", canonical)
	}
	for canonical, api := range mapping.Event {
		require.Contains(t, text, "`"+canonical+"`")
		require.Contains(t, text, api, "the Salesforce field of %s", canonical)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(text, -1)
	require.Len(t, examples, 4)
	for _, e := range examples {
		_, problems := policy.Load([]byte(e[1]))
		require.Empty(t, problems, e[1])
	}
	for _, m := range regexp.MustCompile("`(crm\\.[^`]*|\"German\"[^`]*|record\\.emails\\.[^`]*|!has[^`]*)`").FindAllStringSubmatch(text, -1) {
		kind := record.Contact
		if strings.Contains(m[1], "record.subject") {
			kind = record.Event
		}
		_, err := policy.CompileFilterFor(kind, m[1])
		if err != nil { // a field or a number by itself stands in the text too
			_, err = policy.CompileFilter(m[1] + " != null")
		}
		if m[1] != "crm." {
			require.NoError(t, err, m[1])
		}
	}
}
