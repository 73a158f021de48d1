package devstack

import (
	"context"
	"path/filepath"

	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/sandbox"
)

// startSandbox starts the vendors and writes the repsync.yaml that leads to them. They run in this process, so that they
// end with it, and until end closes them: after the workers, whatever ctx says.
func (s *Stack) startSandbox(c Config) error {
	v := c.Sandbox
	v.Dir = filepath.Join(s.dir, "credentials")
	v.Ports = sandbox.Ports{}
	if !c.AnyPorts {
		v.Ports = sandbox.Ports{Salesforce: SandboxPort, Google: SandboxPort + 1, Control: SandboxPort + 2}
	}
	var err error
	if s.Sandbox, err = sandbox.Start(context.Background(), v); err != nil {
		return err
	}
	env := s.Sandbox.Env()
	org := orgOf(env)
	if c.Change != nil {
		c.Change(&org)
	}
	s.tell(env)
	if s.Info.Config, err = writeConfig(s.dir, config.Config{Orgs: map[string]config.Org{c.Org: org}}); err != nil {
		return err
	}
	s.progress("the sandbox serves Salesforce at " + env.Salesforce.BaseURL + ", Google at " + env.Google.PeopleURL + ", its controls at " + env.Control)
	return nil
}

// tell puts into env.json what another program needs to work with the sandbox.
func (s *Stack) tell(env sandbox.Env) {
	s.Info.BaseURLs = map[string]string{
		"salesforce":       env.Salesforce.BaseURL,
		"salesforce_token": env.Salesforce.TokenURL,
		"google":           env.Google.PeopleURL,
		"google_token":     env.Google.TokenURL,
		"control":          env.Control,
		"control_token":    env.Control + "/token", // hands out tokens to act as any person
	}
	s.Info.Files = map[string]string{
		"salesforce_key":         env.Salesforce.KeyFile,
		"google_service_account": env.Google.KeyFile,
	}
	s.Info.Credentials = map[string]string{
		"salesforce_org_id":        env.Salesforce.OrgID,
		"salesforce_client_id":     env.Salesforce.ClientID,
		"salesforce_client_secret": env.Salesforce.ClientSecret,
		"salesforce_username":      env.Salesforce.Username,
		"salesforce_password":      env.Salesforce.Password, // every rep's too
		"google_domain":            env.Google.Domain,
		"google_client_id":         env.Google.ClientID,
		"google_client_secret":     env.Google.ClientSecret,
	}
}

// orgOf is the configuration that an admin would write for the sandbox's org: as for the real vendors, with other
// addresses.
func orgOf(env sandbox.Env) config.Org {
	return config.Org{
		CRM: config.CRM{
			Connector: config.Salesforce,
			LoginURL:  env.Salesforce.BaseURL,
			BaseURL:   env.Salesforce.BaseURL,
			Auth: config.CRMAuth{JWT: &config.JWT{
				ClientID: env.Salesforce.ClientID, Username: env.Salesforce.Username, KeyFile: env.Salesforce.KeyFile,
			}},
		},
		Mailboxes: []config.Mailbox{{
			Domains:   []string{env.Google.Domain},
			Connector: config.Google,
			BaseURLs:  config.BaseURLs{People: env.Google.PeopleURL, Calendar: env.Google.PeopleURL + "calendar/v3/"},
			Auth:      config.MailboxAuth{ServiceAccount: &config.ServiceAccount{KeyFile: env.Google.KeyFile, TokenURL: env.Google.TokenURL}},
		}},
	}
}
