// Package google is a sandbox that speaks the wire API of Google's sign-in for service accounts, of People v1 and of
// Calendar v3, so that unmodified clients (google.golang.org/api, googleapis for Node, curl) work against it.
//
// A Server is an http.Handler with one sign-in, one set of users and their services: address books under /v1/, calendars
// under /calendar/v3/, with batches under /batch/calendar/v3. Beside the wire there is a Go API, with which tests and the demo
// act as the people who own the address books (Insert, Update, Delete, Merge, Rename), look at what is really stored
// (All), and make the vendor difficult (SetLag, ExpireSyncTokens, SetPaging, quotas). Of calendars, Server.Calendar is the
// person in front of the screen; SplitSeries, Invite and Withdraw do what no call of the API does.
//
// # How an address book is kept
//
// A contact is a list of versions, each with a sequence number of its book. A read at a sequence number sees the latest
// version up to it, so that pages of one read agree with each other while people go on editing. The sync feed is the
// same book read at an older sequence number: the latest one that is at least Lag old. That is how the real feed behaves
// ("Writes may have a propagation delay of several minutes for sync requests", people.connections.list), and it may show
// a copy older than what a client has just written.
//
// # How calendars are kept
//
// Calendars keep versions in the same way, as JSON. A series is its master; an occurrence has no state of its own until
// somebody changes or deletes it, and then is an exception, which the series keeps while its recurrence has a place for it.
// A meeting is one event in the organiser's calendar and one of the same id in that of every guest who has a mailbox here.
// The organiser's change carries the fields that it changed into all copies; a guest's carries the answer back. Mail that
// the vendor would send goes to Config.Mail, for calls that ask for it with sendUpdates and for no others.
//
// # What is known and what is from memory
//
// From Google's discovery document and reference pages: methods, parameters, limits, masks, life of sync tokens and
// reason EXPIRED_SYNC_TOKEN, single-valued fields, etags on update, error details of batches, the sign-in's flow and
// errors. From answers that others have published: the wording of most error messages, the form of etags (a request's
// mask and a version, "%EgUBAj0…", and "#…" for a source), of ids (a contact source's id is the resource's number in
// hexadecimal) and of quota errors.
//
// Of calendars, from Google's reference and guides: parameters, what a sync token excludes, 410 for it and for what is
// deleted, 409 for an id that was ever used, 412, limits of extended properties and batches, what of deleted events is
// shown, semantics of patch and update, that copies of guests are their own, who may change what. From published answers:
// the form of etags, of ids of occurrences, of imported events (the UID in base32hex) and of series that were cut off
// (_R and the start in UTC, while occurrences keep the old prefix), and that times come with the offset of the reader's
// zone.
//
// Of calendars, from memory: reasons of refusals that the guide "Handle API errors" does not list; that the first start
// belongs to a series whether or not its rule gives it; that rules under a day are refused; that a patch of a deleted event
// changes it and leaves it deleted; that parameters which differ from those of the sync token are refused (they are "undefined
// behavior"); that times alone raise the sequence; how many guests are too many; how far a read without an end looks ahead.
// Differing from the real service on purpose: answers of guests stay when a meeting is moved, calendarList has no sync
// token, push channels reach this machine only, conferences are kept as sent, and the sync feed of calendars lags by SetLag too.
//
// From memory, to be tested against the real service before anyone relies on it: values are trimmed and entries without
// a value are dropped; "text" of a birthday; what is parsed out of an unstructured name, and that structured parts win
// over it; that a merge leaves a tombstone and names the survivor's former resource names; the message for parameters
// that differ from the first call's; that a batch delete with an unknown name deletes nothing. One published report says
// that updates refuse the etag of a list and take only that of a get or a write; the sandbox takes them all.
package google
