package jwtkeys

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrInvalid is the one answer of [KeySet.Verify] to a token that does not hold. Why it
// does not is not told: a forger must not learn that a token with a bad signature was
// expired as well.
var ErrInvalid = errors.New("invalid token")

// ErrSignature is the [ErrInvalid] of a token of which all but the signature holds, for a
// caller that wants to remember it: it never will hold, for a kid names one key for good.
// It looks like ErrInvalid wherever it is printed.
var ErrSignature error = signatureError{}

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
// would refuse, and a token above MaxLength, are errors.
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
		return "", fmt.Errorf("signing token: its length of %d is above %d", len(token), MaxLength)
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
