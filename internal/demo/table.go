package demo

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/demo/scenario"
	"github.com/repsync/repsync/internal/record"
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
		for _, verb := range []string{"create", "insert", "update", "patch", "delete", "import", "move", "batchCreate", "batchUpdate", "batchDelete"} {
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

// kinds are what the table counts, with the words for it.
var kinds = []struct {
	kind record.Kind
	word string
}{{record.Contact, "contacts"}, {record.Event, "events"}}

// table prints what an act did, a row per rep and kind: how many items were created, updated and deleted on each side and
// how many conflicts were decided, as the journal has it, and, as of now, how many pairs are in step and how many items
// are parked. Every occurrence of a series counts. Error: the store could not be asked.
func (s *stage) table(ctx context.Context, out io.Writer, o outcome) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\t\tcreated in\tupdated in\tdeleted in\tconflicts\tpairs in\tparked\t")
	fmt.Fprintln(w, "rep\t\tCRM / Google\tCRM / Google\tCRM / Google\tdecided\tstep now\tnow\t")
	var asked []string
	for _, rep := range s.reps {
		did, last, err := s.office.deedsSince(ctx, scenario.Org, rep.Name, s.read[rep.Name])
		if err != nil {
			return err
		}
		s.read[rep.Name] = last
		name := rep.Name
		for _, k := range kinds {
			pairs, parked, err := s.office.inStep(ctx, scenario.Org, rep.Name, k.kind)
			if err != nil {
				return err
			}
			d := did[k.kind]
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t\n", name, k.word, sided(d.created), sided(d.updated), sided(d.deleted), d.conflicts, pairs, parked)
			name = ""
		}
		asked = append(asked, fmt.Sprintf("%d for %s", o.calls.ofRep[rep.Email], rep.Name))
	}
	_ = w.Flush() // out is the demo's own; it keeps no error
	fmt.Fprintf(out, "  calls to Google: %s; to Salesforce: %d, not told apart, since one feed reads it for all\n", strings.Join(asked, ", "), total(o.calls.salesforce))
	fmt.Fprintf(out, "  %d of all calls wrote something; the others asked. Each occurrence of a series counts as an event\n", o.calls.writes())
	return nil
}

func sided(n activities.Sided) string { return fmt.Sprintf("%d / %d", n.CRM, n.Mailbox) }
