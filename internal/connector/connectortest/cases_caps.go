package connectortest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

var capsCases = []Case{
	{"caps/are_complete_and_stable", func(t testing.TB, w *World) {
		caps := w.caps(t)
		for _, verb := range []connector.Verb{connector.Create, connector.Update, connector.Delete} {
			require.Positive(t, caps.Batch[verb], verb)
		}
		require.Positive(t, caps.GetBatch)
		require.Positive(t, caps.FindBatch)
		require.Positive(t, caps.Parallel)
		require.NotEmpty(t, caps.Create)
		require.NotEmpty(t, caps.Metadata)
		require.True(t, caps.Fields[w.Text].Read && caps.Fields[w.Text].Write)
		require.False(t, caps.Fields[record.FieldEmails].Write, "the list of all addresses is derived")
		require.Equal(t, caps.Metadata, w.caps(t).Metadata, "nothing changed")
	}},
	{"caps/what_is_writable_can_be_written", func(t testing.TB, w *World) {
		for field, fc := range w.caps(t).Fields {
			v, ok := w.Samples[field]
			if !ok || !fc.Write {
				continue
			}
			id := w.Create(t, w.Record(0))
			r := w.write(t, updateOp(w.get(t, connector.Ref{ID: id}), record.Fields{field: v}))[0]
			require.NoError(t, r.Err, field)
			shows(t, w.get(t, connector.Ref{ID: id}), record.Fields{field: v})
			if fc.Required {
				continue
			}
			require.NoError(t, w.write(t, updateOp(w.get(t, connector.Ref{ID: id}), record.Fields{field: ""}))[0].Err, field)
			require.NotContains(t, w.get(t, connector.Ref{ID: id}).Fields, field, "cleared")
		}
	}},
	{"caps/create_with_every_field", func(t testing.TB, w *World) {
		f := w.Record(0)
		for field, fc := range w.caps(t).Fields {
			if v, ok := w.Samples[field]; ok && fc.Write {
				f[field] = v
			}
		}
		r := w.write(t, w.createOp("k", f))[0]
		require.NoError(t, r.Err)
		shows(t, w.get(t, r.Ref), f)
	}},
	{"caps/lengths_are_true", func(t testing.TB, w *World) {
		tried := false
		for field, fc := range w.caps(t).Fields {
			if fc.MaxLen == 0 || !fc.Write || field == record.FieldEmail || field == record.FieldPrefix {
				continue
			}
			tried = true
			id := w.Create(t, w.Record(0))
			fits := strings.Repeat("é", fc.MaxLen) // characters, not bytes
			require.NoError(t, w.write(t, updateOp(w.get(t, connector.Ref{ID: id}), record.Fields{field: fits}))[0].Err, field)
			require.Equal(t, fits, w.get(t, connector.Ref{ID: id}).Fields[field])
			r := w.write(t, updateOp(w.get(t, connector.Ref{ID: id}), record.Fields{field: fits + "e"}))[0]
			require.Equal(t, connector.Park, connector.ClassOf(r.Err), field)
		}
		skipWithout(t, tried, "limit of length")
	}},
	{"caps/required_is_true", func(t testing.TB, w *World) {
		tried := false
		for field, fc := range w.caps(t).Fields {
			if !fc.Required {
				continue
			}
			tried = true
			f := w.Record(0)
			delete(f, field)
			require.Equal(t, connector.Park, connector.ClassOf(w.write(t, w.createOp("k", f))[0].Err), field)
		}
		skipWithout(t, tried, "required field")
	}},
	{"caps/full_date_is_true", func(t testing.TB, w *World) {
		fc, ok := w.caps(t).Fields[record.FieldBirthday]
		skipWithout(t, ok && fc.Write, "birthday")
		id := w.Create(t, w.Record(0))
		r := w.write(t, updateOp(w.get(t, connector.Ref{ID: id}), record.Fields{record.FieldBirthday: "--02-29"}))[0]
		if fc.FullDate {
			require.Equal(t, connector.Park, connector.ClassOf(r.Err))
			return
		}
		require.NoError(t, r.Err)
		shows(t, w.get(t, connector.Ref{ID: id}), record.Fields{record.FieldBirthday: "--02-29"})
	}},
	{"caps/field_that_is_not_there_is_parked", func(t testing.TB, w *World) {
		id := w.Create(t, w.Record(0))
		r := w.write(t, updateOp(w.get(t, connector.Ref{ID: id}), record.Fields{"no.such.field": "x"}), w.createOp("k", w.Record(1)))
		require.Equal(t, connector.Park, connector.ClassOf(r[0].Err), "never left out in silence")
		require.NoError(t, r[1].Err)
	}},
}
