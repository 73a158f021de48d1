package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"
	"go.temporal.io/api/serviceerror"

	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/workflows"
)

func (a *app) orgCommand() *cobra.Command {
	list := &cobra.Command{
		Use: "list", Short: "list the orgs that the configuration names", Example: "  starter org list", Args: flagsOnly,
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
		Use: "status", Short: "show an org's feed and how its reps do", Example: "  starter org status --org acme", Args: flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.orgStatus(cmd) },
	})
	return group("org", "look at orgs", list, status)
}

// orgState is what `org status` prints.
type orgState struct {
	Org   string               `json:"org"`
	Feed  workflows.FeedStatus `json:"feed"`
	Rows  int64                `json:"feed_rows"` // in the log
	Reps  []repState           `json:"reps"`
	Error string               `json:"feed_error,omitempty"`

	Budget budgetState `json:"budget"`
}

func (a *app) orgStatus(cmd *cobra.Command) error {
	ctx := cmd.Context()
	l, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	st := orgState{Org: a.org}
	if st.Error, err = a.askFeed(ctx, l, &st.Feed); err != nil {
		return err
	}
	for _, k := range []record.Kind{record.Contact, record.Event} {
		if f, err := l.store.FeedState(ctx, a.org, k); err == nil {
			st.Rows += f.Last - f.First + 1
		}
	}
	if st.Budget, err = a.budgetState(ctx, l); err != nil {
		return err
	}
	if st.Reps, err = a.repStates(ctx, l); err != nil {
		return err
	}
	return a.print(st, func(w io.Writer) {
		fmt.Fprintf(w, "org %s\nfeed: polled %s, next %s, %s kept", st.Org, when(st.Feed.PollAt), when(st.Feed.NextAt), count(int(st.Rows), "row"))
		if st.Error != "" {
			fmt.Fprintf(w, "\nfeed: %s", st.Error)
		}
		if t := st.Feed.Trouble; t != nil {
			fmt.Fprintf(w, "\nTROUBLE (%s): %s, while this was done: %s\n  %s", t.Class, t.Code, dash(t.Op), t.Remedy)
		}
		fmt.Fprintln(w)
		st.Budget.print(w)
		printReps(w, a.org, st.Reps)
	})
}

// askFeed queries the org's feed; trouble says why it gave no answer. Error: Temporal does not answer.
func (a *app) askFeed(ctx context.Context, l *link, into *workflows.FeedStatus) (trouble string, err error) {
	patient, cancel := context.WithTimeout(ctx, queryPatience)
	defer cancel()
	v, err := l.temporal.QueryWorkflow(patient, workflows.FeedID(a.org), "", workflows.QueryStatus)
	if err == nil {
		err = v.Get(into)
	}
	var (
		never   *serviceerror.NotFound
		foreign *serviceerror.NamespaceNotFound
	)
	switch {
	case err == nil:
		return "", nil
	case errors.As(err, &never):
		return "the feed does not run: start a worker, which starts it", nil
	case errors.As(err, &foreign):
		return "", l.temporalFailure(err)
	case ctx.Err() != nil:
		return "", ctx.Err()
	}
	return "no worker answers for the feed: start one (bin/worker), or look at the log of the one that runs", nil
}
