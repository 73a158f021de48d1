// Package google is a sandbox that speaks the wire API of Google's sign-in for service accounts and of People v1, so
// that unmodified clients (google.golang.org/api, googleapis for Node, curl) work against it.
//
// A Server is an http.Handler with one sign-in, one set of users and one file per service behind them: people today,
// calendar and mail hang on the same users and tokens. Beside the wire there is a Go API, with which tests and the demo
// act as the people who own the address books (Insert, Update, Delete, Merge, Rename), look at what is really stored
// (All), and make the vendor difficult (SetLag, ExpireSyncTokens, SetPaging, quotas).
//
// # How an address book is kept
//
// A contact is a list of versions, each with a sequence number of its book. A read at a sequence number sees the latest
// version up to it, so that pages of one read agree with each other while people go on editing. The sync feed is the
// same book read at an older sequence number: the latest one that is at least Lag old. That is how the real feed behaves
// ("Writes may have a propagation delay of several minutes for sync requests", people.connections.list), and it may show
// a copy older than what a client has just written.
//
// # What is known and what is from memory
//
// From Google's discovery document and reference pages: methods, parameters, limits, masks, life of sync tokens and
// reason EXPIRED_SYNC_TOKEN, single-valued fields, etags on update, error details of batches, the sign-in's flow and
// errors. From answers that others have published: the wording of most error messages, the form of etags (a request's
// mask and a version, "%EgUBAj0…", and "#…" for a source), of ids (a contact source's id is the resource's number in
// hexadecimal) and of quota errors.
//
// From memory, to be tested against the real service before anyone relies on it: values are trimmed and entries without
// a value are dropped; "text" of a birthday; what is parsed out of an unstructured name, and that structured parts win
// over it; that a merge leaves a tombstone and names the survivor's former resource names; the message for parameters
// that differ from the first call's; that a batch delete with an unknown name deletes nothing. One published report says
// that updates refuse the etag of a list and take only that of a get or a write; the sandbox takes them all.
package google
