package google

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
)

// crlf writes line ends as HTTP has them.
func crlf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

const twoAnswers = `--b
Content-Type: application/http
Content-ID: <response-item1>

HTTP/1.1 404 Not Found
Content-Type: application/json
Retry-After: 3
Content-Length: 9999

{"error":{"code":404,"message":"zz.canary@zz.test","errors":[{"reason":"notFound"}]}}
--b
Content-Type: application/http
Content-ID: response-item0

HTTP/1.1 204 No Content


--b
Content-Type: application/http
Content-ID: <response-item7>

HTTP/1.1 200 OK

{}
--b--
`

func decodeAnswers(body []byte, n int) ([]answer, error, error) {
	c := &client{cfg: Config{Now: time.Now}, base: "https://x.test/calendar/v3/"}
	answers := make([]answer, n)
	resp := &http.Response{Header: http.Header{"Content-Type": {"multipart/mixed; boundary=b"}}}
	cut, err := c.decodeBatch(resp, bytes.NewReader(body), make([]request, n), answers)
	return answers, cut, err
}

// Answers come in any order, are told apart by their ids alone, and end where their part does.
func TestAnswersOfABatch(t *testing.T) {
	t.Parallel()
	answers, cut, err := decodeAnswers(crlf(twoAnswers), 3)
	require.NoError(t, err)
	require.NoError(t, cut)
	require.Equal(t, http.StatusNoContent, answers[0].status)
	require.Nil(t, answers[0].err)
	require.Equal(t, http.StatusNotFound, answers[1].status)
	require.Equal(t, connector.Missing, answers[1].err.Class)
	require.Equal(t, "notFound", answers[1].err.Code)
	require.Equal(t, 3*time.Second, answers[1].err.RetryAfter)
	require.True(t, answers[1].err.Row)
	require.Zero(t, answers[2].status, "there was none")
}

func TestBatchIsWrittenAsHTTP(t *testing.T) {
	t.Parallel()
	c := &client{base: "https://x.test/root/calendar/v3/"}
	payload, boundary, err := c.encodeBatch([]request{
		{method: "GET", path: "calendars/a%40b/events/e1"},
		{method: "PATCH", path: "calendars/primary/events/e2", query: map[string][]string{"sendUpdates": {"none"}}, ifMatch: `"7"`, body: entry{"summary": "ü"}},
	})
	require.NoError(t, err)
	text := strings.ReplaceAll(string(payload), boundary, "b")
	require.Equal(t, string(crlf("--b\nContent-Id: <item0>\nContent-Type: application/http\n\nGET /root/calendar/v3/calendars/a%40b/events/e1 HTTP/1.1\n\n"+
		"\n--b\nContent-Id: <item1>\nContent-Type: application/http\n\nPATCH /root/calendar/v3/calendars/primary/events/e2?sendUpdates=none HTTP/1.1\nIf-Match: \"7\"\n"+
		"Content-Type: application/json; charset=UTF-8\nContent-Length: 16\n\n{\"summary\":\"ü\"}\n--b--\n")), text)
}

// FuzzBatchAnswer: whatever comes, an answer is one with a status or none at all.
func FuzzBatchAnswer(f *testing.F) {
	f.Add(crlf(twoAnswers))
	f.Add(crlf(twoAnswers)[:200])
	f.Add([]byte("--b\r\nContent-ID: <response-item0>\r\n\r\nHTTP/1.1 999 x\r\n\r\n\r\n--b--"))
	f.Fuzz(func(t *testing.T, body []byte) {
		answers, _, err := decodeAnswers(body, 3)
		require.NoError(t, err)
		for _, a := range answers {
			switch {
			case a.status == 0:
				require.Nil(t, a.err)
				require.Nil(t, a.body)
			case a.status < 200 || a.status > 299:
				require.NotNil(t, a.err)
				require.NotContains(t, a.err.Error(), "zz.canary@zz.test")
			default:
				require.Nil(t, a.err)
			}
		}
	})
}
