// Package demo plays a story that shows what Repsync does, against Temporal and two sandboxes that speak the vendors' real
// APIs, and lets a verifier judge every item at its end.
package demo
