package fidelity

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Main runs the tests of a connector's package, and holds the page against the requests that they noted. It returns the exit
// code for TestMain.
func Main(m *testing.M, vendor string, r *Recorder) int {
	code := m.Run()
	if code != 0 {
		return code
	}
	rows, err := page(vendor)
	if rows != nil {
		err = errors.Join(err, r.Check(rows, allRan()), known(rows))
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "docs/fidelity.md, %s%s:\n%s\n", vendor, sends, err)
		return 1
	}
	return 0
}

// allRan reports whether no flag left tests out.
func allRan() bool {
	for _, name := range []string{"test.run", "test.skip", "test.fuzz", "test.list"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return !testing.Short()
}

var function = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// known reports the tests that rows name and that no package of ours has.
func known(rows []Row) error {
	have := map[string]bool{}
	ours := os.DirFS(filepath.Join(root(), "internal"))
	err := fs.WalkDir(ours, ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(ours, path)
		for _, f := range function.FindAllSubmatch(text, -1) {
			have[string(f[1])] = true
		}
		return err
	})
	errs := []error{err}
	for _, row := range rows {
		for _, test := range row.Tests {
			if !have[test] {
				errs = append(errs, fmt.Errorf("row %s: there is no %s", row.Name, test))
			}
		}
	}
	return errors.Join(errs...)
}
