package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

func TestWritesAreKnownByTheirIntentsAndThenByTheJournal(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	start := f.now()
	write := func(id, link string, op planner.Op, before record.Fields, l store.Line) {
		in := store.Intent{ID: id, LinkID: link, Kind: record.Contact, Pass: l.Pass, Op: op, Ref: connector.Ref{ID: "m-" + link}, Exempt: id == "first"}
		require.NoError(t, f.SavePlan(f.ctx, acme, alice, f.epoch, store.PlanBatch{Kind: record.Contact, Intents: []store.Intent{in}}))
		if before != nil {
			in.Before = &connector.Item{Fields: before}
		}
		require.NoError(t, f.MarkSent(f.ctx, acme, alice, f.epoch, []store.Intent{in}))
		l.Kind, l.Side, l.ID, l.LinkID = record.Contact, op.Side, in.Ref.ID, link
		require.NoError(t, f.Settle(f.ctx, acme, alice, f.epoch, store.SettleBatch{Kind: record.Contact, Done: []string{id}, Journal: []store.Line{l}}))
		f.advance(time.Hour)
	}
	title := func(v string) record.Fields { return record.Fields{record.FieldTitle: v} }
	change := func(before, after string) map[string]store.Change {
		return map[string]store.Change{record.FieldTitle: {Before: before, After: after}}
	}
	update := planner.Op{Side: record.Mailbox, Verb: connector.Update, Set: title("b")}
	write("first", "l1", planner.Op{Side: record.Mailbox, Verb: connector.Create, Set: title("a")}, nil, store.Line{Pass: 1, Action: "create", Values: change("", "a")})
	write("i1", "l1", update, title("a"), store.Line{Pass: 1, Action: "update", Values: change("a", "b")})
	update.Set = title("c")
	write("i2", "l1", update, title("b"), store.Line{Pass: 2, Action: "update", Values: change("b", "c")})
	write("i3", "l2", planner.Op{Side: record.Mailbox, Verb: connector.Delete}, title("z"), store.Line{Pass: 2, Action: "delete", Values: change("z", "")})
	update.Set, update.Undo = title("b"), "run"
	write("i4", "l1", update, title("c"), store.Line{Pass: 2, Action: "undo", Code: "update", Rule: "undo run", Reason: planner.ReasonPinned, Values: change("c", "b")})
	write("i5", "l3", planner.Op{Side: record.CRM, Verb: connector.Create, Set: title("n")}, nil, store.Line{Pass: 3, Action: "create", Values: change("", "n")})

	tell := func(since time.Time) map[string][]string {
		ids, err := f.WrittenLinks(f.ctx, acme, alice, record.Contact, since, "", 10)
		require.NoError(t, err)
		writes, err := f.WritesOf(f.ctx, acme, alice, record.Contact, since, ids)
		require.NoError(t, err)
		out := map[string][]string{}
		for _, id := range ids {
			for _, in := range writes[id] {
				text := string(in.Op.Side) + " " + string(in.Op.Verb) + " " + in.Op.Set[record.FieldTitle]
				if in.Before != nil {
					text += " before " + in.Before.Fields[record.FieldTitle]
				}
				if in.Op.Undo != "" {
					text += " undo"
				}
				require.NotZero(t, in.Settled)
				require.NotZero(t, in.SentAt)
				require.Equal(t, "m-"+id, in.Ref.ID)
				out[id] = append(out[id], text)
			}
		}
		return out
	}
	all := map[string][]string{
		"l1": {"mailbox create a", "mailbox update b before a", "mailbox update c before b", "mailbox update b before c undo"},
		"l2": {"mailbox delete  before z"},
		"l3": {"crm create n"},
	}
	require.Equal(t, all, tell(start))
	done, err := f.Intents(f.ctx, acme, alice, record.Contact, []store.IntentState{store.Done}, nil, "", 0)
	require.NoError(t, err)
	require.Len(t, done, 5, "a create of a first sync is told by its line alone")
	later := map[string][]string{"l1": all["l1"][2:], "l2": all["l2"], "l3": all["l3"]}
	require.Equal(t, later, tell(start.Add(2*time.Hour)))

	f.advance(48*time.Hour - 3*time.Hour + time.Minute) // the first three are older than what is always kept
	require.NoError(t, f.Prune(f.ctx, acme, f.now()))
	left, err := f.Intents(f.ctx, acme, alice, record.Contact, []store.IntentState{store.Done}, nil, "", 0)
	require.NoError(t, err)
	require.Len(t, left, 2)
	require.Equal(t, all, tell(start))
	require.Equal(t, later, tell(start.Add(2*time.Hour)))
	f.advance(100 * time.Hour)
	require.NoError(t, f.Prune(f.ctx, acme, f.now()))
	require.Equal(t, all, tell(start))

	ids, err := f.WrittenLinks(f.ctx, acme, alice, record.Contact, start, "l1", 1)
	require.NoError(t, err)
	require.Equal(t, []string{"l2"}, ids)
	none, err := f.WrittenLinks(f.ctx, acme, alice, record.Event, start, "", 10)
	require.NoError(t, err)
	require.Empty(t, none)
	lines, err := f.LinesByRule(f.ctx, acme, alice, "undo", "undo run", 0, 10)
	require.NoError(t, err)
	require.Len(t, lines, 1)
	lines, err = f.LinesByRule(f.ctx, acme, alice, "undo", "undo run", lines[0].Seq, 10)
	require.NoError(t, err)
	require.Empty(t, lines)
}
