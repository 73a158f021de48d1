package sandbox

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"github.com/repsync/repsync/internal/sandbox/google"
)

// The connected app's consumer key and secret.
const (
	ConnectedAppID     = "3MVG9repsync.sandbox.connected.app"
	ConnectedAppSecret = "repsync-sandbox-secret"
)

// Password is the Salesforce password of everybody in the sandbox: the integration user and each rep. It serves the OAuth
// password grant and the SOAP login. Nobody outside this machine can use it.
const Password = "repsync-sandbox-password"

// Env is what other programs need to work with a running sandbox. Keys are named by file; the passwords
// and client secrets here open nothing but the sandbox.
type Env struct {
	Control    string        `json:"control"` // the control endpoint
	Salesforce SalesforceEnv `json:"salesforce"`
	Google     GoogleEnv     `json:"google"`
}

// SalesforceEnv says how to sign in to the org.
type SalesforceEnv struct {
	BaseURL      string `json:"base_url"` // login host and API host in one
	TokenURL     string `json:"token_url"`
	OrgID        string `json:"org_id"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"` // for the password grant
	Username     string `json:"username"`      // the integration user
	Password     string `json:"password"`      // of the integration user and of each rep, for the password grant and SOAP login
	KeyFile      string `json:"key_file"`      // PEM, for the JWT bearer flow
}

// GoogleEnv says how to sign in to the domain and where its services are.
type GoogleEnv struct {
	Domain       string `json:"domain"`
	PeopleURL    string `json:"people_url"` // as option.WithEndpoint wants it: with a slash at the end
	TokenURL     string `json:"token_url"`
	KeyFile      string `json:"key_file"`      // the service account, JSON
	ClientID     string `json:"client_id"`     // for grant_type=refresh_token
	ClientSecret string `json:"client_secret"` // the same
}

// Env describes the running sandbox.
func (s *Sandbox) Env() Env {
	return Env{
		Control: s.ControlURL,
		Salesforce: SalesforceEnv{BaseURL: s.SalesforceURL, TokenURL: s.SalesforceURL + "/services/oauth2/token", OrgID: s.Salesforce.OrgID(),
			ClientID: ConnectedAppID, ClientSecret: ConnectedAppSecret, Username: s.IntegrationUser(), Password: Password, KeyFile: s.SalesforceKeyFile},
		Google: GoogleEnv{Domain: s.domain, PeopleURL: s.GoogleURL + "/", TokenURL: s.GoogleURL + "/token", KeyFile: s.GoogleKeyFile,
			ClientID: google.OAuthClientID, ClientSecret: google.OAuthClientSecret},
	}
}

// orMake returns a key, a new one when there is none.
func orMake(key *rsa.PrivateKey) (*rsa.PrivateKey, error) {
	if key != nil {
		return key, nil
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return key, nil
}

// writeKey writes a private key in PEM.
func writeKey(path string, key *rsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode a key: %w", err)
	}
	return writeSecret(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
