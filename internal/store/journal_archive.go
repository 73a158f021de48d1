package store

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/repsync/repsync/internal/keyring"
)

// ErrNoArchive says that what was read is not an archive that ExportJournal wrote, or a later format.
var ErrNoArchive = errors.New("not an archive of a journal")

const longestRecord = 64 << 20 // bytes; a line's values are an item's fields

// VerifyArchive follows the chains in an archive, or in several that were written one after the other into one file. Without a
// ring it checks that the lines are in order, whole and unaltered as far as the chain tells, that none is missing between the
// first and the last of each rep, and that the archive was written to its end; somebody who makes the whole chain anew is not
// found. With the ring it checks the macs and ends too, and values that came along. Errors: ErrNoArchive; r's own.
func VerifyArchive(r io.Reader, ring *keyring.Ring) (Verified, error) {
	a := archive{ring: ring, out: Verified{Keyed: ring != nil}}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longestRecord)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if err := a.record(lines.Bytes()); err != nil { // a decoder's own words may quote values
			return Verified{}, fmt.Errorf("line %d: %w", n, ErrNoArchive)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return Verified{}, fmt.Errorf("a line is longer than %d bytes: %w", longestRecord, ErrNoArchive)
	case err != nil:
		return Verified{}, fmt.Errorf("read archive: %w", err)
	case !a.met:
		return Verified{}, fmt.Errorf("it is empty: %w", ErrNoArchive)
	}
	if a.rep != nil {
		a.leave()
	}
	if a.open {
		a.cut()
	}
	a.out.Reps = len(a.ends)
	for _, at := range slices.Sorted(maps.Keys(a.ends)) {
		a.out.Ends = append(a.out.Ends, a.ends[at])
	}
	return a.out, nil
}

// archive is the state of reading one.
type archive struct {
	ring     *keyring.Ring
	met      bool // a header
	open     bool // a header without its close
	org      string
	rep      *checker
	start    archiveStart
	sections []string
	lines    int64
	ends     map[string]End // by org and rep: where the sections so far leave off
	out      Verified
}

func (a *archive) record(text []byte) error {
	var kind struct {
		Record string `json:"record"`
	}
	if err := json.Unmarshal(text, &kind); err != nil {
		return err
	}
	if kind.Record != archiveOpen && !a.open {
		return ErrNoArchive
	}
	switch kind.Record {
	case archiveOpen:
		var h archiveHeader
		if err := json.Unmarshal(text, &h); err != nil || h.Format != ArchiveFormat || h.Org == "" {
			return ErrNoArchive
		}
		a.header(h)
	case archiveRep:
		var start archiveStart
		if err := json.Unmarshal(text, &start); err != nil {
			return err
		}
		a.enter(start)
	case archiveLine:
		var e archiveEntry
		if err := json.Unmarshal(text, &e); err != nil || !e.known() {
			return ErrNoArchive
		}
		a.line(&e)
	case archiveEnd:
		var stop archiveStop
		if err := json.Unmarshal(text, &stop); err != nil {
			return err
		}
		a.stop(stop)
	case archiveClose:
		var total archiveTotal
		if err := json.Unmarshal(text, &total); err != nil {
			return err
		}
		a.close(total)
	default:
		return ErrNoArchive
	}
	return nil
}

// fault notes the first fault of a rep.
func (a *archive) fault(b Broken) {
	if !slices.ContainsFunc(a.out.Broken, func(old Broken) bool { return old.Org == b.Org && old.Rep == b.Rep }) {
		a.out.Broken = append(a.out.Broken, b)
	}
}

// cut says that records are missing.
func (a *archive) cut() { a.fault(Broken{Org: a.org, Fault: FaultCut}) }

func (a *archive) header(h archiveHeader) {
	if a.open || a.rep != nil {
		a.leave()
		a.cut()
	}
	a.met, a.open, a.org, a.sections, a.lines = true, true, h.Org, nil, 0
	if a.ends == nil {
		a.ends = map[string]End{}
	}
}

func (a *archive) enter(start archiveStart) {
	if a.rep != nil {
		a.leave()
		a.cut()
	}
	a.start = start
	a.rep = &checker{ring: a.ring, org: a.org, rep: start.Rep}
	a.rep.begin(start.Before, start.Chain)
	old, met := a.ends[place(a.org, start.Rep)]
	switch {
	case !met && start.Before > 0:
		a.out.Partial = true
	case met && start.Before > old.N:
		a.fault(Broken{Rep: start.Rep, Org: a.org, N: old.N + 1, Fault: FaultMissing, Lines: start.Before - old.N})
	case met && start.Before == old.N && !bytes.Equal(start.Chain, old.Chain):
		a.fault(Broken{Rep: start.Rep, Org: a.org, N: old.N + 1, Fault: FaultAltered})
	}
}

func (a *archive) line(e *archiveEntry) {
	a.lines++
	if a.rep == nil || a.rep.rep != e.Rep {
		a.fault(Broken{Org: a.org, Rep: e.Rep, Seq: e.Seq, N: e.N, Fault: FaultInserted})
		return
	}
	a.rep.line(e.chained())
}

// leave ends a rep's section.
func (a *archive) leave() {
	if a.rep == nil {
		return
	}
	if a.rep.broken != nil {
		a.fault(*a.rep.broken)
	}
	a.out.Lines, a.out.Erased = a.out.Lines+a.rep.lines, a.out.Erased+a.rep.erased
	at := place(a.org, a.rep.rep)
	if end := a.rep.end; end.Lines >= a.ends[at].N {
		a.ends[at] = End{a.org, a.rep.rep, end.Lines, end.Chain}
	}
	a.rep = nil
}

func (a *archive) stop(stop archiveStop) {
	if a.rep == nil || a.rep.rep != stop.Rep {
		a.cut()
		return
	}
	a.rep.finish(chainEnd{Lines: stop.Lines, Chain: stop.Chain, Head: stop.Head})
	a.leave()
	a.sections = append(a.sections, section(a.start, stop))
}

func (a *archive) close(total archiveTotal) {
	if a.rep != nil || total.Reps != len(a.sections) || total.Lines != a.lines {
		a.leave()
		a.cut()
	} else if a.ring != nil && !bytes.Equal(a.ring.Lookup(a.org, macArchive, parts(a.sections...)), total.MAC) {
		a.cut()
	}
	a.open = false
}
