package scenario

import "slices"

// Shrink returns the fewest steps, of those of a failing story, that still fail: it takes out ever smaller runs of steps,
// moments and fields as long as fails says so (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing
// Input", 2002). It asks at most tries times.
func Shrink(s Scenario, tries int, fails func(Scenario) bool) Scenario {
	ask := func(candidate Scenario) bool {
		if tries <= 0 {
			return false
		}
		tries--
		return fails(candidate)
	}
	for {
		was := s.size()
		s = without(s, ask)
		for i := range s.Steps {
			s = simpler(s, i, ask)
		}
		if s.size() == was || tries <= 0 {
			return s
		}
	}
}

// size is what Shrink makes smaller.
func (s Scenario) size() int {
	n := 0
	for _, step := range s.Steps {
		n += 1 + len(step.Set)
		for _, m := range step.When {
			n += 1 + len(m.Steps)
		}
	}
	return n
}

// without takes out steps, in runs of half of all down to one.
func without(s Scenario, fails func(Scenario) bool) Scenario {
	for length := max(len(s.Steps)/2, 1); length > 0; length /= 2 {
		for at := 0; at < len(s.Steps); {
			candidate := s
			candidate.Steps = slices.Delete(slices.Clone(s.Steps), at, min(at+length, len(s.Steps)))
			if fails(candidate) {
				s = candidate
			} else {
				at += length
			}
		}
	}
	return s
}

// simpler takes out what one step can do without.
func simpler(s Scenario, i int, fails func(Scenario) bool) Scenario {
	try := func(change func(*Step) bool) {
		candidate := s
		candidate.Steps = slices.Clone(s.Steps)
		step := candidate.Steps[i]
		if change(&step) {
			candidate.Steps[i] = step
			if fails(candidate) {
				s = candidate
			}
		}
	}
	for m := range slices.Backward(s.Steps[i].When) {
		try(func(step *Step) bool {
			step.When = slices.Delete(slices.Clone(step.When), m, m+1)
			return true
		})
	}
	for m := range s.Steps[i].When {
		for inner := range slices.Backward(s.Steps[i].When[m].Steps) {
			try(func(step *Step) bool {
				step.When = slices.Clone(step.When)
				step.When[m].Steps = slices.Delete(slices.Clone(step.When[m].Steps), inner, inner+1)
				return len(step.When[m].Steps) > 0
			})
		}
	}
	if s.Steps[i].Do == Edit {
		for field := range s.Steps[i].Set {
			try(func(step *Step) bool {
				set := map[string]string{}
				for k, v := range step.Set {
					if k != field {
						set[k] = v
					}
				}
				step.Set = set
				return len(set) > 0
			})
		}
	}
	return s
}
