package planner_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

const rep = "Alice@acme.test"

// anEvent makes a mailbox event on noon's day that Alice organises and Ada attends.
func anEvent(change ...func(*connector.Item)) connector.Item {
	it := connector.Item{Owner: "alice@acme.test", Fields: record.Fields{
		record.FieldTime: "2026-11-22T12:00:00+00:00[UTC]/2026-11-22T13:00:00+00:00[UTC]",
		attendees:        "ada@client.test accepted\nalice@acme.test accepted",
	}}
	for _, c := range change {
		c(&it)
	}
	return it
}

func has(field, value string) func(*connector.Item) {
	return func(it *connector.Item) { it.Fields[field] = value }
}

func TestAdmitEvents(t *testing.T) {
	t.Parallel()
	type scope = planner.EventScope
	exclude := func(x planner.EventExclude) scope { return scope{Exclude: x} }
	window := scope{From: noon.Add(-time.Hour), To: noon.Add(3 * time.Hour)}
	at := func(span string) connector.Item { return anEvent(has(record.FieldTime, span)) }
	selected := scope{Select: "selected", Label: "CRM"}
	related := func(yes bool) scope {
		return scope{Select: "related", Related: func(connector.Item) bool { return yes }}
	}
	private, secret := anEvent(has(record.FieldPrivacy, record.PrivacyPrivate)), anEvent(has(record.FieldPrivacy, record.PrivacyConfidential))
	internal := anEvent(has(attendees, "bob@Acme.test accepted\nalice@acme.test accepted"))
	const allDay = "2026-11-22/2026-11-23"
	link, copied, original := &planner.Link{}, &planner.Link{Made: record.Mailbox}, &planner.Link{Made: record.CRM}
	for name, c := range map[string]struct {
		scope scope
		item  connector.Item
		link  *planner.Link
		why   planner.Reason
		crm   bool // only in the mailbox is it otherwise: a CRM record is admitted
	}{
		"Nothing is left out":                 {scope: scope{}, item: anEvent()},
		"Nothing is asked of nothing":         {scope: scope{}, item: connector.Item{}},
		"Private, skip":                       {scope: scope{Private: "skip"}, item: private, why: planner.ReasonPrivateSkipped},
		"Confidential, skip":                  {scope: scope{Private: "skip"}, item: secret, why: planner.ReasonPrivateSkipped},
		"Private, skip, linked":               {scope: scope{Private: "skip"}, item: private, link: link, why: planner.ReasonPrivateSkipped},
		"Private, skip, the copy":             {scope: scope{Private: "skip"}, item: private, link: copied, why: planner.ReasonPrivateSkipped},
		"Private, busy":                       {scope: scope{Private: "busy"}, item: private},
		"Private, sync":                       {scope: scope{Private: "sync"}, item: private},
		"Not private, skip":                   {scope: scope{Private: "skip"}, item: anEvent()},
		"A series, skip":                      {scope: scope{Series: "skip"}, item: anEvent(has(record.FieldRecurrence, "RRULE:FREQ=DAILY")), why: planner.ReasonSeriesSkipped},
		"An occurrence, skip":                 {scope: scope{Series: "skip"}, item: anEvent(has(record.FieldOccurrence, "2026-11-22")), link: link, why: planner.ReasonSeriesSkipped},
		"A row of a native series, skip":      {scope: scope{Series: "skip"}, item: anEvent(has(record.FieldSeries, "00U")), why: planner.ReasonSeriesSkipped},
		"A single event, skip":                {scope: scope{Series: "skip"}, item: anEvent()},
		"A series, sync":                      {scope: scope{Series: "sync"}, item: anEvent(has(record.FieldRecurrence, "RRULE:FREQ=DAILY"))},
		"In the window":                       {scope: window, item: anEvent()},
		"Begins before the window":            {scope: window, item: at("2026-11-22T10:00:00Z[UTC]/2026-11-22T11:30:00Z[UTC]")},
		"Ends as the window begins":           {scope: window, item: at("2026-11-22T10:00:00Z[UTC]/2026-11-22T11:00:00Z[UTC]"), why: planner.ReasonOutsideWindow},
		"Of no length, as the window begins":  {scope: window, item: at("2026-11-22T11:00:00Z[UTC]/2026-11-22T11:00:00Z[UTC]")},
		"Ends after the window":               {scope: window, item: at("2026-11-22T14:30:00Z[UTC]/2026-11-22T16:00:00Z[UTC]")},
		"Begins as the window ends":           {scope: window, item: at("2026-11-22T15:00:00Z[UTC]/2026-11-22T16:00:00Z[UTC]"), why: planner.ReasonOutsideWindow},
		"Outside the window, linked":          {scope: window, item: at("2026-11-22T15:00:00Z[UTC]/2026-11-22T16:00:00Z[UTC]"), link: link},
		"A series that began before":          {scope: window, item: anEvent(has(record.FieldTime, "2020-01-01/2020-01-02"), has(record.FieldRecurrence, "RRULE:FREQ=DAILY"))},
		"A window without an end":             {scope: scope{From: noon}, item: at("2036-01-01/2036-01-02")},
		"A window without a beginning":        {scope: scope{To: noon}, item: at("2016-01-01/2016-01-02")},
		"A time that is none":                 {scope: window, item: at("soon")},
		"All-day":                             {scope: exclude(planner.EventExclude{AllDay: true}), item: at(allDay), link: link, why: planner.ReasonExcludedAllDay},
		"Not all-day":                         {scope: exclude(planner.EventExclude{AllDay: true}), item: anEvent()},
		"All-day is not excluded":             {scope: exclude(planner.EventExclude{}), item: at(allDay)},
		"All-day or a time that is none":      {scope: exclude(planner.EventExclude{AllDay: true}), item: at("soon")},
		"Declined":                            {scope: exclude(planner.EventExclude{Declined: true}), item: anEvent(has(answer, no)), link: link, why: planner.ReasonExcludedDeclined},
		"Declined by the attendee's line":     {scope: exclude(planner.EventExclude{Declined: true}), item: anEvent(has(attendees, "alice@acme.test declined")), why: planner.ReasonExcludedDeclined},
		"Declined by another one":             {scope: exclude(planner.EventExclude{Declined: true}), item: anEvent(has(attendees, "ada@client.test declined"))},
		"The own answer counts":               {scope: exclude(planner.EventExclude{Declined: true}), item: anEvent(has(answer, yes), has(attendees, "alice@acme.test declined"))},
		"Declined is not excluded":            {scope: exclude(planner.EventExclude{}), item: anEvent(has(answer, no))},
		"An address":                          {scope: exclude(planner.EventExclude{Addresses: []string{"Ada@client.test"}}), item: anEvent(), link: link, why: planner.ReasonExcludedAddress},
		"An address, the copy":                {scope: exclude(planner.EventExclude{Addresses: []string{"ada@client.test"}}), item: anEvent(), link: copied},
		"An address, the original":            {scope: exclude(planner.EventExclude{Addresses: []string{"ada@client.test"}}), item: anEvent(), link: original, why: planner.ReasonExcludedAddress},
		"Another address":                     {scope: exclude(planner.EventExclude{Addresses: []string{"bob@client.test"}}), item: anEvent()},
		"The rep's own address":               {scope: exclude(planner.EventExclude{Addresses: []string{"alice@acme.test"}}), item: anEvent()},
		"A domain":                            {scope: exclude(planner.EventExclude{Domains: []string{"Client.test"}}), item: anEvent(), link: link, why: planner.ReasonExcludedDomain},
		"Another domain":                      {scope: exclude(planner.EventExclude{Domains: []string{"lient.test"}}), item: anEvent()},
		"The rep's own domain":                {scope: exclude(planner.EventExclude{Domains: []string{"acme.test"}}), item: anEvent()},
		"The organiser's domain, list hidden": {scope: exclude(planner.EventExclude{Domains: []string{"law.test"}}), item: anEvent(has(attendees, ""), func(it *connector.Item) { it.Owner = "Eve@law.test" }), why: planner.ReasonExcludedDomain, crm: true},
		"Internal":                            {scope: exclude(planner.EventExclude{InternalOnly: true}), item: internal, link: link, why: planner.ReasonExcludedInternal},
		"Internal, nobody else":               {scope: exclude(planner.EventExclude{InternalOnly: true}), item: anEvent(has(attendees, "")), why: planner.ReasonExcludedInternal},
		"Internal, nobody known":              {scope: exclude(planner.EventExclude{InternalOnly: true}), item: anEvent(has(attendees, ""), func(it *connector.Item) { it.Owner = "" }), why: planner.ReasonExcludedInternal},
		"Internal is not excluded":            {scope: exclude(planner.EventExclude{}), item: internal},
		"Not internal":                        {scope: exclude(planner.EventExclude{InternalOnly: true}), item: anEvent()},
		"Selected":                            {scope: selected, item: anEvent(has(record.FieldLabels, "blue\ncrm")), link: link},
		"Not selected":                        {scope: selected, item: anEvent(has(record.FieldLabels, "crm2")), why: planner.ReasonNotSelected, crm: true},
		"Not selected any more":               {scope: selected, item: anEvent(), link: link, why: planner.ReasonNotSelected, crm: true},
		"All need no label":                   {scope: scope{Select: "all", Label: "crm"}, item: anEvent()},
		"Related":                             {scope: related(true), item: anEvent()},
		"Not related":                         {scope: related(false), item: anEvent(), link: link, why: planner.ReasonNotRelated},
		"All need no relation":                {scope: scope{Select: "all", Related: func(connector.Item) bool { return false }}, item: anEvent()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.scope.Rep, c.scope.Domains = rep, []string{"ACME.test", "acme.example"}
			admits := func(side record.Side, l *planner.Link) planner.Reason {
				in, why := planner.Admit(planner.Scope{Records: "visible", Event: &c.scope}, side, c.item, l)
				require.Equal(t, why == "", in)
				return why
			}
			require.Equal(t, c.why, admits(record.Mailbox, c.link))
			l := c.link
			if l != nil && l.Made != "" {
				l = &planner.Link{Made: l.Made.Other()}
			}
			if c.crm {
				require.Empty(t, admits(record.CRM, l))
				return
			}
			require.Equal(t, c.why, admits(record.CRM, l), "the same in the CRM")
		})
	}
}

