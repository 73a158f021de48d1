package google_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/connectortest"
	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/internal/sandbox/quirk"
)

// Why a case cannot hold before a server.
const (
	noTokens = "there is no token that could be lost"
	byToken  = "the case asks by a token for what lies outside of the window"
	unheeded = "nothing on the wire tells that a precondition was not heeded; the worker reads each item just before it writes it"
	noTimes  = "there is no time to show"
	oneByOne = "the rows of a batch are requests of their own: one is unclear, and not a batch of them"
	readLost = "the answer that is lost is that of the read just before the write"
	absent   = "a cancelled occurrence is known by its absence: the caller compares"
	onlyFeed = "only a feed tells what an item was merged into"
)

// except names, by behaviour and where it differs by kind, the cases of the suite that cannot hold there, and why.
var except = map[string]map[string]string{
	"no_sync_token":                   {"read/cursor_lost": noTokens},
	"no_sync_token/contacts":          {"read/merged": onlyFeed},
	"no_sync_token/events":            {"series/change_outside_the_window_is_seen": byToken},
	"sync_token_not_known":            {"read/cursor_lost": noTokens},
	"sync_token_not_known/contacts":   {"read/merged": onlyFeed},
	"sync_token_ignored":              {"read/cursor_lost": noTokens},
	"sync_token_ignored/contacts":     {"read/merged": onlyFeed},
	"sync_token_refused_400/contacts": {"read/merged": onlyFeed},
	"sync_token_refused_410/events":   {"series/change_outside_the_window_is_seen": byToken, "series/leaving_the_window_is_no_delete": byToken},
	"deletes_not_reported/contacts":   {"read/merged": onlyFeed},
	"no_etags/events":                 {"error/lost_answer_of_update_and_delete": readLost},
	"preconditions_ignored/events":    {"write/person_wrote_since_the_read": unheeded},
	"no_times":                        {"read/full_in_pages": noTimes},
	"no_person_metadata/contacts":     {"read/full_in_pages": noTimes, "read/merged": onlyFeed, "write/person_wrote_since_the_read": unheeded},
	"show_deleted_ignored/events":     {"series/occurrences_of_a_series": absent},
	"no_batch":                        {"error/lost_answer_is_unclear": oneByOne},
	"batch_not_implemented":           {"error/lost_answer_is_unclear": oneByOne},
}

// onlyOf are the behaviours that concern one kind, or both alike.
var onlyOf = map[string]string{
	"sync_token_not_known": "contacts", "sync_token_refused_400": "contacts", "no_person_metadata": "contacts", "batch_not_implemented": "contacts",
	"sync_token_refused_410": "events", "preconditions_ignored": "events", "show_deleted_ignored": "events", "created_for_ok": "events",
}

// The suite holds before every misbehaving server, but for what is named.
func TestConformanceOfMisbehavingServers(t *testing.T) {
	t.Parallel()
	for _, q := range quirk.Google() {
		for kind, world := range map[string]func(*bench) *connectortest.World{"contacts": (*bench).world, "events": (*bench).events} {
			name := q.Name + "/" + kind
			if only := onlyOf[q.Name]; only != "" && only != kind {
				continue
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				left := maps.Clone(except[name])
				if left == nil {
					left = map[string]string{}
				}
				maps.Copy(left, except[q.Name])
				connectortest.RunExcept(t, func(t testing.TB) *connectortest.World {
					b := newQuirkBench(t, q)
					w := world(b)
					w.FullReads = true
					if except[q.Name]["error/lost_answer_is_unclear"] == oneByOne {
						w.LoseAnswer = func(testing.TB) {
							b.faults.MustAdd(fault.Rule{Kind: fault.DropAfter, Path: "/events/|updateContact|deleteContact", Times: 1})
						}
					}
					return w
				}, left)
			})
		}
	}
}

// Something that answers everything with 404 is no server without batches, nor one without the items.
func TestOutageOf404sProvesNothing(t *testing.T) {
	t.Parallel()
	for kind, world := range map[string]func(*bench) *connectortest.World{"contacts": (*bench).world, "events": (*bench).events} {
		for _, q := range []quirk.Quirk{{Name: "behaves"}, byName(t, "no_batch")} {
			t.Run(kind+"/"+q.Name, func(t *testing.T) {
				t.Parallel()
				b := newQuirkBench(t, q)
				w := world(b)
				ref := connector.Ref{ID: w.Create(t, w.Record(1))}
				items, _, err := w.Connector.Get(t.Context(), w.Kind, []connector.Ref{ref}, nil)
				require.NoError(t, err)
				rule := b.faults.MustAdd(fault.Rule{Kind: fault.Status, Status: 404, Body: "404 page not found"})
				_, gone, err := w.Connector.Get(t.Context(), w.Kind, []connector.Ref{ref}, nil)
				require.Error(t, err)
				require.Empty(t, gone)
				results, err := w.Connector.Write(t.Context(), w.Kind, []connector.Op{{Verb: connector.Delete, Ref: ref, If: items[0].Version, Current: &items[0]}})
				if err == nil {
					err = results[0].Err
				}
				require.Error(t, err)
				b.faults.Remove(rule)
				require.Equal(t, 1, w.Living(t))
				caps, err := w.Connector.Caps(t.Context(), w.Kind, "")
				require.NoError(t, err)
				require.Equal(t, q.Name == "no_batch", caps.Batch[connector.Create] == 25, "nothing new was learnt")
			})
		}
	}
}

func byName(t *testing.T, name string) quirk.Quirk {
	t.Helper()
	for _, q := range quirk.Google() {
		if q.Name == name {
			return q
		}
	}
	require.Fail(t, "no such behaviour", name)
	return quirk.Quirk{}
}
