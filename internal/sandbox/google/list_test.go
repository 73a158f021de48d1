package google_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/people/v1"

	"github.com/repsync/repsync/internal/sandbox/google"
)

func TestSyncFeedShowsWhatChanged(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	svc := b.client(t, alice)
	keep := b.insert(t, `{"names":[{"givenName":"Keep"}]}`)
	edit := b.insert(t, `{"names":[{"givenName":"Edit"}]}`)
	gone := b.insert(t, `{"names":[{"givenName":"Gone"}]}`)
	all, token, _ := readAll(t, full(svc))
	require.Equal(t, []string{keep, edit, gone}, names(all))

	changed, token, _ := readAll(t, since(svc, token))
	require.Empty(t, changed, "an idle feed is empty")

	require.NoError(t, b.Update(alice, edit, `{"names":[{"givenName":"Edited"}]}`))
	require.NoError(t, b.Delete(alice, gone))
	added := b.insert(t, `{"names":[{"givenName":"Added"}]}`)
	changed, token, _ = readAll(t, since(svc, token))
	require.Equal(t, []string{edit, gone, added}, names(changed))
	require.Equal(t, "Edited", changed[0].Names[0].GivenName)
	require.False(t, changed[0].Metadata.Deleted)
	require.True(t, changed[1].Metadata.Deleted, "a deletion is a person with metadata.deleted")
	require.Empty(t, changed[1].Names)

	changed, _, _ = readAll(t, since(svc, token))
	require.Empty(t, changed)
	all, _, _ = readAll(t, full(svc))
	require.Equal(t, []string{keep, edit, added}, names(all), "a full read shows no deleted people")
}

func TestSyncTokenDiesSevenDaysAfterTheFullRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		after func(b *bench, read func(token string) (string, error), token string) (string, error)
		dead  bool
	}{
		{"alive just before", func(b *bench, read func(string) (string, error), token string) (string, error) {
			b.clock.advance(7*24*time.Hour - time.Second)
			return read(token)
		}, false},
		{"dead after seven days", func(b *bench, read func(string) (string, error), token string) (string, error) {
			b.clock.advance(7 * 24 * time.Hour)
			return read(token)
		}, true},
		{"renewing it does not prolong it", func(b *bench, read func(string) (string, error), token string) (string, error) {
			b.clock.advance(6 * 24 * time.Hour)
			token, err := read(token)
			if err != nil {
				return "", err
			}
			b.clock.advance(24 * time.Hour)
			return read(token)
		}, true},
		{"expired at will", func(b *bench, read func(string) (string, error), token string) (string, error) {
			b.ExpireSyncTokens(alice)
			return read(token)
		}, true},
		{"another user's expiry", func(b *bench, read func(string) (string, error), token string) (string, error) {
			b.ExpireSyncTokens("bob@acme.test")
			return read(token)
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := start(t, google.Config{})
			b.AddUser("bob@acme.test", false)
			svc := b.client(t, alice)
			_, token, _ := readAll(t, full(svc))
			_, err := c.after(b, func(token string) (string, error) {
				r, err := since(svc, token).Do()
				if err != nil {
					return "", err
				}
				return r.NextSyncToken, nil
			}, token)
			if !c.dead {
				require.NoError(t, err)
				return
			}
			e := apiError(t, err)
			require.Equal(t, 400, e.Code)
			require.Equal(t, "FAILED_PRECONDITION", e.Status)
			require.Equal(t, []string{"EXPIRED_SYNC_TOKEN"}, e.Reasons)
			_, _, _ = readAll(t, full(svc))
		})
	}
}

func TestParametersMustMatchTheFirstCall(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	svc := b.client(t, alice)
	for i := range 3 {
		b.insert(t, fmt.Sprintf(`{"names":[{"givenName":"P%d"}]}`, i))
	}
	list := func() *people.PeopleConnectionsListCall {
		return svc.People.Connections.List("people/me").PersonFields("names,metadata").PageSize(2).RequestSyncToken(true)
	}
	first, err := list().Do()
	require.NoError(t, err)
	last, err := list().PageToken(first.NextPageToken).Do()
	require.NoError(t, err)
	page, token := first.NextPageToken, last.NextSyncToken
	for _, c := range []struct {
		name string
		call *people.PeopleConnectionsListCall
		ok   bool
	}{
		{"page token, same parameters", list().PageToken(page), true},
		{"page token, mask in another order", list().PageToken(page).PersonFields("metadata,names"), true},
		{"page token, another mask", list().PageToken(page).PersonFields("names"), false},
		{"page token, another size", list().PageToken(page).PageSize(3), false},
		{"page token, another order", list().PageToken(page).SortOrder("FIRST_NAME_ASCENDING"), false},
		{"page token with a sync token", list().PageToken(page).SyncToken(token), false},
		{"page token that is none", list().PageToken("x"), false},
		{"sync token as page token", list().PageToken(token), false},
		{"sync token, same parameters", list().SyncToken(token), true},
		{"sync token, another mask", list().SyncToken(token).PersonFields("names"), false},
		{"sync token, another size", list().SyncToken(token).PageSize(1000), false},
		{"sync token, other sources", list().SyncToken(token).Sources("READ_SOURCE_TYPE_CONTACT"), false},
		{"sync token that is none", list().SyncToken("x"), false},
		{"page token as sync token", list().SyncToken(page), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := c.call.Do()
			if c.ok {
				require.NoError(t, err)
				return
			}
			e := apiError(t, err)
			require.Equal(t, 400, e.Code)
			require.Equal(t, "INVALID_ARGUMENT", e.Status)
		})
	}
}

