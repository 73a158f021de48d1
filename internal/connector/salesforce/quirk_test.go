package salesforce_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/connectortest"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/internal/sandbox/quirk"
)

// Why a case cannot hold before a server.
const (
	ownFeed     = "the case reads one owner's changes; of deletes that nobody tells of, the org's feed learns by comparison (TestDeletesThatNobodyTellsOf)"
	onlyFeed    = "only a feed that shows deleted rows tells what a record was merged into"
	noBin       = "a server that does not show what is deleted does not show it by key either"
	nothingHid  = "a server that keeps no record access has nothing to hide"
	refusalLost = "the answer that is lost is the refusal of a request that the server does not know"
)

// except names, by behaviour, the cases of the suite that cannot hold there, and why.
var except = map[string]map[string]string{
	"no_is_deleted":     {"read/merged": onlyFeed, "read/restored_and_deleted_again": ownFeed, "find/deleted_by_key": noBin},
	"no_query_all":      {"read/merged": onlyFeed, "read/restored_and_deleted_again": ownFeed, "find/deleted_by_key": noBin},
	"deletes_not_shown": {"read/merged": onlyFeed, "read/restored_and_deleted_again": ownFeed, "read/tombstone": ownFeed, "find/deleted_by_key": noBin},
	"no_record_access":  {"read/left_view_is_no_delete": nothingHid},
	"no_collections":    {"error/lost_answer_is_unclear": refusalLost, "error/lost_answer_of_update_and_delete": refusalLost},
	"no_upsert":         {"error/lost_answer_is_unclear": refusalLost},
}

// asEvents are the behaviours that concern events otherwise than contacts.
var asEvents = []string{"describe_without_rights", "no_event_relation", "no_is_deleted", "no_system_modstamp", "no_query_all", "no_collections", "no_upsert", "errors_as_object"}

// The suite holds before every misbehaving server, but for what is named.
func TestConformanceOfMisbehavingServers(t *testing.T) {
	t.Parallel()
	for _, q := range quirk.Salesforce() {
		for kind, world := range map[string]func(*bench) *connectortest.World{"contacts": (*bench).world, "events": (*bench).eventWorld} {
			if kind == "events" && !slices.Contains(asEvents, q.Name) {
				continue
			}
			t.Run(q.Name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				connectortest.RunExcept(t, func(t testing.TB) *connectortest.World {
					return world(newQuirkBench(t, q))
				}, maps.Clone(except[q.Name]))
			})
		}
	}
}

// Where nobody tells of a delete, the org's feed compares ids, and a get by address proves what became of one.
func TestDeletesThatNobodyTellsOf(t *testing.T) {
	t.Parallel()
	for _, q := range quirk.Salesforce() {
		patience := map[string]time.Duration{"no_is_deleted": 2 * time.Minute, "no_query_all": 2 * time.Minute, "deletes_not_shown": 3 * time.Hour}[q.Name]
		if patience == 0 {
			continue
		}
		t.Run(q.Name, func(t *testing.T) {
			t.Parallel()
			b := newQuirkBench(t, q)
			w := b.world()
			id := w.Create(t, person(1))
			w.Create(t, person(2))
			d, err := b.crm.Changes(t.Context(), record.Contact, connector.Query{FromNow: true})
			require.NoError(t, err)
			token := d.Token
			read := func() error {
				b.clock.advance(patience)
				d, err := b.crm.Changes(t.Context(), record.Contact, connector.Query{Token: token})
				for err == nil && d.Page != nil {
					d, err = b.crm.Changes(t.Context(), record.Contact, connector.Query{Token: token, Page: d.Page})
				}
				if err == nil {
					token = d.Token
				}
				return err
			}
			require.NoError(t, read())
			w.Delete(t, id)
			require.Equal(t, connector.CursorLost, connector.ClassOf(read()))
			_, gone, err := b.crm.Get(t.Context(), record.Contact, []connector.Ref{{ID: id}}, nil)
			require.NoError(t, err)
			require.Equal(t, []connector.Gone{{Ref: connector.Ref{ID: id}, Deleted: true}}, gone)
			caps, err := b.crm.Caps(t.Context(), record.Contact, b.alice)
			require.NoError(t, err)
			require.False(t, caps.Deletions, "found out")
		})
	}
}

// A kind whose changes nothing would tell is refused, with the reason.
func TestKindThatCannotBeReadIsRefused(t *testing.T) {
	t.Parallel()
	for code, q := range map[string]quirk.Quirk{"no_stamp_field": quirk.NoStamps(), "describe_without_fields": quirk.NoFields(), "no_object": quirk.NoObject("Contact")} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			b := newQuirkBench(t, q)
			_, err := b.crm.Changes(t.Context(), record.Contact, connector.Query{Owner: b.alice})
			var e *connector.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, connector.Unsupported, e.Class)
			require.Equal(t, code, e.Code)
		})
	}
}

// Something that answers everything with 404 is no server without collections, nor one without the records.
func TestOutageOf404sProvesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	w := b.world()
	id := w.Create(t, person(1))
	items, _, err := b.crm.Get(t.Context(), record.Contact, []connector.Ref{{ID: id}}, nil)
	require.NoError(t, err)
	rule := b.faults.MustAdd(fault.Rule{Kind: fault.Status, Status: 404, Body: "404 page not found", Path: "^/services/data/"})
	_, gone, err := b.crm.Get(t.Context(), record.Contact, []connector.Ref{{ID: id}}, nil)
	require.Error(t, err)
	require.Empty(t, gone)
	for _, op := range []connector.Op{{Verb: connector.Delete, Ref: items[0].Ref, Current: &items[0]}, {Verb: connector.Create, Key: "k", Set: person(2), Owner: b.alice}} {
		results, err := b.crm.Write(t.Context(), record.Contact, []connector.Op{op})
		if err == nil {
			err = results[0].Err
		}
		require.Equal(t, connector.Retry, connector.ClassOf(err), op.Verb)
	}
	b.faults.Remove(rule)
	require.Equal(t, 1, w.Living(t))
	caps, err := b.crm.Caps(t.Context(), record.Contact, b.alice)
	require.NoError(t, err)
	require.Equal(t, 200, caps.Batch[connector.Create], "nothing was learnt")
	require.Equal(t, connector.GuardUpsert, caps.Create)
}
