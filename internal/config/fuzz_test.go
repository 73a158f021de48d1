package config

import (
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/fuzztest"
)

// FuzzParse reads any text as a configuration. What is accepted can be written and read as the same, and be asked for
// connectors; what is not says where, what and what to do, on a bounded number of lines.
func FuzzParse(f *testing.F) {
	for _, doc := range []string{
		whole, least, "", "orgs:\n", "orgs: {acme: null}\n", "- a\n", "a: &x [*x]\n", "orgs: &a {b: &c {d: *a}}\n", "orgs: {acme: {crm: {feed: {every: 1e9}}}}\n", "orgs: {acme: {crm: {feed: {every: [1]}}}}\n",
		"orgs:\n  acme:\n    mailboxes: [{domains: acme.test}]\n", "orgs: {A!: {crm: {connector: x}}}\n", "{[a]: b}\n", "? a\n: b\n", "orgs: !!binary x\n", "--- \n...\n---\na: b", "<<: {orgs: {}}\n",
		"orgs: {acme: {crm: {connector: salesforce, base_url: \"http://u:p@x/?q#f\"}}}\n", "a: |\n x\n  y\n", "\xff", "orgs:\n\tacme: x\n", "orgs: {acme: {mailboxes: [{lag: -1s}, 5, null]}}",
	} {
		f.Add([]byte(doc))
	}
	laughs := "a0: &a0 x\n"
	for i := range 12 {
		laughs += strings.ReplaceAll(strings.ReplaceAll("aN: &aN [*aM,*aM,*aM,*aM,*aM,*aM,*aM,*aM]\n", "N", string(rune('b'+i))), "M", map[bool]string{true: "0", false: string(rune('a' + i))}[i == 0])
	}
	f.Add([]byte(laughs + "orgs: *am\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		defer fuzztest.Within(10 * time.Second)()
		c, err := Parse("/etc/repsync/repsync.yaml", text)
		if err != nil {
			var one *Error
			require.ErrorAs(t, err, &one)
			require.NotEmpty(t, one.Problem)
			require.NotEmpty(t, one.Remedy)
			require.Less(t, len(err.Error()), 4096+600*len(text))
			return
		}
		again, err := yaml.Marshal(c)
		require.NoError(t, err)
		same, err := Parse("/elsewhere/repsync.yaml", again)
		require.NoError(t, err, "%s", again)
		require.Equal(t, c, same)
		all := NewConnectors(c)
		for name, org := range c.Orgs {
			_, _ = all.CRM(name) // no file that it names is there
			for _, m := range org.Mailboxes {
				_, provider, err := all.Mailbox(name, "a@"+m.Domains[0])
				require.True(t, err != nil || provider == m.Connector)
			}
		}
	})
}
