// Package keyring holds the keys that the database does not have.
//
// A Ring has three sorts of keys. Sealing keys (AES-256-GCM) encrypt every stored column with a customer's value. Hash
// keys (HMAC-SHA-256) make the bases that links compare against. Both come in versions: Rotate adds one, the newest is
// used from then on, and the older ones stay for what was written under them. What may have to be destroyed is sealed apart, under a key
// that is made of a sealing key and a salt. The lookup key makes the keyed hashes that
// match keys and claims are found by; it has one version for ever, because a claim must be found under the hash that
// it was made with.
//
// A ring is a JSON file with mode 0600. Whoever has the file and the database can read everything; whoever has only the
// database sees ids, times, tags and reasons. Losing the file loses every sealed value and forces a rebase of every link.
package keyring

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/repsync/repsync/internal/record"
)

const (
	keyLen    = 32  // bytes: AES-256 and HMAC-SHA-256
	lookupLen = 16  // bytes of a lookup hash
	maxSeal   = 255 // the version stands in one byte of every box
	maxHash   = 1<<15 - 1
)

// Ring is an opened keyring. It is safe for concurrent use; it does not see a later Rotate until it is opened again.
type Ring struct {
	secrets map[int][]byte      // the sealing keys
	seal    map[int]cipher.AEAD // under them
	hash    map[int][]byte
	macs    map[int]*record.MACs // under the keys of hash
	lookup  *record.MACs
	newest  struct{ seal, hash int }
	later   int // how many versions of the normaliser this build is ahead of record.Normaliser: 0, but for Upgraded
}

// file is the JSON form of a ring.
type file struct {
	Seal   []version `json:"seal"`
	Hash   []version `json:"hash"`
	Lookup []byte    `json:"lookup"`
}

type version struct {
	Version int    `json:"version"`
	Key     []byte `json:"key"`
}

// Generate makes a new ring at path, mode 0600. It refuses to overwrite: the error is fs.ErrExist then.
func Generate(path string) (*Ring, error) {
	f := file{
		Seal:   []version{{Version: 1, Key: newKey()}},
		Hash:   []version{{Version: 1, Key: newKey()}},
		Lookup: newKey(),
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("generate keyring: %w", err)
	}
	if err := write(out, f); err != nil {
		return nil, fmt.Errorf("generate keyring %s: %w", path, err)
	}
	return f.ring()
}

// Open reads the ring at path. It refuses a file that other users may read. Errors: fs.ErrNotExist when there is none.
func Open(path string) (*Ring, error) {
	f, err := read(path)
	if err != nil {
		return nil, err
	}
	r, err := f.ring()
	if err != nil {
		return nil, fmt.Errorf("open keyring %s: %w", path, err)
	}
	return r, nil
}

