package planner_test

import (
	"strings"

	"github.com/repsync/repsync/internal/planner"
)

// This file is the specification that the property test judges Plan by. It shares no code with the planner and is
// written the other way about: as tables over facts in words, read from top to bottom. x and y stand for the two sides
// in either order.

// itemTable says what becomes of an item. A row applies when all its words are among the facts for one order of x and
// y; "no:" before a word means that it is not. The first row that applies counts.
var itemTable = []struct{ when, then string }{
	{"foreign", "nothing"},
	{"unread", "nothing"},

	{"none off", "nothing"},
	{"none x:absent y:absent", "nothing"},
	{"none x:present y:present no:admitted no:shared", "nothing"},
	{"none x:present y:present x>y x:binds", "nothing"},
	{"none x:present y:present", "join"},
	{"none x:present no:x>y", "nothing"},
	{"none x:present x:out", "nothing"},
	{"none x:present own", "nothing"},
	{"none x:present y:mute", "nothing"},
	{"none x:present", "create y"},

	{"waiting x:deleted", "forget"},
	{"waiting x:nosight", "forget"},
	{"waiting off", "nothing"},
	{"waiting y:absent no:x>y", "forget"},
	{"waiting x:error", "nothing"},
	{"waiting x:out", "forget"},
	{"waiting x:present own", "forget"},
	{"waiting x:present y:mute", "nothing"},
	{"waiting x:present", "create y"},

	{"x:deleted y:deleted", "forget"},

	{"active off", "nothing"},
	{"active own x:deleted", "bury"},
	{"active x:deleted x-deleted:review", "nothing"},
	{"active x:deleted x:mute", "bury"},
	{"active x:deleted x-deleted:unlink", "bury"},
	{"active x:deleted no:x>y", "bury"},
	{"active x:deleted y:nosight", "bury"},
	{"active x:deleted y>x y:error", "nothing"},
	{"active x:deleted y>x y:out", "bury"},
	{"active x:deleted y>x y:edited", "restore x"},
	{"active x:deleted y:denied", "nothing"},
	{"active x:deleted y:mute", "nothing"},
	{"active x:deleted", "delete y, bury"},
	{"active x:nosight", "leave"},
	{"active x>y x:error", "nothing"},
	{"active own x>y x:out", "leave"},
	{"active x>y x:private made:y y:denied", "nothing"},
	{"active x>y x:private made:y y:mute", "nothing"},
	{"active x>y x:private made:y", "delete y, leave"},
	{"active x>y x:out made:y no:keep y>x y:edited", "leave"},
	{"active x>y x:out made:y no:keep y:denied", "nothing"},
	{"active x>y x:out made:y no:keep y:mute", "nothing"},
	{"active x>y x:out made:y no:keep", "delete y, leave"},
	{"active x>y x:out", "leave"},
	{"active", "merge"},

	{"buried off", "nothing"},
	{"buried x:nosight", "nothing"},
	{"buried x:deleted", "nothing"},
	{"buried x:unseen y:unseen", "nothing"},
	{"buried x>y x:out", "nothing"},
	{"buried", "join"},

	{"left off", "nothing"},
	{"left x:nosight", "nothing"},
	{"left x>y x:out", "nothing"},
	{"left no:source", "nothing"},
	{"left x:deleted made:x own", "bury"},
	{"left x:deleted made:x x:mute removed", "nothing"},
	{"left x:deleted made:x removed", "restore x"},
	{"left x:deleted", "bury"},
	{"left", "join"},
}

// fieldTable says what becomes of one field of a pair: "->" writes the CRM's value to the mailbox, "<-" the other way,
// "=" leaves both, "rule" asks the conflict rule. The key is the direction and what happened to the field.
var fieldTable = map[string]string{
	"both unchanged": "=", "both same": "=", "both crm": "->", "both mailbox": "<-", "both collided": "rule",
	"crm_to_mailbox unchanged": "=", "crm_to_mailbox same": "=", "crm_to_mailbox crm": "->", "crm_to_mailbox mailbox": "drift", "crm_to_mailbox collided": "->",
	"mailbox_to_crm unchanged": "=", "mailbox_to_crm same": "=", "mailbox_to_crm crm": "drift", "mailbox_to_crm mailbox": "<-", "mailbox_to_crm collided": "<-",
	// With no base: which of the two is filled.
	"both first:same": "=", "both first:crm": "->", "both first:mailbox": "<-", "both first:differ": "rule",
	"crm_to_mailbox first:same": "=", "crm_to_mailbox first:crm": "->", "crm_to_mailbox first:mailbox": "=", "crm_to_mailbox first:differ": "rule but <-",
	"mailbox_to_crm first:same": "=", "mailbox_to_crm first:crm": "=", "mailbox_to_crm first:mailbox": "<-", "mailbox_to_crm first:differ": "rule but ->",
	"both unmapped": "=", "crm_to_mailbox unmapped": "=", "mailbox_to_crm unmapped": "=",
	// The source of a one-way policy is what must not be told from: nothing flows at all.
	"neither unchanged": "=", "neither same": "=", "neither crm": "=", "neither mailbox": "=", "neither collided": "=", "neither unmapped": "=",
	"neither first:same": "=", "neither first:crm": "=", "neither first:mailbox": "=", "neither first:differ": "=",
}

