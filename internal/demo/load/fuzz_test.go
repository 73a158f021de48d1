package load_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/csv"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/demo/load"
	"github.com/repsync/repsync/internal/demo/wire"
	"github.com/repsync/repsync/internal/fuzztest"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/google"
	"github.com/repsync/repsync/internal/series"
)

// person is somebody whose account the sandbox keeps.
const person = "alice@acme.test"

// vendor is a Google sandbox, made anew for one input, that takes what was loaded.
func vendor(t *testing.T) func(path string, body wire.Object) {
	t.Helper()
	s, err := google.New(google.Config{Key: fuzzKey(), Seed: 1})
	require.NoError(t, err)
	s.AddUser(person, false)
	token, err := s.MintToken(person)
	require.NoError(t, err)
	return func(path string, body wire.Object) {
		raw, err := json.Marshal(body)
		require.NoError(t, err)
		require.True(t, utf8.Valid(raw))
		req := httptest.NewRequestWithContext(context.Background(), http.MethodPost, path, bytes.NewReader(raw))
		req.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, req)
		require.True(t, w.Code == http.StatusOK || w.Code == http.StatusBadRequest, "%d: %s", w.Code, w.Body)
	}
}

// fuzzKey is one for all inputs, since making one takes long.
var fuzzKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// named checks that what was left out is named: with its line, a reason, and nothing of what the file says.
func named(t *testing.T, text []byte, items []load.Item, problems []load.Problem) {
	t.Helper()
	lines := bytes.Count(text, []byte("\n")) + bytes.Count(text, []byte("\r")) + 1
	for _, p := range problems {
		require.NotEmpty(t, p.Reason)
		require.NotContains(t, p.String(), fuzztest.Canary)
		require.Less(t, len(p.Reason), 200)
		require.True(t, p.Line >= 1 && p.Line <= lines, "line %d of %d", p.Line, lines)
	}
	for _, i := range items {
		require.NotEmpty(t, i.Fields)
		require.True(t, i.Line >= 1 && i.Line <= lines, "line %d of %d", i.Line, lines)
	}
}

// FuzzICS reads any file as a calendar. What loads can be expanded and sent, what does not is named, and nothing takes long.
func FuzzICS(f *testing.F) {
	for _, file := range fuzztest.Files(f, "ics", "*.ics") {
		f.Add(file)
	}
	for _, event := range []string{
		"DTSTART;TZID=Europe/Berlin:20260327T090000\nRRULE:FREQ=WEEKLY;UNTIL=20260501\nEXDATE:20260410T070000Z\nDURATION:P1D",
		"DTSTART:20260327\nRECURRENCE-ID:2026\nATTENDEE;CN=\"a:\":mailto:\nDTEND", "DTSTART:" + fuzztest.Canary, "DTSTART:20260327T090000Z\nRRULE:FREQ=" + fuzztest.Canary,
		"DTSTART:20260327T090000Z\nUID:u\nSUMMARY:S\\, x\\n\nRRULE:FREQ=DAILY\nEND:VEVENT\nBEGIN:VEVENT\nUID:u\nRECURRENCE-ID:20260328T090000Z\nDTSTART:20260328T100000Z",
		"DTSTART:20260327T090000Z\nDURATION:P999999W\nRDATE;VALUE=PERIOD:20260325T100000Z/P1DT3H", fuzztest.Canary,
	} {
		f.Add([]byte("BEGIN:VCALENDAR\nBEGIN:VEVENT\n" + event + "\nEND:VEVENT\nEND:VCALENDAR"))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		defer fuzztest.Within(20 * time.Second)()
		events, problems, err := load.ICS(bytes.NewReader(text), time.UTC)
		require.NoError(t, err)
		named(t, text, events, problems)
		take := vendor(t)
		for _, e := range events {
			if e.Fields["status"] == "cancelled" && e.Fields["start"] == nil {
				continue // an occurrence that is taken out, by its series' id
			}
			start, end := moment(t, e.Fields["start"]), moment(t, e.Fields["end"])
			span, err := record.ParseSpan(start.String() + "/" + end.String())
			require.NoError(t, err, "%s to %s", start, end)
			if rules, ok := e.Fields["recurrence"].([]string); ok {
				_, err := series.Expand(record.Fields{record.FieldTime: span.String(), record.FieldRecurrence: strings.Join(rules, "\n")}, start.At, start.At.AddDate(0, 0, 30))
				require.NotEqual(t, series.Code(series.ErrUnreadable), series.Code(err), rules)
			}
			take("/calendar/v3/calendars/primary/events/import", e.Fields)
		}
	})
}

