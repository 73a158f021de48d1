package policy

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// check finds what is wrong with the document as a whole. What contradicts itself, or what its author must believe to
// happen and never can, is an error. What merely has no effect, and harms nobody, is a warning.
func (r *reader) check() {
	r.checkAssign()
	r.checkFields()
	r.checkDirection("contacts", r.policy.Contacts)
	r.checkDirection("events", r.policy.Events.Sync)
	r.checkDirection("tasks", r.policy.Tasks)
	r.checkEvents()
	r.checkGuard()
}

// checkEvents finds keys of events that another key takes the effect from.
func (r *reader) checkEvents() {
	e := r.policy.Events
	for _, w := range r.written {
		_, domain, at := strings.Cut(w.value, "@")
		switch {
		case w.path == "events.exclude.domains[]" && at:
			r.fail(w.at, "events.exclude.domains", fmt.Sprintf("%q is no mail domain", short(w.value)), "write what comes after the @, as in "+quote(domain))
		case w.path == "events.exclude.addresses[]" && !at:
			r.fail(w.at, "events.exclude.addresses", fmt.Sprintf("%q is no address", short(w.value)), "write a whole address, or the domain under exclude.domains")
		}
	}
	if w := r.where("events.label"); w.path != "" && e.Label != Default().Events.Label && e.Scope != "selected" {
		r.warn(w.at, w.path, "has no effect without scope: selected", "write scope: selected, or remove the key")
	}
	if w := r.where("events.scope"); w.path != "" && e.Scope == "selected" && e.Direction == "crm_to_mailbox" {
		r.warn(w.at, w.path, "selected has no effect with direction: crm_to_mailbox, since reps mark events in the mailbox",
			"write direction: both or mailbox_to_crm, or remove the key")
	}
	if w := r.where("events.invitations"); w.path != "" && e.Invitations == "organizer" && e.Direction == "mailbox_to_crm" {
		r.warn(w.at, w.path, "organizer has no effect with direction: mailbox_to_crm, which writes nothing to the mailbox", "write never, which is what happens")
	}
}

func (r *reader) checkAssign() {
	a := r.policy.Assign
	reps := map[string]bool{}
	for _, rep := range a.Reps {
		reps[rep] = true
	}
	for _, w := range r.written {
		if w.path == "assign.except[]" && reps[w.value] {
			r.fail(w.at, "assign.except", fmt.Sprintf("%q is in assign.reps too", short(w.value)), "remove the rep from one of the two")
		}
	}
	everybody := r.policy.Name == DefaultName && len(a.Reps) == 0 && len(a.Profiles) == 0
	if len(a.Except) > 0 && len(a.Profiles) == 0 && !everybody {
		r.warn(r.where("assign.except").key, "assign.except", "has no effect without profiles", "name profiles that these reps are left out of, or remove the key")
	}
	if len(a.Reps) == 0 && len(a.Profiles) == 0 && !everybody {
		at := r.where("assign").key
		if at == (position{}) {
			at = r.where("name").key
		}
		r.warn(at, "assign", "is empty, so that the policy is stored and reaches no rep",
			"name reps or profiles; a policy called "+DefaultName+" reaches every rep whom no other one does")
	}
}

// checkDirection compares a kind's direction with the rules that were written for the other one. Only what was written
// counts: a default that cannot take effect misleads nobody.
func (r *reader) checkDirection(section string, s Sync) {
	written := func(key string) (position, bool) {
		w := r.where(section + "." + key)
		return w.at, w.path != ""
	}
	if at, ok := written("deletes.from_mailbox"); ok && s.Direction == "crm_to_mailbox" && s.Deletes.FromMailbox == "propagate" {
		r.fail(at, section+".deletes.from_mailbox", "propagate can never happen with direction: crm_to_mailbox, which writes nothing to the CRM",
			"write unlink, or direction: both")
	}
	if at, ok := written("deletes.from_crm"); ok && s.Direction == "mailbox_to_crm" && s.Deletes.FromCRM == "propagate" {
		r.warn(at, section+".deletes.from_crm", "propagate has no effect with direction: mailbox_to_crm, which writes nothing to the mailbox",
			"write unlink, which is what happens")
	}
	if at, ok := written("on_drift"); ok && s.Direction == "both" && s.OnDrift == "revert" {
		r.warn(at, section+".on_drift", "has no effect with direction: both, where an edit on either side counts", "remove the key")
	}
}

func (r *reader) checkGuard() {
	g := r.policy.Guard
	for section, kind := range mappedSections {
		if w := r.where(section + ".limit.max"); w.path != "" && r.policy.Sync(kind).Limit.Max > g.Creates.FirstSync {
			r.warn(w.at, w.path, fmt.Sprintf("is more than guard.creates.first_sync (%d), so that a full first sync is held", g.Creates.FirstSync),
				"raise guard.creates.first_sync too, or lower the limit")
		}
	}
	for _, c := range []struct {
		key      string
		rep, org int
	}{
		{"guard.deletes.max", g.Deletes.Max, g.Org.Deletes},
		{"guard.overwrites.max", g.Overwrites.Max, g.Org.Overwrites},
	} {
		if w := r.where(c.key); w.path != "" && c.rep > c.org {
			r.warn(w.at, c.key, fmt.Sprintf("has no effect: the whole org is held at %d", c.org), "raise the bound under guard.org too, or lower this one")
		}
	}
}

// where returns the place where a key was written, with an empty path when it was not.
func (r *reader) where(path string) written {
	for _, w := range r.written {
		if w.path == path {
			return w
		}
	}
	return written{}
}

// filter compiles a filter and notes what is wrong with it at its place in the document.
func (r *reader) filter(path string, n ast.Node, src string) bool {
	section, _, _ := strings.Cut(path, ".")
	f, err := CompileFilterFor(mappedSections[section], src)
	if err != nil {
		at := place(n)
		inside := position{1, 1}
		message, remedy := err.Error(), "see docs/policy.md, Filters"
		if known, ok := asFilterError(err); ok {
			inside, message, remedy = position{known.Line, known.Column}, known.Message, known.Remedy
		}
		r.fail(r.within(n, at, inside), path, message, remedy)
		return false
	}
	if len(f.reads) == 0 {
		r.warn(place(n), path, "reads no field, so that it says the same of every item", "compare a field, such as crm.MailingCountry == \"US\"")
	}
	return true
}

// within finds a place inside a text: exactly where it stands in the document as it is, else where the text begins.
func (r *reader) within(n ast.Node, at, inside position) position {
	switch n := n.(type) {
	case *ast.LiteralNode:
		if line := at.line + inside.line; strings.HasPrefix(n.Start.Value, "|") && line <= len(r.lines) {
			// The block's first line sets its indentation.
			first := r.lines[at.line]
			return position{line, len(first) - len(strings.TrimLeft(first, " ")) + inside.column}
		}
	case *ast.StringNode:
		if inside.line != 1 {
			return at
		}
		shift := inside.column - 1
		if o := n.GetToken().Origin; len(o) > 0 && (trimmed(o)[0] == '"' || trimmed(o)[0] == '\'') {
			shift++
		}
		return position{at.line, at.column + shift}
	}
	return at
}

// trimmed is a token as written, from its first character; never empty.
func trimmed(origin string) string {
	for i, c := range origin {
		if c != ' ' && c != '\n' && c != '\t' {
			return origin[i:]
		}
	}
	return " "
}
