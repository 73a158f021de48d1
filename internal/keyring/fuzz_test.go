package keyring_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/fuzztest"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/record"
)

// FuzzRing reads any file as a keyring, and any bytes as a sealed box. A ring that opens seals and opens, and still does
// after it was rotated; one that does not open quotes nothing, keys least of all. A box opens to what was sealed, or not at
// all.
func FuzzRing(f *testing.F) {
	dir := f.TempDir()
	path := filepath.Join(dir, "seed.json")
	r, err := keyring.Generate(path)
	require.NoError(f, err)
	one, err := os.ReadFile(path)
	require.NoError(f, err)
	box := r.Seal([]byte("plain"), "place")
	require.NoError(f, keyring.Rotate(path))
	two, err := os.ReadFile(path)
	require.NoError(f, err)
	const key = `"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="`
	for _, ring := range []string{
		string(one), string(two), ``, `{}`, `null`, `[]`, string(one) + string(two), `{"seal":[{"version":1,"key":` + key + `}],"hash":[{"version":32767,"key":` + key + `}],"lookup":` + key + `}`,
		`{"seal":[{"version":255,"key":` + key + `}],"hash":[{"version":1,"key":` + key + `}],"lookup":` + key + `}`, `{"seal":"` + fuzztest.Canary + `"}`, `{"` + fuzztest.Canary + `":1}`,
		`{"seal":[{"version":0,"key":""}]}`, `{"lookup":"` + strings.Repeat("A", 100) + `"}`,
	} {
		f.Add([]byte(ring), box, uint16(3))
	}
	f.Add(one, []byte{}, uint16(0))
	f.Add(one, []byte{1}, uint16(9))
	f.Fuzz(func(t *testing.T, text, box []byte, at uint16) {
		defer fuzztest.Within(10 * time.Second)()
		path := filepath.Join(dir, "ring.json") // each worker has its own
		require.NoError(t, os.WriteFile(path, text, 0o600))
		r, err := keyring.Open(path)
		if err != nil {
			require.NotContains(t, err.Error(), fuzztest.Canary)
			require.Less(t, len(err.Error()), 300+len(path))
			require.Error(t, keyring.Rotate(path), "what does not open cannot be rotated")
			return
		}
		if _, err = r.Open(box, "place"); err != nil {
			require.ErrorIs(t, err, keyring.ErrSealed)
		}
		_, err = r.OpenApart(box, text, "place")
		require.ErrorIs(t, err, keyring.ErrSealed)
		sealed := r.Seal(box, "place")
		plain, err := r.Open(sealed, "place")
		require.NoError(t, err)
		require.True(t, bytes.Equal(plain, box))
		broken := append([]byte(nil), sealed...)
		broken[int(at)%len(broken)] ^= byte(at>>8) | 1
		_, err = r.Open(broken, "place")
		require.ErrorIs(t, err, keyring.ErrSealed)
		_, err = r.Open(sealed, "another place")
		require.ErrorIs(t, err, keyring.ErrSealed)

		before := r.Hasher()
		if err := keyring.Rotate(path); err != nil {
			require.ErrorContains(t, err, "the last version")
			return
		}
		next, err := keyring.Open(path)
		require.NoError(t, err)
		plain, err = next.Open(sealed, "place")
		require.NoError(t, err, "what was sealed before is opened after")
		require.True(t, bytes.Equal(plain, box))
		old, ok := next.HasherAt(before.Norm, before.KeyVersion)
		require.True(t, ok)
		require.Equal(t, keyOf(before), keyOf(old))
		require.Greater(t, next.Hasher().KeyVersion, before.KeyVersion)
		require.Equal(t, r.Lookup("acme", record.Contact, string(box)), next.Lookup("acme", record.Contact, string(box)))
		stored, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, json.Valid(stored))
	})
}
