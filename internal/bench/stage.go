package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/devstack/stage"
)

// bed is what the rows share: the stage, and whose CPU is measured.
type bed struct {
	*stage.Stage
	profile string // directory for profiles, "" for none
	server  int    // process id of Postgres
	worlds  int
}

// newBed makes a bed. With a directory for profiles the worker is built with the tag profile and writes them there.
func newBed(ctx context.Context, profile string) (b *bed, err error) {
	var tags []string
	b = &bed{}
	if profile != "" {
		if b.profile, err = filepath.Abs(profile); err != nil {
			return nil, err
		}
		if err := os.MkdirAll(b.profile, 0o755); err != nil { //nolint:gosec // whoever looks at profiles
			return nil, err
		}
		tags = []string{"profile"}
	}
	if b.Stage, err = stage.New(ctx, tags...); err != nil {
		return nil, err
	}
	if err := b.findServer(ctx); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// findServer finds the process id of Postgres: the parent of every connection's.
func (s *bed) findServer(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.Cluster.URL())
	if err != nil {
		return fmt.Errorf("reach Postgres: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var backend int
	if err := conn.QueryRow(ctx, `select pg_backend_pid()`).Scan(&backend); err != nil {
		return fmt.Errorf("ask Postgres for its process: %w", err)
	}
	s.server, err = parentOf(backend)
	return err
}
