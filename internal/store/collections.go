package store

import (
	"fmt"

	"github.com/repsync/repsync/internal/record"
)

// What a rep has of a kind is a collection. Of the tables with a row for each item, and of their indexes, most would be made of the
// names of org, rep and kind, again and again; they have the collection's number (column coll) instead. Callers never see it:
// statements look the number up by the names, each time anew, since a database that was restored may have given it to another. A row for
// a collection that is not there is refused (the column takes no null), and never left out in silence.

// kinds are those that a rep has collections of, in order.
var kinds = []string{string(record.Contact), string(record.Email), string(record.Event), string(record.Task)}

// collectionOf is the number of the collection whose org, rep and kind are a statement's arguments from the n-th on.
func collectionOf(n int) string {
	return fmt.Sprintf("(select no from collection where org = $%d and rep = $%d and kind = $%d)", n, n+1, n+2)
}

// collectionsOf are the numbers of all collections of the rep whose org and name are a statement's arguments from the n-th on.
func collectionsOf(n int) string {
	return fmt.Sprintf("any(array(select no from collection where org = $%d and rep = $%d))", n, n+1)
}

// ofOrg are the numbers of the collections that the reps of an org have of a kind, the first two arguments.
const ofOrg = "any(array(select no from collection where org = $1 and kind = $2))"

// Statements that tell the time have it as their first argument.
var (
	ofKind    = collectionOf(1)
	ofKindNow = collectionOf(2)
	ofRep     = collectionsOf(1)
	ofRepNow  = collectionsOf(2)
)
