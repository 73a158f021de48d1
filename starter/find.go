package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// held is an item that a side holds now, whether or not a pass has met it.
type held struct {
	side    record.Side
	id      string
	foreign bool // in the CRM, and owned by somebody else than the rep
}

// mostOccurrences bounds how many occurrences of one series are told.
const mostOccurrences = 60

// byID finds the verdicts on an item of any kind. One occurrence of a series is found by its id as Google has it, the
// series' id and the original start in UTC, and as Repsync has it.
func (a *app) byID(ctx context.Context, l *link, item string) ([]store.Verdict, error) {
	verdicts, err := l.store.VerdictsOf(ctx, a.org, a.rep, item, mostOccurrences)
	if err != nil || len(verdicts) > 0 {
		return verdicts, err
	}
	i := strings.LastIndexByte(item, '_')
	if i < 0 {
		return nil, nil
	}
	all, err := l.store.VerdictsOf(ctx, a.org, a.rep, item[:i], 20_000)
	return slices.DeleteFunc(all, func(v store.Verdict) bool {
		at, err := record.ParseMoment(connector.ParseRef(v.ID).Occurrence)
		return err != nil || at.At.UTC().Format("20060102T150405Z") != item[i+1:] && at.At.Format("20060102") != item[i+1:]
	}), err
}

// byEmail finds the verdicts on the contacts with an address: those whose match keys the store knows, and those of the
// items that the two sides hold with it now. The store knows no keys of records that are only in the CRM.
func (a *app) byEmail(ctx context.Context, l *link, rep store.Rep, email string) ([]store.Verdict, asked, error) {
	keys := [][]byte{}
	for _, k := range planner.StrongKeys(record.Fields{record.FieldEmail: email}) {
		keys = append(keys, l.ring.Lookup(a.org, record.Contact, k))
	}
	verdicts, err := l.store.VerdictsByKeys(ctx, a.org, a.rep, record.Contact, keys)
	if err != nil {
		return nil, asked{}, storeFailure(err)
	}
	known := map[string]bool{}
	note := func(v store.Verdict) { known[string(v.Side)+" "+v.ID] = true }
	for _, v := range verdicts {
		note(v)
	}
	live := a.askVendors(ctx, l, rep, record.NormalEmail(email))
	for _, h := range live.held {
		more, err := l.store.Verdicts(ctx, a.org, a.rep, record.Contact, h.id)
		if err != nil {
			return nil, asked{}, storeFailure(err)
		}
		for _, v := range more {
			if !known[string(v.Side)+" "+v.ID] {
				verdicts = append(verdicts, v)
			}
			note(v)
		}
	}
	return verdicts, live, nil
}

// asked is what the sides said when they were asked for an address.
type asked struct {
	held   []held
	silent []string // sides that could not be asked
}

// askVendors looks the address up on both sides. A side that does not answer is a warning: the other one may know.
func (a *app) askVendors(ctx context.Context, l *link, rep store.Rep, email string) (out asked) {
	ctx, cancel := context.WithTimeout(ctx, vendorPatience)
	defer cancel()
	look := func(side record.Side, c connector.Connector, err error) {
		var found map[string][]connector.Item
		if err == nil {
			found, err = c.Find(ctx, record.Contact, connector.ByEmail, []string{email}, nil)
		}
		if err != nil {
			out.silent = append(out.silent, string(side))
			a.warn("warning: the %s could not be asked for the address: %s", side, err)
			return
		}
		for _, it := range found[email] {
			out.held = append(out.held, held{side, it.ID, side == record.CRM && it.Owner != rep.CRMUser})
		}
	}
	connectors := l.connectors()
	crm, err := connectors.CRM(a.org)
	look(record.CRM, crm, err)
	box, _, err := connectors.Mailbox(a.org, rep.Mailbox)
	look(record.Mailbox, box, err)
	return out
}

// neverMet is the answer where there is no verdict. There is one for every item that a pass has read, also for those that
// the policy leaves out.
func (a *app) neverMet(item, email string, live asked) error {
	sync := fmt.Sprintf("`starter sync --org %s --rep %s`", a.org, a.rep)
	if len(live.held) > 0 {
		var where []string
		remedy := "It is newer than the last pass: " + sync + "."
		for _, h := range live.held {
			text := fmt.Sprintf("%s in the %s", h.id, h.side)
			if h.foreign {
				text += " (another user owns it)"
				remedy = "A rep's pass reads the records that the rep owns. If it was given to the rep just now: " + sync + "."
			}
			where = append(where, text)
		}
		return fail(exitNotFound, remedy, "no pass of rep %s has met the contact with the address %s: %s", a.rep, email, strings.Join(where, ", "))
	}
	if len(live.silent) > 0 {
		return fail(exitUnreachable, "Ask again once it answers; `starter connect check --org "+a.org+"` says what keeps it.",
			"rep %s has met no contact with the address %s; whether the %s holds one is not known", a.rep, email, strings.Join(live.silent, " or the "))
	}
	if email != "" {
		return fail(exitNotFound, "Check the address.", "rep %s has met no contact with the address %s, and neither side holds one", a.rep, email)
	}
	return fail(exitNotFound, "Check the id: 003… or 00U… in Salesforce, people/c… or an event's id at Google. Otherwise another rep owns the item, or no pass has run since it was made: "+sync+".",
		"no pass of rep %s has met an item with the id %q", a.rep, item)
}
