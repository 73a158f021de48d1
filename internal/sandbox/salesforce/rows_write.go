package salesforce

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// writer is who writes, how and as part of what.
type writer struct {
	actor           *actor
	tx              *tx
	version         string
	allowDuplicates bool
	delay           time.Duration // Go API during SlowCommit
	api             bool          // through HTTP: open transactions lock rows, audit fields are refused
	single          bool          // a person chose "only this event" in the vendor's calendar
}

// change is a record on its way to be stored.
type change struct {
	id     string
	values map[string]any // as they would be stored; prepare may change them
	given  map[string]any // what the caller named, canonical; null is a nil entry
	before *state         // nil on create
}

// changes reads a client's record into canonical changes. Null and "" become nil entries. It answers the vendor's
// errors: unknown and invisible fields (INVALID_FIELD), fields that may not be written, values that cannot be read,
// texts that are too long, bad email addresses, bad references.
func (s *Server) changes(w *writer, t *table, in map[string]any, create bool) (map[string]any, *Error) {
	out := map[string]any{}
	var refused []string
	for _, name := range sortedKeys(in) {
		v := in[name]
		if strings.EqualFold(name, "attributes") || strings.EqualFold(name, "id") {
			continue
		}
		f := s.visibleField(w.actor, t.obj, name)
		if f == nil {
			parent, id, err := s.byRelationship(w, t.obj, name, v)
			if err != nil {
				return nil, err
			}
			if parent == nil {
				return nil, errNoColumn(name, t.obj.Name)
			}
			f, v = parent, id
		}
		allowed := f.writable() && (create || f.updateable())
		if w.actor.system && f.compute == nil {
			allowed = true
		}
		if !allowed || !s.fieldAccess(w.actor, t.obj, f).Edit {
			refused = append(refused, f.Name)
			continue
		}
		value, err := coerce(f, v)
		if err != nil {
			return nil, err
		}
		out[f.Name] = value
	}
	if len(refused) > 0 {
		e := errNotWritable(strings.Join(refused, ", "))
		e.Fields = refused
		return nil, e
	}
	for _, f := range t.obj.Fields {
		v, given := out[f.Name]
		if !given || v == nil {
			continue
		}
		if err := check(f, v); err != nil {
			return nil, err
		}
		if to, isText := v.(string); f.Type == TypeReference && isText {
			id, err := s.checkReference(w, t.obj, f, to)
			if err != nil {
				return nil, err
			}
			out[f.Name] = id
		}
	}
	return out, nil
}

// byRelationship reads {"Account": {"Key__c": "x"}}: a parent named by one of its external ids.
func (s *Server) byRelationship(w *writer, o *Object, name string, v any) (*Field, any, *Error) {
	nested, ok := v.(map[string]any)
	if !ok {
		return nil, nil, nil
	}
	for _, f := range o.Fields {
		if !strings.EqualFold(f.RelationshipName, name) || len(f.ReferenceTo) != 1 {
			continue
		}
		parent := s.table(f.ReferenceTo[0])
		for key, value := range nested {
			if strings.EqualFold(key, "attributes") {
				continue
			}
			ext := s.visibleField(w.actor, parent.obj, key)
			if ext == nil || !ext.indexed() {
				return nil, nil, errNoColumn(key, parent.obj.Name)
			}
			rows := parent.lookup(ext, value)
			if len(rows) != 1 {
				return nil, nil, failFields("INVALID_FIELD", fmt.Sprintf("Foreign key external ID: %v not found for field %s in entity %s", value, ext.Name, parent.obj.Name))
			}
			return f, rows[0].id, nil
		}
	}
	return nil, nil, nil
}

