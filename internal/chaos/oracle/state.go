package oracle

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/repsync/repsync/internal/chaos/scenario"
)

// maxReps is how many reps of one org the model has room for.
const maxReps = 4

// side is one of the two places where an item can be.
type side int8

const (
	crm side = iota
	box
)

func (s side) other() side { return 1 - s }

func (s side) String() string { return [...]string{scenario.CRM, scenario.Mailbox}[s] }

// width is how many fields an item of any kind has.
const width = 5

// fields of a person and of a meeting, as stories name them. Their order is that of values. When a meeting is are its start and length,
// which move together.
var (
	personFields  = [width]string{"title", "department", "phone", "email", "given"}
	meetingFields = [width]string{"subject", "location", "description", "time", "private"}
)

const (
	department = 1
	email      = 3
	given      = 4

	subject = 0
	timing  = 3
	private = 4
)

// word is a text by its number, so that a state is small and comparable. 0 is the empty text.
type word uint16

// words numbers texts.
type words struct {
	number map[string]word
	texts  []string
}

func (w *words) of(text string) word {
	if text == "" {
		return 0
	}
	if w.number == nil {
		w.number, w.texts = map[string]word{}, []string{""}
	}
	n, ok := w.number[text]
	if !ok {
		n = word(len(w.texts))
		w.number[text], w.texts = n, append(w.texts, text)
	}
	return n
}

func (w *words) text(n word) string {
	if n == 0 {
		return ""
	}
	return w.texts[n]
}

// same reports whether two addresses are one.
func (w *words) same(a, b word) bool { return a != 0 && strings.EqualFold(w.text(a), w.text(b)) }

// begins reports whether one of two given names begins with the other.
func (w *words) begins(a, b word) bool {
	x, y := strings.ToLower(w.text(a)), strings.ToLower(w.text(b))
	return strings.HasPrefix(x, y) || strings.HasPrefix(y, x)
}

// values are a copy's fields.
type values [width]word

// copied is one side's copy of an item. Of one that is gone, id stays, and in the CRM what a restore brings back.
type copied struct {
	id    int8 // which copy of the item it is on its side, from 1 on; 0: there never was one
	there bool
	owner int8 // crm: the rep
	v     values
	at    int64 // when a person last saved it, unix seconds
	vague bool  // its vendor's time is not that of a person: Repsync has saved it since
	lone  bool  // crm: Repsync made it, without an account: Salesforce shows such a contact to its owner alone
	heard bool  // box: a guest has answered since it was agreed on
	apart bool  // an occurrence with a state of its own: what is done to its series does not reach it
}

// standing is where a link stands.
type standing int8

const (
	unlinked standing = iota
	active
	tombstone
	left
)

// link is what Repsync may remember of an item for one rep.
type link struct {
	how     standing
	made    int8      // 1 + the side whose copy Repsync made, 0: both were there
	shared  bool      // matched while another rep owned the record
	removed bool      // left: and the copy was removed by Repsync
	id      [2]int8   // the copies that are linked, by side
	agreed  uint8     // bit per field: it has a base
	base    [2]values // by side
}

// state is one way in which the world may stand, as to one item of one org.
type state struct {
	crm    copied
	bin    [2]copied // the CRM's recycle bin: what was deleted before crm was made, the oldest first
	box    [maxReps]copied
	link   [maxReps]link
	stored [maxReps]link  // in the newest backup
	loose  uint8          // bit per rep: Postgres was restored since, creates and deletes may be held
	erased [maxReps]uint8 // deletes by Repsync since the latest judgement
	wild   bool           // people have made two of this person: nothing is known any more
}

// copy returns the copy of a side, for reading and writing.
func (s *state) copy(at side, rep int) *copied {
	if at == crm {
		return &s.crm
	}
	return &s.box[rep]
}

// linked reports whether the copy that a rep's link speaks of is there.
func (s *state) linked(at side, rep int) bool {
	c, l := s.copy(at, rep), s.link[rep]
	return l.how != unlinked && c.there && c.id == l.id[at]
}

// free reports whether a side has a copy that a rep's link does not speak of.
func (s *state) free(at side, rep int) bool { return s.copy(at, rep).there && !s.linked(at, rep) }

// place puts a new copy there, over one that is gone.
func (s *state) place(at side, rep int, v values) {
	c := s.copy(at, rep)
	was := *c
	*c = copied{id: c.id + 1, there: true, v: v}
	if at == box {
		return
	}
	c.owner = int8(rep)
	for _, old := range s.bin {
		c.id = max(c.id, old.id+1)
	}
	if was.id > 0 {
		s.discard(was)
	}
}

// discard puts a record into the recycle bin that has a successor. What the bin has no room for is forgotten.
func (s *state) discard(c copied) {
	list := append(s.bin[:len(s.bin):len(s.bin)], c)
	slices.SortStableFunc(list, func(a, b copied) int {
		return cmp.Or(cmp.Compare(b2i(a.id == 0), b2i(b.id == 0)), cmp.Compare(a.id, b.id))
	})
	copy(s.bin[:], list)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// restore takes the record out of the bin that was made first, as the story's hands do. A newer one that is gone goes there.
func (s *state) restore() {
	if oldest := s.bin[0]; oldest.id > 0 {
		was := s.crm
		s.bin = [2]copied{s.bin[1]}
		s.discard(was)
		s.crm = oldest
	}
	s.crm.there, s.crm.vague = true, true
}

// make puts a copy there that Repsync makes of what the other side tells, and links the two.
func (s *state) make(at side, rep int, v values) {
	s.place(at, rep, v)
	c := s.copy(at, rep)
	c.vague, c.apart, c.lone = true, true, at == crm
	s.link[rep] = link{how: active, made: 1 + int8(at), id: [2]int8{s.crm.id, s.box[rep].id}, agreed: 1<<width - 1, base: [2]values{c.v, c.v}}
}

// remove deletes a rep's linked copy on a side as Repsync does.
func (s *state) remove(at side, rep int) {
	s.drop(at, rep)
	s.erased[rep]++
}

// drop takes a copy away. The CRM's recycle bin keeps what it was.
func (s *state) drop(at side, rep int) {
	if c := s.copy(at, rep); at == crm {
		c.there = false
	} else {
		*c = copied{id: c.id}
	}
}

// store backs up what Repsync remembers, or brings it back.
func (s state) store(back bool, reps int) state {
	if !back {
		s.stored = s.link
		return s
	}
	s.link = s.stored
	s.loose = 1<<reps - 1
	return s
}

// set is a set of states.
type set map[state]struct{}

// union returns the states of both.
func union(a, b set) set {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// sorted lists the states in one order for ever, so that what is said of several does not depend on which comes first.
func (s set) sorted() []state {
	return slices.SortedFunc(maps.Keys(s), func(a, b state) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
}

// each returns what becomes of the states; those for which to says false are left out.
func (s set) each(to func(state) (state, bool)) set {
	out := make(set, len(s))
	for st := range s {
		if next, ok := to(st); ok {
			out[next] = struct{}{}
		}
	}
	return out
}

// item is what the oracle knows of one person, or of one occurrence of a meeting, of one org.
type item struct {
	name   string
	fields [width]string // their names
	of     *meeting      // nil for a person
	states set
	logged [maxReps]set   // by rep: what a pass may have made of the item that went by an older log of the CRM's changes
	polled bool           // the log was read since somebody changed the record
	typed  map[typed]bool // by people, since the latest judgement
	wild   string         // why the item is not judged any more
}

// typed is a value that somebody gave a field.
type typed struct {
	field int
	value word
}
