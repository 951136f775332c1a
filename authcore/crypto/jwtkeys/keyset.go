package jwtkeys

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// ErrNoSigningKey is returned by [KeySet.Signer] and [KeySet.Sign] when no key of the
// use is active. The operator, or the rotation, has to add one.
var ErrNoSigningKey = errors.New("no active signing key")

// KeySet holds the keys of a moment. It is immutable and safe for concurrent use: a
// rotation makes a new one and swaps the pointer.
type KeySet struct {
	byKID    map[string]*entry
	byHeader map[string]*entry // by the encoded header that Sign writes
	ordered  []*entry          // newest first
}

type entry struct {
	Key
	header string // base64url
	macs   *macs  // of an HS256 key
}

// sign returns the signature of signed as it stands in a token.
func (e *entry) sign(signed string) (string, error) {
	if e.macs != nil {
		return e.macs.of(signed), nil
	}
	sig, err := e.method().Sign(signed, e.private)
	return base64.RawURLEncoding.EncodeToString(sig), err
}

// signed reports whether segment is a signature of text, spelled as sign spells it.
func (e *entry) signed(text, segment string) bool {
	if e.macs != nil {
		return e.macs.matches(text, segment)
	}
	sig, ok := decodeSegment(segment)
	return ok && e.method().Verify(text, sig, e.public) == nil
}

// NewKeySet returns a set of the keys, of both uses and any state. Two keys with one
// kid, and a key that does not fit its algorithm or use, are errors that name the kid.
func NewKeySet(keys []Key) (*KeySet, error) {
	s := &KeySet{byKID: make(map[string]*entry, len(keys)), byHeader: make(map[string]*entry, len(keys))}
	for _, k := range keys {
		if err := k.check(); err != nil {
			return nil, fmt.Errorf("key %q: %w", k.KID, err)
		}
		if s.byKID[k.KID] != nil {
			return nil, fmt.Errorf("key %q occurs twice", k.KID)
		}
		e := &entry{Key: k, header: encodeHeader(k)}
		if k.Algorithm == HS256 {
			e.macs = newMACs(k.private.([]byte))
		}
		s.byKID[k.KID] = e
		s.byHeader[e.header] = e
		s.ordered = append(s.ordered, e)
	}
	// The kid decides between equals, so that all nodes pick the same signer.
	slices.SortFunc(s.ordered, func(a, b *entry) int {
		return cmp.Or(b.NotBefore.Compare(a.NotBefore), cmp.Compare(a.KID, b.KID))
	})
	return s, nil
}

// Signer returns the key that signs at now: the newest one with NotBefore <= now <
// RetireAt, or [ErrNoSigningKey].
func (s *KeySet) Signer(use Use, now time.Time) (Key, error) {
	e, err := s.signer(use, now)
	if err != nil {
		return Key{}, err
	}
	return e.Key, nil
}

func (s *KeySet) signer(use Use, now time.Time) (*entry, error) {
	for _, e := range s.ordered {
		if e.Use == use && e.signs(now) {
			return e, nil
		}
	}
	return nil, fmt.Errorf("%w of use %q", ErrNoSigningKey, string(use))
}

// Has tells whether the set has a key of this kid that is not removed at now. A cached
// token whose key is gone is no longer good.
func (s *KeySet) Has(kid string, now time.Time) bool {
	e := s.byKID[kid]
	return e != nil && e.verifies(now)
}

// Keys returns the keys that are not removed at now, newest first.
func (s *KeySet) Keys(now time.Time) []Key {
	var keys []Key
	for _, e := range s.ordered {
		if e.verifies(now) {
			keys = append(keys, e.Key)
		}
	}
	return keys
}

// JWKS returns the JSON Web Key Set (RFC 7517 §5) of the public bearer keys that are not
// removed at now: those to come, the active one and the retired. Cookie keys and HS256
// keys have no public part and are never in it.
func (s *KeySet) JWKS(now time.Time) []byte {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, e := range s.ordered {
		if e.Use == Bearer && e.Algorithm != HS256 && e.verifies(now) {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: e.public, KeyID: e.KID, Algorithm: string(e.Algorithm), Use: "sig"})
		}
	}
	doc, err := json.Marshal(set)
	if err != nil {
		panic("encoding a JWKS of checked keys: " + err.Error()) // unreachable: NewKeySet checked each
	}
	return doc
}

func encodeHeader(k Key) string {
	// None of the three needs escaping: two are constants and validKID bounds the third.
	header := `{"alg":"` + string(k.Algorithm) + `","typ":"` + k.Use.typ() + `","kid":"` + k.KID + `"}`
	return base64.RawURLEncoding.EncodeToString([]byte(header))
}