// moment reads the API's EventDateTime.
func moment(t *testing.T, v any) record.Moment {
	t.Helper()
	o, _ := v.(wire.Object)
	s := wire.Text(o, "date")
	if s == "" {
		s = wire.Text(o, "dateTime") + "[" + wire.Text(o, "timeZone") + "]"
	}
	m, err := record.ParseMoment(s)
	require.NoError(t, err, s)
	return m
}

// FuzzVCF reads any file as an address book. What loads can be sent, and what does not is named.
func FuzzVCF(f *testing.F) {
	for _, file := range fuzztest.Files(f, "vcf", "*.vcf") {
		f.Add(file)
	}
	for _, card := range []string{
		"VERSION:3.0\nN:Doe;Ada;;Dr.;\nEMAIL;TYPE=work:a@x.test\nBDAY:--0322\nitem1.X-ABDATE:2001-01-01\nitem1.X-ABLabel:_$!<Spouse>!$_",
		"VERSION:2.1\nN;ENCODING=QUOTED-PRINTABLE;CHARSET=ISO-8859-1:D=F6e;=\n Ada\nTEL;CELL;VOICE:1\nADR;HOME:;;Main St\\;5;Bonn;;53111;DE", fuzztest.Canary,
		"FN;X=\"a:b;c\":" + fuzztest.Canary + "\nTEL:tel:+1-415;ext=5\nORG:A;B;C\nIMPP:xmpp:a", "N:;;;;\nFN:\nEMAIL;" + fuzztest.Canary + "=:x", "EMAIL;ENCODING=QUOTED-PRINTABLE:=" + fuzztest.Canary,
	} {
		f.Add([]byte("BEGIN:VCARD\n" + card + "\nEND:VCARD"))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		defer fuzztest.Within(10 * time.Second)()
		people, problems, err := load.VCF(bytes.NewReader(text))
		require.NoError(t, err)
		named(t, text, people, problems)
		if bytes.Contains(bytes.ToUpper(text), []byte("BEGIN:VCARD")) && len(people) == 0 {
			require.NotEmpty(t, problems, "a card that is not loaded is named")
		}
		take := vendor(t)
		for _, p := range people {
			take("/v1/people:createContact", p.Fields)
		}
	})
}

// FuzzCSV reads any file as an export of contacts. Rows that load, written as such an export, load as the same rows.
func FuzzCSV(f *testing.F) {
	for _, file := range []string{
		"First Name,Last Name,Email,Birthdate,Account Name\nAda,Doe,a@x.test,3/22/1980,Acme\n", "LastName;FirstName\r\n\"Do;e\";\"A\nda\"\r\n", "Last Name\n\"x\"\"y\"\n\n\"open\nz\n",
		"\xef\xbb\xbfLAST NAME,Id\n" + fuzztest.Canary + ",1,2\nx\"y,1\n", "LastName,LastName\na,b\n", "LastName,Birthdate\na,2020-13-45\nb,13/1/2020\n", fuzztest.Canary + "\n", "Last Name,\xe4\nM\xfcller,x\n", "",
	} {
		f.Add([]byte(file))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		defer fuzztest.Within(10 * time.Second)()
		rows, _, problems, err := load.CSV(bytes.NewReader(text))
		if err != nil {
			require.NotContains(t, err.Error(), fuzztest.Canary)
			return
		}
		named(t, text, rows, problems)
		heads := map[string]bool{"LastName": true}
		for _, r := range rows {
			for head := range r.Fields {
				heads[head] = true
			}
		}
		columns := slices.Sorted(maps.Keys(heads))
		var out bytes.Buffer
		w := csv.NewWriter(&out)
		require.NoError(t, w.Write(columns))
		for _, r := range rows {
			values := make([]string, len(columns))
			for i, head := range columns {
				values[i] = wire.Text(r.Fields, head)
			}
			require.NotEmpty(t, wire.Text(r.Fields, "LastName"))
			require.NoError(t, w.Write(values))
		}
		w.Flush()
		again, ignored, problems, err := load.CSV(&out)
		require.NoError(t, err)
		require.Empty(t, ignored)
		require.Empty(t, problems)
		require.Len(t, again, len(rows))
		for i := range rows {
			require.Equal(t, rows[i].Fields, again[i].Fields)
		}
	})
}
