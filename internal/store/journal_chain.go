package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/keyring"
)

// Each rep's journal is a hash chain. A line has
//
//	digest  keyed, over what the line says with its values: the same line is not written twice
//	sum     sha-256 of its sealed values, nothing without any
//	chain   sha-256 over all of its columns, digest, sum and its predecessor's chain: whoever has the lines can follow it
//	mac     keyed, over chain and over the head as it stood when the line was written
//
// and the rep's row has the head: keyed, over how many lines there are and the last one's chain. It moves in the same
// transaction. So the chain alone finds what was altered, lost or moved by accident; mac and head, which nobody makes without
// the keyring, find a chain that somebody wrote anew and lines that were cut off at the end. An end that was tampered with
// before the next line is written is covered by that line's mac, and found later all the same.
//
// The chain covers the sealed values and not the plain ones, nor the salt that opens them: destroying that leaves it whole.
// docs/journal.md has the formulas, for readers of an archive.

const chainFormat = "repsync-journal-1"

// Purposes of keyed hashes (keyring.Ring.Lookup); a kind of items has no slash.
const (
	macDigest  = "journal/digest"
	macLine    = "journal/line"
	macHead    = "journal/head"
	macRoster  = "journal/roster"
	macArchive = "journal/archive"
)

// chained is a line with what ties it to its neighbours.
type chained struct {
	Line
	N          int64 // it is the rep's n-th line, from 1
	Digest     []byte
	Sum        []byte // nil without sealed values
	Chain, MAC []byte
	State      valuesState
}

// valuesState says what Line.Values of a chained line tells.
type valuesState int

const (
	valuesOpen    valuesState = iota // all there are: they were opened, or there are none
	valuesKept                       // there are some, and they were not looked at
	valuesErased                     // there were some, and their salt is destroyed
	valuesDamaged                    // they do not open
)

// parts joins strings so that no two lists of them look alike: each is preceded by its length in bytes and a colon.
func parts(list ...string) string {
	var out []byte
	for _, p := range list {
		out = strconv.AppendInt(out, int64(len(p)), 10)
		out = append(out, ':')
		out = append(out, p...)
	}
	return string(out)
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func sumOf(box []byte) []byte {
	if box == nil {
		return nil
	}
	sum := sha256.Sum256(box)
	return sum[:]
}

// said are the columns of what a line says, in the order in which hashes cover them.
func (l Line) said() []string {
	return []string{number(l.Pass), number(l.Revision), string(l.Kind), string(l.Side), l.ID, l.LinkID, l.Action, l.Field, l.Rule,
		l.Code, string(l.Reason)}
}

// digest is the same for the same line written again, whenever that is. It covers values and is keyed, therefore.
func digest(ring *keyring.Ring, org string, l Line) []byte {
	said := append([]string{l.Rep}, l.said()...)
	for _, field := range slices.Sorted(maps.Keys(l.Values)) {
		c := l.Values[field]
		said = append(said, field, c.Before, c.After, c.Lost)
	}
	return ring.Lookup(org, macDigest, parts(said...))
}

// chainOf is what a line's chain has to be after a predecessor's, nil for the first.
func (c chained) chainOf(org string, before []byte) []byte {
	list := []string{chainFormat, string(before), org, c.Rep, number(c.N), number(c.Seq), c.At.UTC().Format(time.RFC3339Nano)}
	list = append(append(list, c.said()...), string(c.Digest), string(c.Sum))
	sum := sha256.Sum256([]byte(parts(list...)))
	return sum[:]
}

// chainEnd is the end of a rep's chain.
type chainEnd struct {
	Lines int64
	Chain []byte // of the last line, nil without one
	Head  []byte
}

// head is what the end's Head has to be.
func (e chainEnd) head(ring *keyring.Ring, org, rep string) []byte {
	return ring.Lookup(org, macHead, parts(rep, number(e.Lines), string(e.Chain)))
}

// extend ties a line to the end and returns the new one. It takes the end as it is stored, for better or worse: the line's
// mac covers it.
func (e chainEnd) extend(ring *keyring.Ring, org string, c *chained) chainEnd {
	c.N = e.Lines + 1
	c.Chain = c.chainOf(org, e.Chain)
	c.MAC = macOf(ring, org, e.Head, c.Chain)
	next := chainEnd{Lines: c.N, Chain: c.Chain}
	next.Head = next.head(ring, org, c.Rep)
	return next
}

func macOf(ring *keyring.Ring, org string, head, chain []byte) []byte {
	return ring.Lookup(org, macLine, parts(string(head), string(chain)))
}

// emptyHead is the head of a rep without lines.
func (s *Store) emptyHead(org, rep string) []byte { return chainEnd{}.head(s.ring, org, rep) }

// roster is keyed, over the names of an org's reps in order.
func (s *Store) roster(org string, reps []string) []byte {
	if len(reps) == 0 {
		return nil
	}
	return s.ring.Lookup(org, macRoster, parts(reps...))
}

// enlist lets add add reps to an org, and notes who they are by now. A roster that was wrong before stays wrong. Error:
// ErrNotFound when the org is not there.
func (s *Store) enlist(ctx context.Context, tx pgx.Tx, org string, add func() error) error {
	var before []byte
	if err := tx.QueryRow(ctx, `select roster from org where org = $1 for no key update`, org).Scan(&before); err != nil {
		return err
	}
	names := func() ([]string, error) {
		rows, err := tx.Query(ctx, `select rep from rep where org = $1 order by rep`, org)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[string])
	}
	reps, err := names()
	if err != nil {
		return err
	}
	whole := bytes.Equal(before, s.roster(org, reps))
	if err := add(); err != nil || !whole {
		return err
	}
	if reps, err = names(); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `update org set roster = $2 where org = $1`, org, s.roster(org, reps))
	return err
}
