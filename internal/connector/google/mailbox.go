package google

import (
	"context"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// part serves one kind of item. Its methods are those of connector.Connector, for that kind.
type part interface {
	caps() connector.Caps
	changes(ctx context.Context, q connector.Query) (connector.Delta, error)
	get(ctx context.Context, refs []connector.Ref) ([]connector.Item, []connector.Gone, error)
	find(ctx context.Context, by connector.By, keys []string) (map[string][]connector.Item, error)
	write(ctx context.Context, ops []connector.Op) ([]connector.Result, error)
}

// mailbox is the connector to one person's mailbox: contacts by way of the People API, events by way of the Calendar API.
// Each part signs in for itself, so that a service account to which an admin has delegated one of them serves that one.
type mailbox struct {
	parts    map[record.Kind]part
	calendar *calendar
	clients  []*client
}

func newMailbox(c Config) (*mailbox, error) {
	contacts, err := newClient(c, c.BaseURLPeople, scopeContacts)
	if err != nil {
		return nil, err
	}
	events, err := newClient(c, c.BaseURLCalendar, scopeEvents)
	if err != nil {
		return nil, err
	}
	m := &mailbox{calendar: &calendar{Config: c, client: events}, clients: []*client{contacts, events}}
	m.parts = map[record.Kind]part{record.Contact: &people{Config: c, client: contacts}, record.Event: m.calendar}
	return m, nil
}

// Requests counts the HTTP requests made so far, sign-ins included.
func (m *mailbox) Requests() int64 {
	n := int64(0)
	for _, c := range m.clients {
		n += c.requests.Load()
	}
	return n
}

// of returns the part that serves a kind. Error: Unsupported for the kinds that this connector does not know.
func (m *mailbox) of(op string, k record.Kind) (part, error) {
	if p, ok := m.parts[k]; ok {
		return p, nil
	}
	return nil, &connector.Error{Class: connector.Unsupported, Code: "kind", Op: "google " + op + " " + string(k)}
}

// Caps are the same for every item of a kind and every rep: owner is ignored, and nothing is asked of the server.
func (m *mailbox) Caps(_ context.Context, k record.Kind, _ string) (connector.Caps, error) {
	p, err := m.of("caps", k)
	if err != nil {
		return connector.Caps{}, err
	}
	return p.caps(), nil
}

// Changes implements connector.Connector.
func (m *mailbox) Changes(ctx context.Context, k record.Kind, q connector.Query) (connector.Delta, error) {
	p, err := m.of("changes", k)
	if err != nil {
		return connector.Delta{}, err
	}
	return p.changes(ctx, q)
}

// Get implements connector.Connector. extra is for CRMs and ignored.
func (m *mailbox) Get(ctx context.Context, k record.Kind, refs []connector.Ref, _ []string) ([]connector.Item, []connector.Gone, error) {
	p, err := m.of("get", k)
	if err != nil {
		return nil, nil, err
	}
	return p.get(ctx, refs)
}

// Find implements connector.Connector. extra is for CRMs and ignored.
func (m *mailbox) Find(ctx context.Context, k record.Kind, by connector.By, keys []string, _ []string) (map[string][]connector.Item, error) {
	p, err := m.of("find", k)
	if err != nil {
		return nil, err
	}
	return p.find(ctx, by, keys)
}

// Write implements connector.Connector.
func (m *mailbox) Write(ctx context.Context, k record.Kind, ops []connector.Op) ([]connector.Result, error) {
	p, err := m.of("write", k)
	if err != nil {
		return nil, err
	}
	return p.write(ctx, ops)
}

// Occurrences implements connector.Calendar.
func (m *mailbox) Occurrences(ctx context.Context, masters []string, from, to time.Time) ([]connector.Item, []connector.Gone, error) {
	return m.calendar.occurrences(ctx, masters, from, to)
}

// marker is what stands on an item for a key.
func (c Config) marker(key string) string {
	if key == "" || strings.HasPrefix(key, c.Org+"/") {
		return key
	}
	return c.Org + "/" + key
}
