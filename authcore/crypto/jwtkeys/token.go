package jwtkeys

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// ErrInvalid is the one answer of [KeySet.Verify] to a token that does not hold. Why it
// does not is not told: a forger must not learn that a token with a bad signature was
// expired as well.
var ErrInvalid = errors.New("invalid token")

// ErrSignature is the [ErrInvalid] of a token of which all but the signature holds, for a
// caller that wants to remember it: it never will hold, for a kid names one key for good.
// It looks like ErrInvalid wherever it is printed.
var ErrSignature error = signatureError{}

// ErrTooLong is the error of [KeySet.Sign] for a token above [MaxLength].
var ErrTooLong = errors.New("the claims are too long")

type signatureError struct{}

func (signatureError) Error() string        { return ErrInvalid.Error() }
func (signatureError) Is(target error) bool { return target == ErrInvalid }

const (
	// MaxLength is the length of the longest token that is issued or looked at.
	MaxLength = 8 << 10
	// Leeway is how far another node's clock may be ahead: iat and nbf may lie so far
	// in the future. There is none for exp: a token is dead at that second.
	Leeway = 60 * time.Second
)

var strictURL = base64.RawURLEncoding.Strict()

// Sign returns a token of the use with the claims, made by the key that is active at
// now. A zero IssuedAt means now, a zero NotBefore means IssuedAt. Claims that Verify
// would refuse, and a token above MaxLength ([ErrTooLong]), are errors.
func (s *KeySet) Sign(use Use, c Claims, now time.Time) (string, error) {
	e, err := s.signer(use, now)
	if err != nil {
		return "", fmt.Errorf("signing token: %w", err)
	}
	if c.IssuedAt.IsZero() {
		c.IssuedAt = now
	}
	if c.NotBefore.IsZero() {
		c.NotBefore = c.IssuedAt
	}
	payload, err := c.encode()
	if err != nil {
		return "", fmt.Errorf("signing token: %w", err)
	}
	text := make([]byte, 0, len(e.header)+len(payload)*4/3+8)
	text = append(append(text, e.header...), '.')
	signed := string(base64.RawURLEncoding.AppendEncode(text, payload))
	sig, err := e.sign(signed)
	if err != nil {
		return "", fmt.Errorf("signing token with key %q: %w", e.KID, err)
	}
	token := signed + "." + sig
	if len(token) > MaxLength {
		return "", fmt.Errorf("signing token: %w: its length of %d is above %d", ErrTooLong, len(token), MaxLength)
	}
	return token, nil
}

// Verify returns the claims of raw and the kid of its key, or [ErrInvalid] alone, as
// [ErrSignature] where nothing else is wrong.
//
// A token holds when its header names exactly a key of this use that is not removed, with
// that key's algorithm and the use's typ, and nothing else; its claims are well-formed,
// exp is after now, iat and nbf are at most [Leeway] ahead, and issuers accepts iss; and
// the signature is the key's. The signature comes last, so that junk costs little. What
// the audience must be is the caller's to check, per guard. A nil issuers accepts none.
//
// The texts in the claims share memory with each other; nothing refers to raw.
func (s *KeySet) Verify(use Use, raw string, now time.Time, issuers func(string) bool) (Claims, string, error) {
	return s.check(use, raw, now, Claims.current, issuers)
}

// Issued is Verify for a token that may have expired: who it was issued to holds for as long as its key is known. It is for
// giving a token up and lets nobody do anything by it.
func (s *KeySet) Issued(use Use, raw string, now time.Time, issuers func(string) bool) (Claims, string, error) {
	return s.check(use, raw, now, Claims.begun, issuers)
}

func (s *KeySet) check(use Use, raw string, now time.Time, holds func(Claims, time.Time) bool, issuers func(string) bool) (Claims, string, error) {
	// Before anything is split: CVE-2025-30204 was a megabyte of dots.
	if len(raw) > MaxLength {
		return Claims{}, "", ErrInvalid
	}
	dot1 := strings.IndexByte(raw, '.')
	dot2 := strings.LastIndexByte(raw, '.')
	if dot1 < 0 || dot1 == dot2 || strings.IndexByte(raw[dot1+1:dot2], '.') >= 0 {
		return Claims{}, "", ErrInvalid
	}
	e := s.keyOf(use, raw[:dot1])
	if e == nil || !e.verifies(now) {
		return Claims{}, "", ErrInvalid
	}
	payload, ok := decodeSegment(raw[dot1+1 : dot2])
	if !ok {
		return Claims{}, "", ErrInvalid
	}
	c, ok := decode(string(payload))
	if !ok || !holds(c, now) || issuers == nil || !issuers(c.Issuer) {
		return Claims{}, "", ErrInvalid
	}
	if !e.signed(raw[:dot2], raw[dot2+1:]) {
		return Claims{}, "", ErrSignature
	}
	return c, e.KID, nil
}

