package salesforce_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

// pages follows nextRecordsUrl to the end and returns the sizes of the pages and every LastName.
func (b *bench) pages(a answer, between func()) (sizes []int, names []any) {
	b.t.Helper()
	for {
		got := a.want(200).object()
		names = append(names, column(got, "LastName")...)
		sizes = append(sizes, len(got["records"].([]any)))
		if got["done"] == true {
			require.NotContains(b.t, got, "nextRecordsUrl")
			return sizes, names
		}
		if between != nil {
			between()
		}
		a = b.raw("GET", got["nextRecordsUrl"].(string), nil)
	}
}

func TestQueryPages(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for i := range 2100 {
		b.contact(fmt.Sprintf("c%04d", i))
	}
	const soql = "SELECT LastName FROM Contact ORDER BY LastName"
	sizes, names := b.pages(b.query(soql), nil)
	require.Equal(t, []int{2000, 100}, sizes)
	require.Equal(t, "c2099", names[2099])
	sizes, _ = b.pages(b.query(soql, "Sforce-Query-Options", "batchSize=1000"), nil)
	require.Equal(t, []int{1000, 1000, 100}, sizes)
	sizes, _ = b.pages(b.query(soql, "Sforce-Query-Options", "batchSize=5000"), nil)
	require.Equal(t, []int{2000, 100}, sizes, "2000 is the most")
	sizes, _ = b.pages(b.query(soql+" LIMIT 300", "Sforce-Query-Options", "batchSize=1"), nil)
	require.Equal(t, []int{200, 100}, sizes, "200 is the least")
	b.s.SetPageLimit(900)
	sizes, _ = b.pages(b.query(soql), nil)
	require.Equal(t, []int{900, 900, 300}, sizes, "the server may page smaller than asked")
}

func TestQueryMoreAcrossChanges(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.s.SetPageLimit(2)
	ids := map[string]string{}
	for _, n := range []string{"a", "b", "c", "d", "e"} {
		ids[n] = b.contact(n)
	}
	changed := false
	a := b.query("SELECT LastName FROM Contact WHERE LastName < 'f' ORDER BY LastName")
	require.EqualValues(t, 5, a.object()["totalSize"])
	sizes, names := b.pages(a, func() {
		if changed {
			return
		}
		changed = true
		require.NoError(t, b.s.Update("Contact", ids["c"], values{"LastName": "z"}, ""))
		require.NoError(t, b.s.Delete("Contact", ids["d"], ""))
		b.contact("aa")
	})
	require.Equal(t, []int{2, 1, 1}, sizes, "a deleted row leaves its page short")
	require.Equal(t, []any{"a", "b", "z", "e"}, names, "rows are shown as they are when the page is read; later ones are not in it")
}

func TestQueryLocators(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.s.SetPageLimit(1)
	b.contact("a")
	b.contact("b")
	next := func() string {
		return b.query("SELECT Id FROM Contact").want(200).object()["nextRecordsUrl"].(string)
	}
	locator := next()
	require.Regexp(t, `^/services/data/v65\.0/query/01g\w{15}-1$`, locator)
	b.raw("GET", locator, nil).want(200)
	b.raw("GET", locator, nil).want(200) // a page may be read again
	b.as(b.alice).raw("GET", locator, nil).fails(400, "INVALID_QUERY_LOCATOR")
	b.do("GET", "query/01gRs0000000099-2000", nil).fails(400, "INVALID_QUERY_LOCATOR")
	b.do("GET", "query/nonsense", nil).fails(400, "INVALID_QUERY_LOCATOR")
	b.clock.advance(49 * time.Hour)
	require.Equal(t, "invalid query locator", b.raw("GET", locator, nil).fails(400, "INVALID_QUERY_LOCATOR"))
	locator = next()
	for range 10 {
		next()
	}
	b.raw("GET", locator, nil).fails(400, "INVALID_QUERY_LOCATOR") // the eleventh pushed it out
	locator = next()
	b.s.ExpireCursors()
	b.raw("GET", locator, nil).fails(400, "INVALID_QUERY_LOCATOR")
}

