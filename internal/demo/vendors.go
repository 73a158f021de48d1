package demo

import (
	"context"

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
	peopleURL     string
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
	}
}

// world is the vendors as people reach them: carol signs in to Salesforce, each rep to the own address book.
func (v vendors) world(reps []scenario.Rep) scenario.World {
	w := scenario.World{Books: map[string]wire.People{}}
	w.CRM = wire.Salesforce{Version: apiVersion, Endpoint: wire.Endpoint{BaseURL: v.salesforceURL, Token: func(context.Context) (string, error) {
		return v.salesforce.NewSession(v.userID(scenario.Carol.Email)), nil
	}}}
	for _, p := range reps {
		w.Books[p.Name] = wire.People{Endpoint: wire.Endpoint{BaseURL: v.peopleURL, Token: func(context.Context) (string, error) {
			return v.google.MintToken(p.Email)
		}}}
	}
	return w
}

// seen is the same world as the verifier reads it. Neither People nor the CRM's contact API sends mail to anybody, so
// that there is none to count until calendars join the story.
func seen(w scenario.World) verify.World { return verify.World{CRM: w.CRM, Books: w.Books} }

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
