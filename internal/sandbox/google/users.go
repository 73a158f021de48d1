package google

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Scopes of the services, as Google writes them.
const (
	ScopeContacts         = "https://www.googleapis.com/auth/contacts"
	ScopeContactsReadonly = "https://www.googleapis.com/auth/contacts.readonly"
	ScopeCalendar         = "https://www.googleapis.com/auth/calendar"
	ScopeCalendarEvents   = "https://www.googleapis.com/auth/calendar.events"
	ScopeCalendarReadonly = "https://www.googleapis.com/auth/calendar.readonly"
	ScopeTasks            = "https://www.googleapis.com/auth/tasks"
	ScopeGmailModify      = "https://www.googleapis.com/auth/gmail.modify"
)

// DefaultScopes are delegated to the service account unless Config says otherwise.
var DefaultScopes = []string{ScopeContacts, ScopeContactsReadonly, ScopeCalendar, ScopeCalendarEvents, ScopeCalendarReadonly, ScopeTasks, ScopeGmailModify}

// user is one account of the domain.
type user struct {
	email        string
	id           string // the account's number
	disabled     bool
	noCalendar   bool // the Calendar service is off for this account
	book         *book
	mutations    int // under way now
	serial       int // those of them that are to come one at a time when Config.Serial says so
	maxMutations int // ever at once
	calls        int // requests with a token of this user
	windows      map[string]*window
}

// grant is what a token allows.
type grant struct {
	user    *user
	scopes  []string
	expires time.Time // zero for a refresh token
}

// AddUser adds an account, or changes whether it is disabled.
func (s *Server) AddUser(email string, disabled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	email = strings.ToLower(email)
	if u := s.users[email]; u != nil {
		u.disabled = disabled
		return
	}
	b := newBook(email, s.cfg.Seed)
	h := b.hash("account", 0)
	s.users[email] = &user{email: email, disabled: disabled, book: b, windows: map[string]*window{},
		id: fmt.Sprintf("1%020d", uint64(h[0])<<32|uint64(h[1])<<24|uint64(h[2])<<16|uint64(h[3])<<8|uint64(h[4]))}
}

// Users returns the addresses of all accounts, sorted.
func (s *Server) Users() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for e := range s.users {
		out = append(out, e)
	}
	slices.Sort(out)
	return out
}

// RevokeDelegation takes the domain-wide delegation away, and with it every access token that it gave.
func (s *Server) RevokeDelegation() { s.SetDelegation() }

// SetDelegation says which scopes are delegated to the service account. Access tokens with others die.
func (s *Server) SetDelegation(scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delegated = scopes
	for t, g := range s.tokens {
		for _, scope := range g.scopes {
			if !slices.Contains(scopes, scope) {
				delete(s.tokens, t)
			}
		}
	}
}

// RevokeTokens makes a user's access tokens invalid, everybody's for "". Clients see 401 and sign in anew.
func (s *Server) RevokeTokens(email string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t, g := range s.tokens {
		if email == "" || strings.EqualFold(g.user.email, email) {
			delete(s.tokens, t)
		}
	}
}

// MintToken returns an access token for a person who uses the services by themselves, with all scopes unless some are
// named. Error: there is no such user, or it is disabled.
func (s *Server) MintToken(email string, scopes ...string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.account(email)
	if err != nil {
		return "", err
	}
	if len(scopes) == 0 {
		scopes = DefaultScopes
	}
	return s.issue(u, scopes), nil
}

// MintRefreshToken returns a refresh token, as a person's consent would have given, for grant_type=refresh_token.
// Error: there is no such user, or it is disabled.
func (s *Server) MintRefreshToken(email string, scopes ...string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.account(email)
	if err != nil {
		return "", err
	}
	if len(scopes) == 0 {
		scopes = DefaultScopes
	}
	t := "1//" + rand.Text()
	s.refresh[t] = &grant{user: u, scopes: scopes}
	return t, nil
}

// MaxConcurrentMutations is how many mutations of one user were under way at once, at most, since the last ResetCalls.
func (s *Server) MaxConcurrentMutations(email string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.users[strings.ToLower(email)]; u != nil {
		return u.maxMutations
	}
	return 0
}

// ExpireSyncTokens makes a user's sync tokens expire now, everybody's for "".
func (s *Server) ExpireSyncTokens(email string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		if email == "" || strings.EqualFold(u.email, email) {
			u.book.epoch++
		}
	}
}

// account finds an account that is in use. Called with Server.mu held.
func (s *Server) account(email string) (*user, error) {
	u := s.users[strings.ToLower(email)]
	if u == nil {
		return nil, fmt.Errorf("google sandbox: no user %s: add it with AddUser first", email)
	}
	if u.disabled {
		return nil, fmt.Errorf("google sandbox: user %s is disabled", email)
	}
	return u, nil
}

// issue makes an access token. Called with Server.mu held.
func (s *Server) issue(u *user, scopes []string) string {
	t := "ya29." + rand.Text() + rand.Text()
	s.tokens[t] = &grant{user: u, scopes: scopes, expires: s.cfg.SignInClock().Add(s.cfg.TokenLife)}
	return t
}

// tokenOf is the access token that a request carries, "" for none.
func tokenOf(r *http.Request) string {
	if t, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return t
	}
	q := r.URL.Query()
	return cmp.Or(q.Get("access_token"), q.Get("oauth_token"))
}

// bearer is the user whose token a request carries, nil for none. Called with Server.mu held.
func (s *Server) bearer(r *http.Request) *user {
	if g := s.tokens[tokenOf(r)]; g != nil {
		return g.user
	}
	return nil
}

// authenticate finds what a request's token allows. Called with Server.mu held.
func (s *Server) authenticate(r *http.Request) (*grant, *apiError) {
	t := tokenOf(r)
	g := s.tokens[t]
	if g != nil && !g.user.disabled && s.cfg.SignInClock().Before(g.expires) {
		return g, nil
	}
	e := &apiError{code: http.StatusUnauthorized, status: "UNAUTHENTICATED", reason: "authError", older: "Invalid Credentials", location: "Authorization", locationType: "header",
		message: "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."}
	reason := "ACCESS_TOKEN_EXPIRED"
	if t == "" {
		e.reason, e.older, reason = "required", "Login Required.", "CREDENTIALS_MISSING"
		e.message = "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
	}
	e.details = []any{errorInfo(reason, "googleapis.com", map[string]string{"service": serviceOf(r)})}
	return nil, e
}
