package salesforce_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Salesforce compares ids by order ("WHERE Id > '003…' ORDER BY Id", PK chunking:
// developer.salesforce.com/blogs/developer-relations/2015/11/pk-chunking-techniques-massive-orgs.html). The sandbox
// answers INVALID_QUERY_FILTER_OPERATOR instead (soql_filter.go, func test). idRanges stands in front of it and does the
// comparison itself, so that keysets are tested; a sandbox that compares ids makes it a no-op to be removed.
var (
	afterStamp = regexp.MustCompile(` AND \(SystemModstamp > (\S+) OR Id > '(\w+)'\)`)
	afterID    = regexp.MustCompile(`( WHERE| AND) Id > '(\w+)'`)
	limitTo    = regexp.MustCompile(` LIMIT (\d+)$`)
)

func idRanges(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query().Get("q")
		stamp, id := "", ""
		if m := afterStamp.FindStringSubmatch(q); m != nil {
			stamp, id, q = m[1], m[2], afterStamp.ReplaceAllString(q, "")
		} else if m := afterID.FindStringSubmatch(q); m != nil {
			id, q = m[2], afterID.ReplaceAllString(q, "")
		}
		if id == "" {
			next.ServeHTTP(w, r)
			return
		}
		limit := 2000
		if m := limitTo.FindStringSubmatch(q); m != nil {
			limit, _ = strconv.Atoi(m[1])
			q = limitTo.ReplaceAllString(q, "")
		}
		var rows []map[string]any
		path := r.URL.Path + "?" + url.Values{"q": {q}}.Encode()
		for path != "" { // the vendor may cut the batch short
			again := httptest.NewRequestWithContext(r.Context(), r.Method, path, nil)
			again.Header = r.Header
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, again)
			var page struct {
				Records []map[string]any `json:"records"`
				Next    string           `json:"nextRecordsUrl"`
			}
			if rec.Code != http.StatusOK || json.Unmarshal(rec.Body.Bytes(), &page) != nil {
				w.WriteHeader(rec.Code)
				_, _ = w.Write(rec.Body.Bytes())
				return
			}
			rows, path = append(rows, page.Records...), page.Next
		}
		var kept []map[string]any
		for _, row := range rows {
			at, _ := row["SystemModstamp"].(string)
			later := stamp != "" && strings.TrimSuffix(at, "+0000") > strings.TrimSuffix(stamp, "Z")
			if rowID, _ := row["Id"].(string); later || rowID > id {
				kept = append(kept, row)
			}
		}
		kept = kept[:min(limit, len(kept))]
		_ = json.NewEncoder(w).Encode(map[string]any{"totalSize": len(kept), "done": true, "records": kept})
	})
}
