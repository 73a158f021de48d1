package google

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
)

// A server may speak less than Google does: give no sync token, take one and show everything all the same, or never tell of
// a delete. None of that is announced anywhere, so that it is found out by comparison. A token therefore carries a memory:
// what was shown up to it, in hashes. The gaps are filled like this:
//
//   - Without a sync token, or with tokens that are ignored, what is there is listed and compared with the memory. Where both
//     are the same nothing happened; otherwise the token is CursorLost, and the caller reads everything and looks for what is
//     absent, each by its id.
//   - Until a feed has told of a delete for the first time, nobody knows that it ever will. A list that fits on one page is
//     looked at in place of the feed, which costs the same one request; a longer one is read in full every few hours.
const (
	sketchMost  = 500           // items that a memory holds; of more it knows their number and a sum
	lookAfter   = time.Minute   // a full read is believed that long
	unprovenFor = 6 * time.Hour // and one of many pages that long
	pagesMost   = 20_000        // of one read; Google's longest lists have some tens
	pairSize    = 8             // bytes of an item in a sketch: four of its id's hash, four of its tag's
)

// madeTag begins a tag that was made here, of an item's content: the server shows no etag. No etag begins like this.
const madeTag = "~"

// tagOf makes a tag of the members of an item that records are made of.
func tagOf(item map[string]any, members []string) string {
	h := sha256.New()
	for _, name := range members {
		if v, ok := item[name]; ok {
			if raw, err := json.Marshal(v); err == nil { // sorted by name
				fmt.Fprintf(h, "%q%s", name, raw)
			}
		}
	}
	return madeTag + hex.EncodeToString(h.Sum(nil)[:12])
}

// isMade reports whether a tag was made here: no server takes it for a precondition, so that the item is read again just
// before it is written.
func isMade(tag string) bool { return strings.HasPrefix(tag, madeTag) }

// memory is what a token knows of the server, and a page of the read that it is part of.
type memory struct {
	Deletes bool      `json:"deletes,omitempty"` // the feed has told of a delete
	Ignores bool      `json:"ignores,omitempty"` // the server shows everything, whatever the token
	Full    time.Time `json:"full,omitzero"`     // when everything was read last
	Count   int       `json:"count,omitempty"`   // what the read showed that ended here, or goes on here
	Sum     uint64    `json:"sum,omitempty"`     // of the hashes of what it showed
	Known   int       `json:"known,omitempty"`   // of that, what was known as it is
	Sketch  []byte    `json:"sketch,omitempty"`  // what is there: pairs of hashes, by id
	Many    bool      `json:"many,omitempty"`    // too much for a sketch

	// Of a page only.
	Plain bool   `json:"plain,omitempty"` // the server does not take requestSyncToken
	Turn  int    `json:"turn,omitempty"`  // pages so far
	Mark  uint64 `json:"mark,omitempty"`  // the hash of one of their names, to find circles by
}

func (m memory) whole() bool { return len(m.Sketch)%pairSize == 0 }

// sketch is what is there, by hashes of ids and of tags.
type sketch map[uint32]uint32

func (m memory) unpack() sketch {
	s := make(sketch, len(m.Sketch)/pairSize)
	for pair := range slices.Chunk(m.Sketch, pairSize) {
		s[binary.BigEndian.Uint32(pair)] = binary.BigEndian.Uint32(pair[4:])
	}
	return s
}

func (s sketch) pack() []byte {
	out := make([]byte, 0, len(s)*pairSize)
	for _, id := range slices.Sorted(maps.Keys(s)) {
		out = binary.BigEndian.AppendUint32(out, id)
		out = binary.BigEndian.AppendUint32(out, s[id])
	}
	return out
}

func brief(s string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s))
	return h.Sum32()
}

func long(parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = h.Write([]byte(p))
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}

// shown is one item as a list shows it: an id, its tag, and whether it is one that is no longer there.
type shown struct {
	id, tag string
	gone    bool
}

// reading is one call of changes: the token and page that it resumes from, and what it learns.
type reading struct {
	cursor cursor
	op     string
	now    time.Time
	full   bool // everything is read
	wrote  bool // the memory may lack what we wrote since
	sync   string
	page   string
	since  memory          // of the token
	base   sketch          // the same, unpacked
	memory                 // of the read
	there  sketch          // what is there as far as is known
	listed sketch          // what a look at the list showed; nil without one
	ended  map[uint32]bool // of that, what is shown as cancelled
	known  map[string]bool
	shown  map[uint32]bool
}

