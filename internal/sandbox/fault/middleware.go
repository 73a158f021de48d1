package fault

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// defaultHuge is larger than what any client should read into memory for one page.
const defaultHuge = 64 << 20

// Middleware applies the injector's rules to every request before next.
func (i *Injector) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rule, struck := i.pick(r)
		if !struck {
			next.ServeHTTP(w, r)
			return
		}
		if !wait(r, time.Duration(rule.Latency)) {
			return
		}
		rule.strike(w, r, next)
	})
}

// wait lets real time pass, and reports false when the client went away meanwhile.
func wait(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// strike does to one request what the rule says.
func (a *active) strike(w http.ResponseWriter, r *http.Request, next http.Handler) {
	switch a.Kind {
	case Latency:
		next.ServeHTTP(w, r)
	case Status:
		a.answer(w)
	case StatusAfter:
		record(next, r)
		a.answer(w)
	case Drop:
		drop()
	case DropAfter:
		record(next, r)
		drop()
	case Truncate:
		truncate(w, record(next, r))
	case Huge:
		huge(w, a.Size)
	case Gate:
		select {
		case <-a.released:
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	case GateAfter:
		rec := record(next, r)
		select {
		case <-a.released:
			rec.replay(w)
		case <-r.Context().Done():
		}
	}
}

// answer sends the rule's own status and body.
func (r Rule) answer(w http.ResponseWriter) {
	status := r.Status
	if status == 0 {
		status = http.StatusServiceUnavailable
	}
	body := r.Body
	if body == "" && r.Code != "" {
		body = codeBody(status, r.Code)
	}
	if strings.HasPrefix(body, "{") || strings.HasPrefix(body, "[") {
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	}
	if r.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(time.Duration(r.RetryAfter).Seconds()))))
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// codeBody is an error body around a vendor's code. Salesforce's codes are upper case and come in a list
// (REST API Developer Guide, "Status Codes and Error Responses"); Google's reasons are camel case and come in an
// envelope (AIP-193).
func codeBody(status int, code string) string {
	var v any = map[string]any{"error": map[string]any{
		"code": status, "message": code, "errors": []any{map[string]any{"message": code, "domain": "global", "reason": code}},
	}}
	if code == strings.ToUpper(code) {
		v = []any{map[string]any{"message": code, "errorCode": code}}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// drop closes the connection (HTTP/2: the stream) without an answer. The server does so once everything around the handler
// has ended: a client that tries again at once does not meet the request that was dropped, as still under way.
func drop() { panic(http.ErrAbortHandler) }

// truncate announces a whole body, sends half of it and closes the connection.
func truncate(w http.ResponseWriter, rec *recorder) {
	body := rec.body.Bytes()
	rec.body = *bytes.NewBuffer(body[:len(body)/2])
	rec.header.Set("Content-Length", strconv.Itoa(len(body)))
	rec.replay(w)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// huge sends far more than a client asked for, as valid JSON.
func huge(w http.ResponseWriter, size int) {
	if size <= 0 {
		size = defaultHuge
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	blank := bytes.Repeat([]byte(" "), 32<<10)
	for left := size - len("{}"); left > 0; left -= len(blank) {
		if _, err := w.Write(blank[:min(left, len(blank))]); err != nil {
			return
		}
	}
	_, _ = io.WriteString(w, "{}")
}

// recorder keeps an answer instead of sending it.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// record runs a handler to its end and keeps its answer.
func record(next http.Handler, r *http.Request) *recorder {
	rec := &recorder{header: http.Header{}}
	next.ServeHTTP(rec, r)
	return rec
}

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter; the first status stays.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(b)
}

// replay sends the answer that was kept.
func (r *recorder) replay(w http.ResponseWriter) {
	maps.Copy(w.Header(), r.header)
	r.WriteHeader(http.StatusOK)
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body.Bytes())
}
