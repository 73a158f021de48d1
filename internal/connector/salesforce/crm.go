package salesforce

import (
	"context"
	"regexp"
	"sync"
)

var (
	apiName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
	itemID  = regexp.MustCompile(`^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$`)
)

// crm is the connector to one org.
type crm struct {
	Config
	gaps
	client *client

	mu        sync.Mutex
	describes map[string]*describe // by object name
	granted   map[string]granted   // by user
	named     map[string]account   // by folded name
	me        *string              // the integration user's id as looked up by name, "" when there is none
}

// Requests counts the HTTP requests made so far, sign-ins included.
func (c *crm) Requests() int64 { return c.client.requests.Load() }

// Usage returns the API calls that the org used in the last 24 hours and its limit, by the vendor's count; 0, 0 before
// the first answer.
func (c *crm) Usage() (used, limit int64) { return c.client.usage.Load(), c.client.limit.Load() }

// same compares ids in their short form: a 15-character id and its 18-character form are one.
func same(id string) string {
	if len(id) == 18 {
		return id[:15]
	}
	return id
}

// refresh forgets describes and rights, after the vendor refused a field that they showed.
func (c *crm) refresh(err error) {
	if isCode(err, "INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE", "INVALID_TYPE") {
		c.mu.Lock()
		clear(c.describes)
		clear(c.granted)
		c.mu.Unlock()
	}
}

// user returns the integration user's id; "" where the server does not tell. Where it has no identity endpoint, the user is
// looked up by the name that signs in.
func (c *crm) user(ctx context.Context) (string, error) {
	id, err := c.client.whoAmI(ctx)
	if err != nil || id != unknownUser {
		return id, err
	}
	name := ""
	switch {
	case c.Auth.JWT != nil:
		name = c.Auth.JWT.Username
	case c.Auth.Password != nil:
		name = c.Auth.Password.Username
	case c.Auth.Basic != nil:
		name = c.Auth.Basic.Username
	}
	c.mu.Lock()
	known := c.me
	c.mu.Unlock()
	if known != nil || name == "" {
		return or(known), nil
	}
	users, err := c.users(ctx, "who am I", "Id,Username,Email,Name,IsActive", "Username = "+quote(name))
	if err != nil && !notServed(err) {
		return "", err
	}
	found := ""
	if len(users) == 1 {
		found = users[0].ID
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.me = &found
	return found, nil
}

// or returns what p points to, "" for nil.
func or(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}
