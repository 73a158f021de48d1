package activities

import (
	"fmt"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// Point is a named place in the write protocol where a worker may die. Crash tests kill the worker at each of them; in
// an ordinary build reaching one does nothing (points_off.go).
type Point string

// The points, in the order in which a pass reaches them.
const (
	PointStage        Point = "before observations are staged"
	PointRenamed      Point = "after the links of a series have moved, before what it lost is staged"
	PointPlanned      Point = "after the plan is saved"
	PointBeforeSent   Point = "before the intents are marked as sent"
	PointSent         Point = "after the intents are marked as sent, before the request"
	PointAnswered     Point = "after the vendor's answer, before it is settled"
	PointSettled      Point = "after the answer is settled"
	PointBeforeDelete Point = "before a delete is sent"
	PointDeleted      Point = "after a delete was answered, before it is settled"
	PointCommit       Point = "before the cursors move"
	PointCommitted    Point = "after the cursors have moved"
)

// Points lists every point. A point that no crash test reaches fails that test.
func Points() []Point {
	return []Point{PointStage, PointRenamed, PointPlanned, PointBeforeSent, PointSent, PointAnswered, PointSettled, PointBeforeDelete, PointDeleted, PointCommit, PointCommitted}
}

// OperationPoints lists, for a verb, the points that every batch of it passes, in their order.
func OperationPoints(verb connector.Verb) []Point {
	if verb == connector.Delete {
		return []Point{PointBeforeSent, PointBeforeDelete, PointDeleted, PointSettled}
	}
	return []Point{PointBeforeSent, PointSent, PointAnswered, PointSettled}
}

// Operation names what a batch does: "crm contact create".
func Operation(side record.Side, k record.Kind, verb connector.Verb) string {
	return fmt.Sprintf("%s %s %s", side, k, verb)
}

// at is reached by a batch.
func (w *writer) at(p Point) { w.a.at(p, Operation(w.side, w.k, w.verb)) }
