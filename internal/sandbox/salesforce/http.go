package salesforce

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	maxHead = 16_384   // bytes that the vendor takes of a URI, and of the URI and the headers together
	maxBody = 50 << 20 // bytes
	oldest  = 50       // API versions
	newest  = 66
)

// call is one request, or one sub-request of a composite.
type call struct {
	s       *Server
	method  string
	path    []string // what follows /services/data/vNN.0/
	query   url.Values
	header  http.Header
	body    []byte
	version string // "65.0"
	base    string
	actor   *actor
	tx      *tx
}

// reply is an answer before it is written. body nil means an empty body.
type reply struct {
	status int
	header map[string]string
	body   any
}

func ok(body any) reply { return reply{status: http.StatusOK, body: body} }

// refuse is the answer of single resources to an error: an array of one.
func refuse(e *Error) reply { return reply{status: e.Status, body: []any{e.single()}} }

// rawBody is a body that is not JSON.
type rawBody string

// handler answers a call; kind is what Calls counts it as.
type handler struct {
	kind string
	do   func(*call) reply
}

// ServeHTTP answers one request of the vendor's API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch { // Salesforce Help, "Maximum number of rows returned by SOQL queries over the REST API"
	case len(r.RequestURI) > maxHead:
		http.Error(w, "URI Too Long", http.StatusRequestURITooLong)
		return
	case headSize(r) > maxHead:
		http.Error(w, "Request Header Fields Too Large", http.StatusRequestHeaderFieldsTooLarge)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		write(w, refuse(fail("REQUEST_ENTITY_TOO_LARGE", "The request body cannot be read: it is cut off or larger than %d bytes", maxBody).with(http.StatusRequestEntityTooLarge)))
		return
	}
	write(w, s.serve(r, body))
}

// headSize is how many bytes a request has before its body, on the wire of HTTP/1.1.
func headSize(r *http.Request) int {
	n := len(r.Method) + len(r.RequestURI) + len(" "+" HTTP/1.1\r\n") + len("Host: \r\n") + len(r.Host) + len("\r\n")
	for name, values := range r.Header {
		for _, v := range values {
			n += len(name) + len(v) + len(": \r\n")
		}
	}
	return n
}

func write(w http.ResponseWriter, out reply) {
	for k, v := range out.header {
		w.Header().Set(k, v)
	}
	if out.body == nil {
		w.WriteHeader(out.status)
		return
	}
	if raw, isRaw := out.body.(rawBody); isRaw {
		w.WriteHeader(out.status)
		_, _ = io.WriteString(w, string(raw)) // a client that went away hears nothing
		return
	}
	data, err := json.Marshal(out.body)
	if err != nil {
		http.Error(w, fmt.Sprintf(`[{"errorCode":"UNKNOWN_EXCEPTION","message":%q}]`, err.Error()), http.StatusInternalServerError)
		return
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	}
	w.WriteHeader(out.status)
	_, _ = w.Write(data) // a client that went away hears nothing
}

// serve answers a request as one transaction.
func (s *Server) serve(r *http.Request, body []byte) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	segments, err := splitPath(r.URL.EscapedPath())
	if err != nil {
		return refuse(errNotFound())
	}
	switch {
	case len(segments) >= 2 && segments[0] == "services" && segments[1] == "oauth2":
		return s.oauth(r, body, segments[2:])
	case len(segments) == 4 && segments[0] == "services" && segments[1] == "Soap" && segments[2] == "u":
		return s.soapLogin(r, body, segments[3])
	case len(segments) == 3 && segments[0] == "id":
		return s.identity(r, segments[1], segments[2])
	case len(segments) == 2 && segments[0] == "services" && segments[1] == "data":
		s.calls["versions"]++
		return s.versions(r.Method)
	case len(segments) < 3 || segments[0] != "services" || segments[1] != "data":
		return refuse(errNotFound())
	}
	ses, refusal := s.authenticate(r.Header)
	if refusal != nil {
		return *refusal
	}
	version, found := apiVersion(segments[2])
	if !found {
		return refuse(errNotFound())
	}
	if s.accounts[ses.user].noAPI {
		return refuse(fail("API_CURRENTLY_DISABLED", "API is disabled for this User").with(http.StatusForbidden))
	}
	c := &call{s: s, method: r.Method, path: segments[3:], query: r.URL.Query(), header: r.Header, body: body, version: version,
		base: s.base(r), actor: s.actor(ses.user), tx: &tx{}}
	if m := c.query.Get("_HTTP_METHOD"); m != "" && c.method == http.MethodPost {
		c.method = strings.ToUpper(m)
	}
	if len(body) > 0 && !isJSON(r.Header.Get("Content-Type")) {
		return refuse(fail("UNSUPPORTED_MEDIA_TYPE", "Content type '%s' not supported.", r.Header.Get("Content-Type")).with(http.StatusUnsupportedMediaType))
	}
	return s.metered(c)
}

