// Package chaos plays stories against the whole engine and has an oracle judge how they end.
//
// A story (package scenario) is played in process: the real workflows in Temporal's test environment, the real stages, the
// real connectors, a real Postgres, and the vendors' sandboxes, on one clock that only the story moves. Nothing runs beside
// anything else; what would be at once happens inside a request or a statement of the other (scenario.Moment), so that a
// seed gives the same run again. The oracle (package oracle) knows the laws and none of the code.
//
//	make chaos SEEDS=200    # as many stories, generated from seeds
//	make chaos SEED=17      # that one again, step by step
package chaos

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/chaos/scenario"
	"github.com/repsync/repsync/internal/devstack/postgres"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/store"
)

// Bench is where stories are played one after the other: a Postgres schema, and one key for all identities.
type Bench struct {
	url    string
	schema string
	dir    string
	key    *rsa.PrivateKey
	db     *pgx.Conn
	tables []string // with rows of a story, the org table first
	own    *postgres.Cluster
}

// NewBench makes a bench in a database, or in a Postgres of its own where url is "".
func NewBench(ctx context.Context, url string, key *rsa.PrivateKey) (made *Bench, err error) {
	b := &Bench{url: url, key: key, schema: "chaos_" + strings.ToLower(rand.Text())}
	defer func() {
		if err != nil {
			b.Close()
		}
	}()
	if b.url == "" {
		if b.own, err = postgres.Start(ctx, postgres.Config{Fast: true}); err != nil {
			return nil, err
		}
		b.url = b.own.URL()
	}
	if b.dir, err = os.MkdirTemp("", "repsync-chaos-"); err != nil {
		return nil, fmt.Errorf("make a bench: %w", err)
	}
	if b.key == nil {
		if b.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			return nil, fmt.Errorf("make a bench: %w", err)
		}
	}
	if b.db, err = pgx.Connect(ctx, b.url); err != nil {
		return nil, fmt.Errorf("make a bench: %w", err)
	}
	ring, err := b.ring(0)
	if err != nil {
		return nil, err
	}
	st, err := store.Open(ctx, b.url, ring, store.Options{Schema: b.schema})
	if err != nil {
		return nil, err
	}
	defer st.Close()
	if err := st.Migrate(ctx); err != nil {
		return nil, err
	}
	rows, err := b.db.Query(ctx, `select tablename::text from pg_tables where schemaname = $1 and tablename not like 'goose%' order by tablename <> 'org', tablename`, b.schema)
	if err != nil {
		return nil, fmt.Errorf("make a bench: %w", err)
	}
	if b.tables, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return nil, fmt.Errorf("make a bench: %w", err)
	}
	for _, t := range b.tables {
		if _, err := b.db.Exec(ctx, fmt.Sprintf(`create unlogged table %s (like %s)`, b.at("backup_"+t), b.at(t))); err != nil {
			return nil, fmt.Errorf("make a bench: %w", err)
		}
	}
	return b, nil
}

// Close drops the schema, and ends the Postgres that is the bench's own.
func (b *Bench) Close() {
	ctx := context.Background()
	if b.db != nil {
		_, _ = b.db.Exec(ctx, `drop schema if exists `+pgx.Identifier{b.schema}.Sanitize()+` cascade`)
		_ = b.db.Close(ctx)
	}
	if b.own != nil {
		_ = b.own.Stop()
	}
	if b.dir != "" {
		_ = os.RemoveAll(b.dir)
	}
}

func (b *Bench) at(table string) string { return pgx.Identifier{b.schema, table}.Sanitize() }

// ringFile is where the keyring of the story at hand lies.
func (b *Bench) ringFile() string { return filepath.Join(b.dir, "keyring.json") }

// ring writes a keyring whose keys come from the seed, since the order of keyed hashes is an order of work, and opens it.
func (b *Bench) ring(seed uint64) (*keyring.Ring, error) {
	key := func(what string) []byte {
		mac := hmac.New(sha256.New, binary.BigEndian.AppendUint64(nil, seed))
		mac.Write([]byte(what))
		return mac.Sum(nil)
	}
	type version struct {
		Version int    `json:"version"`
		Key     []byte `json:"key"`
	}
	text, err := json.Marshal(map[string]any{"seal": []version{{1, key("seal")}}, "hash": []version{{1, key("hash")}}, "lookup": key("lookup")})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(b.ringFile(), text, 0o600); err != nil {
		return nil, fmt.Errorf("write a keyring: %w", err)
	}
	return keyring.Open(b.ringFile())
}

// wipe empties every table, and has every sequence begin anew: a seed gives the same run again.
func (b *Bench) wipe(ctx context.Context) error { return b.truncate(ctx, "restart identity") }

func (b *Bench) truncate(ctx context.Context, identity string) error {
	names := make([]string, len(b.tables))
	for i, t := range b.tables {
		names[i] = b.at(t)
	}
	if _, err := b.db.Exec(ctx, `truncate `+strings.Join(names, ", ")+` `+identity); err != nil {
		return fmt.Errorf("wipe the bench: %w", err)
	}
	return nil
}

// backup copies every table.
func (b *Bench) backup(ctx context.Context) error {
	for _, t := range b.tables {
		if _, err := b.db.Exec(ctx, fmt.Sprintf(`delete from %s; insert into %[1]s select * from %s`, b.at("backup_"+t), b.at(t))); err != nil {
			return fmt.Errorf("back up %s: %w", t, err)
		}
	}
	return nil
}

// recover puts the copies back. Sequences stay where they are, ahead of what was restored: those of a real restore stand
// where the backup had them, which is ahead of it as well.
func (b *Bench) recover(ctx context.Context) error {
	if err := b.truncate(ctx, "continue identity"); err != nil {
		return err
	}
	for _, t := range b.tables {
		if _, err := b.db.Exec(ctx, fmt.Sprintf(`insert into %s overriding system value select * from %s`, b.at(t), b.at("backup_"+t))); err != nil {
			return fmt.Errorf("restore %s: %w", t, err)
		}
	}
	return nil
}

// unsealed lists the tables that hold a value of the story's people as they wrote it. Postgres shows bytes as hexadecimals.
func (b *Bench) unsealed(ctx context.Context, s scenario.Scenario) ([]string, error) {
	var marks, parts []string
	for _, o := range s.Orgs { // with its org, since three bytes come by chance
		marks = append(marks, o.Name+Canary, hex.EncodeToString([]byte(o.Name+Canary)))
	}
	for _, t := range b.tables {
		parts = append(parts, fmt.Sprintf(`select '%s' where exists (select from %s t where t::text ~ $1)`, t, b.at(t)))
	}
	rows, err := b.db.Query(ctx, strings.Join(parts, " union all "), strings.Join(marks, "|"))
	if err != nil {
		return nil, fmt.Errorf("look for values that are not sealed: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
