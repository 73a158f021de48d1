package store

import (
	"bytes"

	"github.com/repsync/repsync/internal/keyring"
)

// Fault is what is wrong with a journal.
type Fault string

// The faults. Which one is named is what the stored rows suggest; that there is one is certain.
const (
	FaultMissing   Fault = "missing"   // lines before this one, or at the end, were taken away
	FaultAltered   Fault = "altered"   // a column of the line is not what it was
	FaultReordered Fault = "reordered" // the line stands in another place than it did
	FaultInserted  Fault = "inserted"  // the line does not belong here: it was added, copied, or moved from another rep or org
	FaultForged    Fault = "forged"    // the line fits, but was tied to the chain by somebody without the keyring
	FaultValues    Fault = "values"    // the line's values do not open, or are others than it was written with
	FaultEnd       Fault = "end"       // the end that stands on the rep's row is not what a worker wrote
	FaultRep       Fault = "rep"       // a rep's row was added or taken away, maybe with the whole journal
	FaultBack      Fault = "back"      // the database does not have the line with which an archive ends
	FaultCut       Fault = "cut"       // an archive is incomplete, or its sections are not those that were written
)

// Broken is the first thing that is wrong with one rep's journal.
type Broken struct {
	Org   string `json:"org"`
	Rep   string `json:"rep"`   // "" where it is the org's, or the archive's
	Seq   int64  `json:"seq"`   // of the first line that does not fit; 0 at the end
	After int64  `json:"after"` // of the last line that fits; 0 when there is none
	N     int64  `json:"n"`     // the first bad line is, or would be, the rep's n-th
	Fault Fault  `json:"fault"`
	Lines int64  `json:"lines"` // how many are missing, as far as can be told
}

// Verified is what looking through a journal or an archive of one gave.
type Verified struct {
	Reps    int
	Lines   int64
	Erased  int64    // lines whose values were destroyed: no fault
	Keyed   bool     // macs, ends and values were checked too, with the keyring
	Broken  []Broken // the first fault of each rep that has one
	Partial bool     // of an archive: it begins after the first line of some rep
	Ends    []End    // of an archive: where each rep's lines leave off
}

// End is the last line of a rep in an archive.
type End struct {
	Org, Rep string
	N        int64  // it is the rep's n-th; 0 is none at all
	Chain    []byte // its chain
}

// checker follows one rep's chain.
type checker struct {
	ring *keyring.Ring // nil checks what needs no key
	org  string
	rep  string

	end    chainEnd // of what fits so far; its Head is nil without a ring
	seq    int64    // of the last line that fits
	lines  int64    // seen
	erased int64
	broken *Broken
	bad    chained
}

// begin puts the checker behind a line of the chain.
func (c *checker) begin(lines int64, chain []byte) {
	c.end = chainEnd{Lines: lines, Chain: chain}
	if c.ring != nil {
		c.end.Head = c.end.head(c.ring, c.org, c.rep)
	}
}

// line takes the next line as it is stored.
func (c *checker) line(l chained) {
	c.lines++
	if l.State == valuesErased {
		c.erased++
	}
	if c.broken != nil {
		c.reconsider(l)
		return
	}
	want := l
	want.N = c.end.Lines + 1
	c.bad = l // until it is found to be good
	fits := bytes.Equal(want.chainOf(c.org, c.end.Chain), l.Chain)
	switch {
	case fits && l.N == want.N:
	case fits || l.N == want.N:
		c.fail(l.Seq, FaultAltered, 0)
		return
	case l.N > want.N:
		c.fail(l.Seq, FaultMissing, l.N-want.N)
		return
	default:
		c.fail(l.Seq, FaultInserted, 0)
		return
	}
	if c.ring != nil {
		switch {
		case !bytes.Equal(macOf(c.ring, c.org, c.end.Head, l.Chain), l.MAC):
			c.fail(l.Seq, FaultForged, 0)
			return
		case l.State == valuesDamaged, l.State == valuesOpen && !bytes.Equal(digest(c.ring, c.org, l.Line), l.Digest):
			c.fail(l.Seq, FaultValues, 0)
			return
		}
	}
	c.begin(l.N, l.Chain)
	c.seq = l.Seq
}

// reconsider names a fault better by what comes after it.
func (c *checker) reconsider(l chained) {
	if l.N != c.broken.N || l.Seq == c.broken.Seq {
		return
	}
	switch {
	case bytes.Equal(l.chainOf(c.org, c.end.Chain), l.Chain) && !bytes.Equal(c.bad.chainOf(c.org, l.Chain), c.bad.Chain):
		c.broken.Fault, c.broken.Lines = FaultInserted, 0 // the bad one only took its place
	case c.broken.Fault == FaultMissing: // here it is, under another number
		c.broken.Fault, c.broken.Lines = FaultReordered, 0
	}
}

func (c *checker) fail(seq int64, f Fault, lines int64) {
	c.broken = &Broken{Org: c.org, Rep: c.rep, Seq: seq, After: c.seq, N: c.end.Lines + 1, Fault: f, Lines: lines}
}

// finish compares what was seen with the end as it is stored. Without a ring nothing says that it was not moved as well.
func (c *checker) finish(end chainEnd) *Broken {
	genuine := c.ring == nil || bytes.Equal(end.head(c.ring, c.org, c.rep), end.Head)
	switch b := c.broken; {
	case b != nil:
		if b.Fault == FaultAltered && genuine && b.N > end.Lines {
			b.Fault = FaultInserted
		}
	case !genuine:
		c.fail(0, FaultEnd, 0)
	case end.Lines > c.end.Lines:
		c.fail(0, FaultMissing, end.Lines-c.end.Lines)
	case end.Lines < c.end.Lines, !bytes.Equal(end.Chain, c.end.Chain):
		c.fail(0, FaultEnd, 0)
	}
	return c.broken
}