// Rotate adds a new version of the seal key and of the hash key to the ring at path, and replaces the file in one step.
// Workers use the new keys once they open the ring again; until then they can't open what is sealed under the new
// version, so restart all of them soon. The lookup key stays as it is.
func Rotate(path string) error {
	f, err := read(path)
	if err != nil {
		return err
	}
	r, err := f.ring()
	if err != nil {
		return fmt.Errorf("rotate keyring %s: %w", path, err)
	}
	if r.newest.seal >= maxSeal || r.newest.hash >= maxHash { // a file with one more would not open
		return fmt.Errorf("rotate keyring %s: it holds the last version already, %d of seal keys or %d of hash keys", path, maxSeal, maxHash)
	}
	f.Seal = append(f.Seal, version{Version: r.newest.seal + 1, Key: newKey()})
	f.Hash = append(f.Hash, version{Version: r.newest.hash + 1, Key: newKey()})
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // CreateTemp makes it 0600
	if err != nil {
		return fmt.Errorf("rotate keyring: %w", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // gone already when the rename worked
	if err := write(tmp, f); err != nil {
		return fmt.Errorf("rotate keyring %s: %w", path, err)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("rotate keyring: %w", err)
	}
	return nil
}

// Hasher returns the hasher of new bases: the newest hash key and record.Normaliser.
func (r *Ring) Hasher() record.Hasher {
	return record.Hasher{Norm: record.Normaliser + r.later, KeyVersion: r.newest.hash, Key: r.hash[r.newest.hash], MACs: r.macs[r.newest.hash]}
}

// Upgraded returns the ring as a build opens it whose normaliser is n versions later. Stories upgrade with it.
func (r *Ring) Upgraded(n int) *Ring {
	out := *r
	out.later += n
	return &out
}

// HasherAt returns the hasher that a base was made with, given the versions of normaliser and hash key that stand in
// its link; false when this build or this ring does not have them, in which case the link is rebased.
func (r *Ring) HasherAt(norm, key int) (record.Hasher, bool) {
	k, ok := r.hash[key]
	if !ok || norm < 1 || norm > record.Normaliser+r.later {
		return record.Hasher{}, false
	}
	return record.Hasher{Norm: norm, KeyVersion: key, Key: k, MACs: r.macs[key]}, true
}

// Lookup returns the 16-byte keyed hash by which a match key ("email:ann@example.com", already normalised) is found
// and claimed within one org and kind. It never changes with Rotate.
func (r *Ring) Lookup(org string, kind record.Kind, s string) []byte {
	mac, done := r.lookup.Get()
	defer done()
	for _, part := range []string{org, string(kind), s} {
		mac.Write([]byte(part))
		mac.Write([]byte{0})
	}
	return mac.Sum(nil)[:lookupLen]
}

func newKey() []byte {
	k := make([]byte, keyLen)
	_, _ = rand.Read(k) // never fails: crypto/rand ends the process instead
	return k
}

func read(path string) (file, error) {
	in, err := os.Open(path)
	if err != nil {
		return file{}, fmt.Errorf("open keyring: %w", err)
	}
	defer func() { _ = in.Close() }()
	info, err := in.Stat()
	if err != nil {
		return file{}, fmt.Errorf("open keyring: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return file{}, fmt.Errorf("open keyring %s: mode is %04o, so other users may use it; run chmod 600: %w",
			path, info.Mode().Perm(), fs.ErrPermission)
	}
	var f file
	dec := json.NewDecoder(in)
	dec.DisallowUnknownFields()
	if dec.Decode(&f) != nil { // the decoder's own words may quote key material
		return file{}, fmt.Errorf("open keyring %s: not a keyring; restore it from its backup", path)
	}
	return f, nil
}

func write(out *os.File, f file) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetIndent("", "  ")
	err := enc.Encode(f)
	if err == nil {
		_, err = out.Write(buf.Bytes())
	}
	if err == nil {
		err = out.Sync() // a rotated key that is used but not on disk would be a loss
	}
	return errors.Join(err, out.Close())
}

func (f file) ring() (*Ring, error) {
	r := &Ring{secrets: map[int][]byte{}, seal: map[int]cipher.AEAD{}, hash: map[int][]byte{}, macs: map[int]*record.MACs{}, lookup: record.NewMACs(f.Lookup)}
	if len(f.Lookup) != keyLen {
		return nil, errors.New("lookup key: wrong length")
	}
	var err error
	if r.newest.seal, err = fill(r.secrets, f.Seal, maxSeal); err != nil {
		return nil, fmt.Errorf("seal keys: %w", err)
	}
	for v, key := range r.secrets {
		r.seal[v] = gcm(key)
	}
	if r.newest.hash, err = fill(r.hash, f.Hash, maxHash); err != nil {
		return nil, fmt.Errorf("hash keys: %w", err)
	}
	for v, key := range r.hash {
		r.macs[v] = record.NewMACs(key)
	}
	return r, nil
}

func fill(into map[int][]byte, versions []version, highest int) (newest int, err error) {
	for _, v := range versions {
		switch {
		case v.Version < 1 || v.Version > highest:
			return 0, fmt.Errorf("version %d is out of range", v.Version)
		case len(v.Key) != keyLen:
			return 0, fmt.Errorf("version %d: wrong length", v.Version)
		case into[v.Version] != nil:
			return 0, fmt.Errorf("version %d stands twice", v.Version)
		}
		into[v.Version] = v.Key
		newest = max(newest, v.Version)
	}
	if newest == 0 {
		return 0, errors.New("none")
	}
	return newest, nil
}
