package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// tamper runs a statement as somebody does who has the database and not the keyring.
func tamper(t *testing.T, statement string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), bench.stack.Info.DatabaseURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), statement, args...)
	require.NoError(t, err)
}

// synced adds a rep with some contacts and runs a pass.
func synced(t *testing.T, org, rep string, emails ...string) (flags []string, address string, ids []string) {
	t.Helper()
	flags, address = hire(t, org, rep, "")
	for _, email := range emails {
		ids = append(ids, contact(t, address, "Family "+rep, email))
	}
	starter(t, with("rep add", flags, "--mailbox", address)...).wants(exitOK)
	starter(t, with("rep start", flags)...).wants(exitOK)
	starter(t, with("sync", flags)...).wants(exitOK)
	return flags, address, ids
}

// TestTheJournalIsVerifiedAndArchived takes one rep's journal through its life: whole, archived, cut back, altered.
func TestTheJournalIsVerifiedAndArchived(t *testing.T) {
	t.Parallel()
	who, _, _ := synced(t, "books", "vera", "one@vera.test", "two@vera.test")
	starter(t, with("rep stop", who)...).wants(exitOK)

	whole := starter(t, with("journal verify --json", who)...).wants(exitOK).list()
	require.Equal(t, []any{"journal", true, true, 1.0, 2.0, 0.0, false, []any{}}, []any{whole[0]["what"], whole[0]["whole"], whole[0]["keyed"], whole[0]["reps"],
		whole[0]["lines"], whole[0]["erased"], whole[0]["partial"], whole[0]["broken"]})
	starter(t, with("journal verify", who)...).wants(exitOK, "the journal is whole: 1 rep, 2 lines")

	plain := starter(t, with("journal export", who)...).wants(exitOK, "2 lines of 1 rep")
	require.NotContains(t, plain.out, "one@vera.test", "no value leaves")
	require.Equal(t, 6, strings.Count(plain.out, "\n"))
	open := starter(t, with("journal export --values", who)...).wants(exitOK, "one@vera.test")
	none := starter(t, with("journal export --since 2100-01-01", who)...).wants(exitOK, "0 lines of 1 rep")
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "archive.jsonl")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	archive := file(open.out)
	starter(t, "journal", "verify", "--file", archive).wants(exitOK, "the archive is whole: 1 rep, 2 lines")
	starter(t, "journal", "verify", "--file", archive, "--no-keyring").wants(exitOK, "checked without a keyring")
	starter(t, "journal", "verify", "--file", file(none.out)).wants(exitOK, "it begins after the first line")
	starterIn(t, t.Context(), plain.out, "journal", "verify", "--file", "-").wants(exitOK, "is whole")
	starter(t, "journal", "verify", "--org", "books", "--file", archive).wants(exitOK, "the archive is whole", "the journal is whole")
	starter(t, "journal", "verify", "--org", "acme", "--file", archive).wants(exitUsage, `the archive is of org "books"`)
	starter(t, "journal", "verify", "--file", file(strings.Replace(open.out, "one@vera.test", "eno@vera.test", 1))).wants(exitFailed, "IS NOT WHOLE", "not those that were written", "docs/journal.md")
	starter(t, "journal", "verify", "--file", file(open.out[:len(open.out)/2])).wants(exitFailed, "not an archive of a journal")
	starter(t, "journal", "verify", "--file", file(open.out[:strings.LastIndex(open.out, `{"record"`)])).wants(exitFailed, "the archive is not whole: records")
	starter(t, "journal", "verify", "--file", "nowhere.jsonl").wants(exitFailed, "nowhere.jsonl: no such file")
	starter(t, "journal", "verify", "--rep", "vera", "--file", archive).wants(exitUsage, "an archive is checked whole")
	starter(t, with("journal export --since yesterday", who)...).wants(exitUsage, `--since "yesterday" is no time`)
	starter(t, "journal", "verify", "--org", "books", "--rep", "nobody").wants(exitNotFound, `no rep "nobody"`)

	tamper(t, `update journal set reason = 'adopted' where org = 'books' and rep = 'vera' and n = 2`)
	bad := starter(t, with("journal verify", who)...).wants(exitFailed, "the journal IS NOT WHOLE", "vera: altered at line #", "the last line that fits is #")
	require.Contains(t, bad.errs, "the journal is not whole")
	tamper(t, `delete from journal where org = 'books' and rep = 'vera'`)
	gone := starter(t, with("journal verify --json", who)...).wants(exitFailed).list()
	require.Equal(t, map[string]any{"org": "books", "rep": "vera", "seq": 0.0, "after": 0.0, "n": 1.0, "fault": "missing", "lines": 2.0, "explain": "2 lines missing at the end"},
		gone[0]["broken"].([]any)[0])
	starter(t, "journal", "verify", "--org", "books", "--file", archive).wants(exitFailed, "vera: 2 lines", "vera: the database does not have the archive's last line")
}
