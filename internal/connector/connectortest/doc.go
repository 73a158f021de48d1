// Package connectortest is the conformance suite that every connector passes, with a fake that passes it too and a dozen
// broken ones that do not.
//
// A connector's own test makes a Harness: a function that gives each sub-test a fresh World, that is a connector and,
// behind its back, a person who creates, edits and deletes items on the same server, and a server that misbehaves on
// demand. Run does the rest:
//
//	func TestConformance(t *testing.T) { connectortest.Run(t, func(t testing.TB) *connectortest.World { … }) }
//
// Every case states one promise of package connector. What a World cannot do (a nil func) skips the cases that need it,
// and says so. The suite is itself tested: each broken fake breaks one promise and must be caught (broken_test.go).
package connectortest