func TestAnotherUsersTokenIsRefused(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	b.AddUser("bob@acme.test", false)
	_, token, _ := readAll(t, full(b.client(t, alice)))
	_, err := since(b.client(t, "bob@acme.test"), token).Do()
	require.Equal(t, 400, apiError(t, err).Code)
}

func TestWritesLagInTheFeed(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{Lag: 3 * time.Minute})
	svc := b.client(t, alice)
	name := b.insert(t, `{"names":[{"givenName":"One"}]}`)
	all, token, _ := readAll(t, full(svc))
	require.Len(t, all, 1, "a full read shows a write at once")

	changed, token, _ := readAll(t, since(svc, token))
	require.Empty(t, changed, "the feed does not")
	b.clock.advance(2 * time.Minute)
	require.NoError(t, b.Update(alice, name, `{"names":[{"givenName":"Two"}]}`))
	b.clock.advance(time.Minute)
	changed, token, _ = readAll(t, since(svc, token))
	require.Len(t, changed, 1)
	require.Equal(t, "One", changed[0].Names[0].GivenName, "the feed shows a copy older than the last write")
	got, err := svc.People.Get(name).PersonFields(fields).Do()
	require.NoError(t, err)
	require.Equal(t, "Two", got.Names[0].GivenName, "a get shows the last write")

	b.clock.advance(2 * time.Minute)
	changed, token, _ = readAll(t, since(svc, token))
	require.Len(t, changed, 1)
	require.Equal(t, "Two", changed[0].Names[0].GivenName)

	require.NoError(t, b.Delete(alice, name))
	changed, token, _ = readAll(t, since(svc, token))
	require.Empty(t, changed)
	b.SetLag(0)
	changed, _, _ = readAll(t, since(svc, token))
	require.Len(t, changed, 1)
	require.True(t, changed[0].Metadata.Deleted)
}

func TestPages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		paging google.Paging
		size   int64
		pages  int
		people int // with repeats
		first  string
	}{
		{"plain", google.Paging{}, 3, 3, 7, "P0"},
		{"one page", google.Paging{}, 100, 1, 7, "P0"},
		{"default size", google.Paging{}, 0, 1, 7, "P0"},
		{"short pages", google.Paging{Short: true}, 4, 4, 7, "P0"},
		{"empty pages between", google.Paging{Empty: true}, 3, 5, 7, "P0"},
		{"repeated people", google.Paging{Repeat: true}, 3, 3, 9, "P0"},
		{"reversed inside a page", google.Paging{Reverse: true}, 3, 3, 7, "P2"},
		{"everything at once", google.Paging{Short: true, Empty: true, Repeat: true, Reverse: true}, 4, 7, 10, "P1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := start(t, google.Config{})
			b.SetPaging(c.paging)
			var want []string
			for i := range 7 {
				want = append(want, b.insert(t, fmt.Sprintf(`{"names":[{"givenName":"P%d"}]}`, i)))
			}
			got, token, pages := readAll(t, full(b.client(t, alice)).PageSize(c.size))
			require.Equal(t, c.pages, pages)
			require.Len(t, got, c.people)
			require.Equal(t, c.first, got[0].Names[0].GivenName)
			seen := map[string]bool{}
			for _, p := range got {
				seen[p.ResourceName] = true
			}
			require.Len(t, seen, len(want))
			require.NotEmpty(t, token)
		})
	}
}

func TestPagesAgreeWhilePeopleEdit(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	svc := b.client(t, alice)
	first := b.insert(t, `{"names":[{"givenName":"A"}]}`)
	second := b.insert(t, `{"names":[{"givenName":"B"}]}`)
	r, err := full(svc).PageSize(1).Do()
	require.NoError(t, err)
	require.Equal(t, []string{first}, names(r.Connections))
	require.NoError(t, b.Delete(alice, first))
	third := b.insert(t, `{"names":[{"givenName":"C"}]}`)
	r, err = full(svc).PageSize(1).PageToken(r.NextPageToken).Do()
	require.NoError(t, err)
	require.Equal(t, []string{second}, names(r.Connections))
	require.Empty(t, r.NextPageToken)
	changed, _, _ := readAll(t, since(svc, r.NextSyncToken).PageSize(1))
	require.Equal(t, []string{first, third}, names(changed), "what happened during the read comes with the sync token")
}

