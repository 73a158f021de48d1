package salesforce

import (
	"context"
	"regexp"
	"sync"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

var (
	apiName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
	itemID  = regexp.MustCompile(`^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$`)
)

const contact = "Contact"

// crm is the connector to one org.
type crm struct {
	Config
	client *client

	mu        sync.Mutex
	describes map[string]*describe // by object name
}

// Requests counts the HTTP requests made so far, sign-ins included.
func (c *crm) Requests() int64 { return c.client.requests.Load() }

// Usage returns the API calls that the org used in the last 24 hours and its limit, by the vendor's count; 0, 0 before
// the first answer.
func (c *crm) Usage() (used, limit int64) { return c.client.usage.Load(), c.client.limit.Load() }

// served refuses the kinds that this connector does not know.
func served(op string, k record.Kind) error {
	if k == record.Contact {
		return nil
	}
	return &connector.Error{Class: connector.Unsupported, Code: "kind", Op: "salesforce " + op}
}

// same compares ids in their short form: a 15-character id and its 18-character form are one.
func same(id string) string {
	if len(id) == 18 {
		return id[:15]
	}
	return id
}

// refresh forgets describes, after the vendor refused a field that they showed.
func (c *crm) refresh(err error) {
	if isCode(err, "INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE", "INVALID_TYPE") {
		c.mu.Lock()
		clear(c.describes)
		c.mu.Unlock()
	}
}

// user returns the integration user's id; "" where the server does not tell.
func (c *crm) user(ctx context.Context) (string, error) {
	id, err := c.client.whoAmI(ctx)
	if id == unknownUser {
		id = ""
	}
	return id, err
}
