// Package connect looks, step by step, whether an org is connected as it has to be, and names exactly what is missing and
// what to do about it. `starter connect check` prints its report.
//
// The steps come in the order in which an admin sets things up: the configuration and its credentials, the CRM, the
// mailboxes. What a vendor needs is known to that vendor's connector (connector.Checker); this package puts the steps into
// one list, leaves out those that build upon one that is not in order, and counts.
//
// Nothing is written to either vendor. Reports carry no credential and no value of a record; they name files, users,
// scopes, objects and fields.
package connect

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/connector"
)

// Options say what is looked at.
type Options struct {
	File    string        // where the configuration was read from, for people
	Config  config.Config // as Load returned it
	Org     string        // one of its orgs
	Mailbox string        // the address of a mailbox; "" looks at what is the same for all mailboxes
	User    string        // a CRM user, by id or address; "" looks at none
	Note    func(Step)    // told of each step when it is done; nil: nobody
}

// Step is one thing that was looked at.
type Step struct {
	Number int    `json:"number"` // from 1
	Area   string `json:"area"`   // configuration, salesforce, google
	ID     string `json:"id"`     // stable: "salesforce.token"
	Title  string `json:"title"`
	connector.Finding

	Needs int `json:"needs,omitempty"` // the step that this one waits for, where it was not tried for that reason
}

// Report is what was found.
type Report struct {
	Org      string `json:"org"`
	Steps    []Step `json:"steps"`
	OK       int    `json:"ok"`
	Warnings int    `json:"warnings"`
	Missing  int    `json:"missing"`
	NotTried int    `json:"not_tried"`
}

// Configuration is the area of what is wrong on our side; the others are vendors'.
const Configuration = "configuration"

// Ours reports whether something is missing in our configuration, and Theirs whether at a vendor.
func (r Report) Ours() bool { return r.lacks(func(area string) bool { return area == Configuration }) }

// Theirs reports whether something is missing at a vendor.
func (r Report) Theirs() bool {
	return r.lacks(func(area string) bool { return area != Configuration })
}

func (r Report) lacks(in func(area string) bool) bool {
	for _, s := range r.Steps {
		if s.Standing == connector.Lacking && in(s.Area) {
			return true
		}
	}
	return false
}

// runner takes the steps.
type runner struct {
	Options
	report Report
}

// Run takes every step. Error: the configuration does not name the org; whatever else is wrong stands in the report.
func Run(ctx context.Context, o Options) (Report, error) {
	org, ok := o.Config.Orgs[o.Org]
	if !ok {
		return Report{}, fmt.Errorf("the configuration names no org %q", o.Org)
	}
	r := &runner{Options: o, report: Report{Org: o.Org}}
	r.run(ctx, Configuration, r.configuration(org))
	crm, err := config.CRMChecker(o.Org, org.CRM)
	r.vendor(ctx, org.CRM.Connector, crm, err, connector.CheckQuery{User: o.User, FeedEvery: org.CRM.Feed.Every}, r.unreadable(org.CRM.Secrets()))
	for _, m := range r.entries(org) {
		box, err := config.MailboxChecker(o.Org, o.Mailbox, m)
		r.vendor(ctx, m.Connector, box, err, connector.CheckQuery{}, r.unreadable(m.Secrets()))
	}
	return r.report, ctx.Err()
}

// entries are the entries of mailboxes to look at: the mailbox's own, else all.
func (r *runner) entries(org config.Org) []config.Mailbox {
	if r.Mailbox == "" {
		return org.Mailboxes
	}
	m, err := org.MailboxFor(r.Org, r.Mailbox)
	if err != nil {
		return nil // a step of the configuration says so
	}
	return []config.Mailbox{m}
}

// configuration lists the steps that are ours.
func (r *runner) configuration(org config.Org) []connector.Check {
	list := []connector.Check{{ID: "configuration.org", Title: "the configuration names the org", Run: func(context.Context) connector.Finding {
		return connector.Finding{Standing: connector.OK, Found: r.File}
	}}}
	if r.Mailbox != "" {
		list = append(list, connector.Check{ID: "configuration.domain", Title: "the mailbox's domain is one of the org's", Run: func(context.Context) connector.Finding {
			if _, err := org.MailboxFor(r.Org, r.Mailbox); err != nil {
				_, domain, _ := strings.Cut(r.Mailbox, "@")
				return connector.Finding{Standing: connector.Lacking, Found: fmt.Sprintf("no entry of mailboxes names the domain %q", domain),
					Remedy: fmt.Sprintf("Add it under orgs.%s.mailboxes, with the service account that may act for it, or correct the address.", r.Org)}
			}
			return connector.Finding{Standing: connector.OK, Found: r.Mailbox}
		}})
	}
	add := func(where string, all []config.Secret) {
		for _, s := range all {
			list = append(list, connector.Check{ID: secretID(s), Title: where + "." + s.Key + " can be read", Run: func(context.Context) connector.Finding { return secret(s) }})
		}
	}
	add("crm", org.CRM.Secrets())
	for _, m := range r.entries(org) {
		where := "mailboxes"
		if len(org.Mailboxes) > 1 {
			where += " of " + strings.Join(m.Domains, ", ")
		}
		add(where, m.Secrets())
	}
	return list
}

