package config

import (
	"fmt"
	"os"
	"strings"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/google"
	"github.com/repsync/repsync/internal/connector/salesforce"
)

// Constructors by connector name.
var (
	crmConstructors     = map[string]func(org string, c CRM) (connector.CRM, error){Salesforce: newSalesforce}
	mailboxConstructors = map[string]func(org, address string, m Mailbox) (connector.Connector, error){Google: newGoogle}
)

func newSalesforce(org string, c CRM) (connector.CRM, error) {
	out := salesforce.Config{Org: org, LoginURL: c.LoginURL, BaseURL: c.BaseURL, APIVersion: c.APIVersion, Overlap: c.Feed.Overlap}
	switch a := c.Auth; {
	case a.JWT != nil:
		key, err := secret("auth.jwt.key_file", a.JWT.KeyFile)
		if err != nil {
			return nil, err
		}
		out.Auth.JWT = &salesforce.JWT{ClientID: a.JWT.ClientID, Username: a.JWT.Username, KeyPEM: key}
	case a.Bearer != nil:
		out.Auth.Bearer = &salesforce.Bearer{TokenFile: a.Bearer.TokenFile}
	case a.Basic != nil:
		password, err := secret("auth.basic.password_file", a.Basic.PasswordFile)
		if err != nil {
			return nil, err
		}
		out.Auth.Basic = &salesforce.Basic{Username: a.Basic.Username, Password: oneLine(password)}
	case a.Password != nil:
		password, err := secret("auth.password.password_file", a.Password.PasswordFile)
		if err != nil {
			return nil, err
		}
		var clientSecret []byte
		if a.Password.ClientSecretFile != "" {
			if clientSecret, err = secret("auth.password.client_secret_file", a.Password.ClientSecretFile); err != nil {
				return nil, err
			}
		}
		out.Auth.Password = &salesforce.Password{
			ClientID: a.Password.ClientID, ClientSecret: oneLine(clientSecret), Username: a.Password.Username, Password: oneLine(password),
		}
	}
	return salesforce.New(out)
}

func newGoogle(org, address string, m Mailbox) (connector.Connector, error) {
	out := google.Config{Org: org, Mailbox: address, BaseURLPeople: m.BaseURLs.People, BaseURLCalendar: m.BaseURLs.Calendar, Lag: m.Lag}
	switch a := m.Auth; {
	case a.ServiceAccount != nil:
		key, err := secret("auth.service_account.key_file", a.ServiceAccount.KeyFile)
		if err != nil {
			return nil, err
		}
		out.ServiceAccount, out.TokenURL = key, a.ServiceAccount.TokenURL
	case a.Bearer != nil:
		out.TokenFile = a.Bearer.TokenFile
	}
	return google.New(out)
}

// secret reads a file that the configuration names under key.
func secret(key, path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w; put the file there, or correct its path, which is relative to the configuration's directory", key, err)
	}
	return text, nil
}

// oneLine drops the line end that editors put after a password.
func oneLine(text []byte) string { return strings.TrimRight(string(text), "\r\n") }
