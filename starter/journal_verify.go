package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/store"
)

func (a *app) journalVerifyCommand() *cobra.Command {
	var file string
	var noKeyring bool
	cmd := &cobra.Command{
		Use: "verify", Short: "find out whether a line of the journal was removed, altered, moved or added",
		Long: "Follows the hash chain of each rep's journal and names the first line that does not fit. With --file it does the same with an archive that `starter journal export` wrote, " +
			"for which neither Postgres nor a configuration is needed; without a keyring it says so and checks what needs no key. With both --org and --file it also looks whether the " +
			"database still has what the archive has. docs/journal.md says what is found by which check.",
		Example: "  starter journal verify --org acme\n  starter journal verify --org acme --rep alice\n  starter journal verify --file acme.jsonl\n  starter journal verify --org acme --file acme.jsonl", Args: flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.rep != "" && (a.org == "" || file != "") {
				return fail(exitUsage, "Give --org with it, and no --file: an archive is checked whole.", "--rep alone does not say whose journal to look through")
			}
			return a.journalVerify(cmd.Context(), file, noKeyring, cmd.InOrStdin())
		},
	}
	cmd.Flags().StringVar(&a.org, "org", "", "the org's name in repsync.yaml")
	cmd.Flags().StringVar(&a.rep, "rep", "", "only this rep")
	cmd.Flags().StringVarP(&file, "file", "f", "", "an archive, - for standard input")
	cmd.Flags().BoolVar(&noKeyring, "no-keyring", false, "check an archive without the keyring, even if there is one")
	cmd.MarkFlagsOneRequired("org", "file")
	return cmd
}

// checkedJournal is what `journal verify` prints about a journal or an archive.
type checkedJournal struct {
	What   string        `json:"what"` // journal | archive
	Whole  bool          `json:"whole"`
	Keyed  bool          `json:"keyed"`
	Reps   int           `json:"reps"`
	Lines  int64         `json:"lines"`
	Erased int64         `json:"erased"`
	Part   bool          `json:"partial"`
	Broken []brokenChain `json:"broken"`
}

type brokenChain struct {
	store.Broken
	Explain string `json:"explain"`
}

func checked(what string, v store.Verified) checkedJournal {
	out := checkedJournal{what, len(v.Broken) == 0, v.Keyed, v.Reps, v.Lines, v.Erased, v.Partial, []brokenChain{}}
	for _, b := range v.Broken {
		out.Broken = append(out.Broken, brokenChain{b, explainFault(b)})
	}
	return out
}

// explainFault says what is wrong and where.
func explainFault(b store.Broken) string {
	where := fmt.Sprintf("at line #%d", b.Seq)
	if b.Seq == 0 {
		where = "at the end"
	}
	switch b.Fault {
	case store.FaultMissing:
		if b.Seq != 0 {
			where = fmt.Sprintf("before line #%d", b.Seq)
		}
		return fmt.Sprintf("%s missing %s", count(int(b.Lines), "line"), where)
	case store.FaultAltered:
		return "altered " + where
	case store.FaultReordered:
		return "out of order " + where
	case store.FaultInserted:
		return "a line that does not belong here, added or moved from elsewhere, " + where
	case store.FaultForged:
		return "tied to the chain without this keyring " + where
	case store.FaultValues:
		return "values that do not open, or are not those that were written, " + where
	case store.FaultEnd:
		return "the end that is stored is not what a worker wrote: lines may be missing"
	case store.FaultRep:
		return "reps were added or taken away behind Repsync's back, maybe with their journals"
	case store.FaultBack:
		return fmt.Sprintf("the database does not have the archive's last line, the rep's %dth: an older backup was restored, or the journal was cut back", b.N)
	case store.FaultCut:
		return "the archive is not whole: records or a rep's section are missing, or do not belong together"
	}
	return string(b.Fault)
}

func (a *app) journalVerify(ctx context.Context, file string, noKeyring bool, in io.Reader) error {
	var all []checkedJournal
	var archive store.Verified
	if file != "" {
		ring, err := archiveRing(noKeyring)
		if err != nil {
			return err
		}
		if archive, err = verifyFile(file, ring, in); err != nil {
			return err
		}
		all = append(all, checked("archive", archive))
	}
	if a.org != "" {
		v, err := a.verifyStored(ctx, archive.Ends)
		if err != nil {
			return err
		}
		all = append(all, checked("journal", v))
	}
	if err := a.print(all, func(w io.Writer) {
		for _, c := range all {
			c.text(w)
		}
	}); err != nil {
		return err
	}
	for _, c := range all {
		if !c.Whole {
			return fail(exitFailed, "docs/journal.md says what each finding can mean and what to do.", "the %s is not whole", c.What)
		}
	}
	return nil
}

