package store

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// ArchiveFormat is the version of the records below. Keys are added over time; what is there keeps its meaning.
const ArchiveFormat = 1

// The records of an archive in their order: one archive, then per rep a rep, its lines and an end, then one close.
const (
	archiveOpen  = "archive"
	archiveRep   = "rep"
	archiveLine  = "line"
	archiveEnd   = "end"
	archiveClose = "close"
)

// hexBytes are written as lower-case hexadecimal, and nothing as "".
type hexBytes []byte

// MarshalText writes b.
func (b hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(b)), nil }

// UnmarshalText reads what MarshalText wrote.
func (b *hexBytes) UnmarshalText(text []byte) error {
	plain, err := hex.DecodeString(string(text))
	if len(plain) > 0 {
		*b = plain
	}
	return err
}

// The records. docs/journal.md describes them.

type archiveHeader struct {
	Record string     `json:"record"`
	Format int        `json:"format"`
	Org    string     `json:"org"`
	Only   string     `json:"only_rep"`
	Since  *time.Time `json:"since"`
	Values bool       `json:"with_values"`
	At     time.Time  `json:"exported_at"`
}

type archiveStart struct {
	Record string   `json:"record"`
	Rep    string   `json:"rep"`
	Before int64    `json:"lines_before"`
	Chain  hexBytes `json:"chain_before"`
}

type archiveEntry struct {
	Record    string            `json:"record"`
	Rep       string            `json:"rep"`
	N         int64             `json:"n"`
	Seq       int64             `json:"seq"`
	At        time.Time         `json:"at"`
	Pass      int64             `json:"pass"`
	Revision  int64             `json:"policy_revision"`
	Kind      record.Kind       `json:"kind"`
	Side      record.Side       `json:"side"`
	Item      string            `json:"item"`
	Link      string            `json:"link"`
	Action    string            `json:"action"`
	Field     string            `json:"field"`
	Rule      string            `json:"rule"`
	Code      string            `json:"code"`
	Reason    planner.Reason    `json:"reason"`
	HasValues string            `json:"values_are"` // none | sealed | here | erased | damaged
	Values    map[string]Change `json:"values,omitempty"`
	Digest    hexBytes          `json:"digest"`
	Sum       hexBytes          `json:"values_sha256"`
	Chain     hexBytes          `json:"chain"`
	MAC       hexBytes          `json:"mac"`
}

type archiveStop struct {
	Record string   `json:"record"`
	Rep    string   `json:"rep"`
	Lines  int64    `json:"lines"`
	Chain  hexBytes `json:"chain"`
	Head   hexBytes `json:"head"`
}

type archiveTotal struct {
	Record string   `json:"record"`
	Reps   int      `json:"reps"`
	Lines  int64    `json:"lines_in_all"`
	MAC    hexBytes `json:"mac"`
}

// Export says which part of the journal leaves.
type Export struct {
	Rep    string    // "" all reps
	Since  time.Time // of each rep, what was written from the first line at or after it on; zero is everything
	Values bool      // customers' values come along, opened
}

// Exported is what an export wrote.
type Exported struct {
	Reps  int
	Lines int64
}

// ExportJournal writes an archive of the journal as JSON Lines (https://jsonlines.org). It keeps one page of lines in memory,
// and no transaction open while w takes its time. Errors: ErrNotFound when the org is not there; w's own.
func (s *Store) ExportJournal(ctx context.Context, org string, in Export, w io.Writer) (Exported, error) {
	e := exporter{s: s, org: org, in: in, enc: json.NewEncoder(w)}
	e.enc.SetEscapeHTML(false)
	at, err := queryOne(ctx, s, "export journal of "+org, pgx.RowTo[time.Time], `select `+now+` from org where org = $2`, s.clock(), org)
	if err != nil {
		return Exported{}, err
	}
	header := archiveHeader{Record: archiveOpen, Format: ArchiveFormat, Org: org, Only: in.Rep, Values: in.Values, At: at.UTC()}
	if !in.Since.IsZero() {
		since := in.Since.UTC()
		header.Since = &since
	}
	reps := []string{in.Rep}
	if in.Rep == "" {
		if reps, _, err = s.enlisted(ctx, org); err != nil {
			return Exported{}, err
		}
	}
	if err := e.write(header); err != nil {
		return e.out, err
	}
	for _, rep := range reps {
		if err := e.rep(ctx, rep); err != nil {
			return e.out, err
		}
	}
	total := archiveTotal{Record: archiveClose, Reps: e.out.Reps, Lines: e.out.Lines, MAC: s.ring.Lookup(org, macArchive, parts(e.sections...))}
	return e.out, e.write(total)
}

