package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"
)

// ErrUnsealable is returned by [Sealer.Open] when no configured secret opens a value.
// It is the operator's to solve: the text names the configuration, never the value.
var ErrUnsealable = errors.New("the configured secret is not the one that sealed this value: set the option secret to that one, or list it after the new one")

const (
	minSecret   = 32 // bytes of a configured secret
	sealVersion = 1
	keyIDSize   = 8
	sealHeader  = 1 + keyIDSize
)

// Sealer encrypts small values at rest (signing keys, seeds) with AES-256-GCM. The key
// is derived by HKDF-SHA256 from a configured secret and the purpose, so that a value
// sealed for one purpose never opens for another. A Sealer is safe for concurrent use.
//
// A sealed value is: version byte, 8-byte key id, 12-byte nonce, ciphertext and tag.
// The version, the key id and the purpose are authenticated with it.
type Sealer struct{ roots atomic.Pointer[[]root] }

type root struct {
	id     [keyIDSize]byte
	secret []byte
}

// NewSealer returns a Sealer of which the first secret seals and all open, so that a
// secret is rotated by putting the new one in front. Each must have at least 32 bytes;
// the error names the index of one that has not.
func NewSealer(secrets ...Value) (*Sealer, error) {
	s := &Sealer{}
	if err := s.Use(secrets...); err != nil {
		return nil, err
	}
	return s, nil
}

// Use replaces the secrets, under the same rules, from the next call on. On an error
// nothing has changed.
func (s *Sealer) Use(secrets ...Value) error {
	if len(secrets) == 0 {
		return errors.New("no secret is configured")
	}
	var roots []root
	for i, v := range secrets {
		if v.Len() < minSecret {
			return fmt.Errorf("secret %d has %d bytes, it needs at least %d", i, v.Len(), minSecret)
		}
		r := root{secret: v.Reveal()}
		copy(r.id[:], expand(r.secret, "gatehouse seal key id"))
		roots = append(roots, r)
	}
	s.roots.Store(&roots)
	return nil
}

func (s *Sealer) first() root { return (*s.roots.Load())[0] }

// Seal encrypts plaintext under the first secret. The purpose is a constant of the
// caller ("signing key", "totp seed") and must be given again to open.
func (s *Sealer) Seal(purpose string, plaintext []byte) ([]byte, error) {
	r := s.first()
	gcm, err := newGCM(r.key(purpose))
	if err != nil {
		return nil, fmt.Errorf("sealing %s: %w", purpose, err)
	}
	out := make([]byte, 0, sealHeader+len(plaintext)+gcm.Overhead())
	out = append(out, sealVersion)
	out = append(out, r.id[:]...)
	return gcm.Seal(out, nil, plaintext, additional(out, purpose)), nil
}

// Open decrypts what Seal returned for the same purpose under any of the secrets. It
// returns [ErrUnsealable] when the value was sealed by another secret or for another
// purpose, or was changed.
func (s *Sealer) Open(purpose string, sealed []byte) ([]byte, error) {
	if len(sealed) >= sealHeader && sealed[0] == sealVersion {
		for _, r := range *s.roots.Load() {
			if [keyIDSize]byte(sealed[1:sealHeader]) != r.id {
				continue
			}
			gcm, err := newGCM(r.key(purpose))
			if err != nil {
				return nil, fmt.Errorf("opening %s: %w", purpose, err)
			}
			if plain, err := gcm.Open(nil, nil, sealed[sealHeader:], additional(sealed[:sealHeader], purpose)); err == nil {
				return plain, nil
			}
		}
	}
	return nil, fmt.Errorf("opening %s: %w", purpose, ErrUnsealable)
}

// Reseal opens a value and seals it under the first secret, for the same purpose.
func (s *Sealer) Reseal(purpose string, sealed []byte) ([]byte, error) {
	plain, err := s.Open(purpose, sealed)
	if err != nil {
		return nil, err
	}
	return s.Seal(purpose, plain)
}

// SealedByFirst tells whether sealed names the first secret. After a rotation the
// values for which it is false are opened and sealed again; then the old secret can go.
func (s *Sealer) SealedByFirst(sealed []byte) bool {
	return len(sealed) >= sealHeader && sealed[0] == sealVersion &&
		[keyIDSize]byte(sealed[1:sealHeader]) == s.first().id
}

// MACKey derives the cluster-wide MAC key of a purpose from the first secret: nodes
// with the same configuration have the same key, and nothing needs to be stored.
func (s *Sealer) MACKey(purpose string) MACKey {
	return MACKey{k: expand(s.first().secret, "gatehouse mac "+purpose)}
}

func (r root) key(purpose string) []byte { return expand(r.secret, "gatehouse seal "+purpose) }

func additional(header []byte, purpose string) []byte {
	return append(append(make([]byte, 0, len(header)+len(purpose)), header...), purpose...)
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// expand derives 32 bytes from material for one use, named by info.
func expand(material []byte, info string) []byte {
	key, err := hkdf.Key(sha256.New, material, nil, info, 32)
	if err != nil {
		panic("hkdf of 32 bytes: " + err.Error()) // unreachable: SHA-256 yields up to 8160
	}
	return key
}