// checkReference tells whether a lookup value points at a live record of the right kind, and returns its long form.
func (s *Server) checkReference(w *writer, o *Object, f *Field, given string) (string, *Error) {
	id, ok := normalizeID(given)
	if !ok {
		return "", failFields("MALFORMED_ID", fmt.Sprintf("%s: id value of incorrect type: %s", f.Label, given), f.Name)
	}
	if len(f.ReferenceTo) == 0 {
		return id, nil
	}
	// What is no id at all is malformed; an id of another kind of object has a code of its own.
	t := s.tableOf(id)
	if t == nil || !slices.Contains(f.ReferenceTo, t.obj.Name) {
		return "", failFields("FIELD_INTEGRITY_EXCEPTION", fmt.Sprintf("%s: id value of incorrect type: %s", f.Label, given), f.Name)
	}
	r := t.rows[id]
	switch {
	case r == nil:
		return "", errCrossReference(f.Name)
	case r.cur.isDeleted():
		return "", failFields("ENTITY_IS_DELETED", "entity is deleted", f.Name)
	case !s.sees(w.actor, t.obj, id, r.cur):
		e := errInvisible()
		e.Fields = []string{f.Name}
		return "", e.with(http.StatusBadRequest)
	case f.Name == "OwnerId" && r.cur.values["IsActive"] != true:
		return "", failFields("INACTIVE_OWNER_OR_USER", fmt.Sprintf("operation performed with inactive user [%s] as owner of %s", id[:15], strings.ToLower(o.Name)), f.Name)
	}
	return id, nil
}

