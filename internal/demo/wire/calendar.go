package wire

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Calendar is one Google account's own calendar, through Calendar v3
// (https://developers.google.com/workspace/calendar/api/v3/reference/events). Writes carry sendUpdates=none: people of
// the demo mail nobody, so that each mail that goes out is Repsync's.
type Calendar struct {
	Endpoint
	// Loud lets writes mail all guests.
	Loud bool
}

const calendarPath = "/calendar/v3/calendars/primary/events"

// send is the query of a write.
func (c Calendar) send() string {
	if c.Loud {
		return "?sendUpdates=all"
	}
	return "?sendUpdates=none"
}

// Events lists what the calendar shows that overlaps a part of time, as its owner sees it: every occurrence of a series is
// an event of its own.
func (c Calendar) Events(ctx context.Context, from, to time.Time) ([]Object, error) {
	return c.list(ctx, calendarPath, url.Values{"singleEvents": {"true"}, "timeMin": {from.Format(time.RFC3339)}, "timeMax": {to.Format(time.RFC3339)}})
}

func (c Calendar) list(ctx context.Context, path string, q url.Values) ([]Object, error) {
	var all []Object
	q.Set("maxResults", "2500")
	for page := 1; ; page++ {
		var answer struct {
			Items         []Object `json:"items"`
			NextPageToken string   `json:"nextPageToken"`
		}
		if err := c.do(ctx, http.MethodGet, path+"?"+q.Encode(), nil, &answer); err != nil {
			return nil, fmt.Errorf("read page %d of the calendar: %w", page, err)
		}
		all = append(all, answer.Items...)
		if answer.NextPageToken == "" {
			return all, nil
		}
		q.Set("pageToken", answer.NextPageToken)
	}
}

// Get reads one event, or one occurrence by its own id.
func (c Calendar) Get(ctx context.Context, id string) (Object, error) {
	var event Object
	if err := c.do(ctx, http.MethodGet, c.at(id), nil, &event); err != nil {
		return nil, fmt.Errorf("read event %s: %w", id, err)
	}
	return event, nil
}

// Insert makes an event and returns its id.
func (c Calendar) Insert(ctx context.Context, event Object) (id string, err error) {
	var made Object
	if err := c.do(ctx, http.MethodPost, calendarPath+c.send(), event, &made); err != nil {
		return "", fmt.Errorf("create an event: %w", err)
	}
	return Text(made, "id"), nil
}

// Import puts a private copy of an event into the calendar, found by its iCalUID, and returns its id. With
// originalStartTime it is one changed occurrence of a series that is there.
func (c Calendar) Import(ctx context.Context, event Object) (id string, err error) {
	var made Object
	if err := c.do(ctx, http.MethodPost, calendarPath+"/import", event, &made); err != nil {
		return "", fmt.Errorf("import an event: %w", err)
	}
	return Text(made, "id"), nil
}

// Patch changes fields of an event, or of one occurrence by its own id; nil empties one.
func (c Calendar) Patch(ctx context.Context, id string, change Object) error {
	if err := c.do(ctx, http.MethodPatch, c.at(id)+c.send(), change, nil); err != nil {
		return fmt.Errorf("change event %s: %w", id, err)
	}
	return nil
}

// Delete removes an event, or one occurrence by its own id.
func (c Calendar) Delete(ctx context.Context, id string) error {
	if err := c.do(ctx, http.MethodDelete, c.at(id)+c.send(), nil, nil); err != nil {
		return fmt.Errorf("delete event %s: %w", id, err)
	}
	return nil
}

func (c Calendar) at(id string) string { return calendarPath + "/" + url.PathEscape(id) }
