package config

import "github.com/repsync/repsync/internal/connector"

// Constructors by connector name.
var (
	crmConstructors     = map[string]func(org string, c CRM) (connector.CRM, error){}
	mailboxConstructors = map[string]func(org, address string, m Mailbox) (connector.Connector, error){}
)