func TestSortOrders(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	svc := b.client(t, alice)
	zoe := b.insert(t, `{"names":[{"givenName":"Zoe","familyName":"Ames"}]}`)
	ann := b.insert(t, `{"names":[{"givenName":"Ann","familyName":"Zorn"}]}`)
	require.NoError(t, b.Update(alice, zoe, `{"nicknames":[{"value":"Z"}]}`))
	for order, want := range map[string][]string{
		"LAST_MODIFIED_ASCENDING": {ann, zoe}, "LAST_MODIFIED_DESCENDING": {zoe, ann},
		"FIRST_NAME_ASCENDING": {ann, zoe}, "LAST_NAME_ASCENDING": {zoe, ann},
	} {
		got, _, _ := readAll(t, full(svc).SortOrder(order))
		require.Equal(t, want, names(got), order)
	}
	_, err := full(svc).SortOrder("RANDOM").Do()
	require.Equal(t, 400, apiError(t, err).Code)
}

func TestListParameters(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	for _, c := range []struct {
		name, query, message string
	}{
		{"no personFields", "", "personFields mask is required. Please specify one or more valid paths."},
		{"unknown field", "personFields=names,shoeSize", `Invalid personFields mask path: "shoeSize"`},
		{"a path inside a field", "personFields=names.givenName", `Invalid personFields mask path: "names.givenName"`},
		{"page too large", "personFields=names&pageSize=1001", "Page size"},
		{"page negative", "personFields=names&pageSize=-1", "Page size"},
		{"unknown source", "personFields=names&sources=GMAIL", "'sources'"},
		{"two sources are fine", "personFields=names&sources=READ_SOURCE_TYPE_CONTACT&sources=READ_SOURCE_TYPE_PROFILE", ""},
		{"unknown parameter", "personFields=names&page=2", `Unknown name "page": Cannot bind query parameter.`},
		{"proto names are fine", "person_fields=names&page_size=5", ""},
		{"older mask is fine", "requestMask.includeField=person.names", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status, body := b.do(t, "GET", "/v1/people/me/connections?"+c.query, "")
			if c.message == "" {
				require.Equal(t, 200, status)
				return
			}
			require.Equal(t, 400, status)
			e, ok := body["error"].(map[string]any)
			require.True(t, ok)
			require.Equal(t, "INVALID_ARGUMENT", e["status"])
			require.Contains(t, e["message"], c.message)
		})
	}
}

func TestFormerResourceNames(t *testing.T) {
	t.Parallel()
	t.Run("renamed", func(t *testing.T) {
		t.Parallel()
		b := start(t, google.Config{})
		svc := b.client(t, alice)
		old := b.insert(t, `{"names":[{"givenName":"A"}]}`)
		_, token, _ := readAll(t, full(svc))
		renamed, err := b.Rename(alice, old)
		require.NoError(t, err)
		changed, _, _ := readAll(t, since(svc, token))
		require.Equal(t, []string{renamed}, names(changed))
		require.Equal(t, []string{old}, changed[0].Metadata.PreviousResourceNames)
		all, _, _ := readAll(t, full(svc))
		require.Empty(t, all[0].Metadata.PreviousResourceNames, "only sync reads name them")
		got, err := svc.People.Get(old).PersonFields(fields).Do()
		require.NoError(t, err)
		require.Equal(t, renamed, got.ResourceName, "the old name finds the contact")
		batch, err := svc.People.GetBatchGet().ResourceNames(old).PersonFields(fields).Do()
		require.NoError(t, err)
		require.Equal(t, old, batch.Responses[0].RequestedResourceName)
		require.Equal(t, renamed, batch.Responses[0].Person.ResourceName)
	})
	t.Run("merged", func(t *testing.T) {
		t.Parallel()
		b := start(t, google.Config{})
		svc := b.client(t, alice)
		into := b.insert(t, `{"names":[{"givenName":"A"}],"emailAddresses":[{"value":"a@x.test"}]}`)
		other := b.insert(t, `{"names":[{"givenName":"B"}],"emailAddresses":[{"value":"b@x.test"}],"biographies":[{"value":"note"}]}`)
		_, token, _ := readAll(t, full(svc))
		require.NoError(t, b.Merge(alice, into, other))
		changed, _, _ := readAll(t, since(svc, token))
		require.Equal(t, []string{other, into}, names(changed))
		require.True(t, changed[0].Metadata.Deleted)
		require.Equal(t, []string{other}, changed[1].Metadata.PreviousResourceNames)
		require.Equal(t, "A", changed[1].Names[0].GivenName)
		require.Len(t, changed[1].EmailAddresses, 2)
		_, err := svc.People.Get(other).PersonFields(fields).Do()
		require.Equal(t, 404, apiError(t, err).Code)
	})
}
