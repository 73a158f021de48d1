package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/repsync/repsync/internal/keyring"
)

// The errors that callers branch on, with errors.Is.
var (
	// ErrNotFound: the org, rep, policy, plan or row that was named is not there.
	ErrNotFound = errors.New("not found")
	// ErrLeaseLost: another holder has taken the mailbox's lease since; whatever was to be written is refused.
	ErrLeaseLost = errors.New("lease lost: its epoch has moved on")
	// ErrConflict: somebody else was first, or the row exists already.
	ErrConflict = errors.New("conflict")
)

// ErrLeaseHeld says that somebody else holds a lease, and until when. It is returned as a value: errors.As into an
// ErrLeaseHeld variable.
type ErrLeaseHeld struct { //nolint:errname // reads as the other sentinels do
	Until time.Time
}

// Error prints until when the lease is held.
func (e ErrLeaseHeld) Error() string {
	return "the lease is held by another worker until " + e.Until.UTC().Format(time.RFC3339)
}

// Codes of an Error that are ours and not Postgres's.
const (
	CodeConnection = "connection" // the server could not be reached, or the connection broke
	CodeCrowded    = "crowded"    // all connections of the store stayed lent for too long
	CodeSealed     = "sealed"     // a sealed column does not open under this keyring
	CodeClient     = "client"     // a row could not be encoded or decoded: a bug
)

// Error is a failure of the database. It prints what was being done and a code; never a value and never Postgres's own
// text, whose DETAIL quotes rows.
type Error struct {
	Op   string // "stage alice", with ids only
	Code string // SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html), or one of the Code constants
	kind error  // ErrNotFound, ErrConflict or nil
}

// Error prints the operation and the code.
func (e *Error) Error() string { return fmt.Sprintf("store: %s: %s", e.Op, e.Code) }

// Unwrap returns ErrConflict for a unique violation and ErrNotFound for a foreign key that is not there.
func (e *Error) Unwrap() error { return e.kind }

// SQLSTATE values that callers branch on. What the others mean to them is their class: see errors_class.go.
const (
	uniqueViolation     = "23505"
	foreignKeyViolation = "23503"
)

var (
	// errNoConnection: the server does not answer, or the store is closed.
	errNoConnection = errors.New("no connection to be had")
	// errCrowded: all connections stayed lent for acquireTimeout.
	errCrowded = errors.New("all connections are lent")
)

// wrap turns whatever pgx returned into an error of this package. Errors of this package and of the context pass
// through with the operation in front.
func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	var (
		own   *Error
		held  ErrLeaseHeld
		state *pgconn.PgError
		conn  *pgconn.ConnectError
		netw  net.Error
	)
	switch {
	case errors.As(err, &own), errors.Is(err, errNotWon):
		return err
	case errors.As(err, &held), errors.Is(err, ErrLeaseLost), errors.Is(err, ErrConflict), errors.Is(err, ErrNotFound),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("store: %s: %w", op, known(err))
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("store: %s: %w", op, ErrNotFound)
	case errors.Is(err, keyring.ErrSealed):
		return &Error{Op: op, Code: CodeSealed}
	case errors.Is(err, errCrowded):
		return &Error{Op: op, Code: CodeCrowded}
	case errors.As(err, &state):
		e := &Error{Op: op, Code: state.Code}
		switch state.Code {
		case uniqueViolation:
			e.kind = ErrConflict
		case foreignKeyViolation:
			e.kind = ErrNotFound
		}
		return e
	case errors.As(err, &conn), errors.As(err, &netw), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, errNoConnection), pgconn.SafeToRetry(err):
		return &Error{Op: op, Code: CodeConnection}
	}
	return &Error{Op: op, Code: CodeClient}
}

// known cuts err down to the error that callers branch on, so that no text from below comes along.
func known(err error) error {
	var held ErrLeaseHeld
	if errors.As(err, &held) {
		return held
	}
	for _, e := range []error{ErrLeaseLost, ErrConflict, ErrNotFound, context.Canceled} {
		if errors.Is(err, e) {
			return e
		}
	}
	return context.DeadlineExceeded
}
