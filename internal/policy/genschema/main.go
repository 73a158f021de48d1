// Command genschema writes the JSON Schema of a policy document to docs/policy.schema.json. It is what
// `go generate ./internal/policy` runs, in the directory of that package.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/repsync/repsync/internal/policy"
)

// target is the schema's file, seen from internal/policy.
const target = "../../docs/policy.schema.json"

func main() {
	if err := write(policy.Schema()); err != nil {
		fmt.Fprintln(os.Stderr, "write the schema:", err)
		os.Exit(1)
	}
}

// write replaces the file. Everybody may read it: it is documentation.
func write(content []byte) error {
	f, err := os.Create(target)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}
