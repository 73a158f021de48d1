package salesforce

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/fuzztest"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/series"
)

// FuzzRow feeds any JSON to the decoder of rows. What decodes must say the same when decoded from its own image, and hold
// canonical values; what does not decode must not be quoted.
func FuzzRow(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `[]`, `{"Id":"003000000000001AAA"}`, `{"Id":"zz.canary@zz.test"}`,
		`{"attributes":{"type":"Contact"},"Id":"003000000000001AAA","SystemModstamp":"2026-11-18T12:00:00.000+0000","LastName":"Doe","Account":{"attributes":{},"Name":"Acme","Industry":null},"IsDeleted":false}`,
		`{"Id":"003000000000001AAA","IsDeleted":true,"MasterRecordId":"003000000000002AAA","SystemModstamp":"yesterday"}`,
		`{"Id":"003000000000001AAA","Birthdate":"2026-02-30","Email":" A@X.test "}`,
		`{"Id":"003000000000001AAA","Account":"zz.canary@zz.test","LastName":{"zz.canary@zz.test":1},"Repsync_Key__c":5}`,
		`{"Id":"003000000000001AAA","IsDeleted":"zz.canary@zz.test"}`,
	} {
		f.Add([]byte(seed))
	}
	for _, seed := range []string{
		`{"Id":"00U000000000001AAA","Subject":"S","IsAllDayEvent":true,"StartDateTime":"2026-03-29T00:00:00.000+0000","EndDateTime":"2026-03-30T00:00:00.000+0000","IsPrivate":true,"ShowAs":"Free"}`,
		`{"Id":"00U000000000001AAA","OwnerId":"005000000000001AAA","StartDateTime":"2026-03-29T01:30:00.000+0000","DurationInMinutes":90,"WhoId":"003000000000001AAA","WhatId":"001000000000001AAA",
		  "EventRelations":[{"Id":"0RE000000000001AAA","RelationId":"003000000000001AAA","Status":"Accepted","IsInvitee":true,"Email":"a@x.test"},{"RelationId":5}]}`,
		`{"Id":"00U000000000001AAA","GroupEventType":"3","IsRecurrence2":true,"Recurrence2PatternText":"RRULE:FREQ=DAILY;COUNT=2","Recurrence2PatternTimeZone":"Australia/Lord_Howe","Recurrence2PatternStartDate":"2026-04-04T10:00:00.000Z","StartDateTime":"2026-04-04T10:00:00Z","EndDateTime":"2026-04-04T11:00:00Z"}`,
		`{"Id":"00U000000000001AAA","StartDateTime":"zz.canary@zz.test","ShowAs":"zz.canary@zz.test","IsPrivate":"zz.canary@zz.test","EventRelations":"zz.canary@zz.test","WhoId":7}`,
		`{"Id":"00U000000000001AAA","StartDateTime":"0001-01-01T00:00:00Z","DurationInMinutes":-1e300}`,
		`{"Id":"00U000000000001AAA","IsAllDayEvent":true,"StartDateTime":"9999-12-31T23:59:59-1200","DurationInMinutes":1441}`,
		`{"Id":"00U000000000001AAA","IsAllDayEvent":true,"StartDateTime":"9999-12-31T00:00:00Z"}`,
		`{"Id":"00U000000000001AAA","StartDateTime":"9999-12-31T23:59:00Z","DurationInMinutes":5}`,
		`{"Id":"00U000000000001AAA","IsAllDayEvent":true,"StartDateTime":"9999-12-30T00:00:00Z","EndDateTime":"9999-12-31T00:00:00Z"}`,
		`{"Id":"00U000000000001AAA","GroupEventType":"3","IsRecurrence2":true,"Recurrence2PatternText":"FREQ=DAILY","Recurrence2PatternTimeZone":"Pacific/Kiritimati","Recurrence2PatternStartDate":"9999-12-31T23:00:00Z","StartDateTime":"2026-04-04T10:00:00Z","EndDateTime":"2026-04-04T11:00:00Z"}`,
		`{"Id":"00U000000000001AAA","GroupEventType":"3","IsRecurrence2":true,"Recurrence2PatternText":"FREQ=DAILY","Recurrence2PatternTimeZone":"Europe/Berlin","Recurrence2PatternStartDate":"1890-01-01T10:00:00Z","StartDateTime":"2026-04-04T10:00:00Z","EndDateTime":"2026-04-04T11:00:00Z"}`,
	} {
		f.Add([]byte(seed))
	}
	var sels []selection
	for _, s := range shapes {
		sels = append(sels, selection{shape: s, canonical: slices.Sorted(maps.Keys(s.mapping)), extra: []string{"Status__c", "Account.Industry", "Account.Owner.Name"}})
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		defer fuzztest.Within(10 * time.Second)()
		for _, sel := range sels {
			fuzzRow(t, sel, raw)
		}
	})
}

func fuzzRow(t *testing.T, sel selection, raw []byte) {
	t.Helper()
	r, err := decodeRow(raw)
	if err != nil {
		quiet(t, err)
		return
	}
	it, err := sel.item(r, "Repsync_Key__c")
	if err != nil {
		quiet(t, err)
		return
	}
	again, err := decodeRow(it.Image)
	require.NoError(t, err)
	require.Equal(t, r.hash(), again.hash())
	it2, err := sel.item(again, "Repsync_Key__c")
	require.NoError(t, err)
	require.Equal(t, it, it2)
	for field, v := range it.Fields {
		require.NotEmpty(t, v, field)
		require.Equal(t, v, record.Canonical(field, v), field)
	}
	if at, ok := it.Fields[record.FieldTime]; ok {
		span, err := record.ParseSpan(at)
		require.NoError(t, err, at)
		require.Equal(t, at, span.String())
		if it.Fields[record.FieldRecurrence] != "" { // a rule that was read is a rule that can be looked at
			if _, err := series.Expand(it.Fields, span.Start.At, span.Start.At.AddDate(0, 0, 30)); err != nil {
				require.NotEmpty(t, series.Code(err))
			}
		}
	}
	require.Contains(t, it.Raw, "Status__c")
	sentBack(t, sel.shape, it)
}

