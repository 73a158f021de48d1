package clients_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/sandbox"
	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

// TestJsforce performs salesforce.mjs: everything that the sandbox's Salesforce offers, through jsforce.
func TestJsforce(t *testing.T) {
	t.Parallel()
	needNode(t)
	sb := start(t)
	org := sb.Salesforce
	notes := &recorder{}
	url := notes.serve(t, org)
	org.SetBaseURL(url)
	colleague := fill(t, sb)
	limited, token := poorOrg()
	env := sb.Env()
	check(t, salesforceCalls, run(t, "salesforce.mjs", map[string]string{
		"url": url, "limited": notes.serve(t, limited), "limitedToken": token, "control": env.Control, "clientId": env.Salesforce.ClientID, "clientSecret": env.Salesforce.ClientSecret,
		"username": env.Salesforce.Username, "password": env.Salesforce.Password, "keyFile": env.Salesforce.KeyFile,
		"otherKey": strangersKey(t), "inactive": "left@acme.test", "colleague": colleague}))
	checkFidelity(t, "Salesforce", "jsforce", org.Calls())
}

// poorOrg is an org whose API requests of the day are one, and a token for it.
func poorOrg() (*salesforce.Server, string) {
	org := salesforce.New(salesforce.Config{DailyLimit: 1})
	return org, org.NewSession(org.AddUser(salesforce.User{Username: "poor@acme.test", Name: "Pat Poor", Profile: "Standard User", Active: true}))
}

// fill puts into the org what the script expects there, and returns the id of a user who may be invited.
func fill(t *testing.T, sb *sandbox.Sandbox) (colleague string) {
	t.Helper()
	org := sb.Salesforce
	org.AddUser(salesforce.User{Username: "left@acme.test", Name: "Len Left", Profile: "Standard User", Password: sandbox.Password})
	org.AddField("Contact", salesforce.Field{Name: "Legacy__c", Type: salesforce.TypeString, Length: 40, ExternalID: true})
	org.AddField("Contact", salesforce.Field{Name: "Grade__c", Type: salesforce.TypePicklist, Picklist: []string{"A", "B"}, Restricted: true})
	put := func(object string, values map[string]any) string {
		id, err := org.Insert(object, values, "")
		require.NoError(t, err)
		return id
	}
	account := put("Account", map[string]any{"Name": "Acme"})
	for i := range 450 {
		row := map[string]any{"LastName": fmt.Sprintf("Row %03d", i), "Title": []string{"Even", "Odd"}[i%2]}
		if i < 2 {
			row["AccountId"] = account
		}
		put("Contact", row)
	}
	for range 2 {
		put("Contact", map[string]any{"LastName": "Twin", "Legacy__c": "twin"})
	}
	put("Lead", map[string]any{"LastName": "Twin", "Company": "Acme", "Email": "twin@example.com"})
	org.SetDuplicateRule("Lead", &salesforce.DuplicateRule{})
	org.AddValidation("Contact", func(values map[string]any) (message, field string) {
		if values["LastName"] == "Forbidden" {
			return "This name is forbidden.", "LastName"
		}
		return "", ""
	})
	return org.AddUser(salesforce.User{Username: "cole@acme.test", Name: "Cole Colleague", Profile: "Standard User", Active: true})
}

// strangersKey is a key file that the connected app does not know.
func strangersKey(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "stranger.pem")
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	return path
}
