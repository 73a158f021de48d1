package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
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

const saltLen = 16 // bytes

// SealApart encrypts plain under a key of its own, which is made of the newest seal key and of 16 random bytes (HKDF, RFC 5869).
// Those come back as salt, behind a byte of key version, and are to be kept beside the box: it opens with ring and salt, and
// without the salt never again, also for whoever has the ring. So a journal's values are destroyed and their box stays, which
// the chain covers. A key that seals once needs no nonce.
func (r *Ring) SealApart(plain []byte, context string) (salt, box []byte) {
	salt = make([]byte, 1+saltLen)
	salt[0] = byte(r.newest.seal)
	_, _ = rand.Read(salt[1:])
	return salt, r.apart(salt).Seal(nil, make([]byte, nonceLen), plain, []byte(context))
}

// OpenApart decrypts what SealApart made. Error: ErrSealed.
func (r *Ring) OpenApart(salt, box []byte, context string) ([]byte, error) {
	if len(salt) != 1+saltLen || r.secrets[int(salt[0])] == nil {
		return nil, ErrSealed
	}
	plain, err := r.apart(salt).Open(nil, make([]byte, nonceLen), box, []byte(context))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

func (r *Ring) apart(salt []byte) cipher.AEAD {
	key, err := hkdf.Key(sha256.New, r.secrets[int(salt[0])], salt[1:], "repsync apart", keyLen)
	if err != nil { // of a length that no hash can give
		panic("keyring: " + err.Error())
	}
	return gcm(key)
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

// gcm panics only for a key of a wrong length, which ring() and apart rule out.
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
