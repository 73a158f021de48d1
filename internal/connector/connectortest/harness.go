package connectortest

import (
	"testing"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// Harness makes a fresh World.
type Harness func(t testing.TB) *World

// World is one side, seen from both ends: the connector, and the people and the server behind it. The funcs marked
// optional may be nil.
type World struct {
	Connector connector.Connector
	Kind      record.Kind
	Org       string // our org's name, as the connector was told
	Owner     string // Query.Owner and Op.Owner; "" for a mailbox
	PageSize  int    // the connector reads pages of at most this many; small, so that few items make pages

	// Record is the n-th of any number of good records that differ in every value; it has Text, and FieldEmail for contacts.
	Record func(n int) record.Fields
	// Text is a writable text field that no vendor treats specially.
	Text string
	// Samples are values to write into fields whose caps say Write; fields without a sample are not tried.
	Samples record.Fields
	// Refused (optional) is a record that the server refuses, quoting the canary in its message.
	Refused func(canary string) record.Fields

	// What a person does, behind the connector's back.
	Create func(t testing.TB, f record.Fields) (id string)
	Edit   func(t testing.TB, id string, f record.Fields)
	Delete func(t testing.TB, id string)
	Living func(t testing.TB) int // how many items the server has now
	// Hide (optional) takes an item out of the connector's sight without deleting it.
	Hide func(t testing.TB, id string)
	// Restore (optional) brings a deleted item back under its id.
	Restore func(t testing.TB, id string)
	// Merge (optional) joins loser into winner.
	Merge func(t testing.TB, winner, loser string)
	// Mark puts a marker on an item, verbatim.
	Mark func(t testing.TB, id, marker string)
	// Break (optional) makes an item undecodable from now on.
	Break func(t testing.TB, id string)
	// Unmapped (optional) puts values on an item that the connector does not map, and returns the check that they stand.
	Unmapped func(t testing.TB, id string) (check func(t testing.TB))
	// MissingID is a well-formed id that no item ever had.
	MissingID string
	// AbsenceProves says that a Get of MissingID is a proof of deletion (a 404 by id), and not only absence.
	AbsenceProves bool

	// What the server does.
	ExpireCursors func(t testing.TB)
	// Settle lets the vendor's lag pass, so that every feed and list shows every write.
	Settle func(t testing.TB)
	// LoseAnswer makes the server do the next write and drop the connection instead of answering. optional
	LoseAnswer func(t testing.TB)
	// Busy makes the server answer the next request with "slow down" and a Retry-After of seven seconds. optional
	Busy func(t testing.TB)
	// Hang makes the server hold every request until the returned func is called. optional
	Hang func(t testing.TB) (release func())

	// FullReads says that the server's tokens may be of no use: then a token is CursorLost, and the suite does what a caller
	// does: it reads everything, compares, and looks up by id what is absent.
	FullReads bool

	// Series (optional) is for kinds that repeat and have a window.
	Series *Series

	shown map[string]map[connector.Ref]connector.Version // by token: what was there up to it
}

// Series is what a person does with series and time.
type Series struct {
	// Window is one in which every item of Record lies.
	Window Window
	// Outside is Window, moved so far that no item of Record lies in it.
	Outside Window
	// CreateSeries makes a series of several occurrences inside Window and returns the master's id.
	CreateSeries func(t testing.TB) (id string)
	// MoveOne edits one occurrence's Text, which makes an exception, and returns its ref.
	MoveOne func(t testing.TB, id string, text string) connector.Ref
	// CancelOne deletes one occurrence and returns its ref.
	CancelOne func(t testing.TB, id string) connector.Ref
	// Orphan (optional) makes the feed show an exception without details, as vendors may, and returns its ref.
	Orphan func(t testing.TB, id string) connector.Ref
}
