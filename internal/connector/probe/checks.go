package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/repsync/repsync/internal/connector"
)

// Fine is the finding of what is in order.
func Fine(format string, args ...any) connector.Finding {
	return connector.Finding{Standing: connector.OK, Found: fmt.Sprintf(format, args...)}
}

// Warning is the finding of what works, with less than all.
func Warning(remedy, format string, args ...any) connector.Finding {
	return connector.Finding{Standing: connector.Warning, Found: fmt.Sprintf(format, args...), Remedy: remedy}
}

// Lacking is the finding of what does not work.
func Lacking(remedy, format string, args ...any) connector.Finding {
	return connector.Finding{Standing: connector.Lacking, Found: fmt.Sprintf(format, args...), Remedy: remedy}
}

// Code is the code of a connector's error.
func Code(err error) string {
	var e *connector.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return "unknown_code"
}

// Short cuts a vendor's sentence.
func Short(words string) string {
	if r := []rune(words); len(r) > 160 {
		return string(r[:160]) + "…"
	}
	return words
}

// List is the checks of one vendor, whose name stands before their ids: "google.reach".
type List struct {
	Vendor string
	Checks []connector.Check
}

// Add adds a check; needs are ids without the vendor's name.
func (l *List) Add(id, title string, run func(context.Context) connector.Finding, needs ...string) {
	whole := make([]string, len(needs))
	for i, n := range needs {
		whole[i] = l.Vendor + "." + n
	}
	l.Checks = append(l.Checks, connector.Check{ID: l.Vendor + "." + id, Title: title, Needs: whole, Run: run})
}

// Clocks is what reaching a vendor's servers tells of the time.
type Clocks struct {
	theirs time.Time // zero: not told
	skew   time.Duration
}

// Reach is the package's Reach, and keeps how far our clock is from that of the first server.
func (c *Clocks) Reach(ctx context.Context, client *http.Client, now func() time.Time, places ...Place) connector.Finding {
	theirs, f := Reach(ctx, client, places...)
	*c = Clocks{theirs: theirs, skew: now().Sub(theirs)}
	return f
}

// Agree is the package's Clock, of what Reach has learned.
func (c *Clocks) Agree(tolerance, limit time.Duration) connector.Finding {
	if c.theirs.IsZero() {
		return Clock(time.Time{}, time.Time{}, tolerance, limit)
	}
	return Clock(c.theirs.Add(c.skew), c.theirs, tolerance, limit)
}
