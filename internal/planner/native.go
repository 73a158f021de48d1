package planner

import (
	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// Series reports whether the link is that of a series as a whole: the record of a series that was made in the CRM, and the
// master of its copy in the mailbox.
func (l *Link) Series() bool {
	h := l.CRM.Shown[record.FieldRecurrence]
	return h != 0 && h != undecided
}

// Copied returns the link of a mailbox item that Repsync made as a part of a series: agreed on as it is, with nothing known
// of the CRM's side.
func Copied(it connector.Item, now record.Hasher) Link {
	l := Link{State: Active, Made: record.Mailbox, Norm: now.Norm, HashKey: now.KeyVersion}.clone()
	l.Mailbox.ID, l.Mailbox.Version = it.ID, it.Version
	for f, v := range it.Fields {
		l.Mailbox.agree(f, now.Value(f, v))
	}
	return l
}
