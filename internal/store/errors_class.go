package store

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Class says what an error of the database means to whoever runs Repsync, and what becomes of the call that met it. Classes
// are decided here and nowhere else.
type Class string

// The classes.
const (
	// Contended: Postgres rolled the transaction back whole in favour of another one, a deadlock or a serialization
	// failure. The store runs the transaction again by itself; callers meet this class only after it has lost often.
	Contended Class = "contended"
	// Full: the disk, the memory or another resource of the server is used up. Nothing was written; it works again as soon
	// as there is room.
	Full Class = "full"
	// Crowded: the server or this role has no connection to spare, or all of this store's own stayed lent.
	Crowded Class = "crowded"
	// Away: the server cannot be reached, is starting or stopping, or is not the primary (any more).
	Away Class = "away"
	// Refused: the credentials or the rights of DATABASE_URL do not do; somebody has to put them right.
	Refused Class = "refused"
	// Faulty: anything else, which trying again does not help: a bug, a schema of another build, a wrong keyring.
	Faulty Class = "faulty"
)

// classes are the beginnings of SQLSTATEs (and our own codes) and what they mean; the longest that fits counts.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
var classes = map[string]Class{
	"40":           Contended, // transaction rollback: 40001 serialization failure, 40P01 deadlock
	"40003":        Away,      // statement completion unknown: as with a connection that broke, the caller looks first
	"55P03":        Contended, // lock not available: a lock_timeout that an admin set
	"53":           Full,      // 53100 disk, 53200 memory, 53400 a limit of the configuration
	"58":           Full,      // 58030 an I/O error, 58P01 a file that is not there: the disk, not us
	"53300":        Crowded,   // too many connections
	CodeCrowded:    Crowded,
	"08":           Away, // connection exceptions
	"57P":          Away, // operator intervention: 57P01 admin shutdown, 57P02 crash, 57P03 cannot connect now, 57P05 idle timeout
	"57014":        Away, // a statement_timeout or pg_cancel_backend
	readOnly:       Away,
	"25P03":        Away, // idle in transaction too long: the worker was stopped in the middle
	CodeConnection: Away,
	"28":           Refused, // invalid authorization
	"3D000":        Refused, // no such database
	"42501":        Refused, // insufficient privilege
}

// readOnly is what a standby answers to a write, or a primary that was told to take no more.
const readOnly = "25006"

// Class returns what the error means.
func (e *Error) Class() Class { return classOfCode(e.Code) }

func classOfCode(code string) Class {
	for n := len(code); n >= 2; n-- {
		if c, ok := classes[code[:n]]; ok {
			return c
		}
	}
	return Faulty
}

// Remedy tells an operator what to do, in one or two sentences.
func (e *Error) Remedy() string { return remedies[e.Class()] }

var remedies = map[Class]string{
	Contended: "Other sessions keep rolling this transaction back: look for long transactions in pg_stat_activity. Repsync tries again by itself.",
	Full:      "Postgres has no room left (disk, memory or a limit): make some. Nothing is lost, and Repsync goes on by itself.",
	Crowded:   "Postgres has no connection to spare: raise max_connections, or lower pool_max_conns in DATABASE_URL. Repsync tries again by itself.",
	Away:      "Postgres does not answer, or is not the primary: check it and DATABASE_URL. Repsync goes on by itself once it is back.",
	Refused:   "Postgres refuses the user, the password or the database of DATABASE_URL: put them right.",
	Faulty:    "Check Postgres and DATABASE_URL, and report it with the code.",
}

// Transient reports whether trying again later may help without anybody's doing anything about Repsync: see Class.
// ErrLeaseHeld is transient too, ErrLeaseLost is not.
func Transient(err error) bool {
	var held ErrLeaseHeld
	if errors.As(err, &held) {
		return true
	}
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Class() {
	case Contended, Full, Crowded, Away:
		return true
	default:
		return false
	}
}

// stateOf is the SQLSTATE that Postgres answered with, "" for any other error.
func stateOf(err error) string {
	var state *pgconn.PgError
	if errors.As(err, &state) {
		return state.Code
	}
	return ""
}

// rolledBack reports whether Postgres took a transaction back whole so that another could go on: to run it again is what the
// manual asks for (https://www.postgresql.org/docs/current/mvcc-serialization-failure-handling.html).
func rolledBack(err error) bool {
	code := stateOf(err)
	return strings.HasPrefix(code, "40") && classOfCode(code) == Contended
}
