package policy_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector/salesforce/mapping"
	"github.com/repsync/repsync/internal/policy"
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
			// events and tasks take the keys of contacts, and the reference says so.
			if section, rest, _ := strings.Cut(path, "."); section == "events" || section == "tasks" {
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
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(text, -1)
	require.Len(t, examples, 3)
	for _, e := range examples {
		_, problems := policy.Load([]byte(e[1]))
		require.Empty(t, problems, e[1])
	}
	for _, m := range regexp.MustCompile("`(crm\\.[^`]*|\"German\"[^`]*|record\\.emails\\.[^`]*|!has[^`]*)`").FindAllStringSubmatch(text, -1) {
		_, err := policy.CompileFilter(m[1])
		if err != nil { // a field or a number by itself stands in the text too
			_, err = policy.CompileFilter(m[1] + " != null")
		}
		if m[1] != "crm." {
			require.NoError(t, err, m[1])
		}
	}
}
