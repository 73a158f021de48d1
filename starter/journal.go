package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/repsync/repsync/internal/store"
)

// journalRow is one journal line as it is printed.
type journalRow struct {
	Seq    int64                   `json:"seq"`
	At     time.Time               `json:"at"`
	Rep    string                  `json:"rep"`
	Pass   int64                   `json:"pass"`
	Action string                  `json:"action"`
	Side   string                  `json:"side"`
	Item   string                  `json:"item"`
	Reason string                  `json:"reason"`
	Field  string                  `json:"field,omitempty"`
	Rule   string                  `json:"rule,omitempty"`
	Code   string                  `json:"code,omitempty"`
	Values map[string]store.Change `json:"values,omitempty"`
}

func rowsOf(lines []store.Line) []journalRow {
	out := []journalRow{}
	for _, l := range lines {
		out = append(out, journalRow{l.Seq, l.At, l.Rep, l.Pass, l.Action, string(l.Side), l.ID, string(l.Reason), l.Field, l.Rule, l.Code, l.Values})
	}
	return out
}

func (r journalRow) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "#%d %s pass %d: %s %s in the %s (%s)", r.Seq, when(r.At), r.Pass, r.Action, r.Item, r.Side, r.Reason)
	if r.Rule != "" {
		fmt.Fprintf(&b, ", %s decided %s", r.Rule, r.Field)
	}
	if r.Code != "" {
		fmt.Fprintf(&b, " [%s]", r.Code)
	}
	fields := make([]string, 0, len(r.Values))
	for f := range r.Values {
		fields = append(fields, f)
	}
	slices.Sort(fields)
	for _, f := range fields {
		c := r.Values[f]
		fmt.Fprintf(&b, "\n        %s: %q → %q", f, c.Before, c.After)
		if c.Lost != "" {
			fmt.Fprintf(&b, " (lost: %q)", c.Lost)
		}
	}
	return b.String()
}

func (a *app) journalCommand() *cobra.Command {
	var after int64
	var n int
	list := a.orgFlag(&cobra.Command{
		Use: "list", Short: "list what was changed or refused", Example: "  starter journal list --org acme --rep alice --after 120", Args: flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if n < 1 {
				return fail(exitUsage, "Give a number from 1.", "--lines %d shows nothing", n)
			}
			l, err := a.openStore(cmd.Context())
			if err != nil {
				return err
			}
			defer l.Close()
			if a.rep != "" {
				if _, err := a.theRep(cmd.Context(), l); err != nil {
					return err
				}
			}
			lines, err := l.store.Journal(cmd.Context(), a.org, a.rep, after, n)
			if err != nil {
				return storeFailure(err)
			}
			rows := rowsOf(lines)
			return a.print(rows, func(w io.Writer) {
				if len(rows) == 0 {
					fmt.Fprintln(w, "nothing has been changed or refused yet, as far as was asked")
				}
				for _, r := range rows {
					fmt.Fprintf(w, "%s %s\n", r.Rep, r.text())
				}
			})
		},
	})
	list.Flags().StringVar(&a.rep, "rep", "", "only this rep")
	list.Flags().Int64Var(&after, "after", 0, "only lines after this number")
	list.Flags().IntVarP(&n, "lines", "n", 100, "at most so many lines")
	return group("journal", "look at the record of every change made or refused", list, a.journalVerifyCommand(), a.journalExportCommand())
}
