package devstack

import (
	"testing"

	"github.com/repsync/repsync/internal/devstack/temporaldev"
)

// ForTest returns a namespace of the test's own on a real Temporal server, which all tests of a binary share; see
// temporaldev.ForTest, which tests that need nothing else of a stack import directly. A test's database comes from
// store/storetest, its vendors from package sandbox.
func ForTest(t testing.TB) *temporaldev.Namespace {
	t.Helper()
	return temporaldev.ForTest(t)
}
