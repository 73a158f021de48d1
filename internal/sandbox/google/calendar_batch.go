package google

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
)

// maxBatchCalls is how many calls one batch may carry
// (https://developers.google.com/workspace/calendar/api/guides/batch: "limited to 1000 calls in a single batch request").
const maxBatchCalls = 1000

// batchPath takes batches: a multipart/mixed body of whole HTTP requests, each with a whole HTTP answer.
const batchPath = "/batch/calendar/v3"

// serveBatch answers a batch. Each call is served as if it had come alone: it counts, costs quota, and may be struck by a
// fault. The outer token holds for calls that bring none. Calls are served in the order in which they came; the real
// service promises none.
func (s *Server) serveBatch(w http.ResponseWriter, r *http.Request) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/mixed" || params["boundary"] == "" {
		calError(http.StatusBadRequest, "global", "badRequest", "Failed to parse batch request, error: Missing content-type or boundary.", "").send(w)
		return
	}
	calls, apiErr := readBatch(r, params["boundary"])
	if apiErr != nil {
		apiErr.send(w)
		return
	}
	var out bytes.Buffer
	parts := multipart.NewWriter(&out)
	for _, one := range calls {
		h := textproto.MIMEHeader{"Content-Type": {"application/http"}}
		if one.id != "" {
			h.Set("Content-ID", responseID(one.id))
		}
		p, err := parts.CreatePart(h)
		if err != nil {
			http.Error(w, "write batch: "+err.Error(), http.StatusInternalServerError)
			return
		}
		s.answerPart(p, one.request)
	}
	_ = parts.Close()
	w.Header().Set("Content-Type", "multipart/mixed; boundary="+parts.Boundary())
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(out.Bytes())
}

// batchCall is one call of a batch.
type batchCall struct {
	id      string
	request *http.Request
}

// readBatch reads the calls of a batch. Errors: 400 for a body that is not well-formed, or for too many calls.
func readBatch(r *http.Request, boundary string) ([]batchCall, *apiError) {
	malformed := calError(http.StatusBadRequest, "global", "badRequest", "Failed to parse batch request.", "")
	reader := multipart.NewReader(http.MaxBytesReader(nil, r.Body, maxBody), boundary)
	var out []batchCall
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, malformed
		}
		if len(out) == maxBatchCalls {
			return nil, calError(http.StatusBadRequest, "global", "badRequest", fmt.Sprintf("The batch request contains more than %d calls.", maxBatchCalls), "")
		}
		raw, err := io.ReadAll(part)
		if err != nil {
			return nil, malformed
		}
		inner, err := readCall(raw)
		if err != nil {
			return nil, malformed
		}
		if inner.Header.Get("Authorization") == "" {
			inner.Header.Set("Authorization", r.Header.Get("Authorization"))
		}
		out = append(out, batchCall{part.Header.Get("Content-ID"), inner.WithContext(r.Context())})
	}
	if len(out) == 0 {
		return nil, malformed
	}
	return out, nil
}

// readCall reads one HTTP request, whose first line may lack a version, and which may lack a Content-Length: its body is
// the rest of the part.
func readCall(raw []byte) (*http.Request, error) {
	raw = bytes.TrimLeft(raw, "\r\n")
	line, rest, _ := bytes.Cut(raw, []byte("\n"))
	words := strings.Fields(string(line))
	if len(words) < 2 {
		return nil, fmt.Errorf("a call begins with a method and a path")
	}
	head := bufio.NewReader(bytes.NewReader(rest))
	header, err := textproto.NewReader(head).ReadMIMEHeader()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	body, err := io.ReadAll(head)
	if err != nil {
		return nil, err
	}
	target, err := url.Parse(words[1])
	if err != nil {
		return nil, err
	}
	if header == nil {
		header = textproto.MIMEHeader{}
	}
	return &http.Request{Method: words[0], URL: target, Header: http.Header(header), Body: io.NopCloser(bytes.NewReader(body))}, nil
}

// responseID is the Content-ID of an answer: that of the call, with "response-" before it.
func responseID(id string) string {
	if rest, ok := strings.CutPrefix(id, "<"); ok {
		return "<response-" + rest
	}
	return "response-" + id
}

// answerPart serves one call of a batch and writes its answer.
func (s *Server) answerPart(w io.Writer, r *http.Request) {
	rec := &partAnswer{header: http.Header{}}
	if r.URL.Path = "/" + strings.TrimLeft(r.URL.Path, "/"); strings.HasPrefix(r.URL.Path, "/batch") {
		calNotFound().send(rec)
	} else {
		s.countPart(r)
		s.ServeHTTP(rec, r)
	}
	_, _ = fmt.Fprintf(w, "HTTP/1.1 %d %s\r\n", rec.status, http.StatusText(rec.status))
	for _, k := range slices.Sorted(maps.Keys(rec.header)) {
		_, _ = fmt.Fprintf(w, "%s: %s\r\n", k, rec.header.Get(k))
	}
	_, _ = fmt.Fprintf(w, "Content-Length: %d\r\n\r\n", rec.body.Len())
	_, _ = w.Write(rec.body.Bytes())
}

// countPart counts one call of a batch.
func (s *Server) countPart(r *http.Request) {
	if ep, _, ok := route(r); ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.parts[ep.name]++
	}
}

// partAnswer keeps an answer.
type partAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (p *partAnswer) Header() http.Header { return p.header }

// WriteHeader implements http.ResponseWriter; the first status stays.
func (p *partAnswer) WriteHeader(status int) {
	if p.status == 0 {
		p.status = status
	}
}

// Write implements http.ResponseWriter.
func (p *partAnswer) Write(b []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	return p.body.Write(b)
}
