package salesforce

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

const (
	maxSubrequests = 25  // of a composite or batch
	maxNodes       = 500 // of all graphs of a request
)

// subrequest is one request inside a composite.
type subrequest struct {
	Method      string            `json:"method"`
	URL         string            `json:"url"`
	ReferenceID string            `json:"referenceId"`
	Body        json.RawMessage   `json:"body"`
	Headers     map[string]string `json:"httpHeaders"`
}

// composite answers POST composite: up to 25 requests, each of which may use what earlier ones answered. It is one API
// call. (REST API Developer Guide, "Composite".)
func (c *call) composite() reply {
	var in struct {
		AllOrNone bool         `json:"allOrNone"`
		Requests  []subrequest `json:"compositeRequest"`
	}
	if err := c.decode(&in); err != nil {
		return refuse(err)
	}
	if len(in.Requests) > maxSubrequests {
		return refuse(fail("LIMIT_EXCEEDED", "The number of subrequests in a composite request can't be more than %d", maxSubrequests))
	}
	list, _, err := c.sequence(in.Requests, in.AllOrNone)
	if err != nil {
		return refuse(err)
	}
	return ok(map[string]any{"compositeResponse": list})
}

// graph answers POST composite/graph: graphs of up to 500 requests in all, each graph all or none.
func (c *call) graph() reply {
	var in struct {
		Graphs []struct {
			ID       string       `json:"graphId"`
			Requests []subrequest `json:"compositeRequest"`
		} `json:"graphs"`
	}
	if err := c.decode(&in); err != nil {
		return refuse(err)
	}
	nodes := 0
	for _, g := range in.Graphs {
		nodes += len(g.Requests)
	}
	if nodes > maxNodes {
		return refuse(fail("LIMIT_EXCEEDED", "The number of nodes in a graph request can't be more than %d", maxNodes))
	}
	out := []any{}
	for _, g := range in.Graphs {
		list, good, err := c.sequence(g.Requests, true)
		if err != nil {
			return refuse(err)
		}
		out = append(out, map[string]any{"graphId": g.ID, "graphResponse": map[string]any{"compositeResponse": list}, "isSuccessful": good})
	}
	return ok(map[string]any{"graphs": out})
}

// sequence answers subrequests one after another; good tells whether all succeeded. With allOrNone a failure takes back
// the others and halts the rest. The error is for a list that cannot be worked through at all.
func (c *call) sequence(requests []subrequest, allOrNone bool) (list []any, good bool, err *Error) {
	if len(requests) == 0 {
		return nil, false, fail("MISSING_ARGUMENT", "The compositeRequest parameter is required")
	}
	seen := map[string]bool{}
	for _, q := range requests {
		if q.ReferenceID == "" || seen[q.ReferenceID] {
			return nil, false, fail("INVALID_INPUT", "Each subrequest must have a referenceId of its own: '%s'", q.ReferenceID)
		}
		seen[q.ReferenceID] = true
	}
	const rolledBack = "The transaction was rolled back since another operation in the same transaction failed."
	answers := make([]reply, len(requests))
	results := map[string]any{}
	begin, failed := c.tx.mark(), -1
	for i, q := range requests {
		if failed >= 0 && allOrNone {
			answers[i] = halted(rolledBack)
			continue
		}
		mark := c.tx.mark()
		answers[i] = c.sub(q, results)
		if answers[i].status >= http.StatusMultipleChoices {
			c.tx.rollback(mark)
			failed = i
			continue
		}
		results[q.ReferenceID] = plain(answers[i].body)
	}
	if failed >= 0 && allOrNone {
		c.tx.rollback(begin)
		for i := range failed {
			answers[i] = halted(rolledBack)
		}
	}
	for i, q := range requests {
		header := map[string]string{}
		if l := answers[i].header["Location"]; l != "" {
			header["Location"] = l
		}
		out := newOrdered()
		out.set("body", answers[i].body)
		out.set("httpHeaders", header)
		out.set("httpStatusCode", answers[i].status)
		out.set("referenceId", q.ReferenceID)
		list = append(list, out)
	}
	return list, failed < 0, nil
}

func halted(message string) reply { return refuse(fail("PROCESSING_HALTED", "%s", message)) }

// plain turns an answer into what @{…} looks into: maps, lists, texts.
func plain(body any) any {
	data, err := json.Marshal(body)
	if err != nil {
		return nil
	}
	var out any
	if json.Unmarshal(data, &out) != nil {
		return nil
	}
	return out
}

