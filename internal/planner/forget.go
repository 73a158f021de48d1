package planner

import (
	"slices"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// Forgotten returns the link of two items whose base was lost: it was damaged, or made under a hash key that is gone. Every
// field is undecided, so that the two are merged as on a first sync once both were read: what nobody knows to be an edit
// overwrites by the policy's rules alone, and no empty value overwrites anything. series says that the link is that of a
// native series as a whole, which its base told (Link.Series).
func (l Link) Forgotten(now record.Hasher, series bool) Link {
	l = l.clone()
	l.Norm, l.HashKey = now.Norm, now.KeyVersion
	for _, side := range bothSides {
		b := l.Side(side)
		b.Version, b.Shown, b.Sent = connector.Version{}, Hashes{}, Hashes{}
		for _, f := range slices.Concat(record.ContactFields(), record.EventFields()) {
			b.Shown[f] = undecided
		}
		if series {
			b.Shown[record.FieldRecurrence] = now.Value(record.FieldRecurrence, "lost")
		}
	}
	return l
}
