package planner_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// person makes an item's fields: given and family name, company, and email addresses.
func person(given, family, company string, emails ...string) record.Fields {
	f := record.Fields{record.FieldGiven: given, record.FieldFamily: family, record.FieldCompany: company}
	for i, e := range emails {
		if i == 0 {
			f[record.FieldEmail] = e
		}
		f[record.FieldEmails] += e + "\n"
	}
	return f
}

func candidate(id string, f record.Fields) planner.Candidate {
	return planner.Candidate{Item: connector.Item{Ref: connector.Ref{ID: id}, Fields: f}, Visible: true}
}

func (c candidates) each(change func(*planner.Candidate)) candidates {
	out := candidates{}
	for _, one := range c {
		change(&one)
		out = append(out, one)
	}
	return out
}

type candidates []planner.Candidate

func TestChoose(t *testing.T) {
	t.Parallel()
	ada := person("Ada", "Lovelace", "Acme", "Ada@x.test", "ada@home.test")
	none := planner.Match{}
	ambiguous := planner.Match{Reason: planner.ReasonAmbiguousMatch}
	notVisible := planner.Match{Reason: planner.ReasonMatchNotVisible}
	to := func(id string) planner.Match { return planner.Match{ID: id} }
	one := func(f record.Fields) candidates { return candidates{candidate("1", f)} }
	// Three records share an address: 1 is the newest, 2 the oldest, 3 the one last worked with.
	three := candidates{candidate("3", ada), candidate("1", ada), candidate("2", ada), candidate("1", ada)}
	three = three.each(func(c *planner.Candidate) {
		c.Item.Version.At = noon.Add(map[string]time.Duration{"1": 3, "2": 1, "3": 2}[c.Item.ID])
		c.LastActivity = noon.Add(map[string]time.Duration{"1": 1, "2": 2, "3": 3}[c.Item.ID])
	})
	taken := func(c *planner.Candidate) { c.Taken = true }
	takenOne := func(c *planner.Candidate) { c.Taken = c.Item.ID == "1" }
	hidden := func(c *planner.Candidate) { c.Visible = false }
	for name, c := range map[string]struct {
		byEmail, byName candidates
		rule            string
		want            planner.Match
	}{
		"No candidate":                                   {want: none},
		"One by its primary email":                       {byEmail: one(person("Ada", "Lovelace", "", "ADA@x.test")), want: to("1")},
		"One by another email":                           {byEmail: one(person("Ada", "Lovelace", "", "ada@old.test", "ada@home.test")), want: to("1")},
		"One that shares no email":                       {byEmail: one(person("Ada", "Lovelace", "Acme", "else@x.test")), want: none},
		"One the rep may not see":                        {byEmail: one(ada).each(hidden), want: notVisible},
		"One that is linked already":                     {byEmail: one(ada).each(taken), want: ambiguous},
		"One that is linked already, create":             {byEmail: one(ada).each(taken), rule: "create", want: none},
		"One that is linked already, newest":             {byEmail: one(ada).each(taken), rule: "newest", want: ambiguous},
		"An email shared by two people":                  {byEmail: one(person("Bea", "Lovelace", "Acme", "ada@x.test")), want: ambiguous},
		"An email shared, create":                        {byEmail: one(person("Bea", "Lovelace", "Acme", "ada@x.test")), rule: "create", want: none},
		"A given name written short":                     {byEmail: one(person("A.", "Lovelace", "Acme", "ada@x.test")), want: to("1")},
		"A given name written long":                      {byEmail: one(person("Ada Augusta", "Lovelace", "Acme", "ada@x.test")), want: to("1")},
		"No given name":                                  {byEmail: one(person("", "Lovelace", "Acme", "ada@x.test")), want: to("1")},
		"Another family name":                            {byEmail: one(person("Ada", "King", "Acme", "ada@x.test")), want: to("1")},
		"Two records with one email":                     {byEmail: three, want: ambiguous},
		"Two records, review":                            {byEmail: three, rule: "review", want: ambiguous},
		"Two records, create":                            {byEmail: three, rule: "create", want: none},
		"Two records, newest":                            {byEmail: three, rule: "newest", want: to("1")},
		"Two records, oldest":                            {byEmail: three, rule: "oldest", want: to("2")},
		"Two records, most recent activity":              {byEmail: three, rule: "most_recent_activity", want: to("3")},
		"Two records, newest, it is linked":              {byEmail: three.each(takenOne), rule: "newest", want: to("3")},
		"Two records, newest, hidden":                    {byEmail: three.each(hidden), rule: "newest", want: notVisible},
		"Two records, equally new":                       {byEmail: candidates{candidate("2", ada), candidate("1", ada)}, rule: "newest", want: to("1")},
		"The same record twice is one":                   {byEmail: candidates{candidate("1", ada), candidate("1", ada)}, want: to("1")},
		"Name and company":                               {byName: one(person("ADA", "Lovelace", "ACME")), want: to("1")},
		"Name and company, other emails":                 {byName: one(person("Ada", "Lovelace", "Acme", "else@x.test")), want: to("1")},
		"Name, no company":                               {byName: one(person("Ada", "Lovelace", "")), want: none},
		"Name, another company":                          {byName: one(person("Ada", "Lovelace", "Apex")), want: none},
		"Name and company, several":                      {byName: three, want: ambiguous},
		"Email comes first":                              {byEmail: one(ada), byName: candidates{candidate("2", ada)}, want: to("1")},
		"Name where no email is shared":                  {byEmail: one(person("Ada", "Lovelace", "Acme", "else@x.test")), byName: candidates{candidate("2", ada)}, want: to("2")},
		"An ambiguous email is not overridden by a name": {byEmail: three, byName: candidates{candidate("9", ada)}, want: ambiguous},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := planner.Rules{MatchBy: []string{"email", "name_and_company"}, OnAmbiguous: c.rule}
			require.Equal(t, c.want, planner.Choose(connector.Item{Fields: ada}, c.byEmail, c.byName, r))
		})
	}

	t.Run("Only what the policy matches by", func(t *testing.T) {
		t.Parallel()
		choose := func(by ...string) planner.Match {
			return planner.Choose(connector.Item{Fields: ada}, candidates{candidate("1", ada)}, candidates{candidate("2", ada)}, planner.Rules{MatchBy: by})
		}
		require.Equal(t, none, choose())
		require.Equal(t, to("1"), choose("email"))
		require.Equal(t, to("2"), choose("name_and_company"))
	})
	t.Run("Names never match without a family name", func(t *testing.T) {
		t.Parallel()
		f := person("Ada", "", "Acme")
		r := planner.Rules{MatchBy: []string{"email", "name_and_company"}}
		require.Equal(t, none, planner.Choose(connector.Item{Fields: f}, nil, candidates{candidate("1", f)}, r))
	})
	t.Run("The candidates that were given stay as they are", func(t *testing.T) {
		t.Parallel()
		given := candidates{candidate("2", ada), candidate("1", ada)}
		planner.Choose(connector.Item{Fields: ada}, given, nil, planner.Rules{MatchBy: []string{"email"}})
		require.Equal(t, "2", given[0].Item.ID)
	})
}

