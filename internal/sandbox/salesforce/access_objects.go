package salesforce

import "slices"

// ObjectAccess says what a profile, or a permission set, opens of an object: the check boxes of "Object Settings". View All
// and Modify All are those of the object, regardless of sharing.
type ObjectAccess struct{ Read, Create, Edit, Delete, ViewAll, ModifyAll bool }

// all is what a profile may do with an object until SetObjectAccess says otherwise.
var all = ObjectAccess{Read: true, Create: true, Edit: true, Delete: true}

func (a ObjectAccess) with(b ObjectAccess) ObjectAccess {
	return ObjectAccess{a.Read || b.Read, a.Create || b.Create, a.Edit || b.Edit, a.Delete || b.Delete, a.ViewAll || b.ViewAll, a.ModifyAll || b.ModifyAll}
}

// SetObjectAccess sets what a profile, or a permission set, named by its name, may do with an object. Of events it stands for
// the permissions "Access Activities" (Read) and "Edit Events" (the others). A name that is no permission set's makes a
// profile. It panics on an object that does not exist.
func (s *Server) SetObjectAccess(profile, object string, a ObjectAccess) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.table(object)
	if t == nil {
		panic("salesforce sandbox: set object access: no object " + object)
	}
	set := s.setOf(s.addProfileUnlessSet(profile))
	if s.objectRights[set] == nil {
		s.objectRights[set] = map[string]ObjectAccess{}
	}
	s.objectRights[set][t.obj.Name] = a
}

// objectAccess is what an actor may do with an object: the profile's setting, widened by permission sets.
func (s *Server) objectAccess(a *actor, o *Object) ObjectAccess {
	out := all
	if a.system {
		return out
	}
	if set, ok := s.objectRights[a.profile][o.Name]; ok {
		out = set
	}
	for _, id := range a.permissionSets {
		out = out.with(s.objectRights[id][o.Name])
	}
	return out
}

// visibleTable finds an object as an actor knows it: nil when it does not exist or may not be read.
func (s *Server) visibleTable(a *actor, name string) *table {
	t := s.table(name)
	if t == nil || !s.objectAccess(a, t.obj).Read {
		return nil
	}
	return t
}

// noObjectRight refuses a write that no permission opens.
func noObjectRight(o *Object, done string) *Error {
	return failFields("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "entity type cannot be "+done+": "+o.Label)
}

// ofOwnSets tells whether a row of the setup objects concerns the actor's own permissions: all that somebody sees who may
// not "View Setup and Configuration". (Object Reference, "PermissionSetAssignment", "Special Access Rules".)
func (a *actor) ofOwnSets(o *Object, st *state) bool {
	switch o.Name {
	case "PermissionSetAssignment":
		return st.values["AssigneeId"] == a.id
	case "PermissionSet":
		return a.hasSet(st.values["Id"])
	}
	return true
}

func (a *actor) hasSet(id any) bool {
	text, _ := id.(string)
	return text == a.profile || slices.Contains(a.permissionSets, text)
}

// objectPermissionsTable is ObjectPermissions: one row per permission set and object that it opens. Activities have none, since
// user permissions govern them. (Object Reference, "ObjectPermissions".)
func objectPermissionsTable() *Object {
	fields := []*Field{idField("Object Permissions"), reference("ParentId", "Parent ID", "PermissionSet", "Parent", "ObjectPerms"), picklist("SobjectType", "SObject Type Name")}
	for _, name := range []string{"Read", "Create", "Edit", "Delete", "ViewAllRecords", "ModifyAllRecords"} {
		fields = append(fields, typed("Permissions"+name, name, TypeBoolean, 0))
	}
	return &Object{Name: "ObjectPermissions", Label: "Object Permissions", Plural: "Object Permissions", Prefix: "110", ReadOnly: true, Fixed: true,
		rows: objectPermissionRows, Fields: noFLS(append(fields, system()[4]))}
}

func objectPermissionRows(s *Server, q *virtualQuery) ([]*row, *Error) {
	var out []*row
	n := int64(0)
	sets := s.table("PermissionSet")
	for _, set := range sets.order {
		if q.actor.noSetup && !q.actor.hasSet(set) {
			continue
		}
		for _, o := range s.objects {
			if o.Fixed || o.Name == "Event" || o.Name == "EventRelation" {
				continue
			}
			n++
			access, ok := s.objectRights[set][o.Name]
			if !ok && sets.rows[set].cur.values["IsOwnedByProfile"] == true {
				access = all
			}
			if !access.Read {
				continue
			}
			id := makeID("110", n)
			out = append(out, &row{id: id, cur: &state{values: map[string]any{"Id": id, "ParentId": set, "SobjectType": o.Name,
				"PermissionsRead": access.Read, "PermissionsCreate": access.Create, "PermissionsEdit": access.Edit, "PermissionsDelete": access.Delete,
				"PermissionsViewAllRecords": access.ViewAll, "PermissionsModifyAllRecords": access.ModifyAll}}})
		}
	}
	return out, nil
}

// defaultAccess spells the org-wide defaults as Organization does. (Object Reference, "Organization".)
var defaultAccess = map[string]struct {
	field string
	words map[Sharing]string
}{
	"Account": {"DefaultAccountAccess", map[Sharing]string{PublicReadWrite: "Edit", PublicReadOnly: "Read", Private: "None"}},
	"Contact": {"DefaultContactAccess", map[Sharing]string{PublicReadWrite: "Edit", PublicReadOnly: "Read", Private: "None"}},
	"Lead":    {"DefaultLeadAccess", map[Sharing]string{PublicReadWrite: "ReadEditTransfer", PublicReadOnly: "Read", Private: "None"}},
	"Event":   {"DefaultCalendarAccess", map[Sharing]string{PublicReadWrite: "AllowEdits", PublicReadOnly: "ShowDetails", Private: "HideDetails"}},
}

// noteSharing writes an object's org-wide default where people look for it. The caller holds s.mu.
func (s *Server) noteSharing(object string, d Sharing) {
	if as, ok := defaultAccess[object]; ok {
		s.table("Organization").rows[s.cfg.OrgID].cur.values[as.field] = as.words[d]
	}
}
