package salesforce

import (
	"slices"
	"strings"
	"time"
)

// Access says what somebody may do with a field or a record.
type Access struct{ Read, Edit bool }

// Sharing is an object's org-wide default: what users who do not own a record may do with it.
type Sharing string

// The org-wide defaults. Public read/write is what an object has until SetSharing.
const (
	PublicReadWrite Sharing = "public_read_write"
	PublicReadOnly  Sharing = "public_read_only"
	Private         Sharing = "private" // owner, shares by hand, View All Data
)

// actor is on whose behalf something is done.
type actor struct {
	id                 string
	system             bool // seeding through the Go API: no field-level security, no sharing
	viewAll, modifyAll bool
	noSetup, noAPI     bool
	profile            string   // the permission set that the profile owns
	permissionSets     []string // the others
	zone               *time.Location
}

// actor builds the rights of a user. The caller holds s.mu.
func (s *Server) actor(userID string) *actor {
	a := &actor{id: userID, zone: time.UTC}
	acc := s.accounts[userID]
	if acc == nil {
		return a
	}
	a.viewAll, a.modifyAll = acc.viewAll || acc.modifyAll, acc.modifyAll
	a.noSetup, a.noAPI = acc.noSetup, acc.noAPI
	a.profile, a.permissionSets = acc.profileSet, acc.permissionSets
	if r := s.table("User").rows[userID]; r != nil {
		if name, _ := r.cur.values["TimeZoneSidKey"].(string); name != "" {
			if zone, err := time.LoadLocation(name); err == nil {
				a.zone = zone
			}
		}
	}
	return a
}

// fieldAccess is what field-level security leaves of a field: the profile's setting, widened by permission sets.
func (s *Server) fieldAccess(a *actor, o *Object, f *Field) Access {
	if a.system || f.NoFLS {
		return Access{true, true}
	}
	name := o.Name + "." + f.security()
	out := Access{true, true}
	if set, ok := s.fls[a.profile][name]; ok {
		out = set
	}
	for _, id := range a.permissionSets {
		set := s.fls[id][name]
		out.Read, out.Edit = out.Read || set.Read, out.Edit || set.Edit
	}
	return out
}

// visibleField finds a field as the actor knows it: nil when it does not exist or may not be read.
func (s *Server) visibleField(a *actor, o *Object, name string) *Field {
	f := o.field(name)
	if f == nil || !s.fieldAccess(a, o, f).Read {
		return nil
	}
	return f
}

// level is how much somebody may do with a record.
type level int

const (
	none level = iota
	canRead
	canEdit
	canAll // delete and transfer too
)

// recordAccess tells how much the actor may do with a record in this state.
func (s *Server) recordAccess(a *actor, o *Object, id string, st *state) level {
	switch {
	case a.system || a.modifyAll && !o.Fixed:
		return canAll
	case o.Name == "EventRelation":
		return s.relationAccess(a, st)
	case a.noSetup && !a.ofOwnSets(o, st):
		return none
	case o.Fixed || !o.owned():
		return canRead
	case st.values["OwnerId"] == a.id:
		return canAll
	}
	rights := s.objectAccess(a, o)
	if rights.ModifyAll {
		return canAll
	}
	got := none
	if a.viewAll || rights.ViewAll {
		got = canRead
	}
	if share, ok := s.shares[id][a.id]; ok {
		if share.Read {
			got = max(got, canRead)
		}
		if share.Edit {
			got = max(got, canEdit)
		}
	}
	if private := st.values["IsPrivate"] == true; o.Name == "Event" && (private || s.sharing[o.Name] == Private) {
		if got < canRead && s.takesPart(a.id, id, st) {
			got = max(got, canRead)
		}
		if private && st.values["CreatedById"] != a.id {
			return got
		}
	}
	if o.Name == "Contact" && st.values["AccountId"] == nil {
		return got // a contact without an account is private to its owner, whatever the org-wide default
	}
	switch s.sharing[o.Name] {
	case Private:
		return got
	case PublicReadOnly:
		return max(got, canRead)
	default:
		return max(got, canEdit)
	}
}

