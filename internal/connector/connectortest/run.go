package connectortest

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// Case is one promise of package connector.
type Case struct {
	Name string
	Run  func(t testing.TB, w *World)
}

// Cases returns the whole suite.
func Cases() []Case {
	return slices.Concat(readCases, findCases, writeCases, errorCases, capsCases, seriesCases)
}

// Run runs the suite, each case as a parallel sub-test with a World of its own.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			c.Run(t, h(t))
		})
	}
}

// RunExcept is Run for a server that keeps fewer promises than a vendor: except names the cases that are left out, each with
// the reason why it cannot hold there. A name that no case has fails, so that the list stays true.
func RunExcept(t *testing.T, h Harness, except map[string]string) {
	t.Helper()
	left := maps.Clone(except)
	for _, c := range Cases() {
		why, out := except[c.Name]
		delete(left, c.Name)
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			if out {
				t.Skip("left out: " + why)
			}
			c.Run(t, h(t))
		})
	}
	require.Empty(t, left, "no such cases")
}

// patience is how long a call may take in a test, on a machine that is busy with others.
const patience = 2 * time.Minute

func ctx(t testing.TB) context.Context {
	c, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return c
}

func skipWithout(t testing.TB, has bool, what string) {
	t.Helper()
	if !has {
		t.Skip("not applicable: this world has no " + what)
	}
}

// reading is all pages of one read.
type reading struct {
	items    []connector.Item
	gone     []connector.Gone
	bad      map[connector.Ref]error
	token    []byte
	pages    int
	complete bool
}

func (w *World) query(token []byte) connector.Query {
	q := connector.Query{Owner: w.Owner, Token: token}
	if w.Series != nil {
		q.From, q.To = w.Series.Window.From, w.Series.Window.To
	}
	return q
}

// read reads all pages. between, where not nil, is called after each page but the last.
func (w *World) read(t testing.TB, q connector.Query, between func(page int)) reading {
	t.Helper()
	r := reading{bad: map[connector.Ref]error{}}
	for {
		d, err := w.Connector.Changes(ctx(t), w.Kind, q)
		require.NoError(t, err)
		r.items, r.gone = append(r.items, d.Items...), append(r.gone, d.Gone...)
		maps.Copy(r.bad, d.Bad)
		r.pages++
		require.NotEqual(t, d.Page == nil, d.Token == nil, "a page has either Page or, the last one, Token")
		if d.Page != nil {
			require.False(t, d.Complete, "only the last page completes a full read")
			require.Less(t, r.pages, 1000, "a read ends")
		}
		if d.Token != nil {
			r.token, r.complete = d.Token, d.Complete
			w.remember(q.Token, r)
			return r
		}
		q.Page = d.Page
		if between != nil {
			between(r.pages)
		}
	}
}

func (w *World) full(t testing.TB) reading {
	t.Helper()
	r := w.read(t, w.query(nil), nil)
	require.True(t, r.complete, "a read without a token is a full read")
	return r
}

// remember notes what is there as of a reading's token.
func (w *World) remember(since []byte, r reading) {
	if !w.FullReads {
		return
	}
	there := maps.Clone(w.shown[string(since)])
	if there == nil || r.complete {
		there = map[connector.Ref]connector.Version{}
	}
	for _, it := range r.items {
		there[it.Ref] = it.Version
	}
	for _, g := range r.gone {
		delete(there, g.Ref)
	}
	if w.shown == nil {
		w.shown = map[string]map[connector.Ref]connector.Version{}
	}
	w.shown[string(r.token)] = there
}

// compared is a full read less what was there before as it is, with what is absent looked up by its id.
func (w *World) compared(t testing.TB, token []byte) reading {
	t.Helper()
	before, r := w.shown[string(token)], w.full(t)
	r.complete = false
	absent := maps.Clone(before)
	for _, it := range r.items {
		delete(absent, it.Ref)
		for _, old := range it.Previous {
			delete(absent, connector.Ref{ID: old})
			if _, was := before[connector.Ref{ID: old}]; was {
				r.gone = append(r.gone, connector.Gone{Ref: connector.Ref{ID: old}, Into: it.ID})
			}
		}
	}
	r.items = slices.DeleteFunc(r.items, func(it connector.Item) bool {
		was, there := before[it.Ref]
		return there && was == it.Version
	})
	if len(absent) == 0 {
		return r
	}
	items, gone, err := w.Connector.Get(ctx(t), w.Kind, slices.Collect(maps.Keys(absent)), nil)
	require.NoError(t, err)
	r.items, r.gone = append(r.items, items...), append(r.gone, gone...)
	return r
}