// sentBack writes what was read as a create and as an update: each is a row or a refusal, and the values of a row, read
// again, are those that were sent.
func sentBack(t *testing.T, s *shape, it connector.Item) {
	t.Helper()
	d := &describe{byName: map[string]*field{"Repsync_Key__c": {Name: "Repsync_Key__c", Createable: true, Updateable: true, ExternalID: true, Unique: true}}}
	for canonical := range s.mapping {
		for _, name := range s.columns(canonical) {
			d.byName[name] = &field{Name: name, Createable: true, Updateable: true}
		}
	}
	w := &writing{crm: &crm{Config: Config{Org: "acme", KeyField: "Repsync_Key__c"}}, shape: s, d: d, ties: d}
	set := maps.Clone(it.Fields)
	maps.DeleteFunc(set, func(canonical, _ string) bool {
		return !s.isDerived(canonical) && !w.writable(connector.Update, canonical)
	})
	delete(set, record.FieldRelations) // written beside the row, against its ties
	for _, op := range []connector.Op{{Verb: connector.Create, Key: "k", Set: set}, {Verb: connector.Update, Key: "k", Ref: it.Ref, Current: &it, Set: set}} {
		sent, e := w.row(op)
		if e != nil {
			require.NotContains(t, e.Error(), fuzztest.Canary)
			continue
		}
		sent["Id"] = it.ID
		raw, err := json.Marshal(sent)
		require.NoError(t, err)
		r, err := decodeRow(raw)
		require.NoError(t, err)
		shown, err := selection{shape: s, canonical: slices.Sorted(maps.Keys(set))}.item(r, "Repsync_Key__c")
		require.NoError(t, err)
		for canonical, v := range set {
			switch {
			case s.isDerived(canonical), canonical == record.FieldCompany: // an account, which is looked up
			case canonical == record.FieldTime:
				require.True(t, record.Equal(canonical, v, shown.Fields[canonical]), "%s is shown as %s", v, shown.Fields[canonical])
			default:
				require.Equal(t, v, shown.Fields[canonical], canonical)
			}
		}
	}
}

func quiet(t *testing.T, err error) {
	t.Helper()
	require.NotContains(t, err.Error(), fuzztest.Canary)
	require.Less(t, len(err.Error()), 3000)
}

// TestQuoteHoldsAnyText checks that no value can leave its string literal.
func TestQuoteHoldsAnyText(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "O'Neil", `\`, `\'`, `'' OR Name != '`, "a\nb\r\t\b\f\"", "\x00\xff", "é"} {
		checkQuote(t, s)
	}
	rapid.Check(t, func(t *rapid.T) {
		checkQuote(t, rapid.OneOf(rapid.String(), rapid.StringMatching(`['"\\\n\r a]{0,12}`)).Draw(t, "text"))
	})
}

func checkQuote(t require.TestingT, s string) {
	q := quote(s)
	require.True(t, strings.HasPrefix(q, "'") && strings.HasSuffix(q, "'") && len(q) >= 2)
	inside := q[1 : len(q)-1]
	for i := 0; i < len(inside); i++ {
		switch inside[i] {
		case '\\':
			i++
			require.Less(t, i, len(inside), "a literal never ends in an escape")
			require.Contains(t, `\'"nrtbf`, string(inside[i]))
		case '\'', '\n', '\r':
			require.Fail(t, "unescaped")
		}
	}
}

func TestTokensStayBounded(t *testing.T) {
	t.Parallel()
	var c cursor
	at := time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)
	for i := range tailMost + 5000 {
		c.note(row{at: at.Add(time.Duration(i/100) * time.Second), bare: []byte{byte(i), byte(i >> 8), byte(i >> 16)}})
	}
	c.trim(time.Hour)
	require.LessOrEqual(t, c.rows(), tailMost)
	require.Greater(t, c.rows(), tailMost-200, "the oldest go")
	require.Equal(t, at.Add(249*time.Second), c.Edge)
	b, err := c.bytes()
	require.NoError(t, err)
	require.Less(t, len(b), 300_000)
	c.trim(time.Second)
	require.LessOrEqual(t, c.rows(), 200, "and what lies before the overlap")
}

func TestBatchesFitTheURI(t *testing.T) {
	t.Parallel()
	var list []string
	for range 500 {
		list = append(list, strings.Repeat("é'", 40))
	}
	total := 0
	for _, b := range batches(list, 3000) {
		total += len(b)
		require.LessOrEqual(t, len(b), maxIn)
		require.LessOrEqual(t, len(url.QueryEscape(quoteAll(b))), 3000)
	}
	require.Equal(t, 500, total)
	require.Len(t, batches([]string{strings.Repeat("x", 9000)}, 3000), 1, "one that is too long goes alone")
	require.Empty(t, batches(nil, 3000))
	for _, b := range batches(make([]string, 450), 1_000_000) {
		require.LessOrEqual(t, len(b), maxIn)
	}
}

func TestLooseNames(t *testing.T) {
	t.Parallel()
	require.Equal(t, "m_ll_r%", loose("muller"))
	require.Equal(t, "%_%b%", loose("'a\\b"), "nothing that quotes or escapes stays")
}