// insert creates one record.
func (s *Server) insert(w *writer, t *table, in map[string]any) (string, *Error) {
	if t.obj.ReadOnly && !w.actor.system {
		return "", failFields("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "entity type cannot be inserted: "+t.obj.Label)
	}
	if !s.objectAccess(w.actor, t.obj).Create {
		return "", noObjectRight(t.obj, "inserted")
	}
	for name, v := range in {
		if strings.EqualFold(name, "id") && v != nil {
			return "", failFields("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", "Id")
		}
	}
	changes, err := s.changes(w, t, in, true)
	if err != nil {
		return "", err
	}
	now := s.now().Truncate(time.Second)
	id := s.newID(t.obj.Prefix)
	values := map[string]any{"Id": id}
	for _, f := range t.obj.Fields {
		switch {
		case changes[f.Name] != nil:
			values[f.Name] = changes[f.Name]
		case f.Default != nil:
			values[f.Name] = f.Default
		case f.Type == TypeBoolean:
			values[f.Name] = false
		case f.Name == "OwnerId", f.Name == "CreatedById", f.Name == "LastModifiedById":
			values[f.Name] = w.actor.id
		case f.Name == "CreatedDate", f.Name == "LastModifiedDate", f.Name == "SystemModstamp":
			values[f.Name] = now
		}
	}
	if err := s.save(w, t, &change{id: id, values: values, given: changes}); err != nil {
		return "", err
	}
	return id, nil
}

// save checks what concerns the whole record and stores it.
func (s *Server) save(w *writer, t *table, c *change) *Error {
	if t.obj.prepare != nil {
		if err := t.obj.prepare(s, w, c); err != nil {
			return err
		}
	}
	id, values, before := c.id, c.values, c.before
	var missing []string
	for _, f := range t.obj.Fields {
		if f.Required && f.compute == nil && values[f.Name] == nil {
			missing = append(missing, f.Name)
		}
	}
	if len(missing) > 0 {
		return failFields("REQUIRED_FIELD_MISSING", "Required fields are missing: ["+strings.Join(missing, ", ")+"]", missing...)
	}
	if err := s.validate(t.obj, shown(values)); err != nil {
		return err
	}
	if before == nil || !samePersonFields(before.values, values) {
		if err := s.detectDuplicates(w, t, id, values); err != nil {
			return err
		}
	}
	if err := t.checkUnique(id, values); err != nil {
		return err
	}
	after := &state{values: values}
	t.put(w.tx, id, after, s.now(), w.delay)
	if t.obj.settle != nil {
		t.obj.settle(s, w, id, before, after)
	}
	return nil
}

// samePersonFields tells whether an update leaves alone what duplicate rules look at.
func samePersonFields(a, b map[string]any) bool {
	for _, f := range []string{"Email", "FirstName", "LastName", "Name", "Phone", "Company"} {
		if a[f] != b[f] {
			return false
		}
	}
	return true
}

// checkUnique refuses a value that another live record has in a unique field.
func (t *table) checkUnique(id string, values map[string]any) *Error {
	for _, f := range t.obj.Fields {
		if !f.Unique || values[f.Name] == nil {
			continue
		}
		for _, other := range t.lookup(f, values[f.Name]) {
			if other.id != id {
				return failFields("DUPLICATE_VALUE", fmt.Sprintf("duplicate value found: %s duplicates value on record with id: %s", f.Name, other.id[:15]))
			}
		}
	}
	return nil
}

// locate finds the live record that an id names, for writing with at least the given rights.
func (s *Server) locate(w *writer, t *table, given string, need level) (*row, *Error) {
	id, ok := normalizeID(given)
	if !ok {
		return nil, fail("MALFORMED_ID", "malformed id %s", given)
	}
	if t.obj.Prefix != id[:3] {
		return nil, failFields("MALFORMED_ID", fmt.Sprintf("%s ID: id value of incorrect type: %s", t.obj.Label, given), "Id")
	}
	r := t.rows[id]
	now := s.now()
	if r == nil || r.at(now) == nil && w.api {
		return nil, errCrossReference().with(http.StatusNotFound)
	}
	if w.api && r.open(now) {
		return nil, errLocked(id)
	}
	if r.cur.isDeleted() {
		return nil, errDeleted()
	}
	switch got := s.recordAccess(w.actor, t.obj, id, r.cur); {
	case got == none:
		return nil, errInvisible()
	case got < need:
		return nil, errReadOnly()
	}
	return r, nil
}

// update changes fields of one record. It moves SystemModstamp even when no value changes, as the vendor does.
func (s *Server) update(w *writer, t *table, id string, in map[string]any) *Error {
	if t.obj.ReadOnly && !w.actor.system {
		return errReadOnly()
	}
	if !s.objectAccess(w.actor, t.obj).Edit {
		return noObjectRight(t.obj, "updated")
	}
	r, err := s.locate(w, t, id, canEdit)
	if err != nil {
		return err
	}
	changes, err := s.changes(w, t, in, false)
	if err != nil {
		return err
	}
	if owner, ok := changes["OwnerId"]; ok && owner == nil {
		return failFields("INVALID_CROSS_REFERENCE_KEY", "Owner ID: owner cannot be blank", "OwnerId")
	} else if ok && owner != r.cur.values["OwnerId"] && s.recordAccess(w.actor, t.obj, r.id, r.cur) < canAll {
		return errReadOnly() // only the owner and Modify All Data transfer a record
	}
	values := r.cur.with(changes)
	for _, f := range t.obj.Fields {
		if f.Type == TypeBoolean && values[f.Name] == nil {
			values[f.Name] = false
		}
	}
	s.touch(w, t.obj, values, changes)
	return s.save(w, t, &change{id: r.id, values: values, given: changes, before: r.cur})
}

// touch moves the audit fields, except those that a seeding caller set itself.
func (s *Server) touch(w *writer, o *Object, values, changes map[string]any) {
	now := s.now().Truncate(time.Second)
	for name, v := range map[string]any{"LastModifiedDate": now, "SystemModstamp": now, "LastModifiedById": w.actor.id} {
		if changes[name] == nil && o.field(name) != nil {
			values[name] = v
		}
	}
}

// remove soft-deletes one record, and the children whose lookup cascades.
func (s *Server) remove(w *writer, t *table, id string) *Error {
	if t.obj.ReadOnly {
		return errReadOnly()
	}
	if !s.objectAccess(w.actor, t.obj).Delete {
		return noObjectRight(t.obj, "deleted")
	}
	r, err := s.locate(w, t, id, canAll)
	if err != nil {
		return err
	}
	before := r.cur
	s.bury(w, t, r, map[string]any{"IsDeleted": true}, "")
	if t.obj.settle != nil {
		t.obj.settle(s, w, r.id, before, r.cur)
	}
	for _, o := range s.objects {
		for _, f := range o.Fields {
			if !f.CascadeDelete || !slices.Contains(f.ReferenceTo, t.obj.Name) {
				continue
			}
			children := s.table(o.Name)
			for _, childID := range children.order {
				if child := children.rows[childID]; child.cur.values[f.Name] == r.id && !child.cur.isDeleted() {
					s.bury(w, children, child, map[string]any{"IsDeleted": true}, r.id)
				}
			}
		}
	}
	return nil
}

// bury stores the deleted state of a row.
func (s *Server) bury(w *writer, t *table, r *row, changes map[string]any, cascade string) {
	values := r.cur.with(changes)
	s.touch(w, t.obj, values, nil)
	t.put(w.tx, r.id, &state{values: values, deleted: s.now(), cascade: cascade}, s.now(), w.delay)
}
