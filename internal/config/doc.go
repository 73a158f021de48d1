// Package config reads where things are: repsync.yaml (vendors' base URLs and credentials, per org) and the process
// environment (database, keyring, Temporal).
//
// What happens to items is said by policies (package policy), not here, and reps live in the store. A document is read
// strictly: an unknown key, a wrong type or a missing value is an *Error with the line, the key and the remedy, and all
// such errors of a document are reported at once. Secrets are never written in the document itself: it names files.
//
// Connectors turns a Config into connectors, each built when it is first asked for and kept from then on. It is the
// only place that knows which constructor belongs to which connector name.
//
// FromEnv reads the environment. What the environment does not say is taken from .repsync/env.json, the file that a
// running development stack (package devstack) keeps in the current directory, so that `starter` works beside it
// without any setting.
package config
