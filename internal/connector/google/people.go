package google

import (
	"context"
	"regexp"

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

// people is the part of a mailbox that serves contacts.
type people struct {
	Config
	client *client
}

func (m *people) cursor() cursor { return cursor{Fields: personFields, Size: m.PageSize} }

func (m *people) caps() connector.Caps {
	caps := connector.Caps{
		Batch:    map[connector.Verb]int{connector.Create: maxBatch, connector.Update: maxBatch, connector.Delete: maxDelete},
		GetBatch: maxBatch, FindBatch: 10_000, // a find reads the whole list, for one key or for thousands
		Parallel: m.Parallel, Conditional: true, Create: connector.GuardLookup, Lag: m.Lag, Deletions: true,
		Fields: map[string]connector.FieldCaps{record.FieldEmails: {Read: true}}, Metadata: "people/v1 " + personFields,
	}
	for _, f := range record.ContactFields() {
		caps.Fields[f] = connector.FieldCaps{Read: true, Write: true}
	}
	if m.client != nil && m.client.singly.Load() {
		caps.Batch = map[connector.Verb]int{connector.Create: singleBatch, connector.Update: singleBatch, connector.Delete: singleBatch}
	}
	return caps
}

// alive asks for the first page of the contacts.
func (m *people) alive(ctx context.Context) error {
	_, err := m.list(ctx, "google probe contact", "", "", false, func([]byte) {})
	return err
}
