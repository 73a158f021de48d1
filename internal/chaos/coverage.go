package chaos

import (
	"fmt"
	"io"
	"strings"

	"github.com/repsync/repsync/internal/chaos/scenario"
	"github.com/repsync/repsync/internal/planner"
)

// Troubles are all that the vendors' sandboxes can do to a client, of what PROVIDERS lists. "answers" is what the workers heard:
// an expiry that nobody feels counts for nothing.
var Troubles = []string{
	"google drop", "google drop_after", "google status 403", "google status 429", "google status 500", "google status 503",
	"google status_after 500", "google status_after 503", "google truncate",
	"google answers 400", // a sync token of the address book that has expired
	"google answers 401", // a token that was revoked
	"google answers 410", // a calendar's sync token that has expired
	"google lag", "google ahead", "google behind",
	"salesforce drop", "salesforce drop_after", "salesforce status 400", "salesforce status 403", "salesforce status 429", "salesforce status 500", "salesforce status 503",
	"salesforce status_after 500", "salesforce status_after 503", "salesforce truncate",
	"expire cursors", "expire sessions", "expire tokens", "expire sync", "expire calendar",
	"salesforce answers 401", // a session that has expired
	"salesforce slow",
}

// Unreached lists the reasons, faults and steps that a report lacks.
func (r Report) Unreached() (reasons, faults, steps []string) {
	for _, reason := range planner.Reasons() {
		if r.Reasons[string(reason)] == 0 {
			reasons = append(reasons, string(reason))
		}
	}
	for _, fault := range Troubles {
		if r.Faults[fault] == 0 {
			faults = append(faults, fault)
		}
	}
	for _, verb := range scenario.Verbs() {
		if r.Steps[verb] == 0 {
			steps = append(steps, string(verb))
		}
	}
	return reasons, faults, steps
}

// print tells what was reached, and what was not.
func (r *Report) print(out io.Writer) {
	fmt.Fprintln(out, "reasons:", counts(r.Reasons))
	fmt.Fprintln(out, "faults: ", counts(r.Faults))
	fmt.Fprintln(out, "steps:  ", counts(r.Steps))
	reasons, faults, steps := r.Unreached()
	for _, missed := range []struct {
		what string
		list []string
	}{{"reasons", reasons}, {"faults", faults}, {"steps", steps}} {
		list := strings.Join(missed.list, " ")
		if what := missed.what; what == "faults" {
			list = strings.Join(missed.list, ", ")
		}
		if list == "" {
			list = "none"
		}
		fmt.Fprintf(out, "%s not reached: %s\n", missed.what, list)
	}
	PrintUnjudged(out, r.Unjudged)
}

// Merge sums another report up.
func (r *Report) Merge(o Report) {
	if r.Reasons == nil {
		r.begin()
	}
	r.add(o)
}

// tally counts the answers that tell of something that expired or is gone, where no rule of a story made them.
func (p *player) tally(vendor string, status int) {
	p.report.Faults[fmt.Sprint(vendor, " answers ", status)]++
}

// arranged counts what a vendor does from a step on.
func (p *player) arranged(step scenario.Step) {
	switch {
	case step.Do == scenario.Lag && step.Duration(0) > 0:
		p.report.Faults["google lag"]++
	case step.Do == scenario.Slow && step.Duration(0) > 0:
		p.report.Faults["salesforce slow"]++
	case step.Do == scenario.Expire:
		p.report.Faults["expire "+step.What]++
	}
}

// counted adds what the books say: a reason counts where it is what an item comes to, too.
func (p *player) counted(books scenario.Books) {
	for _, v := range books.Verdicts {
		p.report.Reasons[v.Reason]++
	}
	for _, v := range books.Journal {
		if v.Reason != "" {
			p.report.Reasons[v.Reason]++
		}
	}
	for _, v := range books.Parked {
		p.report.Reasons[v.Reason]++
	}
}
