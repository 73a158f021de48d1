package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/mail"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/store"
)

func (a *app) explainCommand() *cobra.Command {
	var item, email string
	cmd := a.repFlag(&cobra.Command{
		Use: "explain", Short: "tell why an item did or did not sync, naming rule and pass",
		Long:    "Looks an item up by its id in the CRM or in the mailbox (a series by its own id with its occurrences, one occurrence by its id), or by an email address (which both sides are asked for, so that it also finds what is in the CRM alone), and tells the latest decision on it, the rule and the pass that made it, and what the journal has on it.",
		Example: "  starter explain --org acme --rep alice --item 003AB0000012345AAA\n  starter explain --org acme --rep alice --item 4q1r2s3t_20260329T070000Z\n  starter explain --org acme --rep alice --email jane@example.com", Args: flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.explain(cmd.Context(), item, email) },
	})
	cmd.Flags().StringVar(&item, "item", "", "the item's id on either side")
	cmd.Flags().StringVar(&email, "email", "", "an email address of the contact")
	cmd.MarkFlagsOneRequired("item", "email")
	cmd.MarkFlagsMutuallyExclusive("item", "email")
	return cmd
}

// explained is what explain prints about one item.
type explained struct {
	Kind     string       `json:"kind"`
	Side     string       `json:"side"`
	Item     string       `json:"item"`
	Reason   string       `json:"reason"`
	Explain  string       `json:"explain"`
	Field    string       `json:"field,omitempty"`
	Rule     string       `json:"rule,omitempty"`
	Code     string       `json:"code,omitempty"`
	Pass     int64        `json:"pass"`
	Revision int64        `json:"policy_revision"`
	At       time.Time    `json:"at"`
	CRM      string       `json:"crm_item,omitempty"`
	Mailbox  string       `json:"mailbox_item,omitempty"`
	State    string       `json:"link_state,omitempty"`
	Parked   *parkedItem  `json:"parked,omitempty"`
	Journal  []journalRow `json:"journal"`
}

func (a *app) explain(ctx context.Context, item, email string) error {
	if m, err := mail.ParseAddress(email); email != "" && (err != nil || m.Address != email) {
		return fail(exitUsage, "Give the bare address, such as jane@example.com.", "--email %q is no email address", email)
	}
	l, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	rep, err := a.theRep(ctx, l)
	if err != nil {
		return err
	}
	var (
		verdicts []store.Verdict
		live     asked
	)
	if item != "" {
		if verdicts, err = a.byID(ctx, l, item); err != nil {
			return storeFailure(err)
		}
	} else if verdicts, live, err = a.byEmail(ctx, l, rep, email); err != nil {
		return err
	}
	if len(verdicts) == 0 {
		return a.neverMet(item, email, live)
	}
	out, err := a.explainAll(ctx, l, verdicts)
	if err != nil {
		return storeFailure(err)
	}
	return a.print(out, func(w io.Writer) { printExplained(w, out) })
}

// explainAll adds to verdicts the link, the parked row and the journal; the two items of one link are told once.
func (a *app) explainAll(ctx context.Context, l *link, verdicts []store.Verdict) ([]explained, error) {
	parked, err := l.store.ParkedList(ctx, a.org, a.rep, 0)
	if err != nil {
		return nil, err
	}
	out := []explained{}
	told := map[string]bool{}
	for _, v := range verdicts {
		if v.LinkID != "" && told[v.LinkID] {
			continue
		}
		told[v.LinkID] = true
		e := explained{Kind: string(v.Kind), Side: string(v.Side), Item: v.ID, Reason: string(v.Reason), Explain: v.Reason.Explain(), Field: v.Field, Rule: v.Rule, Code: v.Code, Pass: v.Pass, Revision: v.Revision, At: v.At}
		if v.LinkID != "" {
			links, err := l.store.LinksByID(ctx, a.org, a.rep, v.Kind, []string{v.LinkID})
			if err != nil {
				return nil, err
			}
			if link, ok := links[v.LinkID]; ok {
				e.CRM, e.Mailbox, e.State = link.CRM.ID, link.Mailbox.ID, string(link.State)
			}
		}
		for _, p := range parked {
			if p.ID == v.ID && p.Side == v.Side || p.LinkID != "" && p.LinkID == v.LinkID {
				item := parkedOf(p)
				e.Parked = &item
			}
		}
		if e.Journal, err = a.journalOf(ctx, l, v); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// journalOf returns the newest lines on an item, newest first: its own, and those on its link, which speak of the other
// side's item.
func (a *app) journalOf(ctx context.Context, l *link, v store.Verdict) ([]journalRow, error) {
	const most = 20
	lines := map[int64]store.Line{}
	for _, id := range []string{v.ID, v.LinkID} {
		if id == "" {
			continue
		}
		some, err := l.store.JournalOf(ctx, a.org, a.rep, id, most)
		if err != nil {
			return nil, err
		}
		for _, line := range some {
			lines[line.Seq] = line
		}
	}
	newest := slices.SortedFunc(maps.Values(lines), func(x, y store.Line) int { return cmp.Compare(y.Seq, x.Seq) })
	return rowsOf(newest[:min(len(newest), most)]), nil
}

func printExplained(w io.Writer, all []explained) {
	for _, e := range all {
		fmt.Fprintf(w, "%s %s in the %s: %s\n  %s\n", e.Kind, e.Item, e.Side, e.Reason, e.Explain)
		if e.Rule != "" {
			fmt.Fprintf(w, "  rule: %s (field %s)\n", e.Rule, e.Field)
		} else if e.Field != "" {
			fmt.Fprintf(w, "  field: %s\n", e.Field)
		}
		if e.Code != "" {
			fmt.Fprintf(w, "  because: %s\n", planner.Reason(e.Code).Explain())
		}
		fmt.Fprintf(w, "  decided in pass %d under policy revision %d, %s\n", e.Pass, e.Revision, when(e.At))
		if e.State != "" {
			fmt.Fprintf(w, "  link: CRM %s ↔ mailbox %s, %s\n", dash(e.CRM), dash(e.Mailbox), e.State)
		}
		if p := e.Parked; p != nil {
			fmt.Fprintf(w, "  parked since %s, tried %s, next try %s\n", when(p.Since), count(p.Attempts, "time"), when(p.NextTry))
			if p.Words != "" {
				fmt.Fprintf(w, "  the vendor says: %s\n", p.Words)
			}
		}
		for _, r := range e.Journal {
			fmt.Fprintf(w, "    %s\n", r.text())
		}
	}
}