func TestQueryAllAddsSoftDeletedRows(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.contact("here")
	gone := b.contact("gone", values{"Repsync_Key__c": "k"})
	b.clock.advance(time.Minute)
	b.as(b.alice).do("DELETE", "sobjects/Contact/"+gone, nil).want(204)
	all := "queryAll?q=" + url.QueryEscape("SELECT LastName, IsDeleted, SystemModstamp, LastModifiedById FROM Contact ORDER BY LastName")
	require.Equal(t, []any{"here"}, b.column("SELECT LastName FROM Contact", "LastName"))
	got := b.do("GET", all, nil).want(200).object()
	require.Equal(t, []any{"gone", "here"}, column(got, "LastName"))
	require.Equal(t, []any{true, false}, column(got, "IsDeleted"))
	require.Equal(t, "2026-11-18T12:01:00.000+0000", got["records"].([]any)[0].(values)["SystemModstamp"], "a delete moves the stamp")
	require.Equal(t, b.alice, got["records"].([]any)[0].(values)["LastModifiedById"])
	require.Equal(t, []any{"gone"}, column(b.do("GET", "queryAll?q="+url.QueryEscape("SELECT LastName FROM Contact WHERE Repsync_Key__c = 'k' AND IsDeleted = true"), nil).object(), "LastName"))

	b.contact("next", values{"Repsync_Key__c": "k"}) // a deleted record does not hold its unique value
	require.ErrorContains(t, b.s.Undelete("Contact", gone, b.alice), "DUPLICATE_VALUE")
	require.NoError(t, b.s.Purge("Contact", gone))
	require.Equal(t, []any{"here", "next"}, column(b.do("GET", all, nil).object(), "LastName"))
	b.do("GET", "sobjects/Contact/"+gone, nil).fails(404, "NOT_FOUND")
}

func TestTheRecycleBinKeepsRowsForFifteenDays(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.contact("Doe")
	b.do("DELETE", "sobjects/Contact/"+id, nil).want(204)
	shown := func() []any {
		return b.do("GET", "queryAll?q=SELECT+Id+FROM+Contact", nil).want(200).object()["records"].([]any)
	}
	b.clock.advance(15*24*time.Hour - time.Minute)
	require.Len(t, shown(), 1)
	b.clock.advance(2 * time.Hour)
	require.Empty(t, shown())
	require.ErrorContains(t, b.s.Undelete("Contact", id, ""), "UNDELETE_FAILED")
}

func TestUndeleteMovesTheStamp(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.contact("back")
	require.NoError(t, b.s.Delete("Contact", id, ""))
	b.clock.advance(time.Hour)
	require.NoError(t, b.s.Undelete("Contact", id, ""))
	require.Equal(t, []any{"back"}, b.column("SELECT LastName FROM Contact WHERE SystemModstamp = "+stamp(b.clock.now()), "LastName"))
	require.Error(t, b.s.Undelete("Contact", id, ""))
}

func TestDeletingAnAccountTakesItsContacts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.contact("child")
	b.do("DELETE", "sobjects/Account/"+b.account, nil).want(204)
	b.do("GET", "sobjects/Contact/"+id, nil).fails(404, "ENTITY_IS_DELETED")
	require.NoError(t, b.s.Undelete("Account", b.account, ""))
	require.Equal(t, b.account, b.do("GET", "sobjects/Contact/"+id, nil).want(200).object()["AccountId"])
}

func TestMerge(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	master, loser := b.contact("Master"), b.contact("Loser")
	report := b.contact("Report", values{"ReportsToId": loser})
	b.clock.advance(time.Minute)
	require.NoError(t, b.s.Merge("Contact", master, loser, b.alice))
	got := b.do("GET", "queryAll?q="+url.QueryEscape("SELECT LastName, IsDeleted, MasterRecordId FROM Contact WHERE SystemModstamp >= "+stamp(b.clock.now())+" ORDER BY LastName"), nil).want(200).object()
	require.Equal(t, []any{"Loser", "Master", "Report"}, column(got, "LastName"))
	require.Equal(t, []any{master, nil, nil}, column(got, "MasterRecordId"))
	require.Equal(t, []any{true, false, false}, column(got, "IsDeleted"))
	require.Equal(t, master, b.do("GET", "sobjects/Contact/"+report, nil).object()["ReportsToId"])
}

