// Package fuzztest is what fuzz targets share: seeds from files that nobody on this project wrote, a canary that no error
// may quote, and a bound on how long one input may take.
//
// Seeds are read when the tests run, from the folder that REPSYNC_TESTDATA names, by default shared/data beside the
// repository, and are never copied into it; a target has small literal seeds of its own for where there is no such folder.
// docs/testing.md tells how to run the targets and what to do with a finding.
package fuzztest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
)

// Canary stands for a customer's value: targets plant it in their seeds, and no error may print it. It is an address, which
// no vendor's error code and no field's name can be.
const Canary = "zz.canary@zz.test"

// largest is the size in bytes above which a file is no seed: mutating it would teach the fuzzer little and slowly.
const largest = 16 << 10

// Files returns the contents of the files in a folder of the test data, in the order of their names: "ics" and "*.ics".
// Without such a folder, and for files of more than 16 KiB, there are none.
func Files(f *testing.F, folder, pattern string) [][]byte {
	f.Helper()
	root := os.Getenv("REPSYNC_TESTDATA")
	if root == "" {
		_, file, _, _ := runtime.Caller(0)
		root = filepath.Join(filepath.Dir(file), "..", "..", "..", "shared", "data")
	}
	names, err := filepath.Glob(filepath.Join(root, folder, pattern))
	if err != nil {
		f.Fatal(err)
	}
	slices.Sort(names)
	var out [][]byte
	for _, name := range names {
		text, err := os.ReadFile(name) //nolint:gosec // a test reads what its environment names
		if err != nil {
			f.Fatal(err)
		}
		if len(text) <= largest {
			out = append(out, text)
		}
	}
	return out
}

// Within ends the process when what it guards is still running after a while, which the fuzzer takes for a finding; it
// cannot tell by itself that an input is being worked on for ever. Call what it returns when the work is done:
//
//	defer fuzztest.Within(5 * time.Second)()
func Within(limit time.Duration) (done func()) {
	alarm := time.AfterFunc(limit, func() { panic(fmt.Sprintf("one input takes more than %s", limit)) })
	return func() { alarm.Stop() }
}
