package keyring_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/record"
)

func generate(t *testing.T) (*keyring.Ring, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ring.json")
	r, err := keyring.Generate(path)
	require.NoError(t, err)
	return r, path
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	r, path := generate(t)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	_, err = keyring.Generate(path)
	require.ErrorIs(t, err, fs.ErrExist)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after, "a refused Generate leaves the ring whole")
	opened, err := keyring.Open(path)
	require.NoError(t, err)
	require.Equal(t, keyOf(r.Hasher()), keyOf(opened.Hasher()))
	other, _ := generate(t)
	require.NotEqual(t, r.Hasher().Key, other.Hasher().Key)
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	const secret = "c2VjcmV0LWtleS1tYXRlcmlhbA=="
	for name, content := range map[string]string{
		"nothing":        ``,
		"not JSON":       secret,
		"unknown member": `{"seals":"` + secret + `"}`,
		"no keys":        `{"seal":[],"hash":[],"lookup":"` + secret + `"}`,
		"a short key":    `{"seal":[{"version":1,"key":"` + secret + `"}],"hash":[],"lookup":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "ring.json")
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			_, err := keyring.Open(path)
			require.Error(t, err)
			require.NotContains(t, err.Error(), secret)
			require.Error(t, keyring.Rotate(path))
		})
	}
	t.Run("readable by others", func(t *testing.T) {
		t.Parallel()
		_, path := generate(t)
		require.NoError(t, os.Chmod(path, 0o640))
		_, err := keyring.Open(path)
		require.ErrorIs(t, err, fs.ErrPermission)
		require.ErrorContains(t, err, "chmod 600")
	})
	t.Run("missing", func(t *testing.T) {
		t.Parallel()
		_, err := keyring.Open(filepath.Join(t.TempDir(), "none"))
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
}

func TestRotate(t *testing.T) {
	t.Parallel()
	old, path := generate(t)
	box := old.Seal([]byte("value"), "here")
	require.NoError(t, keyring.Rotate(path))
	require.NoError(t, keyring.Rotate(path))
	r, err := keyring.Open(path)
	require.NoError(t, err)
	plain, err := r.Open(box, "here")
	require.NoError(t, err)
	require.Equal(t, "value", string(plain))
	_, err = old.Open(r.Seal([]byte("value"), "here"), "here")
	require.ErrorIs(t, err, keyring.ErrSealed, "new boxes use the new key")

	require.Equal(t, 3, r.Hasher().KeyVersion)
	require.NotEqual(t, old.Hasher().Key, r.Hasher().Key)
	was, ok := r.HasherAt(record.Normaliser, 1)
	require.True(t, ok)
	require.Equal(t, keyOf(old.Hasher()), keyOf(was), "old bases are still compared exactly")
	require.Equal(t, old.Hasher().Value(record.FieldTitle, "Head"), was.Value(record.FieldTitle, "Head"))
	require.Equal(t, old.Lookup("acme", record.Contact, "email:a"), r.Lookup("acme", record.Contact, "email:a"), "claims are found for ever")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	files, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, files, 1, "no copy of the keys stays behind")
}

func TestHasherAtUnknownVersions(t *testing.T) {
	t.Parallel()
	r, _ := generate(t)
	for name, v := range map[string][2]int{"newer key": {record.Normaliser, 2}, "newer normaliser": {record.Normaliser + 1, 1}, "none": {0, 0}} {
		_, ok := r.HasherAt(v[0], v[1])
		require.False(t, ok, name)
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	r, _ := generate(t)
	base := r.Lookup("acme", record.Contact, "email:a")
	require.Len(t, base, 16)
	require.Equal(t, base, r.Lookup("acme", record.Contact, "email:a"))
	other, _ := generate(t)
	for name, b := range map[string][]byte{
		"another org":   r.Lookup("acme2", record.Contact, "email:a"),
		"another kind":  r.Lookup("acme", record.Event, "email:a"),
		"another value": r.Lookup("acme", record.Contact, "email:b"),
		"moved border":  r.Lookup("acmec", "ontact", "email:a"),
		"another ring":  other.Lookup("acme", record.Contact, "email:a"),
	} {
		require.NotEqual(t, base, b, name)
	}
}

func TestSealOpensOnlyWhereItBelongs(t *testing.T) {
	t.Parallel()
	r, _ := generate(t)
	stranger, _ := generate(t)
	rapid.Check(t, func(t *rapid.T) {
		plain, where := rapid.SliceOf(rapid.Byte()).Draw(t, "plain"), rapid.String().Draw(t, "where")
		box := r.Seal(plain, where)
		got, err := r.Open(box, where)
		require.NoError(t, err)
		require.True(t, bytes.Equal(plain, got))
		require.NotEqual(t, box, r.Seal(plain, where), "a fresh nonce each time")
		_, err = r.Open(box, where+"x")
		require.ErrorIs(t, err, keyring.ErrSealed)
		damaged := bytes.Clone(box)
		damaged[rapid.IntRange(0, len(box)-1).Draw(t, "at")] ^= 1
		_, err = r.Open(damaged, where)
		require.ErrorIs(t, err, keyring.ErrSealed)
		_, err = r.Open(box[:rapid.IntRange(0, len(box)-1).Draw(t, "cut")], where)
		require.ErrorIs(t, err, keyring.ErrSealed)

		salt, apart := r.SealApart(plain, where)
		require.Len(t, salt, 17)
		require.Len(t, apart, len(plain)+16)
		got, err = r.OpenApart(salt, apart, where)
		require.NoError(t, err)
		require.True(t, bytes.Equal(plain, got))
		again, other := r.SealApart(plain, where)
		require.NotEqual(t, salt, again, "a fresh key each time")
		require.NotEqual(t, apart, other)
		for name, open := range map[string]func() ([]byte, error){
			"another ring":  func() ([]byte, error) { return stranger.OpenApart(salt, apart, where) },
			"another salt":  func() ([]byte, error) { return r.OpenApart(again, apart, where) },
			"no salt":       func() ([]byte, error) { return r.OpenApart(nil, apart, where) },
			"another place": func() ([]byte, error) { return r.OpenApart(salt, apart, where+"x") },
			"another box":   func() ([]byte, error) { return r.OpenApart(salt, other, where) },
			"another key":   func() ([]byte, error) { return r.OpenApart(append([]byte{9}, salt[1:]...), apart, where) },
		} {
			_, err = open()
			require.ErrorIs(t, err, keyring.ErrSealed, name)
		}
	})
}

// keyOf is a hasher without the hashes that it lends, which nothing compares.
func keyOf(h record.Hasher) record.Hasher {
	h.MACs = nil
	return h
}
