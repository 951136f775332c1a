package jwtkeys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

const (
	rsaBits    = 2048 // RFC 7518 §3.3 asks for at least this
	rsaMaxBits = 8192
	macBytes   = 32 // RFC 7518 §3.2: at least the size of the hash
	maxKID     = 64
)

// Key is a signing key with its schedule. The private part is unexported and never
// printed; [Key.MarshalPrivate] is the only way to it.
//
// A zero time in the schedule means: not scheduled. A key verifies from the moment a
// [KeySet] holds it until RemoveAt, and signs from NotBefore until RetireAt, so that a
// new key is published before it is used, and an old one outlives its last token.
type Key struct {
	// KID names the key: 1 to 64 characters of base64url.
	KID string
	// Use is the only kind of token the key is good for.
	Use Use
	// Algorithm is the only algorithm the key is good for (RFC 8725 §3.1).
	Algorithm Algorithm
	// NotBefore is when the key begins to sign.
	NotBefore time.Time
	// RetireAt is when it no longer signs.
	RetireAt time.Time
	// RemoveAt is when it no longer verifies and leaves the JWKS.
	RemoveAt time.Time

	private any // ed25519.PrivateKey, *ecdsa.PrivateKey, *rsa.PrivateKey or []byte
	public  any // what verifies: the public key, or the same []byte
}

// Generate makes a new key with no schedule. Its kid is the RFC 7638 thumbprint of the
// public key, or random text for HS256, whose thumbprint would be a hash of the secret.
// A cookie key must be HS256.
func Generate(use Use, alg Algorithm) (Key, error) {
	k := Key{Use: use, Algorithm: alg}
	if err := k.checkKind(); err != nil {
		return Key{}, err
	}
	var err error
	switch alg {
	case EdDSA:
		_, k.private, err = ed25519.GenerateKey(rand.Reader)
	case ES256:
		k.private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case RS256:
		k.private, err = rsa.GenerateKey(rand.Reader, rsaBits)
	case HS256:
		b := make([]byte, macBytes)
		_, err = rand.Read(b)
		k.private = b
	}
	if err != nil {
		return Key{}, fmt.Errorf("generating %s key: %w", alg, err)
	}
	k.public = publicOf(k.private)
	if k.KID, err = newKID(k); err != nil {
		return Key{}, err
	}
	return k, nil
}

// ParsePrivate returns the key whose private part [Key.MarshalPrivate] encoded. It has
// no schedule: the caller sets the times. The private part must fit the algorithm.
func ParsePrivate(kid string, use Use, alg Algorithm, private []byte) (Key, error) {
	k := Key{KID: kid, Use: use, Algorithm: alg}
	if err := k.checkKind(); err != nil {
		return Key{}, err
	}
	if alg == HS256 {
		k.private = append([]byte(nil), private...)
	} else {
		p, err := x509.ParsePKCS8PrivateKey(private)
		if err != nil {
			return Key{}, fmt.Errorf("parsing key %q: not a PKCS#8 private key", kid)
		}
		k.private = p
	}
	k.public = publicOf(k.private)
	if err := k.check(); err != nil {
		return Key{}, fmt.Errorf("parsing key %q: %w", kid, err)
	}
	return k, nil
}

// MarshalPrivate returns the private part: PKCS#8 DER, or the raw bytes of an HS256 key.
// The caller seals it before it is stored.
func (k Key) MarshalPrivate() ([]byte, error) {
	if b, ok := k.private.([]byte); ok {
		return append([]byte(nil), b...), nil
	}
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, fmt.Errorf("encoding the private part of key %q: %w", k.KID, err)
	}
	return der, nil
}

// MarshalPublic returns the public part as PKIX DER. An HS256 key has none: an error.
func (k Key) MarshalPublic() ([]byte, error) {
	if k.Algorithm == HS256 {
		return nil, fmt.Errorf("key %q has no public part", k.KID)
	}
	der, err := x509.MarshalPKIXPublicKey(k.public)
	if err != nil {
		return nil, fmt.Errorf("encoding the public part of key %q: %w", k.KID, err)
	}
	return der, nil
}

// Format writes kid, algorithm and use for every verb, never the private part.
func (k Key) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "key "+k.KID+" ("+string(k.Algorithm)+", "+string(k.Use)+")")
}

// signs tells whether the key may sign at now.
func (k Key) signs(now time.Time) bool {
	return !now.Before(k.NotBefore) && (k.RetireAt.IsZero() || now.Before(k.RetireAt)) && k.verifies(now)
}

func (k Key) checkKind() error {
	if _, err := ParseAlgorithm(string(k.Algorithm)); err != nil {
		return err
	}
	switch {
	case k.Use != Bearer && k.Use != Cookie:
		return fmt.Errorf("unknown key use %q", string(k.Use))
	case k.Use == Cookie && k.Algorithm != HS256:
		return fmt.Errorf("a cookie key is HS256, not %s", k.Algorithm)
	}
	return nil
}

// check refuses a key that does not fit its algorithm, so that nothing later needs to.
func (k Key) check() error {
	if err := k.checkKind(); err != nil {
		return err
	}
	if !validKID(k.KID) {
		return errors.New("a kid has 1 to 64 characters of A-Z a-z 0-9 - _")
	}
	valid := false
	switch p := k.private.(type) {
	case ed25519.PrivateKey:
		valid = k.Algorithm == EdDSA && len(p) == ed25519.PrivateKeySize
	case *ecdsa.PrivateKey:
		valid = k.Algorithm == ES256 && p.Curve == elliptic.P256()
	case *rsa.PrivateKey:
		bits := p.N.BitLen()
		valid = k.Algorithm == RS256 && bits >= rsaBits && bits <= rsaMaxBits
	case []byte:
		valid = k.Algorithm == HS256 && len(p) >= macBytes
	}
	if !valid {
		return fmt.Errorf("the private part is no %s key of sufficient size", k.Algorithm)
	}
	if !ordered(k.NotBefore, k.RetireAt) || !ordered(k.RetireAt, k.RemoveAt) || !ordered(k.NotBefore, k.RemoveAt) {
		return errors.New("a key begins to sign, retires and is removed in this order")
	}
	return nil
}

func ordered(a, b time.Time) bool { return a.IsZero() || b.IsZero() || !b.Before(a) }

func validKID(kid string) bool {
	if kid == "" || len(kid) > maxKID {
		return false
	}
	for i := range len(kid) {
		c := kid[i]
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

func newKID(k Key) (string, error) {
	if k.Algorithm == HS256 {
		b := make([]byte, 16)
		_, _ = rand.Read(b)
		return base64.RawURLEncoding.EncodeToString(b), nil
	}
	sum, err := (&jose.JSONWebKey{Key: k.public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("computing the key's thumbprint: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

func publicOf(private any) any {
	if s, ok := private.(crypto.Signer); ok {
		return s.Public()
	}
	return private
}

func (k Key) method() jwt.SigningMethod {
	switch k.Algorithm {
	case EdDSA:
		return jwt.SigningMethodEdDSA
	case ES256:
		return jwt.SigningMethodES256
	case RS256:
		return jwt.SigningMethodRS256
	default:
		return jwt.SigningMethodHS256
	}
}

// Interface guards
var _ fmt.Formatter = Key{}
