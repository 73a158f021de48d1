package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/sandbox/fault"
)

// help is what the control endpoint says of itself at /.
var help = map[string]string{
	"GET /":                         "this list",
	"GET /env":                      "addresses, names and key files of the running sandbox",
	"GET /faults?vendor=V":          "rules in force and how often each struck; both vendors without one",
	"POST /faults?vendor=V":         `adds a rule: {"name":"busy","method":"POST","path":"^/v1/people:batch","kind":"status","status":429,"retry_after":"30s","times":2}; kinds: latency, status, status_after, drop, drop_after, truncate, huge, gate, gate_after`,
	"DELETE /faults?vendor=V&id=ID": "ends one rule and lets go what it holds; all of a vendor without an id, everything without either",
	"GET /calls":                    "requests by endpoint, and by path before faults",
	"DELETE /calls":                 "sets the counts to zero",
	"POST /expire":                  `{"what":"salesforce_sessions" | "google_tokens" | "google_sync_tokens" | "google_calendar_tokens", "user":"alice@acme.test"}; without a user everybody's; Salesforce ends all sessions`,
	"POST /token":                   `{"vendor":"google","user":"alice@acme.test"}: an access token, to act as that person; of Google a refresh token too`,
	"POST /reps":                    `{"email":"alice@acme.test","name":"Alice Able","profile":"Field Sales"}: adds a person at both vendors`,
	"POST /lag":                     `{"lag":"2m"}: how late writes show in Google's sync feed`,
	"GET /mail":                     "mail that the vendors would have sent",
	"GET /clock":                    "the vendors' time",
	"POST /clock":                   `{"advance":"168h"}: moves it ahead, when the sandbox has a clock of its own`,
}

// control is the control endpoint: JSON over HTTP. Errors are {"error": "…"} with a status of 4xx.
func (s *Sandbox) control() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, f func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			out, err := f(r)
			status := http.StatusOK
			if err != nil {
				status, out = http.StatusBadRequest, map[string]string{"error": err.Error()}
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			enc := json.NewEncoder(w)
			enc.SetIndent("", "  ")
			enc.SetEscapeHTML(false)
			_ = enc.Encode(out)
		})
	}
	handle("GET /{$}", func(*http.Request) (any, error) { return help, nil })
	handle("GET /env", func(*http.Request) (any, error) { return s.Env(), nil })
	handle("GET /faults", s.getFaults)
	handle("POST /faults", s.postFault)
	handle("DELETE /faults", s.deleteFaults)
	handle("GET /calls", func(*http.Request) (any, error) { return s.calls(), nil })
	handle("DELETE /calls", s.deleteCalls)
	handle("POST /expire", s.expire)
	handle("POST /token", s.token)
	handle("POST /reps", s.addRep)
	handle("POST /lag", s.setLag)
	handle("GET /mail", func(*http.Request) (any, error) {
		all := s.Outbox.All()
		return map[string]any{"count": len(all), "mail": append([]Mail{}, all...)}, nil
	})
	handle("GET /clock", func(*http.Request) (any, error) {
		return map[string]any{"now": s.now()(), "virtual": s.Clock != nil}, nil
	})
	handle("POST /clock", s.advance)
	return mux
}

// ok is the answer of actions that have nothing else to say.
var ok = map[string]bool{"ok": true}

