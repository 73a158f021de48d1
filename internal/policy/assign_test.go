package policy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/policy"
	"github.com/repsync/repsync/internal/record"
)

func revision(number int64, name string, a policy.Assign) policy.Revision {
	return policy.Revision{Number: number, Policy: policy.Policy{Name: name, Assign: a}.WithDefaults()}
}

func TestPick(t *testing.T) {
	t.Parallel()
	alice := policy.Assignee{Rep: "alice", Profile: "Field Sales"}
	var (
		byRep     = policy.Assign{Reps: []string{"alice"}}
		byProfile = policy.Assign{Profiles: []string{"Field Sales"}}
		without   = policy.Assign{Profiles: []string{"Field Sales"}, Except: []string{"alice"}}
		nobody    = policy.Assign{}
	)
	for _, c := range []struct {
		name     string
		policies []policy.Revision
		who      policy.Assignee
		want     int64
		found    bool
	}{
		{"no policy", nil, alice, 0, false},
		{"none fits", []policy.Revision{revision(1, "a", policy.Assign{Reps: []string{"bob"}})}, alice, 0, false},
		{"by rep", []policy.Revision{revision(1, "a", byRep)}, alice, 1, true},
		{"by profile", []policy.Revision{revision(1, "a", byProfile)}, alice, 1, true},
		{"a rep beats a newer profile", []policy.Revision{revision(1, "a", byRep), revision(2, "b", byProfile)}, alice, 1, true},
		{"except beats profile", []policy.Revision{revision(1, "a", without)}, alice, 0, false},
		{"except beats a rep named", []policy.Revision{revision(1, "a", policy.Assign{Reps: []string{"alice"}, Except: []string{"alice"}})}, alice, 0, false},
		{"except leaves another policy be", []policy.Revision{revision(1, "a", byProfile), revision(2, "b", without)}, alice, 1, true},
		{"except is for reps, others with the profile get it", []policy.Revision{revision(1, "a", without)}, policy.Assignee{Rep: "bob", Profile: "Field Sales"}, 1, true},
		{"newest revision of a name", []policy.Revision{revision(1, "a", byRep), revision(3, "a", byRep), revision(2, "a", byRep)}, alice, 3, true},
		{"the newest revision drops the rep", []policy.Revision{revision(1, "a", byRep), revision(2, "a", nobody)}, alice, 0, false},
		{"rolled back", []policy.Revision{revision(1, "a", byRep), revision(2, "a", nobody), revision(3, "a", byRep)}, alice, 3, true},
		{"of two that name the rep the newer", []policy.Revision{revision(4, "a", byRep), revision(5, "b", byRep)}, alice, 5, true},
		{"of two profiles the newer", []policy.Revision{revision(5, "a", byProfile), revision(4, "b", byProfile)}, alice, 5, true},
		{"no profile known", []policy.Revision{revision(1, "a", policy.Assign{Profiles: []string{""}})}, policy.Assignee{Rep: "alice"}, 0, false},
		{"default is for everybody else", []policy.Revision{revision(1, "default", nobody), revision(2, "b", policy.Assign{Reps: []string{"bob"}})}, alice, 1, true},
		{"a newer default yields to a profile", []policy.Revision{revision(1, "a", byProfile), revision(2, "default", nobody)}, alice, 1, true},
		{"default except a rep", []policy.Revision{revision(1, "default", policy.Assign{Except: []string{"alice"}})}, alice, 0, false},
		{"default that names reps is like any other", []policy.Revision{revision(1, "default", policy.Assign{Reps: []string{"bob"}})}, alice, 0, false},
		{"another name without assignment reaches nobody", []policy.Revision{revision(1, "draft", nobody)}, alice, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			// Whatever order a store returns them in.
			for _, policies := range [][]policy.Revision{c.policies, reversed(c.policies)} {
				got, found := policy.Pick(policies, c.who)
				require.Equal(t, c.found, found)
				require.Equal(t, c.want, got.Number)
				if !found {
					require.Equal(t, policy.Default(), got.Policy)
				}
			}
		})
	}
}

func reversed(in []policy.Revision) []policy.Revision {
	out := slices.Clone(in)
	slices.Reverse(out)
	return out
}

