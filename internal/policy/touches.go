package policy

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/repsync/repsync/internal/record"
)

// Change is what a pass has to do for one kind when a policy takes another's place.
type Change struct {
	// Keys are the keys whose value differs and that matter to the kind, sorted, without the kind's prefix.
	Keys []string
	// Replan asks for the items that wait (parked, for review) to be planned again.
	Replan bool
	// Read asks for a full read of both sides and a plan for every item, Replan included: items that the old policy
	// left out are nowhere but at the vendor, and what has already synced may have to go.
	Read bool
}

// Nothing reports whether the change can wait for the next edit.
func (c Change) Nothing() bool { return !c.Replan && !c.Read }

// Touches compares two policies for one kind. Name, org, assignment, schedule and guard need nothing: they count from
// the next pass on. Neither does a kind that this version does not enforce.
func Touches(before, after Policy, kind record.Kind) Change {
	var c Change
	if !Enforces(kind) {
		return c
	}
	a, b := kindValues(before, kind), kindValues(after, kind)
	for _, key := range slices.Sorted(maps.Keys(b)) {
		if same(a[key], b[key]) {
			continue
		}
		c.Keys = append(c.Keys, key)
		c.Replan = true
		if !replanKeys[key] {
			c.Read = true
		}
	}
	return c
}

// replanKeys are the keys that decide only about items that wait, or about what is yet to happen. Every other key can
// admit, drop or rewrite an item that has not changed.
var replanKeys = map[string]bool{
	"conflict":           true,
	"match.by":           true,
	"match.on_ambiguous": true,
	"deletes":            true,
	"relate.on_tie":      true,
	"capture":            true,
}

// kindValues lists what a policy says about a kind, by key.
func kindValues(p Policy, kind record.Kind) map[string]any {
	s := p.Sync(kind)
	out := map[string]any{
		"direction":          s.Direction,
		"records":            s.Records,
		"filter":             strings.TrimSpace(s.Filter),
		"limit":              s.Limit,
		"match.by":           s.Match.By,
		"match.on_ambiguous": s.Match.OnAmbiguous,
		"conflict":           s.Conflict,
		"fields":             s.Fields,
		"deletes":            s.Deletes,
		"on_filter_exit":     s.OnFilterExit,
		"on_drift":           s.OnDrift,
	}
	switch kind {
	case record.Event:
		e := p.Events
		out["scope"], out["label"], out["private"], out["series"] = e.Scope, e.Label, e.Private, e.Series
		out["relate"] = [3]bool{e.Relate.Contacts, e.Relate.Leads, e.Relate.Accounts}
		out["relate.on_tie"] = e.Relate.OnTie
		out["window"], out["exclude"], out["invitations"] = e.Window, e.Exclude, e.Invitations
	case record.Email:
		out = map[string]any{"capture": p.Emails.Capture}
	}
	return out
}

// same is equality to which nil and empty lists and maps are one.
func same(a, b any) bool {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	if k := x.Kind(); (k == reflect.Slice || k == reflect.Map) && x.Len() == 0 && y.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a, b)
}
