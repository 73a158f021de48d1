package policy_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/fuzztest"
	"github.com/repsync/repsync/internal/policy"
	"github.com/repsync/repsync/internal/record"
)

// FuzzFilter compiles any text as a filter and runs it on any JSON as an item. Compiling and running end soon, with one of
// the known errors, which quote no value of the item; the same item gets the same answer.
func FuzzFilter(f *testing.F) {
	whole, err := json.Marshal(raw)
	require.NoError(f, err)
	for _, seed := range []string{
		`crm.Status__c == "Active candidate" && crm.MailingCountry in ["US", "CA"]`, `has(crm.A.B) ? crm["C"] : !crm.D`,
		`record.emails.exists(e, e.endsWith("x"))`, `crm.A == "" || "" != crm.B`, `[crm.A, null].map(x, x + 1)[0] > 2`, `((((`, "\x00",
		`["a"].map(a, a + a).map(a, a + a)[0].size() > 3`, `"a".replace("a", "aa").replace("", crm.A).size() > 3`, `crm.A.matches("(a+)+$")`, `crm.Tags.exists(a, a in crm.Tags) == (crm == crm)`,
		`timestamp(crm.LastActivityDate + "T00:00:00Z").getFullYear() > 2000`, `crm.Languages__c.split(";").all(l, l.size() > 0)`, `int(crm.Score__c) / 0 == 1 || crm.A.substring(-1) == ""`,
		`[[1]].map(a, a + a)[0] == [1, 1] && {"a": crm.A} == {"a": crm.B}`, `crm.A.B.C.D == crm["A.B"]["C"].D`, `1 + 2 == 3 && crm.A + crm.A != crm.B`,
	} {
		f.Add(seed, whole)
		f.Add(seed, []byte(`{"A":"`+fuzztest.Canary+`","B":[[[]],{"C":{"D":1e999}}],"C":-0,"D":null,"Tags":[[],{},1.5,""]}`))
	}
	f.Fuzz(func(t *testing.T, src string, item []byte) {
		defer fuzztest.Within(30 * time.Second)()
		for _, kind := range []record.Kind{record.Contact, record.Event, record.Task} {
			filter, err := policy.CompileFilterFor(kind, src)
			if err != nil {
				var known *policy.FilterError
				require.ErrorAs(t, err, &known)
				require.Positive(t, known.Line)
				require.Positive(t, known.Column)
				require.Less(t, len(err.Error()), 2000)
				continue
			}
			for _, exact := range []bool{false, true} {
				var values map[string]any
				d := json.NewDecoder(bytes.NewReader(item))
				if exact {
					d.UseNumber()
				}
				_ = d.Decode(&values) // what is no object is an item without CRM fields
				texts := record.Fields{record.FieldEmail: string(item), record.FieldEmails: string(item), record.FieldSubject: src}
				said, err := filter.Match(values, texts)
				if err != nil {
					require.False(t, said)
					require.True(t, errors.Is(err, policy.ErrFilterCost) || errors.Is(err, policy.ErrFilterType))
					require.NotContains(t, err.Error(), fuzztest.Canary)
				}
				again, errAgain := filter.Match(values, texts)
				require.Equal(t, said, again)
				require.Equal(t, err, errAgain)
			}
			_, err = filter.Match(nil, nil)
			require.True(t, err == nil || errors.Is(err, policy.ErrFilterCost) || errors.Is(err, policy.ErrFilterType))
		}
	})
}

// FuzzParse reads any text as a policy. What is wrong with it is told, each with its place and a remedy, on a bounded number
// of lines. A good one, shown whole, is the same policy, and everything that is asked of it later has an answer.
func FuzzParse(f *testing.F) {
	for _, c := range mistakes {
		if len(c.doc) < 1000 {
			f.Add([]byte(c.doc))
		}
	}
	for _, pattern := range []string{"testdata/*.yaml", "../../examples/policies/*.yaml"} {
		names, err := filepath.Glob(pattern)
		require.NoError(f, err)
		require.NotEmpty(f, names)
		for _, name := range names {
			doc, err := os.ReadFile(name)
			require.NoError(f, err)
			f.Add(doc)
		}
	}
	before := policy.Default()
	f.Fuzz(func(t *testing.T, data []byte) {
		defer fuzztest.Within(20 * time.Second)()
		doc, problems := policy.Load(data)
		require.LessOrEqual(t, len(problems), 100+len(doc.Unenforced()))
		for _, p := range problems {
			require.Positive(t, p.Line)
			require.Positive(t, p.Column)
			require.NotEmpty(t, p.Message)
			require.NotEmpty(t, p.Remedy)
			require.Less(t, len(p.Message)+len(p.Remedy), 4000)
		}
		if problems.Failed() {
			return
		}
		shown := policy.Show(doc.Policy)
		again, problems := policy.Parse(shown)
		require.NoError(t, problems.Err(), "%s", shown)
		require.Equal(t, doc.Policy, again)
		require.Equal(t, shown, policy.Show(again))
		asked(t, before, again)
	})
}

// asked asks a policy everything that passes ask of one.
func asked(t *testing.T, before, p policy.Policy) {
	t.Helper()
	for _, kind := range []record.Kind{record.Contact, record.Event, record.Task, record.Email} {
		rules := p.Rules(kind)
		require.Contains(t, []string{"off", "crm_to_mailbox", "mailbox_to_crm", "both"}, rules.Direction)
		for _, field := range p.Fields(kind) {
			require.Contains(t, rules.Fields, field)
		}
		require.True(t, policy.Touches(p, p, kind).Nothing())
		policy.Touches(before, p, kind)
		if src := p.Sync(kind).Filter; src != "" {
			filter, err := policy.CompileFilterFor(kind, src)
			require.NoError(t, err)
			if _, err := filter.Match(raw, fields); err != nil {
				require.True(t, errors.Is(err, policy.ErrFilterCost) || errors.Is(err, policy.ErrFilterType))
			}
		}
	}
	for _, rep := range append([]string{"alice"}, p.Assign.Reps...) {
		got, picked := policy.Pick([]policy.Revision{{Number: 1, Policy: p}}, policy.Assignee{Rep: rep, Profile: "Field Sales"})
		require.Equal(t, picked, got.Number == 1)
	}
}
