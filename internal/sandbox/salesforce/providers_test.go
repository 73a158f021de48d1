package salesforce_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

// The lines of PROVIDERS.md, "Salesforce REST", and the tests that hold the sandbox to them:
//
//	polling misses rows of open transactions   TestOpenTransactionsAppearLateWithAnOldStamp
//	overlap, dedupe by (id, SystemModstamp)    TestOverlapAndDedupeFindEveryChange
//	queryAll adds soft-deleted rows            TestQueryAllAddsSoftDeletedRows
//	query pages ≤ 2000                         TestQueryPages, TestQueryMoreAcrossChanges, TestQueryLocators
//	getDeleted ≤ 15 days                       TestGetDeletedWindow
//	200 records, one call, an error per row    TestCollectionsAreOneCallWithAnErrorPerRow, TestCollectionLimits, TestCollectionsAllOrNone
//	upsert is retry-safe; several matches: 300 TestUpsertByExternalID, TestUpsertWithSeveralMatchesAnswers300, TestCollectionUpsert
//	composite 25, graph 500                    TestComposite, TestGraphsAreAllOrNoneEach
//	INVALID_SESSION_ID, REQUEST_LIMIT_EXCEEDED TestSessionsEnd, TestDailyBudget
//	UNABLE_TO_LOCK_ROW, DUPLICATES_DETECTED, … TestOpenTransactionsAppearLateWithAnOldStamp, TestDuplicateRule, TestRowErrors, TestSharing
//	ETag for Account only, If-Unmodified-Since TestETagWorksForAccountOnly, TestIfUnmodifiedSince
//	daily budget                               TestDailyBudget
//	a create returns id and success only       TestCreateReturnsIDAndSuccessOnly
//	ask describe: externalId, unique, idLookup TestDescribe
//	contacts without an account are private    TestContactsWithoutAnAccountArePrivate
//	what SystemModstamp does not move          TestParentsAndSharingDoNotMoveTheStamp
//	JWT bearer: claims, no refresh token       TestJWTBearer, TestNoRefreshToken

// A client that reads again the last ten minutes at every poll, and drops what it has seen with the same stamp, sees
// every change once, whatever commits late; two edits within a second are the exception that only contents tell.
func TestOverlapAndDedupeFindEveryChange(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	seen := map[string]bool{}
	var news []string
	cursor := b.clock.now()
	poll := func() {
		from := cursor.Add(-10 * time.Minute)
		cursor = b.clock.now()
		got := b.query("SELECT Id, LastName, SystemModstamp FROM Contact WHERE SystemModstamp >= " + stamp(from) + " ORDER BY SystemModstamp, Id").want(200).object()
		for _, r := range got["records"].([]any) {
			v := r.(values)
			if k := v["Id"].(string) + v["SystemModstamp"].(string); !seen[k] {
				seen[k] = true
				news = append(news, v["LastName"].(string))
			}
		}
	}
	id := b.contact("one")
	b.s.SlowCommit(8 * time.Minute)
	b.contact("late")
	b.s.SlowCommit(0)
	for range 3 {
		poll()
		b.clock.advance(5 * time.Minute)
	}
	require.NoError(t, b.s.Update("Contact", id, values{"LastName": "edited"}, b.alice))
	poll()
	poll()
	require.Equal(t, []string{"one", "late", "edited"}, news)
}

func TestParentsAndSharingDoNotMoveTheStamp(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.contact("Doe")
	before := b.column("SELECT SystemModstamp FROM Contact", "SystemModstamp")
	b.clock.advance(time.Hour)
	b.do("PATCH", "sobjects/Account/"+b.account, values{"Name": "Renamed"}).want(204)
	b.s.Share(id, b.bob, salesforce.Access{Read: true, Edit: true})
	require.Equal(t, before, b.column("SELECT SystemModstamp FROM Contact WHERE Account.Name = 'Renamed'", "SystemModstamp"))
}

func TestNoRefreshToken(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	key := appKeys()[0]
	b.s.ConnectedApp("client1", "", &key.PublicKey)
	claims := jwt.MapClaims{"iss": "client1", "sub": "api@acme.test", "aud": b.srv.URL, "exp": b.clock.now().Add(time.Minute).Unix()}
	require.NotContains(t, b.tokenCall(assertion(t, key, jwt.SigningMethodRS256, claims)).want(200).object(), "refresh_token")
	require.Equal(t, values{"error": "invalid_grant", "error_description": "expired access/refresh token"},
		b.tokenCall(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}, "client_id": {"client1"}}).want(400).object())
}
