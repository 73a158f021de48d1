package google

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/credential"
)

// Config says whose mailbox to speak to, and how to sign in. WithDefaults fills what is left out.
type Config struct {
	// Org is our own name of the org. It stands before every marker that the connector stamps: "<org>/<key>".
	Org string
	// Mailbox is the rep's address: the subject that the service account acts for (domain-wide delegation).
	Mailbox string
	// BaseURLPeople is the People API's root; default https://people.googleapis.com/.
	BaseURLPeople string
	// BaseURLCalendar is the Calendar API's root; default https://www.googleapis.com/calendar/v3/. Batches go to
	// batch/calendar/v3 beside it.
	BaseURLCalendar string
	// CalendarID is the calendar that events are kept in; default "primary", the mailbox's own.
	CalendarID string
	// ServiceAccount is the service account's JSON key; Key, in place of it, says where the key is, and is read before
	// each sign-in. TokenURL, where set, replaces the token_uri in it.
	ServiceAccount credential.Value
	Key            credential.Source
	TokenURL       string
	// Gate lets the sign-ins of all mailboxes through that sign in with one key; default one of this mailbox's own.
	Gate *credential.Gate
	// Bearer gives an access token, Token says where one is, and is read every minute. Either takes the place of
	// ServiceAccount.
	Bearer func(context.Context) (string, error)
	Token  credential.Source
	// Meter is asked before each request; default none.
	Meter connector.Meter
	// HTTPClient carries the requests, those for tokens too; default a client of its own.
	HTTPClient *http.Client
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Lag is how long a write may stay hidden from a re-read of the list; default 5 minutes.
	Lag time.Duration
	// Parallel is how many writes one mailbox takes at once; default 1, as Google asks for.
	Parallel int
	// Timeout is the longest that one request may take, its answer's body included; default 30 seconds.
	Timeout time.Duration
	// MaxBody is how many bytes of an answer are read at most; default 64 MiB.
	MaxBody int64
	// PageSize is the largest number of people of one page; default and most 1000.
	PageSize int
	// EventPageSize is the largest number of events of one page; default and most 2500.
	EventPageSize int
}

// WithDefaults returns c with every default filled in.
func (c Config) WithDefaults() Config {
	if c.BaseURLPeople == "" {
		c.BaseURLPeople = "https://people.googleapis.com/"
	}
	if !strings.HasSuffix(c.BaseURLPeople, "/") {
		c.BaseURLPeople += "/"
	}
	if c.BaseURLCalendar == "" {
		c.BaseURLCalendar = "https://www.googleapis.com/calendar/v3/"
	}
	if !strings.HasSuffix(c.BaseURLCalendar, "/") {
		c.BaseURLCalendar += "/"
	}
	if c.CalendarID == "" {
		c.CalendarID = "primary"
	}
	if len(c.ServiceAccount) > 0 && !c.Key.Set() {
		c.Key, c.ServiceAccount = credential.Fixed(c.ServiceAccount), nil
	}
	if c.Gate == nil {
		c.Gate = credential.NewGate(0, nil)
	}
	if c.HTTPClient == nil {
		c.HTTPClient = &http.Client{Transport: http.DefaultTransport}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Lag == 0 {
		c.Lag = 5 * time.Minute
	}
	if c.Parallel == 0 {
		c.Parallel = 1
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.MaxBody <= 0 {
		c.MaxBody = 64 << 20
	}
	if c.PageSize <= 0 || c.PageSize > maxPage {
		c.PageSize = maxPage
	}
	if c.EventPageSize <= 0 || c.EventPageSize > maxEventPage {
		c.EventPageSize = maxEventPage
	}
	return c
}

// validate reports the first thing that makes c unusable.
func (c Config) validate() error {
	ways := 0
	for _, set := range []bool{c.Key.Set(), c.Bearer != nil, c.Token.Set()} {
		if set {
			ways++
		}
	}
	switch {
	case c.Org == "":
		return errors.New("google: org is empty; markers need it")
	case strings.Contains(c.Org, "/"):
		return errors.New("google: an org's name has no slash")
	case ways != 1:
		return errors.New("google: auth needs exactly one of service_account, bearer, token")
	case c.Mailbox == "" && c.Key.Set():
		return errors.New("google: mailbox is empty; a service account needs to know for whom it acts")
	}
	if !isHTTP(c.BaseURLPeople) {
		return errors.New("google: the people base URL must be an http or https URL")
	}
	if !isHTTP(c.BaseURLCalendar) || !strings.HasSuffix(c.BaseURLCalendar, "/"+calendarAPI+"/") {
		return errors.New("google: the calendar base URL must be an http or https URL that ends in /calendar/v3/")
	}
	return nil
}

func isHTTP(s string) bool {
	p, err := url.Parse(s)
	return err == nil && p.Host != "" && (p.Scheme == "https" || p.Scheme == "http")
}

// New returns a connector to one mailbox. It makes no request: a refused key shows at the first call, as Reconnect.
func New(c Config) (connector.Connector, error) {
	c = c.WithDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	return newMailbox(c)
}
