package record

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
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
}

// Value hashes one value; 0 stands for the empty value, and only for it.
func (h Hasher) Value(field, value string) uint64 {
	v := Comparable(h.Norm, field, value)
	if v == "" {
		return 0
	}
	mac := hmac.New(sha256.New, h.Key)
	mac.Write([]byte(field))
	mac.Write([]byte{0})
	mac.Write([]byte(v))
	sum := binary.BigEndian.Uint64(mac.Sum(nil))
	if sum == 0 {
		return 1
	}
	return sum
}