// begin opens a token and a page. Errors: CursorLost, also where only a full read can tell what a token cannot.
func (c cursor) begin(op string, q connector.Query, now time.Time) (*reading, error) {
	r := &reading{cursor: c, op: op, now: now, full: q.Token == nil, wrote: q.Written, known: map[string]bool{}, shown: map[uint32]bool{}}
	var err error
	if r.sync, r.since, err = c.open(op, q.Token); err != nil {
		return nil, err
	}
	if r.page, r.memory, err = c.open(op, q.Page); err != nil {
		return nil, err
	}
	r.base = r.since.unpack()
	if q.Page == nil {
		r.memory = memory{Deletes: r.since.Deletes, Ignores: r.since.Ignores, Full: r.since.Full, Many: r.since.Many}
		if r.full {
			r.Full = now
		}
		r.there = maps.Clone(r.base)
	} else {
		r.there = r.memory.unpack()
	}
	if r.full || q.Page != nil || r.small() {
		return r, nil
	}
	switch { // too much to look at: the caller reads everything, page by page
	case r.blind():
		return nil, r.lost()
	case !r.Deletes && now.Sub(r.Full) >= unprovenFor:
		return nil, &connector.Error{Class: connector.CursorLost, Code: "deletes_unproven", Op: op}
	}
	return r, nil
}

// blind reports whether the token is of no use to this server.
func (r *reading) blind() bool { return r.sync == noToken || r.since.Ignores }

// lost is the error of a token that is of no use.
func (r *reading) lost() error {
	code := "no_sync_token"
	if r.sync != noToken {
		code = "token_ignored"
	}
	return &connector.Error{Class: connector.CursorLost, Code: code, Op: r.op}
}

// small reports whether what is there fits on a page, and in a sketch.
func (r *reading) small() bool { return !r.since.Many && len(r.base) <= r.cursor.Size }

// looks reports whether the list is to be looked at before the feed is asked.
func (r *reading) looks() bool {
	return !r.full && r.page == "" && r.small() && (r.blind() || !r.Deletes && len(r.base) > 0 && r.now.Sub(r.Full) >= lookAfter)
}

// look compares a list with the memory; next says that the list has another page. same says that nothing happened, which is
// never said when we may have written: what we made and somebody deleted since is in neither.
// Error: CursorLost where the list has changed and the token cannot tell how.
func (r *reading) look(list []shown, next string) (same bool, err error) {
	r.listed, r.ended = sketch{}, map[uint32]bool{}
	for _, one := range list {
		r.listed[brief(one.id)] = brief(one.tag)
		r.ended[brief(one.id)] = one.gone
	}
	if next == "" && maps.Equal(r.listed, r.base) && !r.wrote {
		return true, nil
	}
	if next != "" {
		r.listed = nil // only a part of what is there
	}
	if r.blind() {
		return false, r.lost()
	}
	return false, nil
}

// note takes one item that the read shows. erased says that lists do not show it any more.
func (r *reading) note(one shown, erased bool) {
	r.Count++
	r.Sum += long(one.id, one.tag)
	id, tag := brief(one.id), brief(one.tag)
	was, there := r.base[id]
	r.shown[id] = true
	switch {
	case there && was == tag && !erased:
		r.Known++
		r.known[one.id] = true
	case one.gone && !r.full:
		r.Deletes = true
	}
	if erased {
		delete(r.there, id)
	} else {
		r.there[id] = tag
	}
	if len(r.there) > sketchMost {
		r.Many, r.there = true, sketch{}
	}
}

// end turns a page into what Delta.Page or Delta.Token holds. Errors: Retry where pages go round in a circle; CursorLost
// where deletes were passed over in silence.
func (r *reading) end(next, sync string) (page, token []byte, err error) {
	if r.Many {
		r.there = nil
	}
	r.Sketch = r.there.pack()
	if next != "" {
		// Brent: the name of one page is kept, for twice as many pages each time; in a circle it comes back.
		name := long(next)
		if next == r.page || name == r.Mark || r.Turn > pagesMost {
			return nil, nil, repeated(r.op)
		}
		if r.Turn++; r.Turn&(r.Turn-1) == 0 {
			r.Mark = name
		}
		page, err = r.cursor.seal(next, r.memory)
		return page, nil, err
	}
	single := r.page == ""
	if !r.full {
		r.Ignores = r.ignores()
		if r.silent(single) {
			return nil, nil, &connector.Error{Class: connector.CursorLost, Code: "deletes_not_reported", Op: r.op}
		}
	}
	r.Plain, r.Turn, r.Mark = false, 0, 0
	token, err = r.cursor.seal(cmp.Or(sync, noToken), r.memory)
	return nil, token, err
}

// ignores reports whether a read with a token showed what was known as it is: half of everything, or the very same as the
// read before. A server that honours tokens shows what changed.
func (r *reading) ignores() bool {
	return r.Known > 0 && 2*r.Known >= len(r.base) && !r.since.Many || r.Count > 0 && r.Count == r.since.Count && r.Sum == r.since.Sum
}

// silent reports whether something that is known to have been there is not, and nothing was said of it.
func (r *reading) silent(single bool) bool {
	switch {
	case r.Many || r.since.Many || !single:
		return false
	case r.Ignores: // it showed all there is
		for id := range r.base {
			if !r.shown[id] {
				return true
			}
		}
	case r.listed != nil:
		for id := range r.there {
			if _, listed := r.listed[id]; !listed {
				return true
			}
		}
		for id, gone := range r.ended {
			if _, told := r.there[id]; gone && !told {
				return true
			}
		}
	}
	return false
}

// old reports whether an item is no news: the server showed it because it shows everything.
func (r *reading) old(id string) bool { return r.Ignores && r.known[id] }
