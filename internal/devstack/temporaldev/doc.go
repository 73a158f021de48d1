// Package temporaldev runs Temporal's development server: one process with frontend, history, matching and Web UI on
// SQLite, from Temporal's own CLI.
//
// Find looks for the CLI and Install builds it where it is missing. Start runs a server until it is stopped, or until
// this process dies. ForTest gives each test a namespace of its own on one server per test binary: a real server, so
// that what integration tests see is what Temporal does, not what a mock of it does.
package temporaldev
