package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
)

// ErrSealed is returned for a box that does not open: an unknown key version, another context, or damaged bytes.
var ErrSealed = errors.New("sealed value does not open: wrong keyring, or the row was damaged or moved")

const nonceLen = 12 // bytes, AES-GCM's standard (NIST SP 800-38D, 8.2.2: random nonces, at most 2^32 boxes a key)

// Seal encrypts plain under the newest seal key: one byte of key version, 12 of nonce, the box with its 16-byte tag. The
// context says where the box belongs (org, table, id); it is authenticated, so that a box that was copied into another
// row does not open.
func (r *Ring) Seal(plain []byte, context string) []byte {
	v := r.newest.seal
	out := make([]byte, 1, 1+nonceLen+len(plain)+16)
	out[0] = byte(v)
	return seal(out, r.seal[v], plain, context)
}

// Open decrypts what Seal made, under whichever version it was sealed. Error: ErrSealed.
func (r *Ring) Open(box []byte, context string) ([]byte, error) {
	if len(box) == 0 {
		return nil, ErrSealed
	}
	aead, ok := r.seal[int(box[0])]
	if !ok {
		return nil, ErrSealed
	}
	return open(aead, box[1:], context)
}

// NewItemKey returns a fresh 32-byte key for SealUnder. Journal values are sealed under a key of their item; destroying
// that one key destroys the values and leaves the journal whole.
func NewItemKey() []byte { return newKey() }

// SealUnder encrypts plain under a key that is not in the ring; the key must be one of NewItemKey's.
func SealUnder(key, plain []byte, context string) []byte { return seal(nil, gcm(key), plain, context) }

// OpenUnder decrypts what SealUnder made. Error: ErrSealed.
func OpenUnder(key, box []byte, context string) ([]byte, error) {
	if len(key) != keyLen {
		return nil, ErrSealed
	}
	return open(gcm(key), box, context)
}

func seal(dst []byte, aead cipher.AEAD, plain []byte, context string) []byte {
	nonce := make([]byte, nonceLen)
	_, _ = rand.Read(nonce)
	dst = append(dst, nonce...)
	return aead.Seal(dst, nonce, plain, []byte(context))
}

func open(aead cipher.AEAD, box []byte, context string) ([]byte, error) {
	if len(box) < nonceLen {
		return nil, ErrSealed
	}
	plain, err := aead.Open(nil, box[:nonceLen], box[nonceLen:], []byte(context))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// gcm panics only for a key of a wrong length, which ring() and NewItemKey rule out.
func gcm(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("keyring: " + err.Error())
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("keyring: " + err.Error())
	}
	return aead
}
