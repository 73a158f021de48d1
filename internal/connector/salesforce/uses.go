package salesforce

import (
	"maps"
	"slices"
	"strings"
)

// Use is what the connector does with one object of an org: what the integration user's permission set has to open, and
// no more. deploy/salesforce is held against it by a test, and the checks of a connection go through it.
type Use struct {
	Object               string
	Create, Edit, Delete bool // beside reading
	Fields               []FieldUse
}

// FieldUse is what the connector does with one field, of the standard mapping and of its own.
type FieldUse struct {
	Name  string
	Write bool
	// Vital says that nothing of the object is synced without it; without another field that field alone is not.
	Vital bool
}

// vital are the fields without which an object cannot be synced at all.
var vital = map[string][]string{
	"Contact": {"Id", "LastName", "SystemModstamp"},
	"Event":   {"Id", "StartDateTime", "SystemModstamp"},
}

// beside are the fields that objects are read for beside a kind's own.
var beside = map[string][]string{
	"Account":       {"Id", "Name"},
	"EventRelation": {"Id", "EventId", "RelationId", "Status", "IsWhat", "IsParent", "IsInvitee"},
}

// Uses lists what the connector does with each object, its key in the field keyField; "" is the default field.
func Uses(keyField string) []Use {
	if keyField == "" {
		keyField = Config{}.WithDefaults().KeyField
	}
	contact := contactShape.uses(keyField)
	contact.add(append([]string{"AccountId"}, populations[0].fields...), false)
	lead := Use{Object: "Lead"}
	lead.add(append([]string{"Id", populations[1].needs, "Email"}, populations[1].fields...), false)
	user := Use{Object: "User"}
	user.add([]string{"Id", "Username", "Email", "Name", "IsActive", "ProfileId"}, false)
	account, ties := Use{Object: "Account"}, Use{Object: tieObject, Create: true, Edit: true, Delete: true}
	account.add(beside["Account"], false)
	ties.add(beside[tieObject], false)
	return []Use{contact, account, lead, user, eventShape.uses(keyField), ties}
}

// uses lists what a kind's own object is used for.
func (s *shape) uses(keyField string) Use {
	u := Use{Object: s.object, Create: true, Edit: true, Delete: true}
	u.add(slices.Concat(fixedFields, []string{stamps[0]}, s.fixed), false)
	if s.hidden != "" {
		u.add([]string{s.hidden}, false)
	}
	for _, canonical := range slices.Sorted(maps.Keys(s.mapping)) {
		for _, path := range s.reads(canonical) {
			if !strings.Contains(path, ".") && path != tiesMember { // a parent's field is the parent's use
				u.add([]string{path}, false)
			}
		}
		u.add(s.columns(canonical), true)
	}
	u.add([]string{"OwnerId", keyField}, true)
	return u
}

// add notes fields; what was noted already is written where either says so.
func (u *Use) add(names []string, write bool) {
	for _, name := range names {
		if name == tiesMember {
			continue
		}
		i := slices.IndexFunc(u.Fields, func(f FieldUse) bool { return f.Name == name })
		if i < 0 {
			u.Fields = append(u.Fields, FieldUse{Name: name, Vital: slices.Contains(vital[u.Object], name)})
			i = len(u.Fields) - 1
		}
		u.Fields[i].Write = u.Fields[i].Write || write
	}
}
