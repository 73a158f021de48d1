// Package sandbox starts the vendors that Repsync talks to, on this machine: a Salesforce org and a Google Workspace
// domain that speak the real wire APIs, each behind a fault injector, and a control endpoint through which a demo, a test
// in another process or a curious person makes them difficult.
//
// Everything listens on 127.0.0.1. The identities (the service account's key, the connected app's key) are made at start
// and written into Config.Dir, so that programs sign in exactly as they would at the vendors: with a key file. Env lists
// addresses, names and files for them; the control endpoint serves the same list at /env.
//
// The vendors hold what tests and demos put there through the Go fields Salesforce and Google, or through their APIs; a
// new sandbox has an integration user and nobody else. Nothing is kept when it closes.
package sandbox

import (
	"cmp"
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/internal/sandbox/google"
	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

// Config says how a sandbox starts.
type Config struct {
	Dir           string               // where key files are written; made when missing. Required
	Ports         Ports                // any free ones by default
	Domain        string               // the Workspace domain and the users' mail domain: acme.test by default
	Seed          uint64               // of ids, etags and faults by chance
	Clock         *Clock               // a clock that is moved by hand: real time by default
	Lag           time.Duration        // how late writes show in Google's sync feeds: 0 by default
	Skew          time.Duration        // how far Google's clock is ahead of Salesforce's; negative: behind. 0 by default
	Latency       time.Duration        // of every request to either vendor, a batch being one: 0 by default
	Quota         google.Quota         // of Google People: none by default
	CalendarQuota google.CalendarQuota // of Google Calendar: none by default
	Serial        bool                 // Google refuses a mutation while another one of the same user is under way
	Around        Around               // what stands before the vendors, as package quirk does: nothing by default
	Key           *rsa.PrivateKey      // one key for both identities, for tests that start many sandboxes: made at start by default
}

// Around wraps the vendors, inside their fault injectors. Google's wraps the requests inside of batches too.
type Around struct {
	Salesforce, Google func(http.Handler) http.Handler
}

// wrap is next with what stands before it.
func wrap(around func(http.Handler) http.Handler, next http.Handler) http.Handler {
	if around == nil {
		return next
	}
	return around(next)
}

// Ports are the ports to listen on. 0 is any free one; of a port that is taken, the next free one above it is used.
type Ports struct{ Salesforce, Google, Control int }

// Sandbox is a running sandbox.
type Sandbox struct {
	Salesforce       *salesforce.Server
	Google           *google.Server
	SalesforceFaults *fault.Injector
	GoogleFaults     *fault.Injector
	Clock            *Clock  // nil in real time
	Outbox           *Outbox // mail that the vendors would have sent

	SalesforceURL string // without a slash at the end, as all of them
	GoogleURL     string
	ControlURL    string

	SalesforceKeyFile string // the connected app's private key, PEM
	GoogleKeyFile     string // the service account, JSON

	domain  string
	servers []*http.Server
	done    sync.WaitGroup
	stop    func() bool
	close   sync.Once
	err     error
}

// Start starts a sandbox. It runs until Close, or until ctx ends. Errors: the directory cannot be written, no port is
// free.
func Start(ctx context.Context, cfg Config) (_ *Sandbox, err error) {
	if cfg.Dir == "" {
		return nil, errors.New("start sandbox: Config.Dir is required: key files are written there")
	}
	s := &Sandbox{Clock: cfg.Clock, Outbox: &Outbox{}, domain: cmp.Or(cfg.Domain, "acme.test"),
		SalesforceFaults: fault.New(cfg.Seed), GoogleFaults: fault.New(cfg.Seed + 1)}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	if err := s.startSalesforce(cfg); err != nil {
		return nil, fmt.Errorf("start Salesforce sandbox: %w", err)
	}
	if err := s.startGoogle(cfg); err != nil {
		return nil, fmt.Errorf("start Google sandbox: %w", err)
	}
	if s.ControlURL, err = s.serve(cfg.Ports.Control, s.control()); err != nil {
		return nil, fmt.Errorf("start sandbox's control endpoint: %w", err)
	}
	s.stop = context.AfterFunc(ctx, func() { _ = s.Close() })
	return s, nil
}

// startSalesforce starts an org with a connected app, an integration user and the field that holds Repsync's marker, as
// an admin prepares a real one.
func (s *Sandbox) startSalesforce(cfg Config) error {
	key, err := orMake(cfg.Key)
	if err != nil {
		return err
	}
	s.SalesforceKeyFile = filepath.Join(cfg.Dir, "salesforce-connected-app.pem")
	if err := writeKey(s.SalesforceKeyFile, key); err != nil {
		return err
	}
	s.Salesforce = salesforce.New(salesforce.Config{Clock: s.now()})
	s.Salesforce.ConnectedApp(ConnectedAppID, ConnectedAppSecret, &key.PublicKey)
	s.Salesforce.AddUser(salesforce.User{Username: s.IntegrationUser(), Name: "Repsync Integration", Profile: "System Administrator",
		Password: Password, Active: true, ViewAll: true, ModifyAll: true})
	s.Salesforce.AddField("Contact", salesforce.Field{Name: "Repsync_Key__c", Label: "Repsync Key", Type: salesforce.TypeString,
		Length: 255, ExternalID: true, Unique: true, CaseSensitive: true})
	if s.SalesforceURL, err = s.serve(cfg.Ports.Salesforce, late(cfg.Latency, s.SalesforceFaults.Middleware(wrap(cfg.Around.Salesforce, s.Salesforce)))); err != nil {
		return err
	}
	s.Salesforce.SetBaseURL(s.SalesforceURL)
	return nil
}

// startGoogle starts a domain with a service account that may act for all of its users.
func (s *Sandbox) startGoogle(cfg Config) (err error) {
	s.Google, err = google.New(google.Config{Domain: s.domain, Clock: skewed(s.now(), cfg.Skew), Lag: cfg.Lag, Quota: cfg.Quota, Serial: cfg.Serial,
		CalendarQuota: cfg.CalendarQuota, Mail: s.googleMail, Seed: cfg.Seed, Key: cfg.Key,
		Around: func(next http.Handler) http.Handler { return s.GoogleFaults.Middleware(wrap(cfg.Around.Google, next)) }})
	if err != nil {
		return err
	}
	if s.GoogleURL, err = s.serve(cfg.Ports.Google, late(cfg.Latency, s.Google)); err != nil {
		return err
	}
	file, err := s.Google.ServiceAccountJSON(s.GoogleURL + "/token")
	if err != nil {
		return err
	}
	s.GoogleKeyFile = filepath.Join(cfg.Dir, "google-service-account.json")
	return writeSecret(s.GoogleKeyFile, file)
}

// googleMail notes mail that Google's calendars would have sent.
func (s *Sandbox) googleMail(m google.Mail) {
	s.Outbox.Add(Mail{Vendor: "google", From: m.From, To: m.To, Reason: m.Kind, Event: m.Event})
}

// skewed is a clock that is off.
func skewed(clock func() time.Time, by time.Duration) func() time.Time {
	return func() time.Time { return clock().Add(by) }
}

// now is the vendors' clock.
func (s *Sandbox) now() func() time.Time {
	if s.Clock != nil {
		return s.Clock.Now
	}
	return time.Now
}

// IntegrationUser is the username of the CRM user as whom Repsync signs in.
func (s *Sandbox) IntegrationUser() string { return "integration@" + s.domain }

// AddRep adds a person at both vendors, a CRM user of a profile and a mailbox with the same address, and returns the CRM
// user's id. An empty profile is "Field Sales".
func (s *Sandbox) AddRep(email, name, profile string) (userID string) {
	s.Google.AddUser(email, false)
	return s.Salesforce.AddUser(salesforce.User{Username: email, Email: email, Name: name, Profile: cmp.Or(profile, "Field Sales"), Password: Password, Active: true})
}

// Close stops the sandbox: requests that a gate holds are let go, connections are closed, and it returns when all servers
// have ended. Calling it again does nothing. Key files stay.
func (s *Sandbox) Close() error {
	s.close.Do(func() {
		if s.stop != nil {
			s.stop()
		}
		s.SalesforceFaults.Clear()
		s.GoogleFaults.Clear()
		for _, srv := range s.servers {
			s.err = errors.Join(s.err, srv.Close())
		}
		s.done.Wait()
	})
	return s.err
}

// writeSecret writes a file that only its owner may read.
func writeSecret(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the sandbox's directory: %w", err)
	}
	// A file from an earlier run keeps its mode when it is written over, and so goes first.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("replace a key file: %w", err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("write a key file: %w", err)
	}
	return nil
}
