package google

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	"github.com/repsync/repsync/internal/connector"
)

// calendarAPI is how addresses call the Calendar API.
const calendarAPI = "calendar/v3"

// maxParts is how many requests go in one batch. Google takes 1000; quota is counted by request, and 50 is what it gets
// through before it throttles a calendar.
const maxParts = 50

// maxPatches is how many changes go in one batch: as many as take the same of the quota.
const maxPatches = maxParts / patchUnits

// patchUnits is what a patch takes of the calendar's quotas
// (developers.google.com/workspace/calendar/api/v3/reference/events/patch: "consumes three quota units").
const patchUnits = 3

// request is one request of a batch.
type request struct {
	op      string // for errors
	method  string
	path    string // below the API's root, escaped
	query   url.Values
	ifMatch string
	body    any
	write   bool // a lost answer is Unclear instead of Retry
}

// answer is what came back for one request. err is nil for 2xx.
type answer struct {
	status int // 0 when none came back
	body   []byte
	err    *connector.Error
}

// batch sends requests in one HTTP request of media type multipart/mixed, and returns an answer for each, in order. Google
// works on them in any order. The error is for a batch that failed as a whole. Requests whose token had run out were not
// carried out, and are sent again with another. A server without batches gets the requests one by one; alive asks it for
// something else.
//
// Source: developers.google.com/workspace/calendar/api/guides/batch.
func (c *client) batch(ctx context.Context, op string, all []request, alive func(context.Context) error) ([]answer, error) {
	if c.singly.Load() {
		return c.known(ctx, c.alone(ctx, all), alive), nil
	}
	answers, err := c.batchOnce(ctx, op, all)
	if errors.Is(err, errNotBatch) {
		c.garbled.Add(1)
	} else {
		c.garbled.Store(0)
	}
	if err != nil {
		if c.unbatched(ctx, err, alive) && connector.ClassOf(err) != connector.Unclear {
			return c.known(ctx, c.alone(ctx, all), alive), nil
		}
		return nil, err
	}
	var again []request
	var at []int
	for i, a := range answers {
		if a.status == http.StatusUnauthorized {
			again, at = append(again, all[i]), append(at, i)
		}
	}
	if len(again) == 0 {
		return answers, nil
	}
	if err := c.renew(ctx); err != nil {
		return answers, nil //nolint:nilerr // the others were carried out, and these say Reconnect for themselves
	}
	second, err := c.batchOnce(ctx, op, again)
	for n, i := range at {
		if err == nil {
			answers[i] = second[n]
			continue
		}
		var e *connector.Error
		if errors.As(err, &e) {
			answers[i].err = e
		}
	}
	return answers, nil
}

func (c *client) batchOnce(ctx context.Context, op string, all []request) ([]answer, error) {
	payload, boundary, err := c.encodeBatch(all)
	if err != nil {
		return nil, &connector.Error{Class: connector.Bug, Code: "encode", Op: op, Cause: err}
	}
	answers := make([]answer, len(all))
	var cut error
	r := call{op: op, method: http.MethodPost, target: strings.TrimSuffix(c.base, calendarAPI+"/") + "batch/" + calendarAPI,
		payload: payload, units: units(all...), content: "multipart/mixed; boundary=" + boundary, write: writes(all)}
	r.read = func(resp *http.Response, body io.Reader) error {
		var err error
		cut, err = c.decodeBatch(resp, body, all, answers)
		return err
	}
	if err := c.do(ctx, r, nil); err != nil {
		return nil, err
	}
	for i := range answers {
		if answers[i].status != 0 {
			continue
		}
		e := &connector.Error{Class: connector.Retry, Code: "answer_incomplete", Op: all[i].op}
		if cut != nil {
			e = transportError(all[i].op, cut, false)
		}
		if all[i].write {
			e.Class = connector.Unclear
		}
		answers[i].err = e
	}
	return answers, nil
}

// units is what requests take of the calendar's quotas: n calls of a batch count as n, and a patch as three.
func units(all ...request) int {
	n := len(all)
	for _, r := range all {
		if r.method == http.MethodPatch {
			n += patchUnits - 1
		}
	}
	return n
}

func writes(all []request) bool {
	for _, r := range all {
		if r.write {
			return true
		}
	}
	return false
}

// encodeBatch writes each request as a part of type application/http.
func (c *client) encodeBatch(all []request) (payload []byte, boundary string, err error) {
	root, err := url.Parse(c.base)
	if err != nil {
		return nil, "", err
	}
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for i, r := range all {
		part, err := w.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/http"}, "Content-Id": {fmt.Sprintf("<item%d>", i)}})
		if err != nil {
			return nil, "", err
		}
		target := root.EscapedPath() + r.path
		if len(r.query) > 0 {
			target += "?" + r.query.Encode()
		}
		var body []byte
		if r.body != nil {
			if body, err = json.Marshal(r.body); err != nil {
				return nil, "", err
			}
		}
		head := r.method + " " + target + " HTTP/1.1\r\n"
		if r.ifMatch != "" {
			head += "If-Match: " + r.ifMatch + "\r\n"
		}
		if body != nil {
			head += "Content-Type: application/json; charset=UTF-8\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
		}
		if _, err := part.Write(append([]byte(head+"\r\n"), body...)); err != nil {
			return nil, "", err
		}
	}
	if err := w.Close(); err != nil {
		return nil, "", err
	}
	return out.Bytes(), w.Boundary(), nil
}

// decodeBatch reads the parts that arrived into answers. cut is why the rest did not; what was read whole counts.
func (c *client) decodeBatch(resp *http.Response, body io.Reader, all []request, answers []answer) (cut, err error) {
	kind, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "multipart/") || params["boundary"] == "" {
		return nil, errNotBatch
	}
	parts := multipart.NewReader(body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return err, nil
		}
		raw, err := io.ReadAll(part)
		if err != nil {
			return err, nil
		}
		id := strings.TrimPrefix(strings.Trim(part.Header.Get("Content-Id"), "<>"), "response-")
		number, ok := strings.CutPrefix(id, "item")
		i, err := strconv.Atoi(number)
		if !ok || err != nil || i < 0 || i >= len(all) {
			continue // for nobody here
		}
		answers[i] = c.decodePart(all[i], raw)
	}
}

// errNotBatch is why an answer to a batch cannot be read.
var errNotBatch = errors.New("the answer to a batch is not of type multipart")

// decodePart reads one answer: a status line, a header, a body that ends where the part does. The zero answer stands for
// one that cannot be read.
func (c *client) decodePart(r request, raw []byte) answer {
	in := textproto.NewReader(bufio.NewReader(bytes.NewReader(raw)))
	line, err := in.ReadLine()
	if err != nil {
		return answer{}
	}
	protocol, rest, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(code)
	if err != nil || !strings.HasPrefix(protocol, "HTTP/") || status < 100 || status > 599 {
		return answer{}
	}
	header, err := in.ReadMIMEHeader()
	if err != nil && !errors.Is(err, io.EOF) {
		return answer{}
	}
	body, err := io.ReadAll(in.R)
	if err != nil {
		return answer{}
	}
	a := answer{status: status, body: body}
	if status < 200 || status > 299 {
		a.err = statusError(call{op: r.op, write: r.write}, status, http.Header(header), body, nil, c.cfg.Now())
		a.err.Row = !a.err.Quota // who is too fast is so with all of them
	}
	return a
}

// renew signs in anew.
func (c *client) renew(ctx context.Context) error {
	c.mu.Lock()
	refused := c.session.number
	c.mu.Unlock()
	_, err := c.current(ctx, refused)
	return err
}
