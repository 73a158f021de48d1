package salesforce

import (
	"fmt"
	"maps"
	"strings"
)

// Insert creates a record as a user ("" acts as the Automated Process user, who may set every stored field, audit times
// included) and returns its 18-character id. Values are keyed by API name and are what JSON holds (string, bool, number,
// nil) or time.Time. Errors are *Error, in the vendor's words.
func (s *Server) Insert(object string, values map[string]any, asUser string) (string, error) {
	var id string
	err := s.write(object, asUser, func(w *writer, t *table) (err *Error) {
		id, err = s.insert(w, t, values)
		return err
	})
	return id, err
}

// Update changes fields of a record as a user; nil clears a field. Errors as Insert.
func (s *Server) Update(object, id string, values map[string]any, asUser string) error {
	return s.write(object, asUser, func(w *writer, t *table) *Error { return s.update(w, t, id, values) })
}

// Delete soft-deletes a record as a user, with the children that its delete takes along. Errors as Insert.
func (s *Server) Delete(object, id, asUser string) error {
	return s.write(object, asUser, func(w *writer, t *table) *Error { return s.remove(w, t, id) })
}

// Undelete brings a soft-deleted record back from the recycle bin, with the children that went with it. SystemModstamp
// moves. Errors: UNDELETE_FAILED when it is not in the bin, DUPLICATE_VALUE when a unique value was taken meanwhile.
func (s *Server) Undelete(object, id, asUser string) error {
	return s.write(object, asUser, func(w *writer, t *table) *Error {
		id, _ := normalizeID(id)
		r := t.rows[id]
		if r == nil || !r.cur.isDeleted() {
			return fail("UNDELETE_FAILED", "Entity is not in the recycle bin")
		}
		if err := s.revive(w, t, r); err != nil {
			return err
		}
		for _, o := range s.objects {
			children := s.table(o.Name)
			for _, childID := range children.order {
				if child := children.rows[childID]; child.cur.cascade == id && child.cur.isDeleted() {
					if err := s.revive(w, children, child); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}

func (s *Server) revive(w *writer, t *table, r *row) *Error {
	values := r.cur.with(map[string]any{"IsDeleted": false, "MasterRecordId": nil})
	s.touch(w, t.obj, values, nil)
	if err := t.checkUnique(r.id, values); err != nil {
		return err
	}
	t.put(w.tx, r.id, &state{values: values}, s.now(), w.delay)
	return nil
}

// Merge merges loser into master: the loser is soft-deleted with MasterRecordId set, records that point to it point to
// the master, and the master's SystemModstamp moves. Values stay the master's. Errors as Update.
func (s *Server) Merge(object, master, loser, asUser string) error {
	return s.write(object, asUser, func(w *writer, t *table) *Error {
		m, err := s.locate(w, t, master, canEdit)
		if err != nil {
			return err
		}
		l, err := s.locate(w, t, loser, canAll)
		if err != nil {
			return err
		}
		s.bury(w, t, l, map[string]any{"IsDeleted": true, "MasterRecordId": m.id}, "")
		for _, o := range s.objects {
			children := s.table(o.Name)
			for _, f := range o.Fields {
				if f.Type != TypeReference || f.Name == "MasterRecordId" {
					continue
				}
				for _, id := range children.order {
					if r := children.rows[id]; r.cur.values[f.Name] == l.id && !r.cur.isDeleted() {
						values := r.cur.with(map[string]any{f.Name: m.id})
						s.touch(w, o, values, nil)
						children.put(w.tx, id, &state{values: values}, s.now(), w.delay)
					}
				}
			}
		}
		values := m.cur.with(nil)
		s.touch(w, t.obj, values, nil)
		t.put(w.tx, m.id, &state{values: values}, s.now(), w.delay)
		return nil
	})
}

// Purge removes a record for good, as emptying the recycle bin does: queryAll no longer shows it, getDeleted still
// lists it. Errors: NOT_FOUND.
func (s *Server) Purge(object, id string) error {
	return s.write(object, "", func(_ *writer, t *table) *Error {
		id, _ := normalizeID(id)
		if t.rows[id] == nil {
			return errNotFound()
		}
		t.purge(id, s.now())
		return nil
	})
}

// write runs one change as a transaction.
func (s *Server) write(object, asUser string, do func(*writer, *table) *Error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.work(false)
	t := s.table(object)
	if t == nil || t.obj.rows != nil {
		return fail("INVALID_TYPE", "sObject type '%s' is not supported.", object)
	}
	w := &writer{actor: s.actor(s.system), tx: &tx{}, version: "66.0", delay: s.commitDelay}
	w.actor.system = true
	if asUser != "" {
		id, ok := normalizeID(asUser)
		if !ok || s.accounts[id] == nil {
			return fmt.Errorf("%s as %s: no such user", object, asUser)
		}
		w.actor = s.actor(id)
	}
	if err := do(w, t); err != nil {
		w.tx.rollback(0)
		return err
	}
	return nil
}

// All returns the newest state of every record of an object, deleted ones and those of open transactions included, in
// the order of creation. Keys are API names, calculated fields included; null fields are absent, times are time.Time.
func (s *Server) All(object string) []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.work(false)
	t := s.table(object)
	if t == nil {
		return nil
	}
	out := make([]map[string]any, 0, len(t.order))
	for _, id := range t.order {
		st := t.rows[id].cur
		values := shown(st.values)
		for _, f := range t.obj.Fields {
			if f.compute != nil {
				if v := f.compute(st.values); v != nil {
					values[f.Name] = v
				}
			}
		}
		out = append(out, values)
	}
	return out
}

// shown copies a record's values without those that are the sandbox's own.
func shown(values map[string]any) map[string]any {
	out := maps.Clone(values)
	maps.DeleteFunc(out, func(name string, _ any) bool { return strings.HasPrefix(name, "_") })
	return out
}

// AddField adds a custom field to an object, or replaces one of the same name; its name ends in __c, except for
// standard fields that the sandbox's table lacks. Every profile may read and edit it until SetFieldAccess says otherwise. It
// panics on an object that does not exist.
func (s *Server) AddField(object string, f Field) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.table(object)
	if t == nil {
		panic("salesforce sandbox: add field: no object " + object)
	}
	f.Custom = f.Custom || strings.HasSuffix(f.Name, "__c")
	if f.Label == "" {
		f.Label = strings.ReplaceAll(strings.TrimSuffix(f.Name, "__c"), "_", " ")
	}
	if f.Length == 0 && f.isText() {
		f.Length = 255
	}
	f.IDLookup = f.IDLookup || f.ExternalID
	t.obj.remove(f.Name)
	t.obj.add(&f)
	t.rebuildIndex()
}

// RemoveField removes a field from an object, and its values from every record.
func (s *Server) RemoveField(object, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.table(object)
	if t == nil || t.obj.field(name) == nil {
		return
	}
	name = t.obj.field(name).Name
	for _, r := range t.rows {
		for _, st := range []*state{r.cur, r.prev} {
			if st != nil {
				st.values = st.with(map[string]any{name: nil})
			}
		}
	}
	t.obj.remove(name)
	t.rebuildIndex()
}

// SetSharing sets an object's org-wide default.
func (s *Server) SetSharing(object string, d Sharing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sharing[object] = d
	s.noteSharing(object, d)
}

// Share gives a user access to one record by hand, beside what the org-wide default gives; the zero Access takes the
// share back.
func (s *Server) Share(id, user string, a Access) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, _ = normalizeID(id)
	user, _ = normalizeID(user)
	if s.shares[id] == nil {
		s.shares[id] = map[string]Access{}
	}
	s.shares[id][user] = a
}