// body decodes a request's JSON strictly.
func body[T any](r *http.Request) (out T, err error) {
	d := json.NewDecoder(io.LimitReader(r.Body, 1<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(&out); err != nil {
		return out, fmt.Errorf("read the request's body: %w; see GET / for its form", err)
	}
	return out, nil
}

// injectors are the injectors that a request names with vendor=, both when it names none.
func (s *Sandbox) injectors(r *http.Request) (map[string]*fault.Injector, error) {
	both := map[string]*fault.Injector{"salesforce": s.SalesforceFaults, "google": s.GoogleFaults}
	v := r.URL.Query().Get("vendor")
	if v == "" {
		return both, nil
	}
	if both[v] == nil {
		return nil, fmt.Errorf("vendor %q is not known: salesforce or google", v)
	}
	return map[string]*fault.Injector{v: both[v]}, nil
}

func (s *Sandbox) getFaults(r *http.Request) (any, error) {
	list, err := s.injectors(r)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for v, i := range list {
		out[v] = map[string]any{"rules": i.Rules(), "hits": i.Hits()}
	}
	return out, nil
}

func (s *Sandbox) postFault(r *http.Request) (any, error) {
	list, err := s.injectors(r)
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, fmt.Errorf("add a rule: name the vendor: ?vendor=salesforce or ?vendor=google")
	}
	rule, err := body[fault.Rule](r)
	if err != nil {
		return nil, err
	}
	var id string
	for _, i := range list {
		if id, err = i.Add(rule); err != nil {
			return nil, err
		}
	}
	return map[string]string{"id": id}, nil
}

func (s *Sandbox) deleteFaults(r *http.Request) (any, error) {
	list, err := s.injectors(r)
	if err != nil {
		return nil, err
	}
	id := r.URL.Query().Get("id")
	if id != "" && len(list) != 1 {
		return nil, fmt.Errorf("end rule %s: ids are per vendor: name it with ?vendor=", id)
	}
	for v, i := range list {
		switch {
		case id == "":
			i.Clear()
		case !i.Remove(id):
			return nil, fmt.Errorf("end rule %s: %s has no such rule", id, v)
		}
	}
	return ok, nil
}

// calls counts requests. "endpoints" are by the vendor's own names; "requests" are by method and path, and count those
// too that a fault answered.
func (s *Sandbox) calls() map[string]any {
	return map[string]any{
		"salesforce": map[string]any{"endpoints": s.Salesforce.Calls(), "requests": s.SalesforceFaults.Calls()},
		"google":     map[string]any{"endpoints": s.Google.Calls(), "requests": s.GoogleFaults.Calls()},
	}
}

func (s *Sandbox) deleteCalls(*http.Request) (any, error) {
	s.Salesforce.ResetCalls()
	s.Google.ResetCalls()
	s.SalesforceFaults.Reset()
	s.GoogleFaults.Reset()
	return ok, nil
}

func (s *Sandbox) expire(r *http.Request) (any, error) {
	req, err := body[struct {
		What string `json:"what"`
		User string `json:"user"`
	}](r)
	if err != nil {
		return nil, err
	}
	switch req.What {
	case "salesforce_sessions":
		s.Salesforce.ExpireSessions()
	case "google_tokens":
		s.Google.RevokeTokens(req.User)
	case "google_sync_tokens":
		s.Google.ExpireSyncTokens(req.User)
	case "google_calendar_tokens":
		s.Google.ExpireCalendarTokens(req.User)
	default:
		return nil, fmt.Errorf("expire %q: nothing of that name: salesforce_sessions, google_tokens, google_sync_tokens or google_calendar_tokens", req.What)
	}
	return ok, nil
}

func (s *Sandbox) token(r *http.Request) (any, error) {
	req, err := body[struct {
		Vendor string `json:"vendor"`
		User   string `json:"user"`
	}](r)
	if err != nil {
		return nil, err
	}
	switch req.Vendor {
	case "google":
		access, err := s.Google.MintToken(req.User)
		if err != nil {
			return nil, err
		}
		refresh, err := s.Google.MintRefreshToken(req.User)
		return map[string]string{"access_token": access, "refresh_token": refresh}, err
	case "salesforce":
		for _, u := range s.Salesforce.All("User") {
			if id, isText := u["Id"].(string); isText && u["Username"] == req.User {
				return map[string]string{"access_token": s.Salesforce.NewSession(id), "instance_url": s.SalesforceURL}, nil
			}
		}
		return nil, fmt.Errorf("sign in as %s: Salesforce has no user of that username", req.User)
	}
	return nil, fmt.Errorf("vendor %q is not known: salesforce or google", req.Vendor)
}

func (s *Sandbox) addRep(r *http.Request) (any, error) {
	req, err := body[struct {
		Email   string `json:"email"`
		Name    string `json:"name"`
		Profile string `json:"profile"`
	}](r)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(req.Email, "@") {
		return nil, fmt.Errorf("add a rep: an email address is needed")
	}
	return map[string]string{"crm_user": s.AddRep(req.Email, req.Name, req.Profile)}, nil
}

func (s *Sandbox) setLag(r *http.Request) (any, error) {
	req, err := body[struct {
		Lag fault.Duration `json:"lag"`
	}](r)
	if err != nil {
		return nil, err
	}
	s.Google.SetLag(time.Duration(req.Lag))
	return ok, nil
}

func (s *Sandbox) advance(r *http.Request) (any, error) {
	if s.Clock == nil {
		return nil, fmt.Errorf("advance the clock: this sandbox runs in real time: start it with a Clock")
	}
	req, err := body[struct {
		Advance fault.Duration `json:"advance"`
	}](r)
	if err != nil {
		return nil, err
	}
	s.Clock.Advance(time.Duration(req.Advance))
	return map[string]any{"now": s.Clock.Now()}, nil
}
