package record

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
	"sync"
)

// Normaliser is the version of Comparable. When Comparable changes meaning it gets a new version, and the old one stays
// in the code, so that bases hashed under it can still be compared exactly.
const Normaliser = 1

// Hasher makes the keyed hashes that a base is made of: a value cannot be read back from them, nor guessed without the
// key. Two hashers agree only when Norm and KeyVersion are equal.
type Hasher struct {
	Norm       int    // the version of the normaliser
	KeyVersion int    // the version of the key
	Key        []byte // 32 bytes
	MACs       *MACs  // under Key; nil makes a hash for each value
}

// Value hashes one value; 0 stands for the empty value, and only for it.
func (h Hasher) Value(field, value string) uint64 {
	v := Comparable(h.Norm, field, value)
	if v == "" {
		return 0
	}
	mac, done := h.mac()
	defer done()
	var buf [sha256.Size]byte
	_, _ = io.WriteString(mac, field) // a hash never fails
	_, _ = mac.Write(buf[:1])
	_, _ = io.WriteString(mac, v)
	sum := binary.BigEndian.Uint64(mac.Sum(buf[:0]))
	if sum == 0 {
		return 1
	}
	return sum
}

// MACs lends keyed hashes under one key (HMAC with SHA-256). To make one costs more than to hash a value with it.
type MACs struct{ pool sync.Pool }

// NewMACs returns MACs under a key.
func NewMACs(key []byte) *MACs {
	return &MACs{sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

// Get lends one that has hashed nothing yet, until done.
func (m *MACs) Get() (mac hash.Hash, done func()) {
	mac = m.pool.Get().(hash.Hash) //nolint:forcetypeassert,errcheck // the pool makes nothing else
	mac.Reset()
	return mac, func() { m.pool.Put(mac) }
}

func (h Hasher) mac() (mac hash.Hash, done func()) {
	if h.MACs == nil {
		return hmac.New(sha256.New, h.Key), func() {}
	}
	return h.MACs.Get()
}
