package main

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/sandbox"
)

// TestNoCredentialIsStored looks through everything in Postgres after a rep has synced: no key, no password and no token of
// either vendor is there, neither plain nor sealed under a name of its own. Sync tokens are, sealed.
func TestNoCredentialIsStored(t *testing.T) {
	t.Parallel()
	who, address := hire(t, "books", "stored", "")
	contact(t, address, "Stored", "stored@client.test")
	starter(t, with("rep add", who, "--mailbox", address)...).wants(exitOK)
	starter(t, with("rep start", who)...).wants(exitOK)
	starter(t, with("sync", who)...).wants(exitOK)

	secrets := map[string]string{
		"the app's secret": sandbox.ConnectedAppSecret, "a password": sandbox.Password, "a key": "PRIVATE KEY",
		"a Google token": "ya29.", "a Salesforce session": bench.stack.Sandbox.Salesforce.OrgID()[:15] + "!AQ",
	}
	for name, path := range map[string]string{"Salesforce's key": bench.stack.Sandbox.SalesforceKeyFile, "the service account": bench.stack.Sandbox.GoogleKeyFile} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		_, body, ok := strings.Cut(string(text), "-----BEGIN PRIVATE KEY-----")
		require.True(t, ok)
		secrets[name] = strings.TrimLeft(body, `\n`+"\n")[:40]
	}

	db, err := pgx.Connect(t.Context(), bench.stack.Info.DatabaseURL)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close(t.Context())) }()
	rows, err := db.Query(t.Context(), `select quote_ident(table_schema) || '.' || quote_ident(table_name) from information_schema.tables
		where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.NotEmpty(t, tables)
	found := 0
	for _, table := range tables {
		rows, err := db.Query(t.Context(), "select t::text from "+table+" t")
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		for _, line := range lines {
			found++
			for name, secret := range secrets {
				require.NotContains(t, line, secret, "%s stands in %s", name, table)
				require.NotContains(t, line, hex.EncodeToString([]byte(secret)), "%s stands in %s as bytes", name, table)
			}
		}
	}
	require.Positive(t, found)
	rows, err = db.Query(t.Context(), `select table_name || '.' || column_name from information_schema.columns where table_schema not in ('pg_catalog', 'information_schema')
		and column_name ~ '(token|secret|password|credential|key_pem)' and column_name not like '%\_sealed'`)
	require.NoError(t, err)
	plain, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Empty(t, plain, "columns that sound like credentials are sealed")
}
