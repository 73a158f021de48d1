package oracle

// merge takes each field of a linked pair through the three-way merge. Where both sides were edited and it cannot be told
// which was newer, either may win.
func (p *pass) merge(s state) {
	for _, winner := range p.winners(s) {
		p.mergeFor(s, winner)
	}
}

// nobody stands for a conflict that waits for a person.
const nobody side = -1

// winners are the sides that may win a conflict.
func (p *pass) winners(s state) []side {
	switch p.wins {
	case "crm_wins":
		return []side{crm}
	case "mailbox_wins":
		return []side{box}
	case "newest":
		c, b := s.crm, s.box[p.rep]
		switch apart := b.at - c.at; {
		case c.vague, b.vague, apart >= -1 && apart <= 1: // vendors give seconds, or finer
			return []side{crm, box}
		case apart > 0:
			return []side{box}
		}
		return []side{crm}
	}
	return []side{nobody}
}

// action is what becomes of a field.
type action int8

const (
	rest action = iota
	agree
	toBox
	toCRM
)

// send is the action that brings a side's value to the other.
func send(from side) action { return [...]action{toBox, toCRM}[from] }

// mergeFor merges with a given winner of conflicts.
func (p *pass) mergeFor(s state, winner side) {
	var todo [width]action
	sends := [2]bool{}
	for f := range width {
		todo[f] = p.field(&s, f, winner)
		if todo[f] == toBox {
			sends[box] = true
		}
		if todo[f] == toCRM {
			sends[crm] = true
		}
	}
	p.done(p.carried(s, todo, [2]bool{true, true}))
	if sends[crm] && sends[box] {
		p.partial = append(p.partial, p.carried(s, todo, [2]bool{true, false}), p.carried(s, todo, [2]bool{false, true}))
	}
}

// field decides on one field.
func (p *pass) field(s *state, f int, winner side) action {
	l := &s.link[p.rep]
	c, b := p.told(s, crm)[f], p.told(s, box)[f]
	if l.agreed&(1<<f) == 0 {
		return p.meet(c, b, winner)
	}
	crmEdited, boxEdited := c != l.base[crm][f], b != l.base[box][f]
	switch {
	case !crmEdited && !boxEdited:
		return rest
	case c == b:
		return agree
	case crmEdited && boxEdited:
		return p.collide(winner)
	case crmEdited:
		return p.carry(crm)
	}
	return p.carry(box)
}

// meet decides on a field without a base: an empty value never overwrites, and what the direction does not let through is
// agreed on as it is.
func (p *pass) meet(c, b word, winner side) action {
	switch {
	case c == b:
		return agree
	case c == 0:
		winner = box
	case b == 0:
		winner = crm
	}
	switch {
	case winner == nobody:
		return rest
	case !p.flows[winner]:
		return agree
	}
	return send(winner)
}

// collide decides on a field that both sides changed. In a one-way policy the source stands.
func (p *pass) collide(winner side) action {
	switch {
	case p.flows[crm] && p.flows[box] && winner == nobody:
		return rest
	case p.flows[crm] && p.flows[box]:
		return send(winner)
	case p.flows[crm]:
		return send(crm)
	}
	return send(box)
}

// carry decides on a field that one side changed. On a receiving side it stays, or is put back.
func (p *pass) carry(from side) action {
	switch {
	case p.flows[from]:
		return send(from)
	case p.revert:
		return send(from.other())
	}
	return rest
}

// carried returns the state after the writes to the sides that reach says.
func (p *pass) carried(s state, todo [width]action, reach [2]bool) state {
	l := &s.link[p.rep]
	c, b := &s.crm, &s.box[p.rep]
	fromCRM, fromBox := p.told(&s, crm), p.told(&s, box)
	for f, do := range todo {
		switch {
		case do == rest, do == toBox && !reach[box], do == toCRM && !reach[crm]:
			continue
		case do == toBox:
			b.v[f], fromBox[f] = fromCRM[f], fromCRM[f]
			b.apart = true
		case do == toCRM:
			c.v[f], fromCRM[f] = fromBox[f], fromBox[f]
			c.vague = true
		}
		l.agreed |= 1 << f
		l.base[crm][f], l.base[box][f] = fromCRM[f], fromBox[f]
	}
	b.heard = b.heard && reach != [2]bool{true, true}
	return s
}
