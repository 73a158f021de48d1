package salesforce

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/repsync/repsync/internal/connector"
)

const (
	cursorVersion = 1
	// binKeeps is how long the recycle bin keeps deleted rows. A token that was last used longer ago may have missed a
	// delete, so it is lost.
	binKeeps = 15 * 24 * time.Hour
	// tailRows is from how many rows of overlap on a token moves its edge up to the clock, so that a bulk load is not read
	// again and again.
	tailRows = 500
	// tailMost bounds what a token carries. Rows beyond it may come twice, which is harmless.
	tailMost = 20_000
	hashSize = 8
)

// cursor is the form of both Query.Token and Query.Page. JSON, versioned; opaque to everybody else.
type cursor struct {
	V    int       `json:"v"`
	Edge time.Time `json:"edge"` // the newest SystemModstamp seen, or later
	Used time.Time `json:"used"` // when the token was made
	// Tail holds short hashes of the rows given inside the overlap before Edge, by their stamp in Unix seconds.
	Tail map[int64][]byte `json:"tail,omitempty"`

	// IDs and Looked are of a server that does not tell of deletes: what there was, in hashes, and when that was seen.
	IDs    []byte    `json:"ids,omitempty"`
	Looked time.Time `json:"looked,omitzero"`
	Many   bool      `json:"many,omitempty"` // too many for that
	// Deletes says that the feed has told of one.
	Deletes bool `json:"deletes,omitempty"`

	// Of a page only: where inside a read to go on.
	Full  bool      `json:"full,omitempty"`
	Stamp time.Time `json:"stamp,omitzero"`
	ID    string    `json:"id,omitempty"`
	// Guests says that the owner's own rows were read, and that ID counts those of the object that ties guests to rows.
	Guests bool `json:"guests,omitempty"`
}

// readCursor decodes a token or a page. Error: CursorLost.
func readCursor(raw []byte, page bool) (cursor, error) {
	var c cursor
	lost := &connector.Error{Class: connector.CursorLost, Code: "token_unreadable", Op: "salesforce changes"}
	if json.Unmarshal(raw, &c) != nil || c.V != cursorVersion || page != (c.ID != "" || c.Guests) {
		return c, lost
	}
	if len(c.IDs)%4 != 0 {
		return c, lost
	}
	for _, hashes := range c.Tail {
		if len(hashes)%hashSize != 0 {
			return c, lost
		}
	}
	return c, nil
}

func (c cursor) bytes() ([]byte, error) {
	c.V = cursorVersion
	b, err := json.Marshal(c)
	if err != nil {
		return nil, &connector.Error{Class: connector.Bug, Code: "encode", Op: "salesforce changes", Cause: err}
	}
	return b, nil
}

// hash is the short form of one state of one row.
func (r row) hash() []byte {
	sum := sha256.Sum256(r.bare)
	return sum[:hashSize]
}

// knows reports whether the token gave this state of the row before.
func (c cursor) knows(r row) bool {
	hashes, want := c.Tail[r.at.Unix()], r.hash()
	for i := 0; i+hashSize <= len(hashes); i += hashSize {
		if bytes.Equal(hashes[i:i+hashSize], want) {
			return true
		}
	}
	return false
}

// note adds a row to the tail and moves the edge.
func (c *cursor) note(r row) {
	if c.Tail == nil {
		c.Tail = map[int64][]byte{}
	}
	if !c.knows(r) {
		c.Tail[r.at.Unix()] = append(c.Tail[r.at.Unix()], r.hash()...)
	}
	if r.at.After(c.Edge) {
		c.Edge = r.at
	}
}

// goWith moves the edge along with the clock, behind it by the overlap, so that what was changed last in a quiet org is not
// read again, with all that hangs on it, until somebody changes something: rows are shown for twice the overlap.
func (c *cursor) goWith(now time.Time, overlap time.Duration) {
	if now.IsZero() {
		return
	}
	if c.rows() <= tailRows {
		now = now.Add(-overlap)
	}
	c.Edge = later(c.Edge, now)
}

// trim drops what lies before the overlap, and the oldest beyond what a token may carry.
func (c *cursor) trim(overlap time.Duration) {
	from := c.Edge.Add(-overlap).Unix()
	for at := range c.Tail {
		if at < from {
			delete(c.Tail, at)
		}
	}
	for c.rows() > tailMost {
		oldest := int64(0)
		for at := range c.Tail {
			if oldest == 0 || at < oldest {
				oldest = at
			}
		}
		delete(c.Tail, oldest)
	}
}

// rows counts the tail.
func (c cursor) rows() int {
	n := 0
	for _, hashes := range c.Tail {
		n += len(hashes) / hashSize
	}
	return n
}
