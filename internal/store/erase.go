package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/repsync/repsync/internal/record"
)

// Erase destroys a person's sealed values: whatever this store keeps about items on which an email address occurs. The items at the
// vendors are not touched, and a pass that finds the person there again copies and stores what it always does.
//
// What goes is, of each such item of any rep and of each event that the person attends:
//
//   - the salts of its journal lines, and with them their values. The lines and their chain stay; later lines about the item come
//     without values;
//   - before-images and values in the operations of intents that are over (`starter undo` cannot put these back);
//   - intents that are planned or held, and staged observations: the rep's next pass reads everything again and plans it anew;
//   - rows of the org's feed, words of vendors on parked rows, ranks.
//
// What stays has no value in it: links with their 8-byte keyed hashes, claims and match keys (16-byte keyed hashes, without
// which the item would be copied twice), verdicts, tombstones, ids and times. Intents whose outcome is not known yet stay until it
// is (Erased.Open), and so does what an admin wrote into a policy (Erased.Policies).
//
// It is safe to repeat: what is gone is gone, and a second call finds nothing.

// EraseOptions say how.
type EraseOptions struct {
	DryRun bool          // nothing is changed; the result is what would be
	Holder string        // of the leases that are taken, one run of one process
	Lease  time.Duration // how long each lasts, 0: a minute
	Wait   time.Duration // how long to wait for a lease that a stage of a pass holds, 0: not at all
}

// ErasedItem is an item of which something was destroyed.
type ErasedItem struct {
	Rep     string // "" of the org's feed
	Kind    record.Kind
	Link    string // "" without one
	CRM     string // the item's id there, as far as it is known
	Mailbox string
}

// OpenIntent is a write of which nobody knows yet whether it came through.
type OpenIntent struct{ Rep, ID string }

// NamedIn is a policy document that has the address in it.
type NamedIn struct {
	Name     string
	Revision int64
}

// Erased is what Erase did, or would do.
type Erased struct {
	Items    []ErasedItem
	Keys     int      // items whose journal lines lost their values
	Intents  int      // intents that are over: their before-images and values
	Planned  int      // intents that were planned or held: removed
	Staged   int      // staged observations removed
	Feed     int      // rows of the org's feed: their values
	Words    int      // parked rows: what the vendor said
	Ranks    int      // removed
	Reread   []string // reps whose next pass reads everything again
	Open     []OpenIntent
	Policies []NamedIn
	Damaged  int  // boxes that do not open, so that nobody knows what is in them
	Again    bool // passes went on storing the person meanwhile
}

// ErrOwnMailbox says that the address is a rep's own, which occurs on every meeting that the rep has.
var ErrOwnMailbox = errors.New("the address is the mailbox of a rep")

const eraseRounds = 4 // the last ones only look, as long as no pass works against them

// Erase destroys what is kept of a person: see above. Errors: ErrOwnMailbox; ErrLeaseHeld when a rep's lease does not come free in
// time, or ErrLeaseLost: what was done until then is done, and the next call does the rest; ErrNotFound without the org.
func (s *Store) Erase(ctx context.Context, org, email string, opts EraseOptions) (Erased, error) {
	if _, err := s.RepByMailbox(ctx, org, email); err == nil {
		return Erased{}, ErrOwnMailbox
	} else if !errors.Is(err, ErrNotFound) {
		return Erased{}, err
	}
	e := eraser{s: s, org: org, who: personOf(email), opts: opts, items: map[ErasedItem]bool{}, reread: map[string]bool{}, pairs: map[node]*ErasedItem{}}
	for round := 0; ; round++ {
		found, err := e.find(ctx)
		if err != nil {
			return e.result(), err
		}
		before := e.destroyed()
		if err := e.destroy(ctx, found); err != nil {
			return e.result(), err
		}
		if opts.DryRun || e.destroyed() == before {
			break
		}
		if round+1 == eraseRounds {
			e.out.Again = true
			break
		}
	}
	return e.result(), nil
}

// eraser is one run of Erase.
type eraser struct {
	s      *Store
	org    string
	who    person
	opts   EraseOptions
	out    Erased
	items  map[ErasedItem]bool
	reread map[string]bool
	pairs  map[node]*ErasedItem // by link, and by the items of it
}

func (e *eraser) destroyed() int {
	o := e.out
	return o.Keys + o.Intents + o.Planned + o.Staged + o.Feed + o.Words + o.Ranks
}

func (e *eraser) result() Erased {
	for it := range e.items {
		e.out.Items = append(e.out.Items, it)
	}
	slices.SortFunc(e.out.Items, func(a, b ErasedItem) int {
		return cmp.Or(cmp.Compare(a.Rep, b.Rep), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.CRM, b.CRM), cmp.Compare(a.Mailbox, b.Mailbox), cmp.Compare(a.Link, b.Link))
	})
	for rep := range e.reread {
		e.out.Reread = append(e.out.Reread, rep)
	}
	slices.Sort(e.out.Reread)
	return e.out
}
