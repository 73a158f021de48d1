// Package devstack runs everything that Repsync needs on one machine, for `make dev`, `make demo` and tests: Temporal's
// development server, a private Postgres, the sandbox that speaks the vendors' APIs, a keyring, and worker processes.
//
// A stack lives in one directory, .repsync by default, which holds its data, logs, credentials and two files that it
// writes at each start: repsync.yaml, and env.json, in which processes started beside it find their way (package
// config). While it runs it holds a lock on the file "lock"; a second stack on the same directory is refused, and what
// a crashed one left is recognised by the lock being free, and replaced. Data survives a restart unless Fresh says
// otherwise. The sandbox keeps nothing: a stack that starts on old data has links to items that are gone, and a pass holds
// (guard.empty_side) until they are there again. Whoever fills the sandbox anew wants Fresh.
//
// Everything listens on 127.0.0.1 only. Ports that are taken give way to the next free ones. Servers never outlive the
// process that started them, however it ends (package proc).
package devstack
