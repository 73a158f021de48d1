package policy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/repsync/repsync/internal/policy"
	"github.com/repsync/repsync/internal/record"
)

func presets(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../examples/policies/*.yaml")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 3)
	return files
}

// Every preset can be applied as it is, without as much as a warning, and is called what its file is called.
func TestPresets(t *testing.T) {
	t.Parallel()
	for _, file := range presets(t) {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		doc, problems := policy.Load(data)
		require.Empty(t, problems, file)
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		if name == "recommended" {
			require.Equal(t, policy.Default(), doc.Policy)
			continue
		}
		require.Equal(t, name, doc.Policy.Name)
	}
}

func TestShowDefault(t *testing.T) {
	t.Parallel()
	require.Equal(t, `name: default
# org: none
assign:
  reps: []
  profiles: []
  except: []
schedule:
  every: 5m
contacts:
  direction: crm_to_mailbox
  records: owned
  # filter: none
  limit:
    max: 50000
    keep_first: [last_activity]
  match:
    by: [email, name_and_company]
    on_ambiguous: review
  conflict: crm_wins
  # fields: the standard mapping
  deletes:
    from_crm: propagate
    from_mailbox: unlink
  on_filter_exit: remove
  on_drift: keep
events:
  direction: crm_to_mailbox
  records: owned
  # filter: none
  limit:
    max: 50000
    keep_first: [last_activity]
  match:
    by: [uid, subject_and_time]
    on_ambiguous: review
  conflict: crm_wins
  # fields: the standard mapping
  deletes:
    from_crm: propagate
    from_mailbox: unlink
  on_filter_exit: remove
  on_drift: keep
  scope: all
  label: crm
  private: skip
  series: sync
  relate:
    contacts: true
    leads: true
    accounts: true
    on_tie: most_recent_activity
  window:
    past: 30d
    future: 365d
  exclude:
    domains: []
    addresses: []
    all_day: false
    declined: true
    internal_only: false
  invitations: never
tasks:  # not enforced yet: nothing of this kind syncs in this version
  direction: off
emails:  # not enforced yet: nothing of this kind syncs in this version
  capture: off
guard:
  deletes:
    max: 50
    percent: 10
  overwrites:
    max: 500
    percent: 25
  creates:
    max: 500
    first_sync: 60000
  org:
    deletes: 2000
    overwrites: 20000
  empty_side: hold
`, string(policy.Show(policy.Default())))
}

func TestShowMarksDefaults(t *testing.T) {
	t.Parallel()
	doc, problems := policy.Read([]byte("name: x\nassign: {reps: [\"007\"]}\ncontacts: {direction: both, fields: {title: {winner: crm}}}\n"))
	require.NoError(t, problems.Err())
	shown := string(policy.Show(doc.Policy, doc.Written()...))
	for _, line := range []string{
		"name: x\n", "  reps: [\"007\"]\n", "  profiles: []  # default\n", "  every: 5m  # default\n", "  direction: both\n", "  records: owned  # default\n",
		"    title: {winner: crm}\n", "  direction: off  # default\n",
	} {
		require.Contains(t, shown, line)
	}
}

// What is shown can be applied again: the default, and every policy of this version.
func TestShowCanBeApplied(t *testing.T) {
	t.Parallel()
	for _, p := range []policy.Policy{policy.Default(), policy.Policy{Name: "x", Assign: policy.Assign{Reps: []string{"a"}}}.WithDefaults()} {
		_, problems := policy.Load(policy.Show(p))
		require.Empty(t, problems)
	}
}

func TestParseOfShowIsThePolicy(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := anyPolicy(t)
		shown := policy.Show(p)
		again, problems := policy.Parse(shown)
		if problems.Failed() {
			t.Fatalf("%s\n%s", problems.Text(), shown)
		}
		if fmt.Sprintf("%#v", again) != fmt.Sprintf("%#v", p) {
			t.Fatalf("want %#v\ngot  %#v\n%s", p, again, shown)
		}
	})
}

// anyPolicy draws a policy that Read takes.
func anyPolicy(t *rapid.T) policy.Policy {
	word := rapid.StringMatching(`[^\x00-\x1f\x7f\x{fffd}]{0,8}[^\s\x00-\x1f\x7f\x{fffd}]`).
		Filter(func(s string) bool { return strings.TrimSpace(s) != "" }) // a name of white space only, of whatever script, is none
	words := rapid.SliceOfNDistinct(word, 0, 3, rapid.ID[string])
	list := func(label string) []string {
		if l := words.Draw(t, label); len(l) > 0 {
			return l
		}
		return nil
	}
	one := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label) }
	some := func(label string, of ...string) []string {
		return rapid.Permutation(of).Draw(t, label)[:rapid.IntRange(1, len(of)).Draw(t, label)]
	}
	length := func(label string, least, most time.Duration) time.Duration {
		return time.Duration(rapid.IntRange(int(least/time.Second), int(most/time.Second)).Draw(t, label)) * time.Second
	}
	sync := func(kind record.Kind) policy.Sync {
		s := policy.Sync{
			Direction:    one("direction", "off", "crm_to_mailbox", "mailbox_to_crm", "both"),
			Records:      one("records", "owned", "team", "visible"),
			Filter:       one("filter", "", `crm.A == "x: # \"y\""`, "crm.A == 1 &&\n  crm.B == 'é'"),
			Limit:        policy.Limit{Max: rapid.IntRange(1, 100000).Draw(t, "max"), KeepFirst: some("keep", "last_activity", "last_modified", "name")},
			Match:        policy.Match{OnAmbiguous: one("ambiguous", "review", "newest", "oldest", "most_recent_activity", "create")},
			Conflict:     one("conflict", "crm_wins", "mailbox_wins", "newest", "review"),
			Deletes:      policy.Deletes{FromCRM: one("crm", "propagate", "unlink", "review"), FromMailbox: one("mailbox", "unlink", "review")},
			OnFilterExit: one("exit", "remove", "keep"),
			OnDrift:      one("drift", "keep", "revert"),
		}
		if kind == record.Contact {
			s.Match.By = some("by", "email", "name_and_company")
			s.Fields = map[string]policy.Field{}
			for _, f := range some("fields", record.ContactFields()[:16]...) {
				s.Fields[f] = policy.Field{Winner: one("winner", "", "crm", "mailbox", "newest", "review")}
			}
		}
		if kind == record.Event {
			s.Match.By = some("by", "uid", "subject_and_time")
			s.Fields = map[string]policy.Field{}
			for _, f := range some("fields", record.EventFields()[:6]...) {
				s.Fields[f] = policy.Field{Winner: one("winner", "", "crm", "mailbox", "newest", "review")}
			}
		}
		return s
	}
	count := func(label string, least int) int { return rapid.IntRange(least, 100).Draw(t, label) }
	yes := func(label string) bool { return rapid.Bool().Draw(t, label) }
	const day = 24 * time.Hour
	domains, addresses := list("domains"), list("addresses")
	for i := range domains {
		domains[i] = strings.ReplaceAll(domains[i], "@", "") + ".test"
	}
	domains = slices.Compact(slices.Sorted(slices.Values(domains)))
	for i := range addresses {
		addresses[i] += "@x.test"
	}
	p := policy.Policy{
		Name:     word.Draw(t, "name"),
		Org:      one("org", "", "acme", "a-1", "0x10", "1e3", "null"),
		Assign:   policy.Assign{Reps: list("reps"), Profiles: list("profiles")},
		Schedule: policy.Schedule{Every: length("every", 30*time.Second, day)},
		Contacts: sync(record.Contact),
		Tasks:    sync(record.Task),
		Events: policy.Events{
			Sync: sync(record.Event), Scope: one("scope", "all", "selected", "related"), Private: one("private", "skip", "busy", "sync"),
			Label: one("label", "crm", "Über", "0x10"), Series: one("series", "sync", "skip"), Invitations: one("invitations", "never", "organizer"),
			Relate:  policy.Relate{Contacts: yes("c"), Leads: yes("l"), Accounts: yes("a"), OnTie: one("tie", "review", "newest")},
			Window:  policy.Window{Past: length("past", 0, 300*day), Future: length("future", 0, 300*day)},
			Exclude: policy.Exclude{Domains: domains, Addresses: addresses, AllDay: yes("day"), Declined: yes("declined"), InternalOnly: yes("internal")},
		},
		Emails: policy.Emails{Capture: one("capture", "off", "manual", "automatic")},
		Guard: policy.Guard{
			Deletes: policy.Threshold{Max: count("d", 0), Percent: count("dp", 1)}, Overwrites: policy.Threshold{Max: count("o", 0), Percent: count("op", 1)},
			Creates: policy.CreateThreshold{Max: count("m", 0), FirstSync: count("f", 1)}, Org: policy.OrgThreshold{Deletes: count("od", 1), Overwrites: count("oo", 1)},
			EmptySide: one("empty", "hold", "ignore"),
		},
	}
	return p
}
