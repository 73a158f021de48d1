package google

import (
	"context"
	"regexp"
	"strings"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

const (
	maxPage   = 1000 // people of one page of connections.list
	maxBatch  = 200  // of batchGet, batchCreateContacts and batchUpdateContacts
	maxDelete = 500  // of batchDeleteContacts

	// personFields is what every read asks for; sync and page tokens are bound to it.
	personFields = "addresses,biographies,birthdays,clientData,emailAddresses,metadata,names,organizations,phoneNumbers"
	contactOnly  = "READ_SOURCE_TYPE_CONTACT"
	markerKey    = "repsync"
)

var resourceName = regexp.MustCompile(`^people/[A-Za-z0-9_-]+$`)

// mailbox is the connector to one person's contacts.
type mailbox struct {
	Config
	client *client
}

func newMailbox(c Config) (*mailbox, error) {
	cl, err := newClient(c)
	if err != nil {
		return nil, err
	}
	return &mailbox{Config: c, client: cl}, nil
}

// Requests counts the HTTP requests made so far, sign-ins included.
func (m *mailbox) Requests() int64 { return m.client.requests.Load() }

// Caps are the same for every contact and every rep: owner is ignored, and nothing is asked of the server.
func (m *mailbox) Caps(_ context.Context, k record.Kind, _ string) (connector.Caps, error) {
	if err := served("caps", k); err != nil {
		return connector.Caps{}, err
	}
	caps := connector.Caps{
		Batch:    map[connector.Verb]int{connector.Create: maxBatch, connector.Update: maxBatch, connector.Delete: maxDelete},
		GetBatch: maxBatch, FindBatch: 10_000, // a Find reads the whole list, for one key or for thousands
		Parallel: m.Parallel, Conditional: true, Create: connector.GuardLookup, Lag: m.Lag, Deletions: true,
		Fields: map[string]connector.FieldCaps{record.FieldEmails: {Read: true}}, Metadata: "people/v1 " + personFields,
	}
	for _, f := range record.ContactFields() {
		caps.Fields[f] = connector.FieldCaps{Read: true, Write: true}
	}
	return caps, nil
}

// served refuses the kinds that this connector does not know.
func served(op string, k record.Kind) error {
	if k == record.Contact {
		return nil
	}
	return &connector.Error{Class: connector.Unsupported, Code: "kind", Op: "google " + op + " " + string(k)}
}

// marker is what stands in clientData for a key.
func (m *mailbox) marker(key string) string {
	if key == "" || strings.HasPrefix(key, m.Org+"/") {
		return key
	}
	return m.Org + "/" + key
}
