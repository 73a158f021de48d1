package activities

import (
	"maps"
	"slices"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// history is what was written to one side of a link since a time, oldest first. What an undo wrote stands among it, so that
// one undo knows what another has put back; what comes first is a pass's.
type history []store.Intent

func historyOf(writes []store.Intent, side record.Side) history {
	h := history(slices.DeleteFunc(slices.Clone(writes), func(in store.Intent) bool { return in.Op.Side != side }))
	for len(h) > 0 && h[0].Op.Undo != "" {
		h = h[1:]
	}
	return h
}

// existed tells whether the item was there before the first write, and exists whether it is there after the last one, as far
// as Repsync's writes go.
func (h history) existed() bool { return h[0].Op.Verb != connector.Create }
func (h history) exists() bool  { return h.last().Op.Verb != connector.Delete }

func (h history) last() store.Intent { return h[len(h)-1] }

// erased reports whether there was a pass's update of which nothing is known any more.
func (h history) erased() bool {
	return slices.ContainsFunc(h, func(in store.Intent) bool {
		return in.Op.Verb == connector.Update && in.Op.Undo == "" && in.Before == nil && len(in.Op.Set) == 0
	})
}

// before returns the value of a field before the i-th write: by its before-image, and for an item that was created again by
// that of the delete before. ok is false where there is none.
func (h history) before(i int, field string) (value string, ok bool) {
	for ; i >= 0; i-- {
		if h[i].Before != nil {
			return h[i].Before.Fields[field], true
		}
		if h[i].Op.Verb != connector.Create {
			return "", false
		}
	}
	return "", false
}

// was goes back from what an item shows to what it was: for each field from write to write, as long as what is there is what
// that write left. back has the fields that differ from what is shown. edited are those that show something else than was
// written last, and lost those of which it is not known what they were. wrote tells of the newest write of a field whether
// it made what is shown.
func (h history) was(shown record.Fields, wrote func(field, sent string) bool) (back record.Fields, edited, lost []string) {
	back = record.Fields{}
	for _, f := range h.fields() {
		value, known, missing := h.trace(f, shown[f], wrote)
		differs := !record.Equal(f, value, shown[f])
		if differs {
			back[f] = value
		}
		switch {
		case missing: // as far as it goes
			lost = append(lost, f)
		case !known && !differs:
			edited = append(edited, f)
		}
	}
	return back, edited, lost
}

// sent returns what was written to a field last, "" where nothing ever was.
func (h history) sent(field string) string {
	for _, in := range slices.Backward(h) {
		if value, ok := in.Op.Set[field]; ok {
			return value
		}
	}
	return ""
}

// fields lists what passes have written, sorted.
func (h history) fields() []string {
	all := map[string]bool{}
	for _, in := range h {
		for f := range in.Op.Set {
			all[f] = all[f] || in.Op.Undo == ""
		}
	}
	maps.DeleteFunc(all, func(_ string, passes bool) bool { return !passes })
	return slices.Sorted(maps.Keys(all))
}

// trace goes back through the writes of one field. known tells that what is shown comes of these writes, or has been put
// back already; missing that a before-image is gone.
func (h history) trace(f, shown string, wrote func(field, sent string) bool) (value string, known, missing bool) {
	value = shown
	newest := true
	for i, w := range slices.Backward(h) {
		sent, ok := w.Op.Set[f]
		if !ok {
			continue
		}
		sent = asWritten(f, sent)
		ours := record.Equal(f, value, sent) || newest && wrote(f, sent)
		newest = false
		if w.Op.Undo != "" {
			known = known || ours
			continue
		}
		before, kept := h.before(i, f)
		switch {
		case !kept:
			return value, known, true
		case ours:
			value, known = before, true
		case record.Equal(f, value, before): // somebody has put it back
			known = true
		default:
			return value, known, false
		}
	}
	return value, known, false
}