// modelField applies fieldTable.
func modelField(c *testCase, f string, first bool) string {
	crm, box := strings.TrimSpace(c.crm.fields[f]), strings.TrimSpace(c.box.fields[f])
	crmEdited, boxEdited := crm != c.crm.base[f], box != c.box.base[f]
	var what string
	switch {
	case !first && c.mapped[f] == "by upgrade":
		what = "unmapped"
	case first || c.mapped[f] == "by admin":
		what = map[bool]string{true: "first:same"}[crm == box]
		if what == "" {
			what = map[string]string{"01": "first:mailbox", "10": "first:crm", "11": "first:differ"}[bit(crm)+bit(box)]
		}
	case !crmEdited && !boxEdited:
		what = "unchanged"
	case crm == box:
		what = "same"
	default:
		what = map[[2]bool]string{{true, false}: "crm", {false, true}: "mailbox", {true, true}: "collided"}[[2]bool{crmEdited, boxEdited}]
	}
	action := modelAction(c, f, c.way()+" "+what)
	if action == "->" && (f == answer || c.voice == planner.Outside && strings.HasPrefix(what, "first:")) {
		return "=" // an answer is given in the mailbox; what was there before is no edit of somebody else's meeting
	}
	return action
}

func modelAction(c *testCase, f, what string) string {
	action := fieldTable[what]
	if action == "drift" {
		return map[string]string{"revert crm_to_mailbox": "->", "revert mailbox_to_crm": "<-"}[c.drift+" "+c.way()]
	}
	if strings.HasPrefix(action, "rule") {
		rule := c.winner[f]
		if rule == "" {
			rule = strings.TrimSuffix(c.conflict, "_wins")
		}
		if f == answer || c.voice == planner.Outside {
			rule = "mailbox"
		}
		if rule == "newest" {
			rule = map[bool]string{true: "crm", false: "mailbox"}[c.crm.minutes > c.box.minutes]
		}
		decided := map[string]string{"crm": "->", "mailbox": "<-", "review": "review"}[rule]
		if "rule but "+decided == action {
			return "=" // the winner is the receiving side
		}
		return decided
	}
	return action
}

func bit(s string) string {
	if s == "" {
		return "0"
	}
	return "1"
}

// modelItem applies itemTable.
func modelItem(facts map[string]bool) string {
	for _, row := range itemTable {
		for _, swap := range []*strings.Replacer{strings.NewReplacer(), strings.NewReplacer("x", "y", "y", "x")} {
			if holds(facts, strings.Fields(row.when), swap) {
				return swapWord(row.then, swap)
			}
		}
	}
	return "no row"
}

func holds(facts map[string]bool, words []string, swap *strings.Replacer) bool {
	for _, w := range words {
		w, not := strings.CutPrefix(w, "no:")
		name, value, ok := strings.Cut(w, ":")
		w = swapWord(name, swap)
		if ok {
			if name == "made" {
				value = swapWord(value, swap)
			}
			w += ":" + value
		}
		if facts[w] == not {
			return false
		}
	}
	return true
}

// swapWord swaps the letters x and y where they stand for sides: alone, before "-", or around ">".
func swapWord(s string, swap *strings.Replacer) string {
	words := strings.Fields(s)
	for i, w := range words {
		switch strings.TrimSuffix(w, ",") {
		case "x", "y", "x>y", "y>x", "x-deleted", "y-deleted":
			head, tail, _ := strings.Cut(w, "-")
			words[i] = swap.Replace(head)
			if tail != "" {
				words[i] += "-" + tail
			}
		}
	}
	return strings.Join(words, " ")
}