// metered answers a data call and counts it against the org's daily budget.
func (s *Server) metered(c *call) reply {
	h, refusal := c.route()
	if refusal == nil {
		s.calls[h.kind]++
	}
	s.work(true)
	used := s.used()
	if used >= s.cfg.DailyLimit {
		out := refuse(fail("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.").with(http.StatusForbidden))
		out.header = map[string]string{"Sforce-Limit-Info": fmt.Sprintf("api-usage=%d/%d", used, s.cfg.DailyLimit)}
		return out
	}
	s.usage[s.now().Unix()/3600]++
	var out reply
	if refusal != nil {
		out = refuse(refusal)
	} else {
		out = h.do(c)
	}
	if out.header == nil {
		out.header = map[string]string{}
	}
	out.header["Sforce-Limit-Info"] = fmt.Sprintf("api-usage=%d/%d", used+1, s.cfg.DailyLimit)
	return out
}

// splitPath cuts an escaped path into unescaped segments; a slash at the end does not count.
func splitPath(escaped string) ([]string, error) {
	parts := strings.Split(strings.TrimSuffix(strings.TrimPrefix(escaped, "/"), "/"), "/")
	for i, p := range parts {
		s, err := url.PathUnescape(p)
		if err != nil {
			return nil, err
		}
		parts[i] = s
	}
	return parts, nil
}

// apiVersion reads "v65.0".
func apiVersion(segment string) (string, bool) {
	number, found := strings.CutPrefix(segment, "v")
	major, minor, _ := strings.Cut(number, ".")
	n, err := strconv.Atoi(major)
	return number, found && err == nil && minor == "0" && n >= oldest && n <= newest
}

func isJSON(contentType string) bool {
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && t == "application/json"
}

// route finds what answers a call. Errors: NOT_FOUND, METHOD_NOT_ALLOWED.
func (c *call) route() (handler, *Error) {
	p := c.path
	by := func(methods map[string]handler) (handler, *Error) {
		if h, ok := methods[c.method]; ok {
			return h, nil
		}
		if h, ok := methods[http.MethodGet]; ok && c.method == http.MethodHead {
			return h, nil
		}
		return handler{}, errMethod(c.method, allowed(methods))
	}
	get := func(kind string, do func(*call) reply) (handler, *Error) {
		return by(map[string]handler{"GET": {kind, do}})
	}
	switch {
	case len(p) == 0:
		return get("resources", (*call).resources)
	case p[0] == "limits" && len(p) == 1:
		return get("limits", (*call).limits)
	case (p[0] == "query" || p[0] == "queryAll") && len(p) == 1:
		return get(p[0], (*call).runQuery)
	case (p[0] == "query" || p[0] == "queryAll") && len(p) == 2:
		return get("queryMore", (*call).queryMore)
	case p[0] == "sobjects" && len(p) == 1:
		return get("describeGlobal", (*call).describeGlobal)
	case p[0] == "sobjects":
		return c.routeObject(p[1:], by, get)
	case p[0] == "composite":
		return c.routeComposite(p[1:], by)
	}
	return handler{}, errNotFound()
}

// allowed lists methods as the vendor's message does; HEAD goes wherever GET does.
func allowed(methods map[string]handler) string {
	var out []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
		if _, takes := methods[m]; takes && m == http.MethodGet {
			out = append(out, http.MethodHead, m)
		} else if takes {
			out = append(out, m)
		}
	}
	return strings.Join(out, ",")
}

