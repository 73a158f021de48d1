package demo

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/repsync/repsync/activities"
)

// calls counts requests by endpoint: those to Salesforce, which one feed makes for all reps, and those to Google.
type calls struct{ salesforce, google map[string]int }

func (v vendors) calls() calls { return calls{v.salesforce.Calls(), v.google.Calls()} }

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
	return calls{since(c.salesforce, before.salesforce), since(c.google, before.google)}
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
// were looked at and left as they are, how many fields were in conflict, and how many items are parked now. The calls
// stand beneath: one feed reads Salesforce for all reps.
func (s *stage) table(out io.Writer, o outcome) {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tcreated\tupdated\tdeleted\tunchanged\tconflicts\tparked\t")
	fmt.Fprintln(w, "rep\tCRM / book\tCRM / book\tCRM / book\t\t\tnow\t")
	for _, rep := range s.names() {
		did := since(o.status[rep].Totals, o.before[rep].Totals)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t\n", rep, sided(did.Created), sided(did.Updated), sided(did.Deleted),
			did.Unchanged, did.Conflicts, o.status[rep].Parked)
	}
	_ = w.Flush() // out is the demo's own; it keeps no error
	fmt.Fprintf(out, "  calls: %d to Salesforce, %d to Google, of which %d wrote\n", total(o.calls.salesforce), total(o.calls.google), o.calls.writes())
	for _, rep := range s.names() {
		fmt.Fprintf(out, "  %s in Temporal's Web UI: %s\n", rep, s.engine.link(rep))
	}
}

func sided(n activities.Sided) string { return fmt.Sprintf("%d / %d", n.CRM, n.Mailbox) }

// since is the part of a summary that an earlier one did not have.
func since(now, before activities.Summary) activities.Summary {
	minus := func(a, b activities.Sided) activities.Sided {
		return activities.Sided{CRM: a.CRM - b.CRM, Mailbox: a.Mailbox - b.Mailbox}
	}
	return activities.Summary{
		Created: minus(now.Created, before.Created), Updated: minus(now.Updated, before.Updated), Deleted: minus(now.Deleted, before.Deleted),
		Linked: now.Linked - before.Linked, Unchanged: now.Unchanged - before.Unchanged, Conflicts: now.Conflicts - before.Conflicts,
	}
}
