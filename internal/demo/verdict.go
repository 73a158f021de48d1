package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/repsync/repsync/internal/demo/verify"
)

// Disagreement is the error of Run when the verifier found something else than what must be there.
type Disagreement struct {
	When        string // "after the first sync"
	Differences []verify.Difference
}

// Error lists every difference on a line of its own.
func (d *Disagreement) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the verifier disagrees %s: %s", d.When, count(len(d.Differences), "difference"))
	for _, diff := range d.Differences {
		b.WriteString("\n  " + diff.String())
	}
	return b.String()
}

// ExitCode is what the process of a demo ends with: 0 when Run's error is nil, which takes the verifier's agreement, else 1.
func ExitCode(err error) int {
	if err == nil {
		return 0
	}
	return 1
}

// disagrees tells a verifier's disagreement from a demo that could not be played.
func disagrees(err error) bool {
	var d *Disagreement
	return errors.As(err, &d)
}

// judge reads both sides and compares them with what is expected. The error is a *Disagreement, or says what could not be
// read.
func judge(ctx context.Context, out io.Writer, w verify.World, e verify.Expect, when string) error {
	s, err := verify.Read(ctx, w)
	if err != nil {
		return fmt.Errorf("verify %s: %w", when, err)
	}
	return verdict(out, s, verify.Check(s, e), when)
}

// verdict prints what was looked at and turns differences into the error.
func verdict(out io.Writer, s verify.Snapshot, diffs []verify.Difference, when string) error {
	entries := 0
	for _, book := range s.Books {
		entries += len(book)
	}
	looked := fmt.Sprintf("%s in Salesforce, %s in the recycle bin, %s in %s, %s sent", count(len(s.CRM), "contact"),
		fmt.Sprint(len(s.Deleted)), fmt.Sprintf("%d entries", entries), count(len(s.Books), "address book"), count(s.Mails, "mail"))
	if len(diffs) > 0 {
		return &Disagreement{When: when, Differences: diffs}
	}
	fmt.Fprintf(out, "  ✓ the verifier agrees %s: every field of every item is as it must be\n    (it read %s)\n", when, looked)
	return nil
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
