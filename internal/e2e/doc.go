// Package e2e tests Repsync from outside, as an operator meets it: real worker processes, a real Temporal server driven
// through its own command line and API, a real Postgres, and the vendors' sandboxes. It has no code but tests.
//
// Four promises are held here, over contacts and calendars alike. A worker that is killed at any named point of the write
// protocol loses nothing and doubles nothing (crash_test.go; what is in the calendars then is in calendars_test.go). No
// customer's value reaches Temporal, a log or an unsealed column (canary_test.go). Whatever Temporal's command line can do
// to a workflow works (cli_test.go, trouble_test.go). What one kind is in trouble with leaves the other syncing
// (kinds_test.go).
//
// One Temporal server, one Postgres and one build of the worker serve the whole test binary. Each test has a world of its
// own in them: a namespace, a database, vendors, a configuration file. Tests spend most of their time waiting for
// timeouts of Temporal's (a dead worker is noticed after 30 seconds), so that many run at once, whatever the number of
// cores; -parallel overrides how many.
package e2e
