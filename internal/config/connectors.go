package config

import (
	"fmt"
	"strings"
	"sync"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/credential"
)

// Connectors builds connectors from a configuration: each when it is first asked for, and once. It is safe for
// concurrent use.
type Connectors struct {
	config Config
	crm    map[string]func(org string, c CRM, use Use) (connector.CRM, error)
	box    map[string]func(org, address string, m Mailbox, use Use) (connector.Connector, error)
	use    Use

	mu    sync.Mutex
	crms  map[string]connector.CRM
	boxes map[[2]string]connector.Connector
	gates map[string]*credential.Gate // by the credential that mailboxes share
}

// NewConnectors returns the connectors of a configuration that Load returned.
func NewConnectors(c Config) *Connectors {
	return &Connectors{
		config: c,
		crm:    crmConstructors,
		box:    mailboxConstructors,
		crms:   map[string]connector.CRM{},
		boxes:  map[[2]string]connector.Connector{},
		gates:  map[string]*credential.Gate{},
	}
}

// Through makes all connectors that are built from now on count and watch what they send, and returns c.
func (c *Connectors) Through(u Use) *Connectors {
	c.use = u
	return c
}

// CRM returns the connector of an org's CRM. Errors: an org that the configuration does not name, a connector that is
// not enforced, credentials that cannot be read.
func (c *Connectors) CRM(org string) (connector.CRM, error) {
	o, ok := c.config.Orgs[org]
	if !ok {
		return nil, unknownOrg(org)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if crm, ok := c.crms[org]; ok {
		return crm, nil
	}
	build, ok := c.crm[o.CRM.Connector]
	if !ok {
		return nil, fmt.Errorf("org %s: the CRM connector %q is not enforced yet; write connector: salesforce", org, o.CRM.Connector)
	}
	use := c.use
	if use.Meters != nil {
		use.meter = use.Meters.CRM(org, o.CRM.Budget)
	}
	crm, err := build(org, o.CRM, use)
	if err != nil {
		return nil, fmt.Errorf("org %s: connect CRM: %w", org, err)
	}
	c.crms[org] = crm
	return crm, nil
}

// Mailbox returns the connector of one mailbox and its provider, which is the connector's name. Errors: an org that
// the configuration does not name, an address outside its domains, a connector that is not enforced, credentials that
// cannot be read. The address itself is not quoted in errors, its domain is.
func (c *Connectors) Mailbox(org, address string) (box connector.Connector, provider string, err error) {
	o, ok := c.config.Orgs[org]
	if !ok {
		return nil, "", unknownOrg(org)
	}
	m, err := o.mailboxFor(org, address)
	if err != nil {
		return nil, "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := [2]string{org, strings.ToLower(address)}
	if box, ok := c.boxes[key]; ok {
		return box, m.Connector, nil
	}
	build, ok := c.box[m.Connector]
	if !ok {
		return nil, "", fmt.Errorf("org %s: the mailbox connector %q is not enforced yet; use google", org, m.Connector)
	}
	use := c.use
	use.gate = c.gate(m)
	if use.Meters != nil {
		use.meter = use.Meters.Mailbox(org, address, m.Domains[0], m.Budget)
	}
	box, err = build(org, address, m, use)
	if err != nil {
		return nil, "", fmt.Errorf("org %s: connect mailbox: %w", org, err)
	}
	c.boxes[key] = box
	return box, m.Connector, nil
}

// gate returns the gate of the credential that signs in to an entry's mailboxes. The caller holds c.mu.
func (c *Connectors) gate(m Mailbox) *credential.Gate {
	var parts []string
	for _, s := range m.Secrets() {
		parts = append(parts, s.Source.String())
	}
	name := strings.Join(parts, "\x00")
	if c.gates[name] == nil {
		c.gates[name] = credential.NewGate(0, nil)
	}
	return c.gates[name]
}

// MailboxFor returns the entry of mailboxes that serves an address. Errors as Connectors.Mailbox.
func (o Org) MailboxFor(org, address string) (Mailbox, error) { return o.mailboxFor(org, address) }

// Org returns the configuration of one org. Error: the configuration does not name it.
func (c *Connectors) Org(org string) (Org, error) {
	o, ok := c.config.Orgs[org]
	if !ok {
		return Org{}, unknownOrg(org)
	}
	return o, nil
}

func (o Org) mailboxFor(org, address string) (Mailbox, error) {
	_, domain, ok := strings.Cut(address, "@")
	domain = strings.ToLower(domain)
	if !ok || domain == "" {
		return Mailbox{}, fmt.Errorf("org %s: the mailbox has no address with a domain; correct it with `starter rep`", org)
	}
	for _, m := range o.Mailboxes {
		for _, d := range m.Domains {
			if strings.EqualFold(d, domain) {
				return m, nil
			}
		}
	}
	return Mailbox{}, fmt.Errorf("org %s: no entry of mailboxes names the domain %s; add one to the configuration", org, domain)
}

func unknownOrg(org string) error {
	return fmt.Errorf("the configuration names no org %q; add it under orgs, or correct the name", org)
}
