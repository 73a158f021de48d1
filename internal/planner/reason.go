package planner

// Reason is the stable code of why an item did or did not sync. It stands in verdicts, journal lines, workflow results
// and `starter explain`; it never carries a value.
type Reason string