func TestAdmitEventsOfTheCRM(t *testing.T) {
	t.Parallel()
	const me = "005-me"
	invited := func(change ...func(*connector.Item)) connector.Item {
		it := anEvent(change...)
		it.Owner, it.Reps = "005-other", []string{me}
		return it
	}
	stop := func(connector.Item) (bool, error) { return false, nil }
	skip := &planner.EventScope{Private: "skip", Series: "skip"}
	private := has(record.FieldPrivacy, record.PrivacyPrivate)
	admit := func(s planner.Scope, side record.Side, it connector.Item, l *planner.Link) planner.Reason {
		s.User = me
		_, why := planner.Admit(s, side, it, l)
		return why
	}
	require.Empty(t, admit(planner.Scope{Records: "owned", Event: skip}, record.CRM, invited(), nil), "owned: who is invited, too")
	require.Equal(t, planner.ReasonNotOwned, admit(planner.Scope{Records: "owned"}, record.CRM, invited(), nil), "of contacts only the owner's")
	require.Equal(t, planner.ReasonNotOwned, admit(planner.Scope{Records: "owned", Event: skip}, record.CRM, anEvent(), nil))
	require.Equal(t, planner.ReasonPrivateSkipped, admit(planner.Scope{Event: skip}, record.CRM, anEvent(private), nil), "private comes before all else")
	require.Equal(t, planner.ReasonSeriesSkipped, admit(planner.Scope{Event: skip, Filter: stop}, record.CRM, invited(has(record.FieldSeries, "x")), nil))
	require.Equal(t, planner.ReasonFilteredOut, admit(planner.Scope{Event: skip, Filter: stop}, record.Mailbox, anEvent(), nil))
	require.Empty(t, admit(planner.Scope{Event: skip, Filter: stop}, record.Mailbox, anEvent(), &planner.Link{}), "of a linked pair the record passes the filter")
	require.Empty(t, admit(planner.Scope{Records: "visible"}, record.CRM, anEvent(private), nil), "no rule of events holds for contacts")
}

