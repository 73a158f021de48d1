package demo

import (
	"cmp"
	"context"
	_ "embed" // the policy for data of the user's own
	"fmt"
	"maps"
	"os"
	"slices"
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
// these people and meetings, so that what is expected follows from what was loaded (verify.CheckPairs, CheckCalendar).
func (s *stage) ownData(ctx context.Context, c Config) error {
	s.say("\nYour own data: one rep, whose Google account and Salesforce records are what your files hold.")
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
	var r reach
	if c.ICS != "" {
		var err error
		if r, err = s.loadICS(ctx, c.ICS); err != nil {
			return err
		}
	}
	before, err := verify.Read(ctx, s.seenOwn(r))
	if err != nil {
		return err
	}
	s.items = len(before.CRM) + len(before.Books[You.Name]) + 2*len(before.Calendars[You.Name])
	s.say("  in place: %s", s.holdings())

	s.say("\nThe first sync, both ways")
	if err := s.enrol(ctx, policyOfOwn(c, r)); err != nil {
		return err
	}
	o, err := s.settle(ctx)
	if err != nil {
		return err
	}
	if err := s.table(ctx, s.out, o); err != nil {
		return err
	}
	after, err := verify.Read(ctx, s.seenOwn(r))
	if err != nil {
		return err
	}
	parked, err := s.showParked(ctx, after, You.Name)
	if err != nil {
		return err
	}
	diffs := verify.CheckPairs(before, after, You.Name, parked)
	if c.ICS != "" {
		diffs = append(diffs, s.judgeCalendar(before, after, parked, r)...)
	}
	return verdict(s.out, after, diffs, "on your data", "everything is still there, and on both sides or parked")
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

// most is how many lines or names are printed of those with one reason.
const most = 5

// loaded says what came of a file: how much was loaded, and what was not, by reason.
func (s *stage) loaded(path string, n int, noun string, problems []load.Problem, ignored []string) {
	s.say("  %s: %s loaded, %d skipped", path, count(n, noun), len(problems))
	told := map[string]int{}
	for _, p := range problems {
		if told[p.Reason]++; told[p.Reason] <= most {
			s.say("    %s", p)
		}
	}
	s.sayMore(told)
	if len(ignored) > 0 {
		s.say("    columns that do not load: %s", strings.Join(ignored, ", "))
	}
}

// sayMore counts what was not printed, by reason.
func (s *stage) sayMore(told map[string]int) {
	for _, reason := range slices.Sorted(maps.Keys(told)) {
		if more := told[reason] - most; more > 0 {
			s.say("    and %d more: %s", more, reason)
		}
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
	told := map[string]int{}
	for _, p := range parked {
		if told[p.Reason]++; told[p.Reason] <= most {
			s.say("    %s: %s", cmp.Or(name[p.ID], name[verify.Listed(p.ID)], p.ID), p.Reason)
		}
	}
	s.sayMore(told)
	return parked, nil
}