func TestRules(t *testing.T) {
	t.Parallel()
	p := policy.Default()
	p.Contacts.Direction = "both"
	p.Contacts.Fields = map[string]policy.Field{"title": {Winner: "mailbox"}, "address.home.city": {CRM: "City__c"}}
	r := p.Rules(record.Contact)
	require.Equal(t, "both", r.Direction)
	require.Equal(t, "crm_wins", r.Conflict)
	require.Equal(t, []string{"email", "name_and_company"}, r.MatchBy)
	require.Equal(t, "review", r.OnAmbiguous)
	require.Equal(t, [2]string{"propagate", "unlink"}, [2]string{r.FromCRM, r.FromMailbox})
	require.Equal(t, [2]string{"remove", "keep"}, [2]string{r.OnFilterExit, r.OnDrift})
	require.Equal(t, planner.FieldRule{Winner: "mailbox", ByAdmin: true}, r.Fields["title"])
	require.Equal(t, planner.FieldRule{ByAdmin: true}, r.Fields["address.home.city"])
	require.Equal(t, planner.FieldRule{}, r.Fields["phone.work"])
	require.Contains(t, r.Fields, "company")
	require.NotContains(t, r.Fields, "emails")
	require.NotContains(t, r.Fields, "address.home.street")
	require.Contains(t, p.Fields(record.Contact), "title")
}

// A kind that is not enforced is off, even if a document got past Unenforced.
func TestRulesOfKindsNotEnforced(t *testing.T) {
	t.Parallel()
	p, _ := policy.Parse(design(t))
	for _, kind := range []record.Kind{record.Task, record.Email} {
		require.Equal(t, "off", p.Rules(kind).Direction, kind)
	}
}

// What one side alone can tell of an event is not the document's to decide.
func TestRulesOfEvents(t *testing.T) {
	t.Parallel()
	p := policy.Default()
	require.Equal(t, record.EventFields(), sortedLike(record.EventFields(), p.Fields(record.Event)), "all fields of an event are merged")
	p.Events.Direction, p.Events.Conflict = "both", "newest"
	p.Events.Fields = map[string]policy.Field{"subject": {Winner: "crm"}, "relations": {Winner: "crm"}}
	r := p.Rules(record.Event)
	require.Equal(t, "both", r.Direction)
	require.Equal(t, []string{"uid", "subject_and_time"}, r.MatchBy)
	require.Equal(t, planner.FieldRule{Winner: "crm", ByAdmin: true}, r.Fields["subject"])
	require.Equal(t, planner.FieldRule{}, r.Fields["time"])
	require.Equal(t, planner.FieldRule{Winner: "mailbox"}, r.Fields["relations"])
	require.Equal(t, planner.FieldRule{Winner: "crm"}, r.Fields["attendees"])
	require.Equal(t, planner.FieldRule{Winner: "mailbox"}, r.Fields["answer"])
}

// sortedLike returns list in the order of model, and what model does not have behind it.
func sortedLike(model, list []string) []string {
	place := func(f string) int { return slices.Index(append(slices.Clone(model), f), f) }
	return slices.SortedFunc(slices.Values(list), func(a, b string) int { return place(a) - place(b) })
}

func TestTouchesOfEvents(t *testing.T) {
	t.Parallel()
	for key, c := range map[string]struct {
		edit func(*policy.Events)
		read bool
	}{
		"direction":      {func(e *policy.Events) { e.Direction = "both" }, true},
		"filter":         {func(e *policy.Events) { e.Filter = "crm.A == 1" }, true},
		"fields":         {func(e *policy.Events) { e.Fields = map[string]policy.Field{"subject": {Winner: "crm"}} }, true},
		"scope":          {func(e *policy.Events) { e.Scope = "selected" }, true},
		"label":          {func(e *policy.Events) { e.Label = "sync" }, true},
		"private":        {func(e *policy.Events) { e.Private = "busy" }, true},
		"series":         {func(e *policy.Events) { e.Series = "skip" }, true},
		"relate":         {func(e *policy.Events) { e.Relate.Leads = false }, true},
		"relate.on_tie":  {func(e *policy.Events) { e.Relate.OnTie = "review" }, false},
		"window":         {func(e *policy.Events) { e.Window.Past = time.Hour }, true},
		"exclude":        {func(e *policy.Events) { e.Exclude.AllDay = true }, true},
		"invitations":    {func(e *policy.Events) { e.Invitations = "organizer" }, true},
		"match.by":       {func(e *policy.Events) { e.Match.By = []string{"uid"} }, false},
		"conflict":       {func(e *policy.Events) { e.Conflict = "newest" }, false},
		"deletes":        {func(e *policy.Events) { e.Deletes.FromCRM = "unlink" }, false},
		"on_filter_exit": {func(e *policy.Events) { e.OnFilterExit = "keep" }, true},
	} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			edited := policy.Default()
			c.edit(&edited.Events)
			require.Equal(t, policy.Change{Keys: []string{key}, Replan: true, Read: c.read}, policy.Touches(policy.Default(), edited, record.Event))
			require.True(t, policy.Touches(policy.Default(), edited, record.Contact).Nothing(), "contacts are not touched")
		})
	}
}

