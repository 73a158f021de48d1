// Package store is Repsync's memory in Postgres: reps and policies, cursors and staged observations, links with their
// bases, claims, intents, parked items, verdicts, the journal and the org's feed.
//
// Every key starts with the org, so that no query can reach from one org into another. A column with a customer's value
// is sealed by a keyring.Ring before it leaves this package and opened on the way back: callers hand over and get plain
// structs. What stays readable in the database are ids, times, tags, codes, reasons and keyed hashes.
//
// Three habits hold everywhere:
//
//   - Every write is idempotent. Activities are retried by Temporal at any moment, so a batch that is sent again leaves
//     the same rows as one that is sent once.
//   - A write on behalf of a rep carries the epoch that Acquire gave. The transaction reads the rep's row under a lock
//     first; an epoch that moved on is ErrLeaseLost and nothing is written. So a worker that was thought dead cannot
//     write beside its successor.
//   - A call handles a batch in a fixed number of statements (unnest), never one by one.
//
// Errors never carry a row's value or the text that Postgres sent, since its DETAIL quotes rows; see Error.
package store