// SystemModstamp polling misses the rows of open transactions: the stamp is older than the moment the row appears.
func TestOpenTransactionsAppearLateWithAnOldStamp(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	old := b.contact("old", values{"Email": "old@x.test"})
	b.clock.advance(time.Minute)
	b.s.SlowCommit(3 * time.Minute)
	b.contact("slow")
	require.NoError(t, b.s.Update("Contact", old, values{"LastName": "new", "Email": "new@x.test"}, ""))
	b.s.SlowCommit(0)
	began := b.clock.now()
	b.clock.advance(2 * time.Minute)
	b.contact("quick")
	polled := b.column("SELECT LastName FROM Contact WHERE SystemModstamp > "+stamp(began.Add(-time.Second))+" ORDER BY LastName", "LastName")
	require.Equal(t, []any{"quick"}, polled, "neither the new row nor the change shows yet")
	require.Equal(t, []any{"old"}, b.column("SELECT LastName FROM Contact WHERE Email = 'old@x.test'", "LastName"))
	require.Empty(t, b.column("SELECT LastName FROM Contact WHERE Email = 'new@x.test'", "LastName"))
	b.do("PATCH", "sobjects/Contact/"+old, values{"Title": "X"}).fails(400, "UNABLE_TO_LOCK_ROW")
	cursor := b.clock.now()
	b.clock.advance(2 * time.Minute)
	require.Empty(t, b.column("SELECT LastName FROM Contact WHERE SystemModstamp > "+stamp(cursor), "LastName"), "a poll from the last time on misses them for ever")
	overlap := b.column("SELECT LastName FROM Contact WHERE SystemModstamp > "+stamp(cursor.Add(-10*time.Minute))+" ORDER BY LastName", "LastName")
	require.Equal(t, []any{"new", "quick", "slow"}, overlap, "an overlap of ten minutes finds them")
	b.do("PATCH", "sobjects/Contact/"+old, values{"Title": "X"}).want(204)
}

func TestGetDeletedWindow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	old, purged, recent := b.contact("old"), b.contact("purged"), b.contact("recent")
	require.NoError(t, b.s.Delete("Contact", old, ""))
	b.clock.advance(16 * 24 * time.Hour)
	require.NoError(t, b.s.Delete("Contact", recent, ""))
	require.NoError(t, b.s.Delete("Contact", purged, ""))
	require.NoError(t, b.s.Purge("Contact", purged))
	b.clock.advance(10 * time.Minute)
	now := b.clock.now()
	call := func(what string, from, to time.Time) answer {
		return b.do("GET", fmt.Sprintf("sobjects/Contact/%s/?start=%s&end=%s", what, url.QueryEscape(from.Format(time.RFC3339)), url.QueryEscape(to.Format("2006-01-02T15:04:05+00:00"))), nil)
	}
	got := call("deleted", now.Add(-20*24*time.Hour), now).want(200).object()
	ids := []any{}
	for _, r := range got["deletedRecords"].([]any) {
		ids = append(ids, r.(values)["id"])
	}
	require.ElementsMatch(t, []any{recent, purged}, ids, "results go back 15 days, however far the start")
	require.Equal(t, "2026-12-04T12:00:00.000+0000", got["deletedRecords"].([]any)[0].(values)["deletedDate"])
	require.Equal(t, "2026-11-19T12:10:00.000+0000", got["earliestDateAvailable"])
	require.Equal(t, "2026-12-04T12:10:00.000+0000", got["latestDateCovered"])
	for name, span := range map[string][2]time.Time{"too old": {now.Add(-31 * 24 * time.Hour), now}, "empty": {now, now}, "backwards": {now, now.Add(-time.Hour)}} {
		require.NotEmpty(t, call("deleted", span[0], span[1]).fails(400, "INVALID_REPLICATION_DATE"), name)
	}
	b.do("GET", "sobjects/Contact/deleted", nil).fails(400, "INVALID_REPLICATION_DATE")

	fresh := b.contact("fresh")
	b.clock.advance(time.Minute)
	updated := call("updated", now.Add(-time.Hour), b.clock.now()).want(200).object()
	require.Equal(t, []any{fresh}, updated["ids"])
	b.s.SlowCommit(time.Hour)
	b.contact("open")
	opened := b.clock.now()
	b.clock.advance(5 * time.Minute)
	updated = call("updated", now.Add(-time.Hour), b.clock.now()).want(200).object()
	require.Equal(t, opened.Format("2006-01-02T15:04:05.000+0000"), updated["latestDateCovered"], "an open transaction holds it back")
}