type exporter struct {
	s        *Store
	org      string
	in       Export
	enc      *json.Encoder
	sections []string
	out      Exported
}

func (e *exporter) write(r any) error {
	if err := e.enc.Encode(r); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	return nil
}

// section is what the archive's mac covers of one rep's part of it.
func section(start archiveStart, stop archiveStop) string {
	return parts(start.Rep, number(start.Before), string(start.Chain), number(stop.Lines), string(stop.Chain))
}

func (e *exporter) rep(ctx context.Context, rep string) error {
	start, after, err := e.start(ctx, rep)
	if err != nil {
		return err
	}
	if err := e.write(start); err != nil {
		return err
	}
	end, err := e.s.walk(ctx, e.org, rep, after, e.in.Values, func(c chained) error {
		e.out.Lines++
		return e.write(entryOf(c))
	})
	if err != nil {
		return err
	}
	stop := archiveStop{archiveEnd, rep, end.Lines, end.Chain, end.Head}
	e.out.Reps++
	e.sections = append(e.sections, section(start, stop))
	return e.write(stop)
}

// start returns what precedes the first line that leaves, and that predecessor's number.
func (e *exporter) start(ctx context.Context, rep string) (archiveStart, int64, error) {
	start := archiveStart{Record: archiveRep, Rep: rep}
	if e.in.Since.IsZero() {
		return start, fromFirst, nil
	}
	type line struct {
		Seq, N int64
		Chain  []byte
	}
	before, err := queryOne(ctx, e.s, "export journal of "+rep, pgx.RowToStructByPos[line], `select seq, n, chain from journal
		where org = $1 and rep = $2 and seq < coalesce(
			(select min(seq) from journal where org = $1 and rep = $2 and at >= $3), 9223372036854775807)
		order by seq desc limit 1`, e.org, rep, e.in.Since)
	if errors.Is(err, ErrNotFound) {
		return start, fromFirst, nil
	}
	start.Before, start.Chain = before.N, before.Chain
	return start, before.Seq, err
}

var valuesAre = map[valuesState]string{valuesOpen: "here", valuesKept: "sealed", valuesErased: "erased", valuesDamaged: "damaged"}

func entryOf(c chained) *archiveEntry {
	are := valuesAre[c.State]
	if c.State == valuesOpen && len(c.Line.Values) == 0 {
		are = "none"
	}
	return &archiveEntry{Record: archiveLine, Rep: c.Rep, N: c.N, Seq: c.Seq, At: c.At, Pass: c.Pass, Revision: c.Revision, Kind: c.Kind, Side: c.Side, Item: c.ID,
		Link: c.LinkID, Action: c.Action, Field: c.Field, Rule: c.Rule, Code: c.Code, Reason: c.Reason, HasValues: are, Values: c.Line.Values,
		Digest: c.Digest, Sum: c.Sum, Chain: c.Chain, MAC: c.MAC}
}

// chained is the way back. Of values that are not there nothing can be said.
func (e *archiveEntry) chained() chained {
	c := chained{Line: Line{Seq: e.Seq, Rep: e.Rep, Pass: e.Pass, Revision: e.Revision, Kind: e.Kind, Side: e.Side, ID: e.Item, LinkID: e.Link,
		Action: e.Action, Field: e.Field, Rule: e.Rule, Code: e.Code, Reason: e.Reason, Values: e.Values, At: e.At},
		N: e.N, Digest: e.Digest, Sum: e.Sum, Chain: e.Chain, MAC: e.MAC, State: valuesKept}
	switch e.HasValues {
	case "here", "none":
		c.State = valuesOpen
	case "erased":
		c.State = valuesErased
	}
	return c
}

// known reports whether the word is one of an entry's.
func (e *archiveEntry) known() bool {
	return slices.Contains([]string{"none", "sealed", "here", "erased", "damaged"}, e.HasValues)
}
