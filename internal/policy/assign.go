package policy

import "slices"

// Revision is one numbered revision of a policy. Numbers are one sequence per org over all policies and assignments.
type Revision struct {
	Number int64 // 0 is the built-in default policy
	Policy Policy
}

// Assignee is a rep, as far as assignment goes.
type Assignee struct {
	Rep     string // the rep's name in its org
	Profile string // the CRM profile of the rep's user, "" when it is not known
}

// Pick says which policy counts for a rep. Of each policy name only the newest revision counts. It reports whether a
// document of the org was found; without one it returns the default policy as revision 0.
//
// A policy that names the rep beats one that names the rep's profile, and that one beats the policy called "default",
// which, where it names neither reps nor profiles, is for everybody else. A policy whose except lists the rep is not for
// that rep. Of several on one rank the newest revision wins.
func Pick(policies []Revision, who Assignee) (Revision, bool) {
	best, bestRank := Revision{Policy: Default()}, 0
	for _, r := range newest(policies) {
		rank := r.Policy.Assign.rank(r.Policy.Name, who)
		if rank > bestRank || rank > 0 && rank == bestRank && r.Number > best.Number {
			best, bestRank = r, rank
		}
	}
	return best, bestRank > 0
}

// rank is how closely a policy fits a rep, 0 when it is not for that rep.
func (a Assign) rank(name string, who Assignee) int {
	switch {
	case slices.Contains(a.Except, who.Rep):
		return 0
	case slices.Contains(a.Reps, who.Rep):
		return 3
	case who.Profile != "" && slices.Contains(a.Profiles, who.Profile):
		return 2
	case name == DefaultName && len(a.Reps) == 0 && len(a.Profiles) == 0:
		return 1
	}
	return 0
}

func newest(policies []Revision) map[string]Revision {
	out := make(map[string]Revision, len(policies))
	for _, r := range policies {
		if have, ok := out[r.Policy.Name]; !ok || r.Number > have.Number {
			out[r.Policy.Name] = r
		}
	}
	return out
}