func TestDailyBudget(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.s.SetDailyLimit(3)
	for i := range 3 {
		require.Equal(t, fmt.Sprintf("api-usage=%d/3", i+1), b.query("SELECT Id FROM Contact").want(200).header.Get("Sforce-Limit-Info"))
	}
	a := b.query("SELECT Id FROM Contact")
	require.Equal(t, "TotalRequests Limit exceeded.", a.fails(403, "REQUEST_LIMIT_EXCEEDED"))
	require.Equal(t, "api-usage=3/3", a.header.Get("Sforce-Limit-Info"))
	require.Empty(t, b.raw("GET", "/services/oauth2/userinfo", nil).want(200).header.Get("Sforce-Limit-Info"))
	b.clock.advance(25 * time.Hour)
	limits := b.do("GET", "limits", nil).want(200).object()
	require.Equal(t, values{"Max": 3.0, "Remaining": 2.0}, limits["DailyApiRequests"])
}

func TestCallsAreCountedByKind(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.query("SELECT Id FROM Contact")
	b.query("SELECT Nope FROM Contact").want(400)
	b.do("GET", "sobjects/Contact/describe", nil)
	require.Equal(t, map[string]int{"query": 2, "describe": 1}, b.s.Calls())
	b.s.ResetCalls()
	require.Empty(t, b.s.Calls())
}

func TestIDsCarryTheirChecksum(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for object, prefix := range map[string]string{"Contact": "003", "User": "005", "Account": "001", "Profile": "00e", "PermissionSet": "0PS", "Organization": "00D"} {
		if object == "Contact" {
			b.contact("Doe")
		}
		id := b.s.All(object)[0]["Id"].(string)
		require.Len(t, id, 18)
		require.Equal(t, prefix, id[:3])
		require.Equal(t, suffix(id[:15]), id[15:], object)
	}
	b.insert("Lead", values{"LastName": "L", "Company": "C"})
	require.Equal(t, "00Q", b.s.All("Lead")[0]["Id"].(string)[:3])
}

// suffix computes the checksum from its definition: per block of five, one bit for each capital letter.
func suffix(id string) string {
	out := ""
	for i := 0; i < 15; i += 5 {
		n := 0
		for j := 4; j >= 0; j-- {
			n <<= 1
			if c := id[i+j]; c >= 'A' && c <= 'Z' {
				n |= 1
			}
		}
		out += "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[n : n+1]
	}
	return out
}

func TestCustomFieldsComeAndGo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.contact("Doe")
	b.query("SELECT Tier__c FROM Contact").fails(400, "INVALID_FIELD")
	b.s.AddField("Contact", salesforce.Field{Name: "Tier__c", Type: salesforce.TypeString, Length: 3})
	b.do("POST", "sobjects/Contact", values{"LastName": "Roe", "Tier__c": "four"}).fails(400, "STRING_TOO_LONG")
	b.do("POST", "sobjects/Contact", values{"LastName": "Roe", "Tier__c": "one"}).want(201)
	require.Equal(t, []any{nil, "one"}, b.column("SELECT Tier__c FROM Contact ORDER BY LastName", "Tier__c"))
	b.s.RemoveField("Contact", "Tier__c")
	b.query("SELECT Tier__c FROM Contact").fails(400, "INVALID_FIELD")
	other := salesforce.New(salesforce.Config{})
	require.Empty(t, other.All("Contact"), "orgs share nothing")
}
