package demo

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/demo/scenario"
)

// calls counts requests by endpoint: those to Salesforce, which one feed makes for all reps, and those to Google; the
// latter also by the address of the rep whose token they carried, sign-in apart.
type calls struct{ salesforce, google, ofRep map[string]int }

func (v vendors) calls() calls {
	c := calls{v.salesforce.Calls(), v.google.Calls(), map[string]int{}}
	for _, email := range v.google.Users() {
		c.ofRep[email] = v.google.CallsOf(email)
	}
	return c
}

// minus is what came in since an earlier count.
func (c calls) minus(before calls) calls {
	since := func(now, then map[string]int) map[string]int {
		m := map[string]int{}
		for k, n := range now {
			if n -= then[k]; n > 0 {
				m[k] = n
			}
		}
		return m
	}
	return calls{since(c.salesforce, before.salesforce), since(c.google, before.google), since(c.ofRep, before.ofRep)}
}

// writes counts the calls that change something at a vendor.
func (c calls) writes() int {
	n := 0
	for endpoint, k := range c.salesforce {
		switch verb := endpoint[strings.LastIndexByte(endpoint, '.')+1:]; verb {
		case "create", "update", "upsert", "delete":
			n += k
		}
	}
	for endpoint, k := range c.google {
		for _, verb := range []string{"create", "update", "delete", "batchCreate", "batchUpdate", "batchDelete"} {
			if strings.HasPrefix(endpoint[strings.LastIndexByte(endpoint, '.')+1:], verb) {
				n += k
				break
			}
		}
	}
	return n
}

func total(m map[string]int) int {
	n := 0
	for _, k := range m {
		n += k
	}
	return n
}

// table prints what an act did, a row per rep: how many items were created, updated and deleted on each side, how many
// conflicts were decided, how many requests Google had for that mailbox, and, as of now, how many pairs are in step and
// how many items are parked. What is parked is named beneath, with the reason. Error: the store could not be asked.
func (s *stage) table(ctx context.Context, out io.Writer, o outcome) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tcreated\tupdated\tdeleted\tconflicts\tcalls to\tpairs in\tparked\t")
	fmt.Fprintln(w, "rep\tCRM / book\tCRM / book\tCRM / book\tdecided\tGoogle\tstep now\tnow\t")
	for _, rep := range s.reps {
		did := since(o.status[rep.Name].Totals, o.before[rep.Name].Totals)
		pairs, err := s.office.inStep(ctx, scenario.Org, rep.Name)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t\n", rep.Name, sided(did.Created), sided(did.Updated), sided(did.Deleted),
			did.Conflicts, o.calls.ofRep[rep.Email], pairs, o.status[rep.Name].Parked)
	}
	_ = w.Flush() // out is the demo's own; it keeps no error
	fmt.Fprintf(out, "  %s to Salesforce, not told apart by rep: one feed reads it for all, and Repsync is one user there\n", count(total(o.calls.salesforce), "call"))
	fmt.Fprintf(out, "  %d of all calls wrote something; the others asked\n", o.calls.writes())
	return nil
}

func sided(n activities.Sided) string { return fmt.Sprintf("%d / %d", n.CRM, n.Mailbox) }

// since is the part of a summary that an earlier one did not have, as far as the table shows it.
func since(now, before activities.Summary) activities.Summary {
	minus := func(a, b activities.Sided) activities.Sided {
		return activities.Sided{CRM: a.CRM - b.CRM, Mailbox: a.Mailbox - b.Mailbox}
	}
	return activities.Summary{
		Created: minus(now.Created, before.Created), Updated: minus(now.Updated, before.Updated), Deleted: minus(now.Deleted, before.Deleted),
		Conflicts: now.Conflicts - before.Conflicts,
	}
}
