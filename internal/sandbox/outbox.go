package sandbox

import (
	"slices"
	"sync"
)

// Outbox collects the mail that the vendors would have sent to people: invitations, updates and cancellations. It is how
// tests assert law 6, no mail. Contacts cause none at any vendor; Google's calendars report here, one message for each
// recipient.
type Outbox struct {
	mu   sync.Mutex
	mail []Mail
}

// Mail is one message that would have been sent.
type Mail struct {
	Vendor string `json:"vendor"` // salesforce, google
	From   string `json:"from"`
	To     string `json:"to"`
	Reason string `json:"reason"`          // invitation, update, cancellation, or reply of a guest to the organiser
	Event  string `json:"event,omitempty"` // the vendor's id of the meeting
}

// Add notes a message.
func (o *Outbox) Add(m Mail) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mail = append(o.mail, m)
}

// All returns every message, oldest first.
func (o *Outbox) All() []Mail {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.mail)
}
