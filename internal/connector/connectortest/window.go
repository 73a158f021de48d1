package connectortest

import "time"

// Window is a span of time, From inclusive and To exclusive.
type Window struct{ From, To time.Time }

// Has reports whether t lies inside.
func (w Window) Has(t time.Time) bool { return !t.Before(w.From) && t.Before(w.To) }
