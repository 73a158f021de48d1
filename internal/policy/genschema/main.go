// Command genschema writes the JSON Schema of a policy document to the file that its argument names. It is what
// `go generate ./internal/policy` runs.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/repsync/repsync/internal/policy"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: genschema FILE")
		os.Exit(2)
	}
	if err := write(os.Args[1], policy.Schema()); err != nil {
		fmt.Fprintln(os.Stderr, "write the schema:", err)
		os.Exit(1)
	}
}

// write replaces a file that everybody may read: it is documentation.
func write(path string, content []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}
