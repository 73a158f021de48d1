package google

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
)

// What is larger than any vendor keeps is there and cannot be read: it keeps its id, so that it is parked and taken for no
// deletion. What is as large as allowed is read.
func TestGiantsKeepTheirIDs(t *testing.T) {
	t.Parallel()
	box := &people{Config: Config{Org: "acme"}}
	person := func(size int) []byte {
		head := `{"resourceName":"people/c1","etag":"%a","metadata":{"sources":[{"type":"CONTACT","id":"1","etag":"#a","updateTime":"2026-11-18T12:00:00Z"}]},"userDefined":[{"key":"k","value":"`
		return []byte(head + strings.Repeat("x", size-len(head)-4) + `"}]}`)
	}
	event := func(size int) []byte {
		raw := string(eventWith(`"description":"?"`))
		return []byte(strings.Replace(raw, "?", strings.Repeat("x", size-len(raw)+1), 1))
	}
	for name, read := range map[string]func(int) (connector.Ref, error){
		"person": func(size int) (connector.Ref, error) {
			raw := person(size)
			require.Len(t, raw, size)
			one, err := box.decode(raw)
			return one.item.Ref, err
		},
		"event": func(size int) (connector.Ref, error) {
			raw := event(size)
			require.Len(t, raw, size)
			one, err := testCalendar.decode(raw)
			return one.item.Ref, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ref, err := read(connector.MaxItem)
			require.NoError(t, err)
			large, err := read(connector.MaxItem + 1)
			require.ErrorAs(t, err, new(unreadable))
			require.Equal(t, ref, large)
			require.NotEmpty(t, large.ID)
		})
	}
}