// What a pair does when an event leaves the policy, seen from the mailbox as the original; wants mirrors it.
func TestEventExits(t *testing.T) {
	t.Parallel()
	leaves := func(why planner.Reason, crm, mailbox string) *scene {
		return linked("a", "a").show(crm, mailbox).made(record.CRM).with(func(p *planner.Pair) { p.Mailbox.In, p.Mailbox.Why = false, why })
	}
	keep := func(p *planner.Pair) { p.Rules.OnFilterExit = "keep" }
	const private, window = planner.ReasonPrivateSkipped, planner.ReasonExcludedDomain
	for name, c := range map[string]struct {
		s    *scene
		want string
	}{
		"The copy goes":                             {leaves(window, "a", "a"), "left_policy_removed since excluded_domain | crm delete | then left"},
		"The copy stays, keep":                      {leaves(window, "a", "a").with(keep), "left_policy_kept since excluded_domain | store left"},
		"The copy stays, edited":                    {leaves(window, "b", "a"), "left_policy_kept since excluded_domain | store left"},
		"Private, the copy goes":                    {leaves(private, "a", "a"), "left_policy_removed since private_skipped | crm delete | then left"},
		"Private, keep, the copy goes":              {leaves(private, "a", "a").with(keep), "left_policy_removed since private_skipped | crm delete | then left"},
		"Private, edited, the copy goes":            {leaves(private, "b", "a"), "left_policy_removed since private_skipped | crm delete | title: mailbox wins (direction) | then left"},
		"Private, the copy was not looked at":       {leaves(private, "a", "a").presence("", planner.Present), "need crm"},
		"Private, both were there":                  {leaves(private, "a", "a").made(""), "left_policy_unlinked since private_skipped | store left"},
		"Private is the copy, the original stays":   {leaves(private, "a", "a").made(record.Mailbox), "left_policy_kept since private_skipped | store left"},
		"Private, and the other is not known of":    {leaves(private, "a", "a").with(func(p *planner.Pair) { p.CRM.In, p.CRM.Why = false, planner.ReasonFilterError }), "left_policy_removed since private_skipped | crm delete | then left"},
		"Private, the source is the other side":     {leaves(private, "a", "a").direction("crm_to_mailbox"), "unchanged"},
		"Two that match, one private":               {leaves(private, "a", "a").apart(), "private_skipped"},
		"Two that match, one excluded":              {leaves(window, "a", "a").apart(), "excluded_domain"},
		"Two that match, one outside the window":    {leaves(planner.ReasonOutsideWindow, "a", "a").apart().with(func(p *planner.Pair) { p.CRM.In = true }), ""},
		"Two that match, the excluded is no source": {leaves(window, "a", "a").apart().direction("crm_to_mailbox"), "adopted | store active"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.want == "" { // the CRM record speaks for two that match: not the same on both sides
				c.s.wantsHere(t, "adopted | store active")
				return
			}
			c.s.wants(t, c.want)
		})
	}
	t.Run("Each rule that binds keeps apart", func(t *testing.T) {
		t.Parallel()
		for _, why := range []planner.Reason{
			planner.ReasonSeriesSkipped, planner.ReasonExcludedAllDay, planner.ReasonExcludedDeclined, planner.ReasonExcludedAddress,
			planner.ReasonExcludedInternal, planner.ReasonNotSelected, planner.ReasonNotRelated,
		} {
			leaves(why, "a", "a").apart().wants(t, string(why))
		}
	})
}