func TestChooseEvents(t *testing.T) {
	t.Parallel()
	const start, berlin = "2026-03-29T07:00:00Z[UTC]/2026-03-29T08:00:00Z[UTC]", "2026-03-29T09:00:00+02:00[Europe/Berlin]/2026-03-29T10:00:00+02:00[Europe/Berlin]"
	event := func(uid, occurrence, subject, at string) record.Fields {
		return record.Fields{record.FieldUID: uid, record.FieldOccurrence: occurrence, record.FieldSubject: subject, record.FieldTime: at}
	}
	own := event("u", "2026-03-29T09:00:00[Europe/Berlin]", "Review", berlin)
	ambiguous := planner.Match{Reason: planner.ReasonAmbiguousMatch}
	one := func(f record.Fields) candidates { return candidates{candidate("1", f)} }
	for name, c := range map[string]struct {
		own           record.Fields
		byKey, byName candidates
		want          planner.Match
	}{
		"By UID":                          {own, one(event("u", "2026-03-29T07:00:00[UTC]", "x", "")), nil, planner.Match{ID: "1"}},
		"Another occurrence":              {own, one(event("u", "2026-04-05T07:00:00[UTC]", "x", "")), nil, planner.Match{}},
		"The series":                      {own, one(event("u", "", "x", "")), nil, planner.Match{}},
		"Two of one UID":                  {own, candidates{candidate("1", own), candidate("2", own)}, nil, ambiguous},
		"By subject and time":             {own, nil, one(event("", "", "REVIEW", start)), planner.Match{ID: "1"}},
		"Another time":                    {own, nil, one(event("", "", "Review", "2026-03-29/2026-03-30")), planner.Match{}},
		"Another subject":                 {own, nil, one(event("", "", "Preview", start)), planner.Match{}},
		"No subject":                      {event("", "", "", start), nil, one(event("", "", "", start)), planner.Match{}},
		"No time":                         {event("", "", "Review", ""), nil, one(event("", "", "Review", "")), planner.Match{}},
		"A UID comes first":               {own, candidates{candidate("2", own)}, one(event("", "", "Review", start)), planner.Match{ID: "2"}},
		"Two of one subject and one time": {own, nil, candidates{candidate("1", own), candidate("2", own)}, ambiguous},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := planner.Rules{MatchBy: []string{"uid", "subject_and_time"}, OnAmbiguous: "review"}
			require.Equal(t, c.want, planner.Choose(connector.Item{Fields: c.own}, c.byKey, c.byName, r))
		})
	}
	t.Run("Only what the policy matches by", func(t *testing.T) {
		t.Parallel()
		choose := func(by ...string) planner.Match {
			return planner.Choose(connector.Item{Fields: own}, candidates{candidate("1", own)}, candidates{candidate("2", own)}, planner.Rules{MatchBy: by})
		}
		require.Equal(t, planner.Match{}, choose())
		require.Equal(t, planner.Match{ID: "1"}, choose("uid"))
		require.Equal(t, planner.Match{ID: "2"}, choose("subject_and_time"))
	})
}

func TestStrongKeys(t *testing.T) {
	t.Parallel()
	keys := func(uid, occurrence string) []string {
		return planner.StrongKeys(record.Fields{record.FieldUID: uid, record.FieldOccurrence: occurrence})
	}
	require.Equal(t, []string{"uid:u"}, keys("u", ""))
	require.Equal(t, []string{"uid:u#2026-03-29T07:00:00Z"}, keys("u", "2026-03-29T09:00:00[Europe/Berlin]"))
	require.Equal(t, []string{"uid:u#2026-03-29"}, keys("u", "2026-03-29"))
	require.Equal(t, []string{"uid:u#some day"}, keys("u", "some day"))
	require.Empty(t, keys("", "2026-03-29"))
	require.Equal(t, []string{"email:a@x.test", "email:b@x.test"}, planner.StrongKeys(person("Ada", "Lovelace", "Acme", "B@x.test", "a@x.test")))
	require.Empty(t, planner.StrongKeys(person("Ada", "Lovelace", "Acme")), "names never claim")
}
