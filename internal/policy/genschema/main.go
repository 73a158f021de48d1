// Command genschema writes the JSON Schema of a policy document to the file that its argument names. It is what
// `go generate ./internal/policy` runs.
package main

import (
	"fmt"
	"os"

	"github.com/repsync/repsync/internal/policy"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: genschema FILE")
		os.Exit(2)
	}
	if err := os.WriteFile(os.Args[1], policy.Schema(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "write the schema:", err)
		os.Exit(1)
	}
}
