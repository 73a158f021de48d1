package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPolicyValidate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text   string
		code   int
		want   []string
		result string
	}{
		"valid":         {"name: a\nassign: {reps: [alice]}\n", exitOK, []string{"valid: it can be applied"}, "valid"},
		"a warning":     {"name: a\n", exitOK, []string{"warning: assign: is empty", "valid: it can be applied"}, "valid"},
		"no YAML":       {"contacts: {direction: both", exitRefused, []string{"refused", "not valid YAML", "line 1", "Nothing was changed"}, "refused"},
		"a misspelling": {"contacts:\n  directoin: both\n", exitRefused, []string{"contacts.directoin: unknown key (line 2, column 3): did you mean direction?"}, "refused"},
		"contradictory": {"name: default\ncontacts:\n  direction: crm_to_mailbox\n  deletes: {from_mailbox: propagate}\n", exitRefused, []string{"can never happen with direction: crm_to_mailbox"}, "refused"},
		"not enforced":  {"name: default\ntasks: {direction: both}\n", exitRefused, []string{"tasks.direction: not enforced yet"}, "refused"},
		"a bad filter":  {"name: default\ncontacts: {filter: \"crm.Status__c ==\"}\n", exitRefused, []string{"contacts.filter"}, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := document(t, c.text)
			starter(t, "policy", "validate", "-f", path).wants(c.code, c.want...)
			starterIn(t, t.Context(), c.text, "policy", "validate", "-f", "-").wants(c.code)
			said := starter(t, "policy", "validate", "--json", "-f", path).wants(c.code).json()
			require.Equal(t, c.result, said["result"])
			require.IsType(t, []any{}, said["problems"])
			if c.code != exitOK {
				starter(t, "policy", "apply", "--org", "policies", "-f", path).wants(c.code, c.want...)
			}
		})
	}
	examples, err := filepath.Glob(filepath.Join(bench.module, "..", "examples", "policies", "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, examples)
	for _, path := range examples {
		a := starter(t, "policy", "validate", "-f", path).wants(exitOK)
		require.NotContains(t, a.out, "warning", path)
	}
}

// TestPolicyApply tells who gets a policy, and warns where nobody does.
func TestPolicyApply(t *testing.T) {
	t.Parallel()
	for _, rep := range []struct{ name, profile string }{{"ida", "Field Sales"}, {"joe", "Field Sales"}, {"kim", "Inside Sales"}} {
		who, address := hire(t, "policies", rep.name, rep.profile)
		starter(t, with("rep add", who, "--mailbox", address)...).wants(exitOK, "profile "+rep.profile)
	}
	apply := func(text string, more ...string) answer {
		return starter(t, append([]string{"policy", "apply", "-f", document(t, text)}, more...)...)
	}
	org := []string{"--org", "policies"}

	first := apply("name: field\nassign: {profiles: [Field Sales]}\n", append(org, "--json")...).wants(exitOK).json()
	require.ElementsMatch(t, []string{"org", "policy", "revision", "reps", "reps_told", "unchanged", "warnings"}, keys(first))
	require.Equal(t, []any{"ida", "joe"}, first["reps"])
	require.Equal(t, []any{}, first["warnings"])
	apply("name: field\nassign: {profiles: [Field Sales]}\n", org...).wants(exitOK, "policy field is unchanged: it is revision 1 of org policies already", "ida, joe")
	apply("name: named\nassign: {reps: [joe]}\n", org...).wants(exitOK, "revision 2", "reps that get it: joe", "no rep runs: those that start get it")
	apply("name: ghost\nassign: {reps: [zed]}\n", org...).wants(exitOK, "warning: assign.reps: org policies has no rep \"zed\"", "warning: no rep gets this policy")
	apply("name: nobody\nassign: {profiles: [Marketing]}\n", org...).wants(exitOK, `no rep of org policies has the profile "Marketing"`, "profiles are: Field Sales, Inside Sales", "no rep gets this policy")
	apply("name: unassigned\n", org...).wants(exitOK, "warning: assign: is empty", "no rep gets this policy")
	apply("name: late\nassign: {profiles: [Field Sales], except: [ida]}\n", org...).wants(exitOK, "joe gets named (revision 2) instead", "no rep gets this policy")

	apply("name: x\nassign: {reps: [ida]}\n").wants(exitUsage, "names no org", "--org")
	apply("name: x\norg: acme\nassign: {reps: [ida]}\n", org...).wants(exitUsage, "is for org acme, not for policies")
	apply("name: x\norg: nowhere\nassign: {reps: [ida]}\n").wants(exitNotFound, `names no org "nowhere"`, "starter org list")

	starter(t, "policy", "list", "--org", "policies").wants(exitOK, "profiles Field Sales; except ida", "(recommended)", "everybody else", "kim")
	rows := starter(t, "policy", "list", "--org", "policies", "--json").wants(exitOK).list()
	gets := map[string]any{}
	for _, r := range rows {
		gets[r["name"].(string)] = r["reps"]
	}
	require.Equal(t, []any{"ida"}, gets["field"])
	require.Equal(t, []any{"joe"}, gets["named"])
	require.Equal(t, []any{"kim"}, gets["(recommended)"])
	require.Equal(t, []any{}, gets["ghost"])

	starter(t, "policy", "show", "--org", "policies", "--rep", "joe").wants(exitOK, "# revision 2", "# reps that get it: joe", "# not enforced yet, and therefore off: tasks, emails", "direction: crm_to_mailbox  # default")
	starter(t, "policy", "show", "--org", "policies", "--rep", "kim").wants(exitOK, "# the recommended policy")
	starter(t, "policy", "show", "--org", "policies", "--name", "ghost").wants(exitOK, "reps: [zed]\n")
	starter(t, "policy", "show", "--org", "policies", "--name", "no").wants(exitNotFound, `org policies has no policy "no"`, "starter policy list --org policies --all")
	starter(t, "policy", "show", "--org", "policies", "--revision", "99").wants(exitNotFound, "no policy revision 99")
	starter(t, "policy", "show", "--org", "policies", "--rep", "zed").wants(exitNotFound, `no rep "zed"`)
	require.ElementsMatch(t, []string{"name", "revision", "reps", "not_enforced", "document"}, keys(starter(t, "policy", "show", "--org", "policies", "--json").wants(exitOK).json()))

	// A roll-back: what was written, applied again after something newer.
	apply("name: field\nassign: {profiles: [Field Sales]}\nschedule: {every: 1m}\n", org...).wants(exitOK)
	old := starter(t, "policy", "show", "--org", "policies", "--revision", "1", "--as-written").wants(exitOK)
	require.Equal(t, "name: field\nassign: {profiles: [Field Sales]}\n", old.out)
	starterIn(t, t.Context(), old.out, "policy", "apply", "--org", "policies", "-f", "-").wants(exitOK, "revision 8", "ida")
	history := starter(t, "policy", "list", "--org", "policies", "--all").wants(exitOK)
	require.Equal(t, 3, strings.Count(history.out, "\nfield "), history.out)
}

// TestTheDevelopmentStacksPolicy: what `dev` suggests to a newcomer takes effect.
func TestTheDevelopmentStacksPolicy(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(bench.module, "..", "examples", "policies", "both-ways.yaml"))
	require.NoError(t, err)
	who, address := hire(t, "list", "alice", "")
	starter(t, with("rep add", who, "--mailbox", address)...).wants(exitOK)
	starterIn(t, t.Context(), string(text), "policy", "apply", "--org", "list", "-f", "-").wants(exitOK, "reps that get it: alice")
}