// Named returns the kid that raw's header names and what follows the header, if a key of
// this use that is not removed has that header just as Sign writes it. It says nothing
// about what follows: it is for finding tokens that have been verified before.
func (s *KeySet) Named(use Use, raw string, now time.Time) (kid, rest string, ok bool) {
	dot := strings.IndexByte(raw, '.')
	if dot < 0 {
		return "", "", false
	}
	e := s.byHeader[raw[:dot]]
	if e == nil || e.Use != use || !e.verifies(now) {
		return "", "", false
	}
	return e.KID, raw[dot+1:], true
}

// Names reports whether raw looks like a token that was issued here, whatever it is worth: its header names a key of the set,
// in whichever state, or the kind that is for cookies alone, or its claims one of the issuers. So it knows tokens whose key is
// gone as well. A nil set has no keys. It is for keeping tokens away from others.
func (s *KeySet) Names(raw string, issuers []string) bool {
	header, rest, ok := strings.Cut(raw, ".")
	if !ok || len(raw) > 2*MaxLength {
		return false
	}
	if s != nil && s.byHeader[header] != nil {
		return true
	}
	ours := false
	read := func(segment string, each func(name, text string)) {
		text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(segment, "="))
		if err != nil {
			return
		}
		members(string(text), func(name, value string) bool {
			if text, ok := readText(value); ok {
				each(name, text)
			}
			return true
		})
	}
	read(header, func(name, text string) {
		ours = ours || name == "typ" && text == Cookie.typ() || name == "kid" && s != nil && s.byKID[text] != nil
	})
	if ours {
		return true
	}
	payload, _, _ := strings.Cut(rest, ".")
	read(payload, func(name, text string) { ours = ours || name == "iss" && slices.Contains(issuers, text) })
	return ours
}

// keyOf returns the key that the header names, or nil. The key says which algorithm and
// typ it must have named: nothing in the token picks how it is checked (RFC 8725 §3.1).
func (s *KeySet) keyOf(use Use, header string) *entry {
	if e := s.byHeader[header]; e != nil && e.Use == use {
		return e // as Sign writes it, which is nearly always
	}
	text, ok := decodeSegment(header)
	if !ok {
		return nil
	}
	var alg, typ, kid string
	if !members(string(text), func(name, value string) (ok bool) {
		switch name {
		case "alg":
			alg, ok = readText(value)
		case "typ":
			typ, ok = readText(value)
		case "kid":
			kid, ok = readText(value)
		}
		return ok // false for any other: jwk, jku, x5u, x5c, crit, b64, zip
	}) {
		return nil
	}
	e := s.byKID[kid] // a missing member is an empty text, which no key has
	if e == nil || e.Use != use || alg != string(e.Algorithm) || typ != use.typ() {
		return nil
	}
	return e
}

// current tells whether the claims hold at now.
func (c Claims) current(now time.Time) bool { return now.Before(c.ExpiresAt) && c.begun(now) }

// begun tells whether the claims hold at now but for exp.
func (c Claims) begun(now time.Time) bool {
	latest := now.Add(Leeway)
	return !c.NotBefore.After(latest) && !c.IssuedAt.After(latest)
}

// decodeSegment refuses every spelling but the canonical one. The decoder itself skips
// line breaks, which the length gives away.
func decodeSegment(segment string) ([]byte, bool) {
	b, err := strictURL.DecodeString(segment)
	return b, err == nil && base64.RawURLEncoding.EncodedLen(len(b)) == len(segment)
}

// verifies tells whether the key has not been removed at now. A key that does not sign
// yet verifies already: another node's clock may be ahead.
func (k Key) verifies(now time.Time) bool { return k.RemoveAt.IsZero() || now.Before(k.RemoveAt) }

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
