// Package wire speaks Salesforce's and Google's REST APIs as bare JSON, with a person's token.
//
// The demo uses it for everything that does not go through Repsync: putting the world's start in place, editing as people
// do, and reading the outcome for the verifier. It knows nothing of records, links or policies, and imports nothing else
// of this project, so that a mistake in Repsync's own connectors cannot hide itself from the verifier. What a caller
// gets is what the vendor's server said: Object is the decoded JSON.
package wire

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Object is one JSON object as a vendor's server gave it.
type Object = map[string]any

// Endpoint is where an API is and who calls it.
type Endpoint struct {
	// BaseURL is the API's root, with or without a slash at its end.
	BaseURL string
	// Token gives the caller's access token.
	Token func(context.Context) (string, error)
	// HTTPClient carries the requests; default one whose requests end after a minute.
	HTTPClient *http.Client
	// Once keeps a request that the server puts off from being sent again: whoever asks has no time to wait.
	Once bool
}

// StatusError is an answer that is not a success.
type StatusError struct {
	Status int
	Do     string // "POST /v1/people:createContact"
	Body   string // the vendor's own words
}

// Error prints the request, the status and the vendor's words: the demo speaks to sandboxes, with made-up people.
func (e *StatusError) Error() string { return fmt.Sprintf("%s: status %d: %s", e.Do, e.Status, e.Body) }

// Reason is the sentence in the vendor's words: error.message of a Google API, or all of them where there is none.
func (e *StatusError) Reason() string {
	var body Object
	if json.Unmarshal([]byte(e.Body), &body) == nil {
		if message := Text(body, "error", "message"); message != "" {
			return message
		}
	}
	return e.Body
}

var ownClient = &http.Client{Timeout: time.Minute}

// patience is how often a request that the server put off (429, 503) is sent again.
const patience = 8

// do sends one request and decodes the answer into out, unless out is nil. body nil sends none. A server that says "not
// now" is asked again after the time that it names. Errors: *StatusError, or what the transport said.
func (e Endpoint) do(ctx context.Context, method, path string, body, out any) error {
	var sent []byte
	if body != nil {
		var err error
		if sent, err = json.Marshal(body); err != nil {
			return fmt.Errorf("encode %s %s: %w", method, path, err)
		}
	}
	for attempt := 1; ; attempt++ {
		wait, err := e.once(ctx, method, path, sent, out)
		if wait == 0 || e.Once || attempt == patience {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// once sends the request once. A wait above 0 means that it is worth sending again after it.
func (e Endpoint) once(ctx context.Context, method, path string, sent []byte, out any) (wait time.Duration, err error) {
	do := method + " " + strings.SplitN(path, "?", 2)[0]
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(e.BaseURL, "/")+path, bytes.NewReader(sent))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", do, err)
	}
	token, err := e.Token(ctx)
	if err != nil {
		return 0, fmt.Errorf("%s: sign in: %w", do, err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if sent != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := cmp.Or(e.HTTPClient, ownClient).Do(req)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", do, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, fmt.Errorf("%s: read the answer: %w", do, err)
	}
	if resp.StatusCode/100 != 2 {
		err := &StatusError{Status: resp.StatusCode, Do: do, Body: strings.TrimSpace(string(answer))}
		if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable {
			return retryAfter(resp.Header), err
		}
		return 0, err
	}
	if out == nil || len(answer) == 0 {
		return 0, nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return 0, fmt.Errorf("%s: decode the answer: %w", do, err)
	}
	return 0, nil
}

// retryAfter reads the header of that name (RFC 9110 section 10.2.3, in seconds); one second without it.
func retryAfter(h http.Header) time.Duration {
	if n, err := strconv.Atoi(h.Get("Retry-After")); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	return time.Second
}

// Text reads a string out of an object by a path of keys; "" where there is none.
func Text(o Object, path ...string) string {
	var v any = o
	for _, key := range path {
		m, ok := v.(Object)
		if !ok {
			return ""
		}
		v = m[key]
	}
	s, _ := v.(string)
	return s
}

// Clean brings an object that Go code built into the form in which a decoded answer is: lists are []any, numbers float64.
func Clean(o Object) Object {
	b, err := json.Marshal(o)
	if err != nil {
		panic("wire: an object that is not JSON: " + err.Error()) // a mistake in the caller's literal
	}
	var out Object
	if err := json.Unmarshal(b, &out); err != nil {
		panic("wire: " + err.Error())
	}
	return out
}
