package fidelity

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const text = `
## Box

| endpoint | what it does | tested |
|---|---|---|
| ` + "`list` | pages | conn, own |\n| `get` | one | own, conn |\n| `put` | nothing | own |" + `

## Box: what our connector sends

| endpoint | request | sends | relies on | shown by |
|---|---|---|---|---|
` + "| `list` | `GET /v1/items` | `?page` | order | `TestA` `other` |\n| `get` | `GET /v1/items/{item}:get` | `If-Match:` the record's fields | | `TestB` |\n| `Item` | `FROM Item` | `Id IN` `ORDER BY Id` | | `TestC` |" + `

## More
`

func rows(t *testing.T) []Row {
	t.Helper()
	rows, err := parse(text, "Box")
	require.NoError(t, err)
	require.Len(t, rows, 3)
	require.Equal(t, []string{"TestA"}, rows[0].Tests)
	require.NoError(t, agree(text, "Box", rows))
	return rows
}

// send sends requests through a recorder.
func send(t *testing.T, requests ...string) *Recorder {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	r := &Recorder{}
	for _, one := range requests {
		words := strings.SplitN(one, " ", 4)
		body := ""
		if len(words) == 4 {
			body = words[3]
		}
		req, err := http.NewRequestWithContext(t.Context(), words[0], server.URL+words[1], strings.NewReader(body))
		require.NoError(t, err)
		if len(words) > 2 && words[2] != "-" {
			req.Header.Set(words[2], "x")
		}
		resp, err := r.Client().Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	return r
}

func TestPageIsHeldAgainstWhatIsSent(t *testing.T) {
	t.Parallel()
	whole := []string{"GET /v1/items?page=2", `GET /v1/items/7:get If-Match {"name":"n"}`, "GET /v1/items?page=x&q=SELECT+Id+FROM+Item+WHERE+Id+IN+('a','FROM+Other')+ORDER+BY+Id+LIMIT+3"}
	for name, c := range map[string]struct {
		sent []string
		all  bool
		want []string // of the error; none: there is none
	}{
		"a query that is not listed":   {whole, true, []string{"list: GET /v1/items is sent with ?q"}},
		"as listed":                    {whole[:2], false, nil},
		"a statement that is stale":    {whole[:2], true, []string{"row Item: nothing sends FROM Item any more"}},
		"a request that is not listed": {[]string{"DELETE /v1/items/7"}, false, []string{"no row for DELETE /v1/items/7"}},
		"a header that is not listed":  {[]string{"GET /v1/items X-New"}, false, []string{"sent with X-New:"}},
		"a part that is stale":         {[]string{"GET /v1/items"}, true, []string{"nothing sends ?page with GET /v1/items", "row get: nothing sends"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := send(t, c.sent...).Check(rows(t), c.all)
			if c.want == nil {
				require.NoError(t, err)
			}
			for _, words := range c.want {
				require.ErrorContains(t, err, words)
			}
		})
	}
}

func TestSectionsAgree(t *testing.T) {
	t.Parallel()
	all := rows(t)
	require.ErrorContains(t, agree(text, "Box", all[1:]), "list: whether our connector calls it")
	require.ErrorContains(t, agree(strings.Replace(text, "`list` | pages", "`lists` | pages", 1), "Box", all), "row list: section \"Box\" does not describe it")
	_, err := parse(text, "More")
	require.Error(t, err)
	_, err = parse(strings.Replace(text, "`TestB` ", "", 1), "Box")
	require.ErrorContains(t, err, "names no test")
}

func TestTestsThatRowsNameAreThere(t *testing.T) {
	t.Parallel()
	require.NoError(t, known([]Row{{Name: "x", Tests: []string{"TestTestsThatRowsNameAreThere"}}}))
	require.ErrorContains(t, known([]Row{{Name: "x", Tests: []string{"TestThatNobodyWrote"}}}), "there is no TestThatNobodyWrote")
}
