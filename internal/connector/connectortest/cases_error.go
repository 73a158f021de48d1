package connectortest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

var errorCases = []Case{
	{"error/lost_answer_is_unclear", func(t testing.TB, w *World) {
		skipWithout(t, w.LoseAnswer != nil, "answer to lose")
		n := w.caps(t).Batch[connector.Create] + 2
		ops := make([]connector.Op, n)
		for i := range ops {
			ops[i] = w.createOp(fmt.Sprintf("k%d", i), w.Record(i))
		}
		w.LoseAnswer(t)
		results := w.write(t, ops...)
		require.Equal(t, connector.Unclear, connector.ClassOf(results[0].Err))
		w.Settle(t)
		keys := make([]string, n)
		for i := range ops {
			keys[i] = ops[i].Key
		}
		found, err := w.Connector.Find(ctx(t), w.Kind, connector.ByKey, keys, nil)
		require.NoError(t, err)
		unclear := 0
		for i, r := range results {
			there := len(found[keys[i]])
			require.LessOrEqual(t, there, 1)
			switch {
			case r.Err == nil:
				require.Equal(t, 1, there, "op %d was said to be done", i)
			case connector.ClassOf(r.Err) == connector.Unclear:
				unclear++
				require.Equal(t, 1, there, "this server does what it does not answer for: op %d", i)
			default:
				require.Zero(t, there, "op %d was said not to be done", i)
			}
		}
		require.Equal(t, w.caps(t).Batch[connector.Create], unclear, "exactly the ops of the lost batch are unclear")
	}},
	{"error/lost_answer_of_update_and_delete", func(t testing.TB, w *World) {
		skipWithout(t, w.LoseAnswer != nil, "answer to lose")
		made := w.create(t, 2)
		a, b := w.get(t, connector.Ref{ID: made[0]}), w.get(t, connector.Ref{ID: made[1]})
		w.LoseAnswer(t)
		require.Equal(t, connector.Unclear, connector.ClassOf(w.write(t, updateOp(a, record.Fields{w.Text: "changed"}))[0].Err))
		require.Equal(t, "changed", w.get(t, a.Ref).Fields[w.Text])
		w.LoseAnswer(t)
		require.Equal(t, connector.Unclear, connector.ClassOf(w.write(t, deleteOp(b))[0].Err))
		require.Equal(t, 1, w.Living(t))
	}},
	{"error/busy_names_its_wait", func(t testing.TB, w *World) {
		skipWithout(t, w.Busy != nil, "way to be busy")
		id := w.create(t, 1)[0]
		it := w.get(t, connector.Ref{ID: id})
		w.Busy(t)
		_, err := w.Connector.Changes(ctx(t), w.Kind, w.query(nil))
		retry(t, err)
		w.Busy(t)
		_, _, err = w.Connector.Get(ctx(t), w.Kind, []connector.Ref{{ID: id}}, nil)
		retry(t, err)
		w.Busy(t)
		results, err := w.Connector.Write(ctx(t), w.Kind, []connector.Op{updateOp(it, record.Fields{w.Text: "changed"})})
		if err == nil {
			require.Len(t, results, 1)
			err = results[0].Err
		}
		retry(t, err)
		require.NotEqual(t, "changed", w.get(t, connector.Ref{ID: id}).Fields[w.Text])
	}},
	{"error/deadline_is_honoured", func(t testing.TB, w *World) {
		skipWithout(t, w.Hang != nil, "way to hang")
		id := w.create(t, 1)[0]
		it := w.get(t, connector.Ref{ID: id})
		w.caps(t)
		release := w.Hang(t)
		defer release()
		calls := map[string]func(context.Context) error{
			"Changes": func(c context.Context) error { _, err := w.Connector.Changes(c, w.Kind, w.query(nil)); return err },
			"Get": func(c context.Context) error {
				_, _, err := w.Connector.Get(c, w.Kind, []connector.Ref{{ID: id}}, nil)
				return err
			},
			"Find": func(c context.Context) error {
				_, err := w.Connector.Find(c, w.Kind, connector.ByKey, []string{"k"}, nil)
				return err
			},
			"Write": func(c context.Context) error {
				results, err := w.Connector.Write(c, w.Kind, []connector.Op{updateOp(it, record.Fields{w.Text: "changed"})})
				if err == nil {
					err = results[0].Err
				}
				return err
			},
		}
		for name, call := range calls {
			short, cancel := context.WithTimeout(ctx(t), 200*time.Millisecond)
			done := make(chan error, 1)
			go func() { done <- call(short) }()
			select {
			case err := <-done:
				require.Error(t, err, name)
				classes := []connector.Class{connector.Retry}
				if name == "Write" {
					classes = append(classes, connector.Unclear)
				}
				require.Contains(t, classes, connector.ClassOf(err), name)
				require.ErrorIs(t, err, context.DeadlineExceeded, name)
			case <-time.After(3 * time.Second):
				cancel()
				require.Fail(t, name+" outlives its deadline")
			}
			cancel()
		}
	}},
	{"error/carries_no_value", func(t testing.TB, w *World) {
		skipWithout(t, w.Refused != nil, "record that is refused")
		const canary = "zzcanaryzz"
		results := w.write(t, w.createOp("k", w.Refused(canary)))
		err := results[0].Err
		var e *connector.Error
		require.ErrorAs(t, err, &e)
		require.NotContains(t, err.Error(), canary)
		require.NotContains(t, e.Code, canary)
		require.NotContains(t, e.Op, canary)
		require.Contains(t, e.Words, canary, "the vendor's own words are kept apart, for the admin")
		require.NotEmpty(t, e.Code)
	}},
	{"error/unknown_kind_is_unsupported", func(t testing.TB, w *World) {
		const kind = record.Kind("fax")
		_, err := w.Connector.Caps(ctx(t), kind, "")
		unsupported(t, err)
		_, err = w.Connector.Changes(ctx(t), kind, connector.Query{})
		unsupported(t, err)
		_, _, err = w.Connector.Get(ctx(t), kind, []connector.Ref{{ID: w.MissingID}}, nil)
		unsupported(t, err)
		_, err = w.Connector.Find(ctx(t), kind, connector.ByKey, []string{"k"}, nil)
		unsupported(t, err)
		_, err = w.Connector.Write(ctx(t), kind, []connector.Op{w.createOp("k", w.Record(0))})
		unsupported(t, err)
	}},
}

func retry(t testing.TB, err error) {
	t.Helper()
	var e *connector.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, connector.Retry, e.Class)
	require.Equal(t, 7*time.Second, e.RetryAfter)
}

func unsupported(t testing.TB, err error) {
	t.Helper()
	require.Equal(t, connector.Unsupported, connector.ClassOf(err))
}