// What a target cannot hold of an event's time.
func TestTimeRefused(t *testing.T) {
	t.Parallel()
	const at = record.FieldTime
	timed := func(value string, most time.Duration) *scene {
		return strangers("a", "-").with(func(p *planner.Pair) {
			p.Rules.Fields[at] = planner.FieldRule{}
			p.Caps.CRM[at] = connector.FieldCaps{Read: true, Write: true}
			p.Caps.Mailbox[at] = connector.FieldCaps{Read: true, Write: true, MaxSpan: most}
			p.CRM.Item.Fields[at] = value
		})
	}
	const days = 24 * time.Hour
	timed("2026-11-01/2026-11-15", 14*days).wants(t, "created | mailbox create time=2026-11-01/2026-11-15 title=a | store active")
	timed("2026-11-01/2026-11-16", 14*days).wants(t, "event_too_long time")
	timed("2026-11-01/2026-12-16", 0).wants(t, "created | mailbox create time=2026-11-01/2026-12-16 title=a | store active")
	timed("2026-11-02/2026-11-01", 14*days).wants(t, "time_invalid time")
	timed("2026-11-01/2026-11-02", 14*days).with(func(p *planner.Pair) {
		p.Caps.Mailbox[title] = connector.FieldCaps{Read: true, Write: true, MaxLen: 1}
		p.CRM.Item.Fields[title] = "ab"
	}).wants(t, "too_long title")
	timed("", 14*days).wants(t, "created | mailbox create title=a | store active")
}
