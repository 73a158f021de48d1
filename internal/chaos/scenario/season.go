package scenario

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// What the admins of the vendors do, and what people do that the oracle follows by the plain laws only (oracle.Weak).
const (
	Deny   Verb = "deny"   // What: title, title_edit (of the reps' profile), records (others' are private), edits (others' can be read only), values (a validation rule), duplicates (a duplicate rule)
	Allow  Verb = "allow"  // the same again
	Merge  Verb = "merge"  // To is merged into Item, which goes on
	Split  Verb = "split"  // mailbox: this occurrence of a series and all that follow become one of their own; Set
	Answer Verb = "answer" // mailbox: What: accepted, tentative, declined
	Odd    Verb = "odd"    // What names something unusual that is made; Item is what it is called
	Undo   Verb = "undo"   // what passes wrote for the rep within For
	Doctor Verb = "doctor" // Repsync's books are checked against both sides; after a calm nothing may be wrong
	Signal Verb = "signal" // What: pause, resume, nudge, sync, policy, garbage, and continue: Temporal suggests to continue as new
	Slow   Verb = "slow"   // For: how late people's writes to Salesforce become visible, stamped as of when they began
)

// admins are the steps whose What is one of a list.
var admins = map[Verb][]string{
	Deny:   {"title", "title_edit", "records", "edits", "values", "duplicates"},
	Allow:  {"title", "title_edit", "records", "edits", "values", "duplicates"},
	Answer: {"accepted", "tentative", "declined"},
	Signal: {"pause", "resume", "nudge", "sync", "policy", "garbage", "continue"},
}

// checkMore tells whether a step of this file can be played.
func (s Step) checkMore() error {
	if list, ok := admins[s.Do]; ok && !slices.Contains(list, s.What) {
		return fmt.Errorf("%s: what is one of %v, not %q", s.Do, list, s.What)
	}
	if slices.Contains([]Verb{Undo, Signal, Merge, Split, Answer, Odd}, s.Do) && (s.Org == "" || s.Rep == "") {
		return fmt.Errorf("%s: org and rep are needed", s.Do)
	}
	return nil
}

// alsoContacts and alsoEvents are keys of a policy that the oracle does not go by: what is under one is held to the plain
// laws.
var (
	alsoContacts = []string{"limit: {max: 2}", "records: visible", "match: {on_ambiguous: newest}", "limit: {max: 3, keep_first: [last_activity]}"}
	alsoEvents   = []string{"limit: {max: 2}", "exclude: {declined: true}", "exclude: {all_day: true}", "exclude: {internal_only: true}", "exclude: {domains: [example.com]}", "scope: selected", "scope: related"}
)

// season adds to a story what later versions of the language can say. It draws from a source of its own, so that the other
// stories stay as they are.
func (g *generator) season() {
	g.r = rand.New(rand.NewPCG(g.s.Seed, 0x6a09e667f3bcc909)) //nolint:gosec // a story is to be repeated
	var out []Step
	for _, step := range g.s.Steps {
		if step.Do == Run && g.one(4) {
			step.When = append(slices.Clone(step.When), Moment{Request: 1 + g.r.IntN(30), After: g.one(2), Steps: []Step{
				{Do: Signal, Org: step.Org, Rep: step.Rep, What: pick(g, "pause", "nudge", "sync", "policy", "garbage", "continue")}}})
		}
		if g.one(9) {
			out = append(out, g.unusual()...)
		}
		out = append(out, step)
		if step.Do != Calm {
			continue
		}
		switch g.r.IntN(4) {
		case 0, 1:
			out = append(out, Step{Do: Doctor})
		case 2:
			org, rep := g.who()
			out = append(out, Step{Do: Undo, Org: org, Rep: rep, For: pick(g, "80m", "3h", "100h")}, Step{Do: Calm}, Step{Do: Doctor})
		}
	}
	if g.one(3) { // drawn last: what came before stays as it was
		out = slices.Insert(out, g.r.IntN(len(out)), Step{Do: Upgrade})
	}
	g.s.Steps = out
}

// unusual draws something of this file.
func (g *generator) unusual() []Step {
	org, rep := g.who()
	switch k := g.r.IntN(12); {
	case k < 3:
		return []Step{{Do: Undo, Org: org, Rep: rep, For: pick(g, "2m", "30m", "5h")}}
	case k < 5:
		return []Step{{Do: Signal, Org: org, Rep: rep, What: pick(g, "pause", "nudge", "garbage")}}
	case k == 5:
		return []Step{{Do: Slow, Org: org, For: pick(g, "10s", "90s", "0s")}}
	case k == 6:
		return []Step{{Do: pick(g, Deny, Deny, Allow), Org: org, What: pick(g, admins[Deny]...)}}
	case k == 7:
		policy := g.policy()
		if g.kinds != meetings {
			policy.AlsoContacts = []string{pick(g, alsoContacts...)}
		}
		if g.kinds != people {
			policy.AlsoEvents = []string{pick(g, alsoEvents...)}
		}
		return []Step{{Do: Apply, Org: org, Policy: &policy}}
	case g.kinds == meetings, k > 9 && g.kinds == both:
		item := fmt.Sprint("m", 1+g.r.IntN(max(g.met[org], 1)))
		if g.series[org+item] > 2 && g.one(2) {
			return []Step{{Do: Split, Org: org, Rep: rep, Side: Mailbox, Item: item + "@1", Set: map[string]string{"subject": g.value(org, "subject", item) + "s"}}}
		}
		return []Step{{Do: Answer, Org: org, Rep: rep, Side: Mailbox, Item: item, What: pick(g, admins[Answer]...)}}
	case g.made[org] > 1:
		a := 1 + g.r.IntN(g.made[org])
		b := 1 + (a+g.r.IntN(g.made[org]-1))%g.made[org]
		return []Step{{Do: Merge, Org: org, Rep: rep, Side: pick(g, CRM, Mailbox), Item: fmt.Sprint("p", a), To: fmt.Sprint("p", b)}}
	default:
		return []Step{g.byHand()}
	}
}

// Verbs lists all that a step may do.
func Verbs() []Verb {
	return []Verb{
		Create, Edit, Delete, Restore, Reassign, Touch, Rename, Merge, Split, Answer, Odd,
		Run, Feed, Apply, Wait, Restart, Stop, Kill, Release, Rotate, Upgrade, Backup, Recover, Outage, Deny, Allow, Undo, Doctor, Signal,
		Fault, Expire, Lag, Slow, Die, Calm,
	}
}
