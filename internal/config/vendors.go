package config

import (
	"fmt"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/credential"
	"github.com/repsync/repsync/internal/connector/google"
	"github.com/repsync/repsync/internal/connector/salesforce"
)

// Constructors by connector name.
var (
	crmConstructors     = map[string]func(org string, c CRM, use Use) (connector.CRM, error){Salesforce: newSalesforce}
	mailboxConstructors = map[string]func(org, address string, m Mailbox, use Use) (connector.Connector, error){Google: newGoogle}
)

func newSalesforce(org string, c CRM, use Use) (connector.CRM, error) {
	if c.Auth.Bearer == nil { // a token may be put there later, by whoever keeps it fresh
		if err := readable(c.Auth.sources()); err != nil {
			return nil, err
		}
	}
	return salesforce.New(salesforceConfig(org, c, use))
}

func salesforceConfig(org string, c CRM, use Use) salesforce.Config {
	out := salesforce.Config{Org: org, LoginURL: c.LoginURL, BaseURL: c.BaseURL, APIVersion: c.APIVersion, Overlap: c.Feed.Overlap,
		Meter: use.meter, HTTPClient: use.client(Salesforce)}
	switch a := c.Auth; {
	case a.JWT != nil:
		out.Auth.JWT = &salesforce.JWT{ClientID: a.JWT.ClientID, Username: a.JWT.Username, Key: source(a.JWT.KeyFile, a.JWT.KeyEnv)}
	case a.Bearer != nil:
		out.Auth.Bearer = &salesforce.Bearer{From: source(a.Bearer.TokenFile, a.Bearer.TokenEnv)}
	case a.Basic != nil:
		out.Auth.Basic = &salesforce.Basic{Username: a.Basic.Username, Password: source(a.Basic.PasswordFile, a.Basic.PasswordEnv)}
	case a.Password != nil:
		out.Auth.Password = &salesforce.Password{
			ClientID: a.Password.ClientID, ClientSecret: source(a.Password.ClientSecretFile, a.Password.ClientSecretEnv),
			Username: a.Password.Username, Password: source(a.Password.PasswordFile, a.Password.PasswordEnv),
		}
	}
	return out
}

func newGoogle(org, address string, m Mailbox, use Use) (connector.Connector, error) {
	if m.Auth.Bearer == nil {
		if err := readable(m.Auth.sources()); err != nil {
			return nil, err
		}
	}
	return google.New(googleConfig(org, address, m, use))
}

func googleConfig(org, address string, m Mailbox, use Use) google.Config {
	out := google.Config{Org: org, Mailbox: address, BaseURLPeople: m.BaseURLs.People, BaseURLCalendar: m.BaseURLs.Calendar, Lag: m.Lag,
		Gate: use.gate, Meter: use.meter, HTTPClient: use.client(Google)}
	switch a := m.Auth; {
	case a.ServiceAccount != nil:
		out.Key, out.TokenURL = source(a.ServiceAccount.KeyFile, a.ServiceAccount.KeyEnv), a.ServiceAccount.TokenURL
	case a.Bearer != nil:
		out.Token = source(a.Bearer.TokenFile, a.Bearer.TokenEnv)
	}
	return out
}

// source is where a credential is; none where the configuration names none.
func source(file, env string) credential.Source {
	switch {
	case env != "":
		return credential.Env(env)
	case file != "":
		return credential.File(file)
	}
	return credential.Source{}
}

// Secret is a credential that the configuration names.
type Secret struct {
	Key    string // what names it: "auth.jwt.key_file"
	Source credential.Source
}

// Secrets lists the credentials of an org's CRM.
func (c CRM) Secrets() []Secret { return c.Auth.sources() }

// Secrets lists the credentials of an entry of mailboxes.
func (m Mailbox) Secrets() []Secret { return m.Auth.sources() }

// secretAt is one credential by the two keys that may name it.
func secretAt(path, file, env string) Secret {
	if env != "" {
		return Secret{path + "_env", credential.Env(env)}
	}
	return Secret{path + "_file", source(file, "")}
}

func (a CRMAuth) sources() []Secret {
	switch {
	case a.JWT != nil:
		return []Secret{secretAt("auth.jwt.key", a.JWT.KeyFile, a.JWT.KeyEnv)}
	case a.Bearer != nil:
		return []Secret{secretAt("auth.bearer.token", a.Bearer.TokenFile, a.Bearer.TokenEnv)}
	case a.Basic != nil:
		return []Secret{secretAt("auth.basic.password", a.Basic.PasswordFile, a.Basic.PasswordEnv)}
	case a.Password != nil:
		out := []Secret{secretAt("auth.password.password", a.Password.PasswordFile, a.Password.PasswordEnv)}
		if a.Password.ClientSecretFile != "" || a.Password.ClientSecretEnv != "" {
			out = append(out, secretAt("auth.password.client_secret", a.Password.ClientSecretFile, a.Password.ClientSecretEnv))
		}
		return out
	}
	return nil
}

func (a MailboxAuth) sources() []Secret {
	switch {
	case a.ServiceAccount != nil:
		return []Secret{secretAt("auth.service_account.key", a.ServiceAccount.KeyFile, a.ServiceAccount.KeyEnv)}
	case a.Bearer != nil:
		return []Secret{secretAt("auth.bearer.token", a.Bearer.TokenFile, a.Bearer.TokenEnv)}
	}
	return nil
}

// readable reports the first credential that cannot be read, so that a mistake shows at the start. They are read anew
// whenever a connector signs in.
func readable(all []Secret) error {
	for _, s := range all {
		if _, err := s.Source.Read(); err != nil {
			remedy := "put the file there, or correct its path, which is relative to the configuration's directory"
			if s.Source.Path() == "" {
				remedy = "set it, or correct its name"
			}
			return fmt.Errorf("read %s: %w; %s", s.Key, err, remedy)
		}
	}
	return nil
}

// CRMChecker returns what tells step by step what the connection to an org's CRM lacks. Error: the connector is not enforced.
func CRMChecker(org string, c CRM) (connector.Checker, error) {
	if c.Connector != Salesforce {
		return nil, fmt.Errorf("org %s: the CRM connector %q is not enforced yet", org, c.Connector)
	}
	return salesforce.NewChecker(salesforceConfig(org, c, Use{}))
}

// MailboxChecker returns what tells step by step what the connection to the mailboxes of an entry lacks, looked at for one
// address; "" looks at what is the same for all. Error: the connector is not enforced.
func MailboxChecker(org, address string, m Mailbox) (connector.Checker, error) {
	if m.Connector != Google {
		return nil, fmt.Errorf("org %s: the mailbox connector %q is not enforced yet", org, m.Connector)
	}
	return google.NewChecker(googleConfig(org, address, m, Use{}))
}
