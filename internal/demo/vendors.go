package demo

import (
	"context"
	"time"

	"github.com/repsync/repsync/internal/demo/scenario"
	"github.com/repsync/repsync/internal/demo/verify"
	"github.com/repsync/repsync/internal/demo/wire"
	"github.com/repsync/repsync/internal/sandbox"
	"github.com/repsync/repsync/internal/sandbox/google"
	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

// apiVersion is the Salesforce API version that the story's people use.
const apiVersion = "65.0"

// vendors are the two sandboxes, running, and where they listen.
type vendors struct {
	salesforce    *salesforce.Server
	google        *google.Server
	salesforceURL string
	googleURL     string
	mails         func() int // messages that the vendors would have sent
}

// hire makes the story's people known to both vendors: reps and carol in Salesforce, under one profile that may see and
// edit everything, the reps at Google too.
func (v vendors) hire(reps []scenario.Rep) {
	v.salesforce.AddProfile(scenario.Profile)
	for _, p := range append([]scenario.Rep{scenario.Carol}, reps...) {
		v.salesforce.AddUser(salesforce.User{Username: p.Email, Email: p.Email, Name: p.FullName, Profile: scenario.Profile, Password: sandbox.Password, Active: true, ViewAll: true, ModifyAll: true})
	}
	for _, p := range reps {
		v.google.AddUser(p.Email, false)
		if zone := scenario.Zones[p.Name]; zone != "" {
			if err := v.google.Calendar(p.Email).SetTimeZone(zone); err != nil {
				panic("demo: a rep's zone: " + err.Error()) // the story's own
			}
		}
	}
}

// world is the vendors as people reach them: carol signs in to Salesforce, each rep to the own address book and
// calendar.
func (v vendors) world(reps []scenario.Rep) scenario.World {
	w := scenario.World{Books: map[string]wire.People{}, Calendars: map[string]wire.Calendar{}, Today: scenario.Date(time.Now())}
	w.CRM = wire.Salesforce{Version: apiVersion, Endpoint: wire.Endpoint{BaseURL: v.salesforceURL, Token: func(context.Context) (string, error) {
		return v.salesforce.NewSession(v.userID(scenario.Carol.Email)), nil
	}}}
	for _, p := range reps {
		google := wire.Endpoint{BaseURL: v.googleURL, Token: func(context.Context) (string, error) {
			return v.google.MintToken(p.Email)
		}}
		w.Books[p.Name], w.Calendars[p.Name] = wire.People{Endpoint: google}, wire.Calendar{Endpoint: google}
	}
	return w
}

// seen is the same world as the verifier reads it.
func (v vendors) seen(w scenario.World) verify.World {
	return verify.World{CRM: w.CRM, Books: w.Books, Calendars: w.Calendars, Mails: func(context.Context) (int, error) { return v.mails(), nil }}
}

// events counts what a Google account's calendar stores: a series is one event, and one more for each occurrence that was
// changed.
func (v vendors) events(email string) int {
	list, err := v.google.Calendar(email).List(nil)
	if err != nil {
		return 0 // the account is gone: it holds none
	}
	return len(list)
}

// userID is the Salesforce id of the user with an email address.
func (v vendors) userID(email string) string {
	for _, u := range v.salesforce.All("User") {
		if u["Email"] == email {
			id, _ := u["Id"].(string)
			return id
		}
	}
	return ""
}
