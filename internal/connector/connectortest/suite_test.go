package connectortest_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/connectortest"
	"github.com/repsync/repsync/internal/record"
)

func TestFakeKeepsEveryPromise(t *testing.T) {
	t.Parallel()
	for name, fresh := range map[string]func() *connectortest.Fake{
		"contacts": func() *connectortest.Fake { return connectortest.NewFake("acme", record.Contact, 3) },
		"events":   func() *connectortest.Fake { return connectortest.NewFake("acme", record.Event, 3) },
		"guarded by id": func() *connectortest.Fake {
			f := connectortest.NewFake("acme", record.Contact, 3)
			f.Guard = connector.GuardID
			return f
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connectortest.Run(t, func(testing.TB) *connectortest.World { return fresh().World() })
		})
	}
}

// caughtBy names, for each bug, the case that must catch it: a bug that is caught by accident only is not covered.
var caughtBy = map[connectortest.Bug]string{
	connectortest.BugAbsenceIsDelete:     "read/left_view_is_no_delete",
	connectortest.BugTokenTooLate:        "read/change_between_pages_is_not_lost",
	connectortest.BugDoublesCreates:      "write/create_repeated_makes_no_double",
	connectortest.BugWipesUnmapped:       "write/unmapped_values_survive",
	connectortest.BugFailuresComeFirst:   "write/one_bad_op_fails_alone",
	connectortest.BugOneFailsAll:         "write/one_refused_create_fails_alone",
	connectortest.BugUnclearIsRetry:      "error/lost_answer_is_unclear",
	connectortest.BugErrorQuotesValue:    "error/carries_no_value",
	connectortest.BugStartsOverInSilence: "read/cursor_lost",
	connectortest.BugVersionStandsStill:  "read/version_moves_and_orders",
	connectortest.BugNeverClears:         "write/clear_a_field",
	connectortest.BugHidesForeignMarker:  "find/foreign_marker_verbatim",
	connectortest.BugGetSkipsUnknown:     "get/each_ref_once",
	connectortest.BugDropsUndecodable:    "read/undecodable_item_goes_to_bad",
	connectortest.BugWritesOverEdits:     "write/person_wrote_since_the_read",
	connectortest.BugIgnoresDeadline:     "error/deadline_is_honoured",
	connectortest.BugForgetsRetryAfter:   "error/busy_names_its_wait",
	connectortest.BugClaimsGreaterLength: "caps/lengths_are_true",
	connectortest.BugHidesPartial:        "series/row_without_details_is_partial",
}

// A suite that passes everybody proves nothing: each broken fake must fail it.
func TestBrokenFakesAreCaught(t *testing.T) {
	t.Parallel()
	for _, bug := range connectortest.Bugs() {
		t.Run(strings.ReplaceAll(string(bug), " ", "_"), func(t *testing.T) {
			t.Parallel()
			var failed []string
			for _, c := range connectortest.Cases() {
				r := &recorder{TB: t}
				r.run(func() { c.Run(r, connectortest.NewBrokenFake("acme", record.Event, 3, bug).World()) })
				if r.Failed() {
					failed = append(failed, c.Name)
				}
				if slices.Contains(failed, caughtBy[bug]) {
					break
				}
			}
			t.Logf("%s: caught by %s", bug, strings.Join(failed, ", "))
			require.Contains(t, failed, caughtBy[bug])
		})
	}
}

// recorder is a testing.TB that keeps a failure to itself.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	failed   bool
	skipped  bool
	said     []string
	cleanups []func()
}

// run runs a test body to its end, be it by FailNow, and its clean-ups.
func (r *recorder) run(body func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for _, f := range slices.Backward(r.cleanups) {
				f()
			}
		}()
		body()
	}()
	<-done
}

func (r *recorder) say(fail bool, s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = r.failed || fail
	r.said = append(r.said, s)
}

func (r *recorder) Failed() bool              { r.mu.Lock(); defer r.mu.Unlock(); return r.failed }
func (r *recorder) Skipped() bool             { r.mu.Lock(); defer r.mu.Unlock(); return r.skipped }
func (r *recorder) Cleanup(f func())          { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Helper()                   {}
func (r *recorder) Log(a ...any)              { r.say(false, fmt.Sprint(a...)) }
func (r *recorder) Logf(f string, a ...any)   { r.say(false, fmt.Sprintf(f, a...)) }
func (r *recorder) Error(a ...any)            { r.say(true, fmt.Sprint(a...)) }
func (r *recorder) Errorf(f string, a ...any) { r.say(true, fmt.Sprintf(f, a...)) }
func (r *recorder) Fail()                     { r.say(true, "") }
func (r *recorder) FailNow()                  { r.say(true, ""); runtime.Goexit() }
func (r *recorder) Fatal(a ...any)            { r.Error(a...); runtime.Goexit() }
func (r *recorder) Fatalf(f string, a ...any) { r.Errorf(f, a...); runtime.Goexit() }
func (r *recorder) Skip(a ...any)             { r.Log(a...); r.SkipNow() }
func (r *recorder) Skipf(f string, a ...any)  { r.Logf(f, a...); r.SkipNow() }
func (r *recorder) SkipNow()                  { r.mu.Lock(); r.skipped = true; r.mu.Unlock(); runtime.Goexit() }
