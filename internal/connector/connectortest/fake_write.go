package connectortest

import (
	"context"
	"maps"
	"slices"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// Write implements connector.Connector, in batches of ten.
func (f *Fake) Write(ctx context.Context, k record.Kind, ops []connector.Op) ([]connector.Result, error) {
	if err := f.enter(ctx, k); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var results []connector.Result
	stopped := false
	for batch := range slices.Chunk(ops, 10) {
		lost := f.lose
		f.lose = false
		for _, op := range batch {
			r := connector.Result{Ref: op.Ref}
			if stopped {
				r.Err = fakeError(connector.Retry, "not_sent")
			} else if r = f.do(op); lost {
				r = connector.Result{Ref: op.Ref, Err: fakeError(connector.Unclear, "connection")}
				if f.bug == BugUnclearIsRetry {
					r.Err = fakeError(connector.Retry, "connection")
				}
			}
			results = append(results, r)
		}
		stopped = stopped || lost
	}
	if f.bug == BugFailuresComeFirst {
		slices.SortStableFunc(results, func(a, b connector.Result) int {
			switch {
			case a.Err != nil && b.Err == nil:
				return -1
			case a.Err == nil && b.Err != nil:
				return 1
			default:
				return 0
			}
		})
	}
	if i := slices.IndexFunc(results, func(r connector.Result) bool { return r.Err != nil }); i >= 0 && f.bug == BugOneFailsAll {
		for n := range results {
			results[n].Err = results[i].Err
		}
	}
	return results, nil
}

// do does one op.
func (f *Fake) do(op connector.Op) connector.Result {
	if op.Verb == connector.Create {
		return f.create(op)
	}
	res := connector.Result{Ref: op.Ref}
	it := f.items[op.Ref]
	switch {
	case it == nil || it.deleted || it.hidden:
		res.Err = fakeError(connector.Missing, "missing")
		return res
	case op.If.Tag != "" && op.If.Tag != f.show(it).Version.Tag && f.bug != BugWritesOverEdits:
		res.Err = fakeError(connector.Stale, "moved")
		return res
	}
	if op.Verb == connector.Delete {
		it.deleted = true
		f.put(it)
		return res
	}
	if e := f.check(op.Set); e != nil {
		res.Err = e
		return res
	}
	fields := maps.Clone(it.fields)
	for k, v := range op.Set {
		if v != "" || f.bug != BugNeverClears {
			fields[k] = v
		}
	}
	it.fields = canonical(fields)
	if op.Key != "" && it.key == "" {
		it.key = f.marker(op.Key)
	}
	if f.bug == BugWipesUnmapped {
		it.unmapped = ""
	}
	f.put(it)
	shown := f.show(it)
	res.Item = &shown
	return res
}

func (f *Fake) create(op connector.Op) connector.Result {
	set := maps.Clone(op.Set)
	if _, there := set[fakeRequired]; !there {
		set[fakeRequired] = ""
	}
	if e := f.check(set); e != nil {
		return connector.Result{Err: e}
	}
	if f.bug != BugDoublesCreates {
		for _, it := range f.sorted() {
			switch {
			case it.deleted || it.key != f.marker(op.Key):
			case f.Guard == connector.GuardID:
				return connector.Result{Ref: it.ref, Err: fakeError(connector.Exists, "exists")}
			default:
				shown := f.show(it)
				return connector.Result{Ref: it.ref, Item: &shown}
			}
		}
	}
	shown := f.show(f.insert(op.Set, f.marker(op.Key), op.Owner))
	return connector.Result{Ref: shown.Ref, Item: &shown}
}