func secretID(s config.Secret) string {
	return "configuration." + s.Key + " " + s.Source.String()
}

// secret looks whether a credential can be read, and by whom else.
func secret(s config.Secret) connector.Finding {
	path := s.Source.Path()
	if _, err := s.Source.Read(); err != nil {
		remedy := "Set it where this process starts, and where the workers do."
		if path != "" {
			remedy = "Put the file there, or correct " + s.Key + ", which is relative to the configuration's directory."
			if os.IsPermission(err) || strings.Contains(err.Error(), "may not read") {
				remedy = "Let the user read it that runs this: chown, chmod 600."
			}
		}
		return connector.Finding{Standing: connector.Lacking, Found: err.Error(), Remedy: remedy}
	}
	found := s.Source.String()
	if path == "" {
		return connector.Finding{Standing: connector.OK, Found: found}
	}
	info, err := os.Stat(path)
	if err != nil {
		return connector.Finding{Standing: connector.OK, Found: found}
	}
	found += fmt.Sprintf(", mode %04o", info.Mode().Perm())
	if info.Mode().Perm()&0o007 != 0 {
		return connector.Finding{Standing: connector.Warning, Found: found + ": every user of this machine may use it", Remedy: "chmod 600 " + path}
	}
	return connector.Finding{Standing: connector.OK, Found: found}
}

// unreadable returns the id of the step at which a credential could not be read, "" when all can.
func (r *runner) unreadable(all []config.Secret) string {
	for _, s := range all {
		for _, step := range r.report.Steps {
			if step.ID == secretID(s) && step.Standing == connector.Lacking {
				return step.ID
			}
		}
	}
	return ""
}

// vendor takes a connector's steps; blocked is a step before them that all of them need.
func (r *runner) vendor(ctx context.Context, area string, c connector.Checker, err error, q connector.CheckQuery, blocked string) {
	if err != nil {
		r.run(ctx, Configuration, []connector.Check{{ID: "configuration." + area, Title: "the connector " + area + " can be used", Run: func(context.Context) connector.Finding {
			return connector.Finding{Standing: connector.Lacking, Found: err.Error(), Remedy: "Correct " + r.File + "."}
		}}})
		return
	}
	list := c.Checks(q)
	if blocked != "" {
		for i := range list {
			if len(list[i].Needs) == 0 && !strings.HasSuffix(list[i].ID, ".reach") {
				list[i].Needs = []string{blocked}
			}
		}
	}
	r.run(ctx, area, list)
}

// run takes steps. What a step needs is looked for among the latest of that id, since several entries of mailboxes have the
// same steps.
func (r *runner) run(ctx context.Context, area string, list []connector.Check) {
	for _, c := range list {
		s := Step{Number: len(r.report.Steps) + 1, Area: area, ID: c.ID, Title: c.Title}
		if s.Needs = r.notInOrder(c.Needs); s.Needs > 0 {
			s.Finding = connector.Finding{Standing: connector.NotTried, Found: fmt.Sprintf("needs step %d", s.Needs)}
		} else {
			s.Finding = c.Run(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		switch s.Standing {
		case connector.OK:
			r.report.OK++
		case connector.Warning:
			r.report.Warnings++
		case connector.Lacking:
			r.report.Missing++
		case connector.NotTried:
			r.report.NotTried++
		}
		r.report.Steps = append(r.report.Steps, s)
		if r.Note != nil {
			r.Note(s)
		}
	}
}

// notInOrder returns the number of the first step that is needed and lacks something, or was not tried for a step that
// does; 0 where all is in order.
func (r *runner) notInOrder(needs []string) int {
	for _, id := range needs {
		for _, s := range slices.Backward(r.report.Steps) {
			if s.ID != id {
				continue
			}
			switch {
			case s.Standing == connector.Lacking:
				return s.Number
			case s.Standing == connector.NotTried && s.Needs > 0:
				return s.Needs
			case s.Standing == connector.NotTried:
				return s.Number
			}
			break
		}
	}
	return 0
}
