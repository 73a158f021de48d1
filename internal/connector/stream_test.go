package connector_test

import (
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
)

func TestDecodeList(t *testing.T) {
	t.Parallel()
	type rest struct{ Next string }
	for name, c := range map[string]struct {
		body  string
		items []string
		next  string
		fails error // as errors.Is, where it is one
		wrong bool
	}{
		"a list":                  {body: `{"items":[{"a":1},2,"x"],"next":"n"}`, items: []string{`{"a":1}`, "2", `"x"`}, next: "n"},
		"the rest comes first":    {body: ` {"next":"n", "other":{"items":[9]}, "items":[1]} `, items: []string{"1"}, next: "n"},
		"no list":                 {body: `{"next":"n"}`, next: "n"},
		"null for a list":         {body: `{"items":null}`},
		"an empty list":           {body: `{"items":[]}`},
		"nothing":                 {body: ``, fails: io.EOF, wrong: true},
		"cut inside an element":   {body: `{"items":[{"a":`, fails: io.ErrUnexpectedEOF, wrong: true},
		"cut between elements":    {body: `{"items":[1`, wrong: true, items: []string{"1"}},
		"an object for a list":    {body: `{"items":{"a":1}}`, wrong: true},
		"an object of nothing":    {body: ` {} `, fails: connector.ErrSaysNothing, wrong: true},
		"an array":                {body: `[1]`, wrong: true},
		"no JSON":                 {body: `<html>`, wrong: true},
		"the rest does not match": {body: `{"next":1}`, wrong: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var items []string
			var got rest
			err := connector.DecodeList(strings.NewReader(c.body), "items", func(raw json.RawMessage) error {
				items = append(items, string(raw))
				return nil
			}, &got)
			require.Equal(t, c.wrong, err != nil, "%v", err)
			if c.fails != nil {
				require.ErrorIs(t, err, c.fails)
			}
			require.Equal(t, c.items, items)
			require.Equal(t, c.next, got.Next)
		})
	}
	stop := errors.New("enough")
	err := connector.DecodeList(strings.NewReader(`{"items":[1,2]}`), "items", func(json.RawMessage) error { return stop }, &rest{})
	require.ErrorIs(t, err, stop)
}

// 50 MB of elements take no more than a few.
func TestDecodeListHoldsOneElement(t *testing.T) { //nolint:paralleltest // it counts the process's memory
	element := `{"text":"` + strings.Repeat("x", 50_000) + `"}`
	const n = 1000
	parts := []io.Reader{strings.NewReader(`{"items":[` + element)}
	for range n - 1 {
		parts = append(parts, strings.NewReader(","+element))
	}
	body := io.MultiReader(append(parts, strings.NewReader("]}"))...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := 0
	require.NoError(t, connector.DecodeList(body, "items", func(json.RawMessage) error { got++; return nil }, &struct{}{}))
	runtime.ReadMemStats(&after)
	require.Equal(t, n, got)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(55<<20), "bytes allocated in all: the elements' texts for this test are 50 MB of it")
}
