package scenario

// lives is the story of one or two items that live long: whatever somebody does to them, the world is calm before the next
// thing is done. What goes wrong only the second time, because something remembers the first, shows here.
func (g *generator) lives() {
	g.crowd, g.diary = 2, 2
	for range 6 + g.r.IntN(5) {
		step := g.byHand()
		if step.Do == Edit && g.one(2) {
			step.Do, step.Set = Delete, nil
			if step.Side == CRM && g.one(2) {
				step.Do = Restore
			}
		}
		g.s.Steps = append(g.s.Steps, step)
		if g.one(3) {
			g.s.Steps = append(g.s.Steps, g.run(g.one(2)), g.byHand())
		}
		g.s.Steps = append(g.s.Steps, Step{Do: Calm})
	}
}
