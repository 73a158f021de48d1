package demo

import (
	"context"
	_ "embed" // the policy for data of the user's own
	"fmt"
	"os"
	"strings"

	"github.com/repsync/repsync/internal/demo/load"
	"github.com/repsync/repsync/internal/demo/scenario"
	"github.com/repsync/repsync/internal/demo/verify"
)

// You is the rep whose address book a user's own file becomes.
var You = scenario.Rep{Name: "you", Email: "you@acme.test", FullName: "You Yourself"}

//go:embed own.yaml
var ownPolicy []byte

// ownData loads the user's files into the sandboxes, syncs both ways and has the outcome verified: nothing is known of
// these people, so that what is expected follows from what was loaded (verify.CheckPairs).
func (s *stage) ownData(ctx context.Context, c Config) error {
	s.say("\nYour own data: one rep, whose Google address book and Salesforce records are what your files hold.")
	s.say("Nothing of it leaves this machine: both are sandboxes here.")
	if c.VCF != "" {
		if err := s.loadVCF(ctx, c.VCF); err != nil {
			return err
		}
	}
	if c.CSV != "" {
		if err := s.loadCSV(ctx, c.CSV); err != nil {
			return err
		}
	}
	before, err := verify.Read(ctx, s.seen())
	if err != nil {
		return err
	}
	s.items = len(before.CRM) + len(before.Books[You.Name])
	s.say("  in place: %s", s.holdings())

	s.say("\nThe first sync, both ways")
	if err := s.enrol(ctx, ownPolicy); err != nil {
		return err
	}
	o, err := s.settle(ctx)
	if err != nil {
		return err
	}
	if err := s.table(ctx, s.out, o); err != nil {
		return err
	}
	after, err := verify.Read(ctx, s.seen())
	if err != nil {
		return err
	}
	parked, err := s.showParked(ctx, after, You.Name)
	if err != nil {
		return err
	}
	return verdict(s.out, after, verify.CheckPairs(before, after, You.Name, parked), "on your data")
}

func (s *stage) loadVCF(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open your address book: %w", err)
	}
	defer f.Close()
	people, problems, err := load.VCF(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	n, refused, err := load.IntoBook(ctx, s.book(You.Name), people)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	s.loaded(path, n, "card", append(problems, refused...), nil)
	return nil
}

func (s *stage) loadCSV(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open your Salesforce export: %w", err)
	}
	defer f.Close()
	rows, ignored, problems, err := load.CSV(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	n, refused, err := load.IntoCRM(ctx, s.world.CRM, s.vendors.userID(You.Email), rows)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	s.loaded(path, n, "row", append(problems, refused...), ignored)
	return nil
}

// loaded says what came of a file.
func (s *stage) loaded(path string, n int, noun string, problems []load.Problem, ignored []string) {
	s.say("  %s: %s loaded, %d skipped", path, count(n, noun), len(problems))
	for _, p := range problems {
		s.say("    %s", p)
	}
	if len(ignored) > 0 {
		s.say("    columns that do not load: %s", strings.Join(ignored, ", "))
	}
}

// showParked names the items of a rep that were not written, and why, and returns them.
func (s *stage) showParked(ctx context.Context, after verify.Snapshot, rep string) ([]verify.Parked, error) {
	parked, err := s.office.parked(ctx, scenario.Org, rep)
	if err != nil || len(parked) == 0 {
		return nil, err
	}
	name := map[string]string{}
	for _, it := range after.CRM {
		name[it.ID] = verify.Name(it.Fields) + ", in Salesforce"
	}
	for _, it := range after.Books[rep] {
		name[it.ID] = verify.Name(it.Fields) + ", in " + verify.Book(rep)
	}
	for _, it := range after.Events {
		name[it.ID] = verify.Meet(it.Fields) + ", in Salesforce"
	}
	for _, it := range after.Calendars[rep] {
		name[it.ID] = verify.Meet(it.Fields) + ", in " + verify.Calendar(rep)
	}
	s.say("  parked, which means that each stays on its side until the item or the policy changes:")
	for _, p := range parked {
		s.say("    %s: %s", name[p.ID], p.Reason)
	}
	return parked, nil
}