// sees tells whether the actor may read a record.
func (s *Server) sees(a *actor, o *Object, id string, st *state) bool {
	return s.recordAccess(a, o, id, st) >= canRead
}

// virtualQuery is what the rows of a calculated object depend on.
type virtualQuery struct {
	actor *actor
	where expr
}

// fieldPermissionRows lists what every permission set opens, one row per permissionable field.
func fieldPermissionRows(s *Server, q *virtualQuery) ([]*row, *Error) {
	var out []*row
	n := int64(0)
	sets := s.table("PermissionSet")
	for _, set := range sets.order {
		if q.actor.noSetup && !q.actor.hasSet(set) {
			continue
		}
		owned := sets.rows[set].cur.values["IsOwnedByProfile"] == true
		for _, o := range s.objects {
			if o.Fixed {
				continue
			}
			for _, f := range o.Fields {
				if f.NoFLS || f.security() != f.Name {
					continue
				}
				n++
				access, ok := s.fls[set][o.Name+"."+f.Name]
				if !ok && owned {
					access = Access{true, f.updateable() || f.Type == TypeAddress}
				}
				if !access.Read {
					continue
				}
				id := makeID("01k", n)
				out = append(out, &row{id: id, cur: &state{values: map[string]any{"Id": id, "ParentId": set, "SobjectType": o.Name,
					"Field": o.Name + "." + f.Name, "PermissionsRead": true, "PermissionsEdit": access.Edit}}})
			}
		}
	}
	return out, nil
}

// accessLevels spells level as MaxAccessLevel does.
var accessLevels = map[level]string{none: "None", canRead: "Read", canEdit: "Edit", canAll: "All"}

// userRecordAccessRows answers for the user and the records that the query names. The vendor demands both filters and
// takes at most 200 records. (Object Reference, "UserRecordAccess".)
func userRecordAccessRows(s *Server, q *virtualQuery) ([]*row, *Error) {
	users, records := pinned(q.where, "UserId"), pinned(q.where, "RecordId")
	if len(users) != 1 || len(records) == 0 {
		return nil, fail("MALFORMED_QUERY", "When filtering on UserRecordAccess, use exactly one UserId and at least one RecordId in the WHERE clause")
	}
	if len(records) > 200 {
		return nil, fail("EXCEEDED_ID_LIMIT", "UserRecordAccess: record limit reached. cannot query more than 200 records")
	}
	user, ok := normalizeID(users[0])
	if !ok || s.accounts[user] == nil {
		return nil, nil
	}
	a := s.actor(user)
	now := s.now()
	var out []*row
	var done []string
	for _, given := range records {
		id, ok := normalizeID(given)
		if !ok || slices.Contains(done, id) {
			continue
		}
		done = append(done, id)
		t := s.tableOf(id)
		if t == nil || t.rows[id] == nil {
			continue
		}
		st := t.rows[id].at(now)
		if st == nil || st.isDeleted() {
			continue
		}
		l := s.recordAccess(a, t.obj, id, st)
		out = append(out, &row{id: id, cur: &state{values: map[string]any{"Id": id, "UserId": user, "RecordId": id,
			"HasReadAccess": l >= canRead, "HasEditAccess": l >= canEdit, "HasDeleteAccess": l == canAll, "HasTransferAccess": l == canAll,
			"HasAllAccess": l == canAll, "MaxAccessLevel": accessLevels[l]}}})
	}
	return out, nil
}

// pinned collects the literals to which an AND-ed condition binds a field with = or IN; nothing where null is among them.
func pinned(e expr, field string) []string {
	switch e := e.(type) {
	case *logic:
		if e.and {
			return append(pinned(e.left, field), pinned(e.right, field)...)
		}
	case *cond:
		if len(e.path) == 1 && strings.EqualFold(e.path[0], field) && (e.op == "=" || e.op == "IN") {
			var out []string
			for _, v := range e.values {
				if v.kind != litString || v.text == "" {
					return nil
				}
				out = append(out, v.text)
			}
			return out
		}
	}
	return nil
}