// sub answers one subrequest within the same transaction.
func (c *call) sub(q subrequest, results map[string]any) reply {
	address, missing := substitute(q.URL, results)
	body, missingBody := substitute(string(q.Body), results)
	if missing += missingBody; missing != "" {
		return halted("Invalid reference specified. No value for " + missing + " found. Provide a valid reference ID and try again.")
	}
	return c.inner(q.Method, address, []byte(body), q.Headers)
}

// inner answers a request inside this one: same caller, same transaction, no further API call counted.
func (c *call) inner(method, address string, body []byte, headers map[string]string) reply {
	u, err := url.Parse(address)
	if err != nil {
		return refuse(errNotFound())
	}
	segments, err := splitPath(u.EscapedPath())
	if err != nil || len(segments) < 4 || segments[0] != "services" || segments[1] != "data" {
		return refuse(errNotFound())
	}
	version, found := apiVersion(segments[2])
	if !found {
		return refuse(errNotFound())
	}
	d := *c
	d.method, d.path, d.query, d.body, d.version = strings.ToUpper(method), segments[3:], u.Query(), body, version
	if string(body) == "null" {
		d.body = nil
	}
	d.header = http.Header{}
	for k, v := range headers {
		d.header.Set(k, v)
	}
	// Collections take back their own rows by position, so they must not see what came before them.
	d.tx = &tx{}
	h, refusal := d.route()
	if refusal != nil {
		return refuse(refusal)
	}
	if h.kind == "composite" || h.kind == "batch" || h.kind == "graph" {
		return refuse(fail("INVALID_INPUT", "A composite request cannot hold another one"))
	}
	out := h.do(&d)
	c.tx.undo = append(c.tx.undo, d.tx.undo...)
	return out
}

var placeholder = regexp.MustCompile(`@\{(\w+)((?:\.\w+|\[\d+\])*)\}`)

// substitute replaces @{ref.field} and @{ref[0].field}; missing names the first that has no value.
func substitute(text string, results map[string]any) (out, missing string) {
	out = placeholder.ReplaceAllStringFunc(text, func(m string) string {
		parts := placeholder.FindStringSubmatch(m)
		v, known := dig(results[parts[1]], parts[2])
		if !known && missing == "" {
			missing = parts[1] + parts[2]
		}
		switch v := v.(type) {
		case string:
			quoted, err := json.Marshal(v)
			if err != nil {
				return ""
			}
			return string(quoted[1 : len(quoted)-1])
		case nil:
			return ""
		default:
			data, err := json.Marshal(v)
			if err != nil {
				return ""
			}
			return string(data)
		}
	})
	return out, missing
}

// dig follows ".field" and "[n]" into a value, ignoring the case of the names.
func dig(v any, path string) (any, bool) {
	for path != "" {
		if path[0] == '[' {
			end := strings.IndexByte(path, ']')
			n, err := strconv.Atoi(path[1:end])
			list, isList := v.([]any)
			if err != nil || !isList || n >= len(list) {
				return nil, false
			}
			v, path = list[n], path[end+1:]
			continue
		}
		name := path[1:]
		if end := strings.IndexAny(name, ".["); end >= 0 {
			name = name[:end]
		}
		path = path[1+len(name):]
		m, isMap := v.(map[string]any)
		if !isMap {
			return nil, false
		}
		found := false
		for k, member := range m {
			if strings.EqualFold(k, name) {
				v, found = member, true
				break
			}
		}
		if !found {
			return nil, false
		}
	}
	return v, v != nil
}

// batch answers POST composite/batch: up to 25 requests that know nothing of each other.
func (c *call) batch() reply {
	var in struct {
		HaltOnError bool `json:"haltOnError"`
		Requests    []struct {
			Method string          `json:"method"`
			URL    string          `json:"url"`
			Input  json.RawMessage `json:"richInput"`
		} `json:"batchRequests"`
	}
	if err := c.decode(&in); err != nil {
		return refuse(err)
	}
	if len(in.Requests) > maxSubrequests {
		return refuse(fail("LIMIT_EXCEEDED", "The number of subrequests in a batch request can't be more than %d", maxSubrequests))
	}
	failed := false
	results := []any{}
	for _, q := range in.Requests {
		if failed && in.HaltOnError {
			results = append(results, map[string]any{"statusCode": http.StatusPreconditionFailed,
				"result": []any{fail("BATCH_PROCESSING_HALTED", "Batch processing halted by request").single()}})
			continue
		}
		address := "/services/data/" + strings.TrimPrefix(strings.TrimPrefix(q.URL, "/"), "services/data/")
		out := c.inner(q.Method, address, q.Input, nil)
		failed = failed || out.status >= http.StatusMultipleChoices
		results = append(results, map[string]any{"statusCode": out.status, "result": out.body})
	}
	return ok(map[string]any{"hasErrors": failed, "results": results})
}
