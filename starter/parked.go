package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/workflows"
)

// parkedItem is one row of `parked list`.
type parkedItem struct {
	Kind     string    `json:"kind"`
	Side     string    `json:"side"`
	Item     string    `json:"item"`
	Reason   string    `json:"reason"`
	Field    string    `json:"field,omitempty"`
	Code     string    `json:"code,omitempty"`
	Words    string    `json:"words,omitempty"` // the vendor's own
	Explain  string    `json:"explain"`
	Attempts int       `json:"attempts"`
	Since    time.Time `json:"since"`
	NextTry  time.Time `json:"next_try"`
}

func parkedOf(p store.Parked) parkedItem {
	return parkedItem{string(p.Kind), string(p.Side), p.ID, string(p.Reason), p.Field, p.Code, p.Words, p.Reason.Explain(), p.Attempts, p.Since, p.NextTry}
}

func (a *app) parkedCommand() *cobra.Command {
	list := a.repFlag(&cobra.Command{
		Use: "list", Short: "list the items that cannot be written now, and why", Example: "  starter parked list --org acme --rep alice", Args: flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			l, err := a.openStore(ctx)
			if err != nil {
				return err
			}
			defer l.Close()
			if _, err := a.theRep(ctx, l); err != nil {
				return err
			}
			rows, err := l.store.ParkedList(ctx, a.org, a.rep, 0)
			if err != nil {
				return storeFailure(err)
			}
			items := []parkedItem{}
			for _, p := range rows {
				items = append(items, parkedOf(p))
			}
			return a.print(items, func(w io.Writer) { printParked(w, items) })
		},
	})
	var item string
	retry := a.repFlag(&cobra.Command{
		Use: "retry", Short: "try parked items again now: one, or all",
		Example: "  starter parked retry --org acme --rep alice\n  starter parked retry --org acme --rep alice --item people/c123", Args: flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			l, err := a.open(ctx)
			if err != nil {
				return err
			}
			defer l.Close()
			if _, err := a.theRep(ctx, l); err != nil {
				return err
			}
			var ids []string
			if item != "" {
				ids = []string{item}
			}
			n, err := l.store.RetryParked(ctx, a.org, a.rep, ids)
			if err != nil {
				return storeFailure(err)
			}
			if item != "" && n == 0 {
				return fail(exitNotFound, fmt.Sprintf("See `starter parked list --org %s --rep %s`.", a.org, a.rep), "no item %q is parked for rep %s", item, a.rep)
			}
			if err := l.temporal.SignalWorkflow(ctx, workflows.RepID(a.org, a.rep), "", workflows.SignalNudge, nil); err != nil {
				return a.notRunning(l, err)
			}
			if !l.worked(ctx) {
				a.warn(noWorker)
			}
			return a.print(map[string]int{"due": n}, func(w io.Writer) {
				if n == 0 {
					fmt.Fprintln(w, "nothing is parked")
					return
				}
				fmt.Fprintf(w, "%s due: tried again in a pass that starts now\n", count(n, "item"))
			})
		},
	})
	retry.Flags().StringVar(&item, "item", "", "the item's id; without it, all")
	return group("parked", "look at and retry items that cannot be written now", list, retry)
}

func printParked(w io.Writer, items []parkedItem) {
	if len(items) == 0 {
		fmt.Fprintln(w, "nothing is parked")
		return
	}
	for _, p := range items {
		fmt.Fprintf(w, "%s %s in the %s: %s", p.Kind, p.Item, p.Side, p.Reason)
		if p.Field != "" {
			fmt.Fprintf(w, " (%s)", p.Field)
		}
		if p.Code != "" {
			fmt.Fprintf(w, " [%s]", p.Code)
		}
		fmt.Fprintf(w, "\n  %s\n", p.Explain)
		if p.Words != "" {
			fmt.Fprintf(w, "  the vendor says: %s\n", p.Words)
		}
		fmt.Fprintf(w, "  parked since %s, tried %s, next try %s\n", when(p.Since), count(p.Attempts, "time"), when(p.NextTry))
	}
}
