package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/workflows"
)

func (a *app) orgCommand() *cobra.Command {
	list := &cobra.Command{
		Use: "list", Short: "list the orgs that the configuration names", Example: "  starter org list", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := a.openStore(cmd.Context())
			if err != nil {
				return err
			}
			defer l.Close()
			type row struct {
				Org  string `json:"org"`
				CRM  string `json:"crm"`
				Reps int    `json:"reps"`
			}
			rows := []row{}
			for _, org := range slices.Sorted(maps.Keys(l.config.Orgs)) {
				reps, err := l.store.Reps(cmd.Context(), org)
				if err != nil {
					return storeFailure(err)
				}
				rows = append(rows, row{org, l.config.Orgs[org].CRM.Connector, len(reps)})
			}
			return a.print(rows, func(w io.Writer) {
				var cells [][]string
				for _, r := range rows {
					cells = append(cells, []string{r.Org, r.CRM, fmt.Sprint(r.Reps)})
				}
				table(w, []string{"ORG", "CRM", "REPS"}, cells)
			})
		},
	}
	status := a.orgFlag(&cobra.Command{
		Use: "status", Short: "show an org's feed and how its reps do", Example: "  starter org status --org acme", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.orgStatus(cmd) },
	})
	return group("org", "look at orgs", list, status)
}

// orgState is what `org status` prints.
type orgState struct {
	Org   string               `json:"org"`
	Feed  workflows.FeedStatus `json:"feed"`
	Rows  int64                `json:"feed_rows"` // in the log, contacts
	Reps  []repState           `json:"reps"`
	Error string               `json:"feed_error,omitempty"`
}

func (a *app) orgStatus(cmd *cobra.Command) error {
	ctx := cmd.Context()
	l, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	st := orgState{Org: a.org}
	if v, err := l.temporal.QueryWorkflow(ctx, workflows.FeedID(a.org), "", workflows.QueryStatus); err == nil {
		err = v.Get(&st.Feed)
		if err != nil {
			return err
		}
	} else {
		st.Error = "the feed does not run, or no worker answers: start a worker"
	}
	if f, err := l.store.FeedState(ctx, a.org, record.Contact); err == nil {
		st.Rows = f.Last - f.First + 1
	}
	if st.Reps, err = a.repStates(ctx, l); err != nil {
		return err
	}
	return a.print(st, func(w io.Writer) {
		fmt.Fprintf(w, "org %s\nfeed: polled %s, next %s, %d rows kept", st.Org, when(st.Feed.PollAt), when(st.Feed.NextAt), st.Rows)
		if st.Error != "" {
			fmt.Fprintf(w, " (%s)", st.Error)
		}
		if t := st.Feed.Trouble; t != nil {
			fmt.Fprintf(w, "\ntrouble: %s (%s) %s", t.Code, t.Class, t.Remedy)
		}
		fmt.Fprintln(w)
		printReps(w, st.Reps)
	})
}
