package scenario

// Team draws what the people of one small org do in the course of a day, as Generate does for a story: first Laid, then as
// many deeds as one likes. One seed gives the same deeds in the same order.
type Team struct{ g *generator }

// NewTeam returns a team. Its items' numbers begin with prefix, so that teams of one CRM have no item in common; crowd and
// diary are how many people and meetings it has to begin with.
func NewTeam(seed uint64, org Org, prefix string, crowd, diary int) *Team {
	g := newGenerator(seed)
	g.s, g.kinds = Scenario{Orgs: []Org{org}}, both
	g.prefix, g.crowd, g.diary = prefix, crowd, diary
	return &Team{g}
}

// Laid are the steps that make what the team begins with, on either side and now and then on both. Some more people and
// meetings are met during the day.
func (t *Team) Laid() []Step {
	g := t.g
	org := g.s.Orgs[0].Name
	var steps []Step
	for g.made[org] < g.crowd || g.met[org] < g.diary {
		step := g.byHand()
		if step.Do == Create {
			steps = append(steps, step)
		}
	}
	g.crowd, g.diary = g.crowd+g.crowd/10+1, g.diary+g.diary/10+1
	return steps
}

// Deed is something that one of the team does.
func (t *Team) Deed() Step { return t.g.byHand() }

// Fault is something that a vendor does badly.
func (t *Team) Fault() *Trouble { return t.g.fault() }
