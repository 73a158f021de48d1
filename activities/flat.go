package activities

import (
	"github.com/repsync/repsync/internal/connector"
)

// Above a connector an occurrence of a series is an item like any other: its id is its ref in one word. watch turns what
// passes between a session and its connectors from one form into the other; planner and store know of the flat one alone.

// flatten gives an item the id that it has above the connector.
func flatten(it connector.Item) connector.Item {
	it.Ref = flatRef(it.Ref)
	return it
}

func flatRef(r connector.Ref) connector.Ref { return connector.Ref{ID: r.String()} }

func flattenAll(items []connector.Item) []connector.Item {
	for i := range items {
		items[i] = flatten(items[i])
	}
	return items
}

func flattenGone(gone []connector.Gone) []connector.Gone {
	for i := range gone {
		gone[i].Ref = flatRef(gone[i].Ref)
	}
	return gone
}

func flattenBad(bad map[connector.Ref]error) map[connector.Ref]error {
	out := make(map[connector.Ref]error, len(bad))
	for ref, err := range bad {
		out[flatRef(ref)] = err
	}
	return out
}

func flattenFound(found map[string][]connector.Item) map[string][]connector.Item {
	for _, items := range found {
		flattenAll(items)
	}
	return found
}

func flattenResults(results []connector.Result) []connector.Result {
	for i := range results {
		r := &results[i]
		r.Ref = flatRef(r.Ref)
		if r.Item != nil {
			it := flatten(*r.Item)
			r.Item = &it
		}
	}
	return results
}

// deepRefs and deepOps are the way back.
func deepRefs(refs []connector.Ref) []connector.Ref {
	out := make([]connector.Ref, len(refs))
	for i, r := range refs {
		out[i] = connector.ParseRef(r.ID)
	}
	return out
}

func deepOps(ops []connector.Op) []connector.Op {
	out := make([]connector.Op, len(ops))
	for i, op := range ops {
		op.Ref = connector.ParseRef(op.Ref.ID)
		if op.Current != nil {
			it := *op.Current
			it.Ref = connector.ParseRef(it.ID)
			op.Current = &it
		}
		out[i] = op
	}
	return out
}