func (a *app) verifyStored(ctx context.Context, ends []store.End) (store.Verified, error) {
	l, err := a.openStore(ctx)
	if err != nil {
		return store.Verified{}, err
	}
	defer l.Close()
	if a.rep != "" {
		if _, err := a.theRep(ctx, l); err != nil {
			return store.Verified{}, err
		}
	}
	for _, e := range ends {
		if e.Org != a.org {
			return store.Verified{}, fail(exitUsage, "Give that org, or check the archive without --org.", "the archive is of org %q", e.Org)
		}
	}
	v, err := l.store.VerifyJournal(ctx, a.org, a.rep)
	if err != nil {
		return v, storeFailure(err)
	}
	behind, err := l.store.BehindArchive(ctx, ends)
	if err != nil {
		return v, storeFailure(err)
	}
	v.Broken = append(v.Broken, behind...)
	return v, nil
}

func (c checkedJournal) text(w io.Writer) {
	verb := "is whole"
	if !c.Whole {
		verb = "IS NOT WHOLE"
	}
	fmt.Fprintf(w, "the %s %s: %s, %s", c.What, verb, count(c.Reps, "rep"), count(int(c.Lines), "line"))
	if c.Erased > 0 {
		fmt.Fprintf(w, ", %d of them with erased values", c.Erased)
	}
	fmt.Fprintln(w)
	for _, b := range c.Broken {
		fmt.Fprintf(w, "  %s: %s\n", cmp.Or(b.Rep, "org "+b.Org), b.Explain)
		if b.After > 0 {
			fmt.Fprintf(w, "    the last line that fits is #%d\n", b.After)
		}
	}
	if c.Part {
		fmt.Fprintln(w, "  it begins after the first line of some rep; what came before was not looked at")
	}
	if !c.Keyed {
		fmt.Fprintln(w, "  checked without a keyring: a chain that somebody made wholly anew, and values that came along, are not told apart from the real ones")
	}
}

// archiveRing is the keyring that the environment names, nil when it names none.
func archiveRing(without bool) (*keyring.Ring, error) {
	if without {
		return nil, nil
	}
	path := os.Getenv(config.VarKeyring)
	if path == "" {
		env, err := config.FromEnv()
		if err != nil { // nothing is configured here: an archive may be looked at anywhere
			return nil, nil //nolint:nilerr // see above
		}
		path = env.Keyring
	}
	ring, err := keyring.Open(path)
	if err != nil {
		return nil, fail(exitFailed, "Set REPSYNC_KEYRING to the keyring of the org's workers, or give --no-keyring.", "%s", err)
	}
	return ring, nil
}

func verifyFile(file string, ring *keyring.Ring, in io.Reader) (store.Verified, error) {
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return store.Verified{}, fail(exitFailed, "Give the path of an archive that `starter journal export` wrote.", "%s", err)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	v, err := store.VerifyArchive(bufio.NewReaderSize(in, 1<<20), ring)
	if errors.Is(err, store.ErrNoArchive) {
		return v, fail(exitFailed, "Give a file that `starter journal export` wrote, unpacked.", "%s", err)
	}
	return v, err
}

func (a *app) journalExportCommand() *cobra.Command {
	var since string
	var values bool
	cmd := a.orgFlag(&cobra.Command{
		Use: "export", Short: "write the journal as JSON Lines, for an archive",
		Long: "Writes the journal to standard output, one JSON object in each line, with the chain by which `starter journal verify --file` checks it later. Without --values no customer's value leaves. " +
			"docs/journal.md describes the records. An export that was interrupted has no closing record, which verify tells.",
		Example: "  starter journal export --org acme\n  starter journal export --org acme --rep alice --since 2026-03-01\n  starter journal export --org acme --values", Args: flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from, err := parseSince(since)
			if err != nil {
				return err
			}
			return a.journalExport(cmd.Context(), store.Export{Rep: a.rep, Since: from, Values: values})
		},
	})
	cmd.Flags().StringVar(&a.rep, "rep", "", "only this rep")
	cmd.Flags().StringVar(&since, "since", "", "of each rep, from its first line at or after this time: 2026-03-01 (UTC) or 2026-03-01T09:00:00Z")
	cmd.Flags().BoolVar(&values, "values", false, "with customers' values, opened; keep such an archive as safe as the keyring")
	return cmd
}

func parseSince(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fail(exitUsage, "Give a day such as 2026-03-01, or a time such as 2026-03-01T09:00:00Z.", "--since %q is no time", text)
}

func (a *app) journalExport(ctx context.Context, in store.Export) error {
	l, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	if a.rep != "" {
		if _, err := a.theRep(ctx, l); err != nil {
			return err
		}
	}
	a.onInterrupt = "The archive is incomplete; verify tells so."
	out := bufio.NewWriterSize(a.out, 1<<16)
	got, err := l.store.ExportJournal(ctx, a.org, in, out)
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		var e *store.Error
		if errors.As(err, &e) || ctx.Err() != nil {
			return storeFailure(err)
		}
		return fail(exitFailed, "Export again: what was written is incomplete.", "%s", err)
	}
	a.warn("%s of %s", count(int(got.Lines), "line"), count(got.Reps, "rep"))
	return nil
}