func (w *World) since(t testing.TB, token []byte) reading {
	t.Helper()
	if w.FullReads {
		_, err := w.Connector.Changes(ctx(t), w.Kind, w.query(token))
		if connector.ClassOf(err) == connector.CursorLost {
			return w.compared(t, token)
		}
		require.NoError(t, err)
		before, r := w.shown[string(token)], w.read(t, w.query(token), nil)
		r.items = slices.DeleteFunc(r.items, func(it connector.Item) bool { // shown again as it was
			was, there := before[it.Ref]
			return there && was == it.Version
		})
		return r
	}
	r := w.read(t, w.query(token), nil)
	require.False(t, r.complete, "a read with a token is not a full read")
	return r
}

// last returns the item of an id as shown last, nil when it was not.
func (r reading) last(id string) *connector.Item {
	for i := len(r.items) - 1; i >= 0; i-- {
		if r.items[i].ID == id && r.items[i].Occurrence == "" {
			return &r.items[i]
		}
	}
	return nil
}

func (r reading) lost(id string) *connector.Gone {
	for i := range r.gone {
		if r.gone[i].ID == id {
			return &r.gone[i]
		}
	}
	return nil
}

func ids(items []connector.Item) []string {
	var out []string
	for _, it := range items {
		out = append(out, it.ID)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// create makes n items as a person.
func (w *World) create(t testing.TB, n int) []string {
	t.Helper()
	out := make([]string, n)
	for i := range out {
		out[i] = w.Create(t, w.Record(i))
	}
	return out
}

// get reads one item that must be there.
func (w *World) get(t testing.TB, ref connector.Ref) connector.Item {
	t.Helper()
	items, gone, err := w.Connector.Get(ctx(t), w.Kind, []connector.Ref{ref}, nil)
	require.NoError(t, err)
	require.Empty(t, gone)
	require.Len(t, items, 1)
	return items[0]
}

func (w *World) write(t testing.TB, ops ...connector.Op) []connector.Result {
	t.Helper()
	results, err := w.Connector.Write(ctx(t), w.Kind, ops)
	require.NoError(t, err)
	require.Len(t, results, len(ops), "one result per op")
	return results
}

func (w *World) caps(t testing.TB) connector.Caps {
	t.Helper()
	caps, err := w.Connector.Caps(ctx(t), w.Kind, w.Owner)
	require.NoError(t, err)
	return caps
}

func (w *World) createOp(key string, f record.Fields) connector.Op {
	return connector.Op{Verb: connector.Create, Key: key, Set: f, Owner: w.Owner}
}

// updateOp is an update of an item as it was read.
func updateOp(it connector.Item, set record.Fields) connector.Op {
	return connector.Op{Verb: connector.Update, Ref: it.Ref, If: it.Version, Current: &it, Set: set}
}

func deleteOp(it connector.Item) connector.Op {
	return connector.Op{Verb: connector.Delete, Ref: it.Ref, If: it.Version, Current: &it}
}

// find looks one key up, after the vendor's lag.
func (w *World) find(t testing.TB, by connector.By, key string) []connector.Item {
	t.Helper()
	w.Settle(t)
	found, err := w.Connector.Find(ctx(t), w.Kind, by, []string{key}, nil)
	require.NoError(t, err)
	return found[key]
}

// bare is what is gone, without the version of the deletion, which not every vendor tells.
func bare(gone []connector.Gone) []connector.Gone {
	out := slices.Clone(gone)
	for i := range out {
		out[i].Version = connector.Version{}
	}
	return out
}

// shows requires that an item shows every value of f.
func shows(t testing.TB, it connector.Item, f record.Fields) {
	t.Helper()
	for field, v := range f {
		require.True(t, record.Equal(field, v, it.Fields[field]), "field %s of %s: want %q, got %q", field, it.ID, v, it.Fields[field])
	}
}