// routeObject finds what answers a call below sobjects/.
func (c *call) routeObject(p []string, by func(map[string]handler) (handler, *Error), get func(string, func(*call) reply) (handler, *Error)) (handler, *Error) {
	t := c.s.visibleTable(c.actor, p[0])
	if t == nil {
		return handler{}, errNotFound()
	}
	switch {
	case len(p) == 1:
		return by(map[string]handler{"GET": {"describe", (*call).basicInfo}, "POST": {"create", (*call).create}})
	case len(p) == 2 && p[1] == "describe":
		return get("describe", (*call).describe)
	case len(p) == 2 && p[1] == "deleted":
		return get("deleted", (*call).getDeleted)
	case len(p) == 2 && p[1] == "updated":
		return get("updated", (*call).getUpdated)
	case len(p) == 2:
		return by(map[string]handler{"GET": {"retrieve", (*call).retrieve}, "PATCH": {"update", (*call).updateRow}, "DELETE": {"delete", (*call).deleteRow}})
	case len(p) == 3 && t.obj.Name == "Event" && p[2] == "fromThisEventOnwards":
		return by(map[string]handler{"DELETE": {"deleteSeries", (*call).deleteOnwards}})
	case len(p) == 3:
		return by(map[string]handler{"GET": {"retrieve", (*call).retrieveByKey}, "PATCH": {"upsert", (*call).upsertRow}, "DELETE": {"delete", (*call).deleteByKey}})
	}
	return handler{}, errNotFound()
}

// routeComposite finds what answers a call below composite/.
func (c *call) routeComposite(p []string, by func(map[string]handler) (handler, *Error)) (handler, *Error) {
	switch {
	case len(p) == 0:
		return by(map[string]handler{"GET": {"resources", (*call).compositeResources}, "POST": {"composite", (*call).composite}})
	case len(p) == 1 && p[0] == "graph":
		return by(map[string]handler{"POST": {"graph", (*call).graph}})
	case len(p) == 1 && p[0] == "batch":
		return by(map[string]handler{"POST": {"batch", (*call).batch}})
	case len(p) == 1 && p[0] == "sobjects":
		return by(map[string]handler{"POST": {"collections.create", (*call).collectionCreate}, "PATCH": {"collections.update", (*call).collectionUpdate},
			"DELETE": {"collections.delete", (*call).collectionDelete}})
	case len(p) == 2 && p[0] == "sobjects":
		return by(map[string]handler{"GET": {"collections.retrieve", (*call).collectionRetrieve}, "POST": {"collections.retrieve", (*call).collectionRetrieve}})
	case len(p) == 3 && p[0] == "sobjects":
		return by(map[string]handler{"PATCH": {"collections.upsert", (*call).collectionUpsert}})
	}
	return handler{}, errNotFound()
}

// decode reads the body as JSON into v, numbers as json.Number. Error: JSON_PARSER_ERROR.
func (c *call) decode(v any) *Error {
	if len(bytes.TrimSpace(c.body)) == 0 {
		return fail("JSON_PARSER_ERROR", "The HTTP entity body is required, but this request has no entity body.")
	}
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return fail("JSON_PARSER_ERROR", "The request body is not the JSON that this resource takes at [line:1, column:%d]", d.InputOffset()+1)
	}
	if d.More() {
		return fail("JSON_PARSER_ERROR", "Unexpected content after the JSON value at [line:1, column:%d]", d.InputOffset()+1)
	}
	return nil
}

// writer is who writes in this call.
func (c *call) writer() *writer {
	w := &writer{actor: c.actor, tx: c.tx, version: c.version, api: true}
	for _, part := range strings.FieldsFunc(c.header.Get("Sforce-Duplicate-Rule-Header"), func(r rune) bool { return r == ';' || r == ',' }) {
		name, value, _ := strings.Cut(part, "=")
		if strings.EqualFold(strings.TrimSpace(name), "allowSave") && strings.EqualFold(strings.TrimSpace(value), "true") {
			w.allowDuplicates = true
		}
	}
	return w
}