func TestRulesKeepDeletesToTheDirection(t *testing.T) {
	t.Parallel()
	for direction, want := range map[string][2]string{
		"both":           {"propagate", "propagate"},
		"crm_to_mailbox": {"propagate", "unlink"},
		"mailbox_to_crm": {"unlink", "propagate"},
	} {
		p := policy.Default()
		p.Contacts.Direction = direction
		p.Contacts.Deletes = policy.Deletes{FromCRM: "propagate", FromMailbox: "propagate"}
		r := p.Rules(record.Contact)
		require.Equal(t, want, [2]string{r.FromCRM, r.FromMailbox}, direction)
	}
}

func TestTouches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		edit         func(*policy.Policy)
		keys         []string
		replan, read bool
	}{
		{"nothing", func(*policy.Policy) {}, nil, false, false},
		{"name, org, assign", func(p *policy.Policy) { p.Name, p.Org, p.Assign.Reps = "x", "acme", []string{"a"} }, nil, false, false},
		{"schedule", func(p *policy.Policy) { p.Schedule.Every = time.Hour }, nil, false, false},
		{"guard", func(p *policy.Policy) { p.Guard.Deletes.Max = 1 }, nil, false, false},
		{"another kind", func(p *policy.Policy) { p.Events.Direction, p.Tasks.Filter = "both", "crm.A == 1" }, nil, false, false},
		{"filter", func(p *policy.Policy) { p.Contacts.Filter = "crm.A == 1" }, []string{"filter"}, true, true},
		{"white space around a filter", func(p *policy.Policy) { p.Contacts.Filter = " \n" }, nil, false, false},
		{"direction", func(p *policy.Policy) { p.Contacts.Direction = "both" }, []string{"direction"}, true, true},
		{"records", func(p *policy.Policy) { p.Contacts.Records = "team" }, []string{"records"}, true, true},
		{"limit", func(p *policy.Policy) { p.Contacts.Limit.Max = 7 }, []string{"limit"}, true, true},
		{"fields", func(p *policy.Policy) { p.Contacts.Fields = map[string]policy.Field{"title": {Winner: "crm"}} }, []string{"fields"}, true, true},
		{"no fields either way", func(p *policy.Policy) { p.Contacts.Fields = map[string]policy.Field{} }, nil, false, false},
		{"drift", func(p *policy.Policy) { p.Contacts.OnDrift = "revert" }, []string{"on_drift"}, true, true},
		{"filter exit", func(p *policy.Policy) { p.Contacts.OnFilterExit = "keep" }, []string{"on_filter_exit"}, true, true},
		{"conflict", func(p *policy.Policy) { p.Contacts.Conflict = "newest" }, []string{"conflict"}, true, false},
		{"match", func(p *policy.Policy) { p.Contacts.Match = policy.Match{By: []string{"email"}, OnAmbiguous: "newest"} }, []string{"match.by", "match.on_ambiguous"}, true, false},
		{"deletes", func(p *policy.Policy) { p.Contacts.Deletes.FromMailbox = "review" }, []string{"deletes"}, true, false},
		{"several", func(p *policy.Policy) { p.Contacts.Conflict, p.Contacts.Records = "newest", "team" }, []string{"conflict", "records"}, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			edited := policy.Default()
			c.edit(&edited)
			want := policy.Change{Keys: c.keys, Replan: c.replan, Read: c.read}
			require.Equal(t, want, policy.Touches(policy.Default(), edited, record.Contact))
			require.Equal(t, want, policy.Touches(edited, policy.Default(), record.Contact), "the other way round")
			require.Equal(t, !c.replan && !c.read, want.Nothing())
		})
	}
}

// A kind that is not enforced needs nothing as long as it stays off.
func TestTouchesKindsNotEnforced(t *testing.T) {
	t.Parallel()
	on := policy.Default()
	on.Tasks.Direction, on.Emails.Capture = "both", "manual"
	for _, kind := range []record.Kind{record.Task, record.Email} {
		require.True(t, policy.Touches(policy.Default(), on, kind).Nothing(), kind)
	}
}
