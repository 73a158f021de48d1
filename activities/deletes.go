package activities

import (
	"context"

	"github.com/repsync/repsync/internal/connector"
)

// PropagateDeletes sends deletes, apart from all other writes and after them. The guard has weighed them as a whole when
// they were planned; each is read, saved and compared once more before it is sent.
func (a *Activities) PropagateDeletes(ctx context.Context, p Pass) (StageOut, error) {
	return a.writes(ctx, p, "deletes", connector.Delete)
}
