package planner

// Plan decides on one item.
func Plan(p Pair) Decision { return Decision{Reason: ReasonUnchanged} }
