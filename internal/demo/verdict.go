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

// expected is what must be there after an act.
type expected struct {
	today    verify.Today
	kept     map[string]map[string]string   // ids of contacts and entries, see verify.Expect.Kept
	ids      map[string]map[string][]string // ids of events, see verify.IDs
	people   func(kept map[string]map[string]string) (verify.Expect, error)
	meetings func() (verify.Agenda, error)
}

// check compares a snapshot with it.
func (e expected) check(s verify.Snapshot) ([]verify.Difference, error) {
	people, err := e.people(e.kept)
	if err != nil {
		return nil, err
	}
	meetings, err := e.meetings()
	if err != nil {
		return nil, err
	}
	diffs, err := verify.CheckAgenda(s, meetings, e.today, e.ids)
	return append(verify.Check(s, people), diffs...), err
}

// judge reads both sides and compares them with what is expected. It returns what it read. The error is a *Disagreement,
// or says what could not be read.
func judge(ctx context.Context, out io.Writer, w verify.World, e expected, when string) (verify.Snapshot, error) {
	s, err := verify.Read(ctx, w)
	if err != nil {
		return s, fmt.Errorf("verify %s: %w", when, err)
	}
	diffs, err := e.check(s)
	if err != nil {
		return s, err
	}
	return s, verdict(out, s, diffs, when, "every field of every item is as it must be")
}

// verdict prints what agrees and what was looked at, and turns differences into the error.
func verdict(out io.Writer, s verify.Snapshot, diffs []verify.Difference, when, agrees string) error {
	if len(diffs) > 0 {
		return &Disagreement{When: when, Differences: diffs}
	}
	size := func(places map[string][]verify.Item) (n int) {
		for _, items := range places {
			n += len(items)
		}
		return n
	}
	fmt.Fprintf(out, "  ✓ the verifier agrees %s: %s\n", when, agrees)
	fmt.Fprintf(out, "    (it read %s and %s in Salesforce, %d in the recycle bin, %s in %s, %s in %s; %s sent)\n",
		count(len(s.CRM), "contact"), count(len(s.Events), "event"), len(s.Deleted)+len(s.DeletedEvents),
		many(size(s.Books), "entry", "entries"), count(len(s.Books), "address book"),
		count(size(s.Calendars), "event"), count(len(s.Calendars), "calendar"), count(s.Mails, "mail"))
	return nil
}

// many is a number with its noun, whose plural is its own.
func many(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// count is a number with its noun.
func count(n int, noun string) string {
	return many(n, noun, noun+"s")
}
