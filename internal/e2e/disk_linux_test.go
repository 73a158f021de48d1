//go:build endure

package e2e

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// disk is a small file system of a test's own.
type disk struct {
	t    *testing.T
	path string
}

// newDisk mounts one in memory. Only root may; elsewhere the test says so and leaves it to the stand-in.
func newDisk(t *testing.T, size string) *disk {
	t.Helper()
	d := &disk{t: t, path: openDir(t)}
	if err := syscall.Mount("tmpfs", d.path, "tmpfs", 0, "mode=755,size="+size); err != nil {
		t.Skipf("a disk cannot be mounted here (%v): that it fills up is only stood in for", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(d.path, syscall.MNT_DETACH)) })
	return d
}

func (d *disk) ballast() string { return filepath.Join(d.path, "ballast") }

// fill writes a file until there is no room left.
func (d *disk) fill() {
	d.t.Helper()
	f, err := os.Create(d.ballast())
	require.NoError(d.t, err)
	defer f.Close()
	_, err = io.Copy(f, zeros{})
	require.ErrorIs(d.t, err, syscall.ENOSPC)
}

// clear removes it.
func (d *disk) clear() {
	d.t.Helper()
	require.NoError(d.t, os.Remove(d.ballast()))
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestDiskFull fills the disk that Postgres keeps its tables or its log on, for real, and makes room again.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	t.Run("tables", func(t *testing.T) { // Postgres answers 53100, disk full, and lives
		t.Parallel()
		d := newDisk(t, "40m")
		db := ownPostgres(t, "")
		info, err := os.Stat(db.file("data"))
		require.NoError(t, err)
		owner, ok := info.Sys().(*syscall.Stat_t)
		require.True(t, ok)
		space := filepath.Join(d.path, "space")
		require.NoError(t, os.Mkdir(space, 0o700))
		require.NoError(t, os.Chown(space, int(owner.Uid), int(owner.Gid)))
		db.must(`create tablespace small location '` + space + `'`)
		w := newWorld(t, options{postgres: db.URL(), tablespace: "small"})
		w.policy("")
		people(w)
		w.throughTrouble(d.fill, d.clear, "53100")
	})
	t.Run("log", func(t *testing.T) { // Postgres panics, and starts again when there is room
		t.Parallel()
		d := newDisk(t, "144m")
		db := ownPostgres(t, d.path)
		w := newWorld(t, options{postgres: db.URL()})
		w.policy("")
		people(w)
		w.throughTrouble(func() {
			d.fill()
			for i := 0; db.run(`select pg_switch_wal()`) == nil && db.run(fmt.Sprintf(`create table full_%d (x int)`, i)) == nil; i++ {
			}
			t.Log("Postgres cannot write its log any more")
		}, func() {
			d.clear()
			if err := db.run(`select 1`); err != nil {
				t.Logf("Postgres is down (%v) and is started again", err)
				_ = db.Stop()
				db.start()
			}
		})
	})
}

// TestDiskFullStandIn has Postgres answer every write with the code of a full disk, 53100, where none can be filled.
func TestDiskFullStandIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.policy("")
	people(w)
	conn, err := pgx.Connect(t.Context(), w.database)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	exec := func(sql string) {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
	exec(`create function full_disk() returns trigger language plpgsql as $$ begin raise exception 'full' using errcode = '53100'; end $$`)
	rows, err := conn.Query(t.Context(), `select tablename::text from pg_tables where schemaname = 'public'`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	each := func(sql string) func() {
		return func() {
			var all []string
			for _, table := range tables {
				all = append(all, fmt.Sprintf(sql, table))
			}
			exec(strings.Join(all, ";"))
		}
	}
	w.throughTrouble(each(`create trigger full_disk before insert or update or delete on %s execute function full_disk()`), each(`drop trigger full_disk on %s`), "53100")
}
