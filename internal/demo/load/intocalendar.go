package load

import (
	"context"
	"errors"
	"net/http"

	"github.com/repsync/repsync/internal/demo/wire"
)

// IntoCalendar puts events that ICS read into a calendar, in order: those with a UID by events.import, so that they keep
// it, the others by events.insert. Those that the vendor refuses come back as problems; so do the changed occurrences of a
// series that it refused. Error: the vendor could not be asked at all.
func IntoCalendar(ctx context.Context, calendar wire.Calendar, events []Item) (loaded int, problems []Problem, err error) {
	for _, e := range events {
		if wire.Text(e.Fields, "iCalUID") == "" {
			_, err = calendar.Insert(ctx, e.Fields)
		} else {
			_, err = calendar.Import(ctx, e.Fields)
		}
		var status *wire.StatusError
		switch {
		case err == nil:
			loaded++
		case errors.As(err, &status) && (status.Status == http.StatusBadRequest || status.Status == http.StatusNotFound):
			problems = append(problems, Problem{e.Line, "the calendar refuses this event: " + status.Reason()})
		default:
			return loaded, problems, err
		}
	}
	return loaded, problems, nil
}
