package store

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// orNil is how a base reads back: a map without a field is nil.
func orNil(h planner.Hashes) planner.Hashes {
	if len(h) == 0 {
		return nil
	}
	return h
}

func TestPackUnpackAnyBase(t *testing.T) {
	t.Parallel()
	field := rapid.OneOf(rapid.SampledFrom(fieldNumbers), rapid.String())
	hash := rapid.OneOf(rapid.Just(uint64(0)), rapid.SampledFrom([]uint64{1, 7, 1<<64 - 1}), rapid.Uint64())
	hashes := rapid.MapOf(field, hash)
	rapid.Check(t, func(t *rapid.T) {
		shown := planner.Hashes(hashes.Draw(t, "shown"))
		sent := planner.Hashes(hashes.Draw(t, "sent"))
		packed := pack(shown, sent, nil)
		gotShown, gotSent, err := unpack(packed, nil)
		require.NoError(t, err)
		require.Equal(t, orNil(shown), gotShown)
		require.Equal(t, orNil(sent), gotSent)
		require.Equal(t, packed, pack(gotShown, gotSent, nil), "the same base packs to the same bytes")
	})
}

func TestTheMailboxIsPackedAgainstTheCRM(t *testing.T) {
	t.Parallel()
	hashes := rapid.MapOf(rapid.SampledFrom([]string{record.FieldGiven, record.FieldEmail, "custom"}), rapid.SampledFrom([]uint64{0, 1, 7}))
	rapid.Check(t, func(t *rapid.T) {
		var l, got planner.Link
		for _, side := range []record.Side{record.CRM, record.Mailbox} {
			l.Side(side).Shown, l.Side(side).Sent = orNil(planner.Hashes(hashes.Draw(t, "shown"))), orNil(planner.Hashes(hashes.Draw(t, "sent")))
		}
		crm, mailbox := pack(l.CRM.Shown, l.CRM.Sent, nil), pack(l.Mailbox.Shown, l.Mailbox.Sent, l.CRM.Shown)
		require.NoError(t, unpackBases(crm, mailbox, &got))
		require.Equal(t, l, got)
	})
	same := planner.Hashes{record.FieldGiven: 5, record.FieldEmail: 6}
	require.Len(t, pack(same, nil, same), 5, "what the CRM shows as well takes two bytes a field")
	_, _, err := unpack(pack(same, nil, same), nil)
	require.Error(t, err, "without the CRM's base it cannot be read")
}

func TestPackUnpackAnyValues(t *testing.T) {
	t.Parallel()
	field := rapid.OneOf(rapid.SampledFrom(fieldNumbers), rapid.String())
	value := rapid.OneOf(rapid.Just(""), rapid.String())
	change := rapid.Custom(func(t *rapid.T) Change {
		return Change{Before: value.Draw(t, "before"), After: value.Draw(t, "after"), Lost: value.Draw(t, "lost")}
	})
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.MapOf(field, change).Draw(t, "values")
		packed := packValues(values)
		got, err := unpackValues(packed)
		require.NoError(t, err)
		require.Equal(t, values, got)
		for cut := range packed {
			some, err := unpackValues(packed[:cut])
			require.True(t, err != nil || len(some) < len(values), "cut after %d bytes", cut)
		}
	})
	require.Len(t, packValues(map[string]Change{record.FieldGiven: {After: "Ann"}, record.FieldFamily: {After: "Lee"}}), 2+2*(1+1+3), "a create names no values before")
	_, err := unpackValues([]byte{9})
	require.Error(t, err)
}

func TestUnpackRefusesWhatPackNeverMade(t *testing.T) {
	t.Parallel()
	whole := pack(planner.Hashes{record.FieldGiven: 5, "custom": 6}, planner.Hashes{record.FieldGiven: 9}, nil)
	for name, b := range map[string][]byte{
		"newer format":    {9},
		"unknown number":  {packFormat, 200, 0},
		"no states":       {packFormat, 1},
		"bad states":      {packFormat, 1, 0x44},
		"name runs over":  {packFormat, 0, 40, 'x'},
		"value cut short": whole[:len(whole)-3],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := unpack(b, nil)
			require.Error(t, err)
		})
	}
	rapid.Check(t, func(t *rapid.T) { // and never panics
		_, _, _ = unpack(append([]byte{packFormat}, rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")...), nil)
	})
}

func TestPackedContactIsSmall(t *testing.T) {
	t.Parallel()
	shown, sent := planner.Hashes{}, planner.Hashes{}
	for i, f := range fieldNumbers {
		shown[f], sent[f] = uint64(i)<<40+1, uint64(i)<<40+1
	}
	size := len(pack(shown, sent, nil))
	require.LessOrEqual(t, size, 1+10*len(fieldNumbers))
	require.Less(t, size+len(pack(shown, sent, shown)), 640, "both sides of a contact that has every field")
}

func TestFieldNumbersAreForEver(t *testing.T) {
	t.Parallel()
	require.Len(t, numberOf, len(fieldNumbers), "no field stands twice")
	for f, n := range map[string]byte{record.FieldPrefix: 1, record.FieldEmail: 9, record.FieldPhoneWork: 13, record.FieldOtherCountry: 33, record.FieldSubject: 34, record.FieldSeries: 49} {
		require.Equal(t, n, numberOf[f], "%s: links in databases carry this number: "+strconv.Itoa(int(n)), f)
	}
}

func TestPackedObservations(t *testing.T) {
	t.Parallel()
	full := planner.Observation{Presence: planner.Present, In: true, Item: connector.Item{Ref: connector.Ref{ID: "c1"}, Fields: record.Fields{record.FieldGiven: "Ann"}, Image: []byte(`{"names":[{"givenName":"Ann"}]}`)}}
	bare := full
	bare.Item.Image = nil
	for name, o := range map[string]planner.Observation{"with the vendor's form": full, "without": bare, "gone": {Presence: planner.Deleted}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := packObservation(o)
			require.NoError(t, err)
			var got planner.Observation
			require.NoError(t, unpackObservation(b, &got))
			require.Equal(t, o, got)
			old, err := json.Marshal(o)
			require.NoError(t, err)
			var earlier planner.Observation
			require.NoError(t, unpackObservation(old, &earlier), "a row of an earlier build")
			require.Equal(t, o, earlier)
			for cut := range b {
				if cut <= len(b)-len(o.Item.Image)-1 {
					require.Error(t, unpackObservation(b[:cut], &got), "cut after %d bytes", cut)
				}
			}
		})
	}
	require.ErrorContains(t, unpackObservation([]byte{9, 1}, &planner.Observation{}), "newer than this build")
}

func TestPackedOperations(t *testing.T) {
	t.Parallel()
	op := planner.Op{Side: record.CRM, Verb: connector.Create, Set: record.Fields{record.FieldGiven: "Ann"}, Why: "created",
		Source: planner.Hashes{record.FieldGiven: 1 << 63, record.FieldFamily: 0, "custom": 7}}
	for name, o := range map[string]planner.Op{"with its source": op, "without": {Side: record.Mailbox, Verb: connector.Delete}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := packOp(o)
			require.NoError(t, err)
			var got, earlier planner.Op
			require.NoError(t, unpackOp(b, &got))
			require.Equal(t, o, got)
			old, err := json.Marshal(o)
			require.NoError(t, err)
			require.NoError(t, unpackOp(old, &earlier), "a row of an earlier build")
			require.Equal(t, o, earlier)
		})
	}
	require.Error(t, unpackOp(nil, &planner.Op{}))
}
