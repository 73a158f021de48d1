package e2e

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/devstack/postgres"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/store"
)

// atOnce is how many tests run at once unless -parallel says otherwise: they wait far more than they work.
const atOnce = "24"

// home is what all tests of the binary share.
var home struct {
	dir     string // removed at the end
	cluster *postgres.Cluster
	key     *rsa.PrivateKey
}

func TestMain(m *testing.M) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		must(flag.Set("test.parallel", atOnce))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	home.dir, err = os.MkdirTemp("", "repsync-e2e-")
	must(err)
	defer os.RemoveAll(home.dir)
	home.key, err = rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	defer func() {
		if home.cluster != nil {
			must(home.cluster.Stop())
		}
	}()
	return m.Run()
}

// must ends the binary: without its servers no test can say anything.
func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
}

// workerBinary builds the worker, once, with the points at which it can be told to die.
var workerBinary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(home.dir, "worker")
	out, err := exec.Command("go", "build", "-tags", "crashpoints", "-o", path, "github.com/repsync/repsync/worker").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the worker: %w\n%s", err, out)
	}
	return path, nil
})

// template is the name of a database that has all tables and no rows: a new world copies it, which is faster than
// migrating.
const template = "repsync_template"

// sharedPostgres starts the cluster of all worlds, once, and returns its URL.
var sharedPostgres = sync.OnceValues(func() (string, error) {
	ctx := context.Background()
	var err error
	if home.cluster, err = postgres.Start(ctx, postgres.Config{Fast: true}); err != nil {
		return "", err
	}
	return home.cluster.URL(), migrated(ctx, home.cluster.URL())
})

// migrated makes the template database of a cluster.
func migrated(ctx context.Context, cluster string) error {
	conn, err := pgx.Connect(ctx, cluster)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "create database "+template); err != nil {
		return err
	}
	ring, err := keyring.Generate(filepath.Join(home.dir, "template-"+rand.Text()+".json"))
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, databaseOf(cluster, template), ring, store.Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Migrate(ctx)
}
