package salesforce

import (
	"maps"
	"strings"
	"time"
)

// table holds the rows of one object.
type table struct {
	obj     *Object
	rows    map[string]*row
	order   []string                                  // ids as created
	index   map[string]map[string]map[string]struct{} // field → key → ids, of live rows' newest states
	pending map[string]struct{}                       // rows that may have an open transaction
	purged  map[string]time.Time                      // hard-deleted ids, which getDeleted still lists
}

// row is one record: what it is now, and while a transaction is open what everybody else still sees.
type row struct {
	id        string
	cur, prev *state // prev is nil for a row that is being created
	visibleAt time.Time
}

// state is one version of a record. It is never changed once it is in a row.
type state struct {
	values  map[string]any // canonical values by field name; null fields are absent. Names with _ before them are ours, and never shown
	deleted time.Time      // when it was soft-deleted
	cascade string         // the parent whose delete took it along
}

func newTable(o *Object) *table {
	return &table{obj: o, rows: map[string]*row{}, index: map[string]map[string]map[string]struct{}{},
		pending: map[string]struct{}{}, purged: map[string]time.Time{}}
}

// table finds an object's table, ignoring case. nil when there is no such object.
func (s *Server) table(name string) *table { return s.tables[strings.ToLower(name)] }

// tableOf finds the table to whose object an id belongs by its key prefix.
func (s *Server) tableOf(id string) *table {
	if len(id) < 3 {
		return nil
	}
	for _, o := range s.objects {
		if o.Prefix != "" && o.Prefix == id[:3] {
			return s.table(o.Name)
		}
	}
	return nil
}

// at is what a reader sees of the row at a moment; nil when nothing yet.
func (r *row) at(now time.Time) *state {
	if r.open(now) {
		return r.prev
	}
	return r.cur
}

func (r *row) open(now time.Time) bool { return r.visibleAt.After(now) }

func (st *state) isDeleted() bool { return st.values["IsDeleted"] == true }

// isArchived tells whether only queryAll shows the record.
func (st *state) isArchived() bool { return st.values["IsArchived"] == true }

// get returns a field's value, calculated where it is.
func (st *state) get(f *Field) any {
	if f.compute != nil {
		return f.compute(st.values)
	}
	return st.values[f.Name]
}

// tx remembers how to take back what a request wrote.
type tx struct{ undo []func() }

func (t *tx) mark() int { return len(t.undo) }

func (t *tx) rollback(to int) {
	for i := len(t.undo) - 1; i >= to; i-- {
		t.undo[i]()
	}
	t.undo = t.undo[:to]
}

// put stores a new state of a row, creating the row when it is new. delay keeps it hidden from readers for so long.
func (t *table) put(x *tx, id string, st *state, now time.Time, delay time.Duration) {
	r, exists := t.rows[id]
	if !exists {
		r = &row{id: id}
		t.rows[id] = r
		t.order = append(t.order, id)
	}
	before := *r
	seen := r.at(now)
	if exists {
		t.unindex(id, before.cur)
	}
	r.cur, r.prev, r.visibleAt = st, nil, time.Time{}
	if delay > 0 {
		r.prev, r.visibleAt = seen, now.Add(delay)
		t.pending[id] = struct{}{}
	}
	t.reindex(id, st)
	x.undo = append(x.undo, func() {
		t.unindex(id, st)
		if !exists {
			delete(t.rows, id)
			t.order = t.order[:len(t.order)-1]
			return
		}
		*r = before
		t.reindex(id, before.cur)
	})
}

// purge removes a row for good.
func (t *table) purge(id string, now time.Time) {
	if r := t.rows[id]; r != nil {
		t.unindex(id, r.cur)
		delete(t.rows, id)
		for i, o := range t.order {
			if o == id {
				t.order = append(t.order[:i:i], t.order[i+1:]...)
				break
			}
		}
		t.purged[id] = now
	}
}

// key is a value as the index and the comparison of strings see it: without case, unless the field minds it.
func key(f *Field, v any) string {
	s, _ := v.(string)
	if f.CaseSensitive || f.Type == TypeReference || f.Type == TypeID {
		return s
	}
	return strings.ToLower(s)
}

func (t *table) reindex(id string, st *state) {
	if st.isDeleted() {
		return
	}
	for _, f := range t.obj.Fields {
		v, ok := st.values[f.Name].(string)
		if !ok || !f.indexed() {
			continue
		}
		byKey := t.index[f.Name]
		if byKey == nil {
			byKey = map[string]map[string]struct{}{}
			t.index[f.Name] = byKey
		}
		k := key(f, v)
		if byKey[k] == nil {
			byKey[k] = map[string]struct{}{}
		}
		byKey[k][id] = struct{}{}
	}
}

func (t *table) unindex(id string, st *state) {
	if st == nil {
		return
	}
	for _, f := range t.obj.Fields {
		if v, ok := st.values[f.Name].(string); ok && f.indexed() {
			k := key(f, v)
			delete(t.index[f.Name][k], id)
			if len(t.index[f.Name][k]) == 0 {
				delete(t.index[f.Name], k)
			}
		}
	}
}

// rebuildIndex indexes every row anew, after the fields of the object changed.
func (t *table) rebuildIndex() {
	clear(t.index)
	for id, r := range t.rows {
		t.reindex(id, r.cur)
	}
}

// lookup finds live rows by the value of an indexed field, oldest first.
func (t *table) lookup(f *Field, v any) []*row {
	ids := t.index[f.Name][key(f, v)]
	var out []*row
	for _, id := range sortedKeys(ids) {
		out = append(out, t.rows[id])
	}
	return out
}

// with copies the state's values and overlays others; null removes a value.
func (st *state) with(changes map[string]any) map[string]any {
	values := maps.Clone(st.values)
	for k, v := range changes {
		if v == nil {
			delete(values, k)
		} else {
			values[k] = v
		}
	}
	return values
}
