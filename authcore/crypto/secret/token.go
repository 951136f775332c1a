package secret

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"unsafe"
)

const (
	tokenID     = 16
	tokenRandom = 32
	tokenMAC    = 16
	tokenBytes  = tokenID + tokenRandom + tokenMAC
	tokenText   = (tokenBytes*8 + 5) / 6 // unpadded base64url
	tokenPrefix = 16                     // longest prefix
)

// strictURL refuses line breaks, padding and non-zero trailing bits.
var strictURL = base64.RawURLEncoding.Strict()

// IssueToken returns an opaque token: prefix, then base64url of the id, 256 random bits
// and a checksum (HMAC of prefix, id and random bits, cut to 128 bits). The prefix is
// a constant of the caller of at most 16 bytes; a longer one panics. Only a digest of
// the token is to be stored.
func (k MACKey) IssueToken(prefix string, id [16]byte) string {
	var raw [tokenBytes]byte
	copy(raw[:tokenID], id[:])
	_, _ = rand.Read(raw[tokenID : tokenID+tokenRandom])
	sum := k.checksum(prefix, raw[:tokenID+tokenRandom])
	copy(raw[tokenID+tokenRandom:], sum[:tokenMAC])

	out := make([]byte, len(prefix), len(prefix)+tokenText)
	copy(out, prefix)
	return string(base64.RawURLEncoding.AppendEncode(out, raw[:]))
}

// ParseToken returns the id in a token that IssueToken made with this key and prefix,
// and false for anything else. So junk costs no query, and somebody who only knows an
// id cannot make up an old token of it and have its session revoked for reuse.
func (k MACKey) ParseToken(prefix, token string) (id [16]byte, ok bool) {
	if len(token) != len(prefix)+tokenText || token[:len(prefix)] != prefix {
		return id, false
	}
	var text [tokenText]byte
	copy(text[:], token[len(prefix):])
	var raw [tokenBytes]byte
	// 86 characters hold 4 bits more than 64 bytes: unless they are zero, two texts
	// would name one token. The decoder skips line breaks, so the length must be full.
	if n, err := strictURL.Decode(raw[:], text[:]); err != nil || n != tokenBytes {
		return id, false
	}
	sum := k.checksum(prefix, raw[:tokenID+tokenRandom])
	if subtle.ConstantTimeCompare(sum[:tokenMAC], raw[tokenID+tokenRandom:]) != 1 {
		return id, false
	}
	return [16]byte(raw[:tokenID]), true
}

// checksum is HMAC-SHA256 over the prefix with its length, and the body of fixed length.
func (k MACKey) checksum(prefix string, body []byte) Digest {
	if len(prefix) > tokenPrefix {
		panic("secret: token prefix is too long")
	}
	var msg [1 + tokenPrefix + tokenID + tokenRandom]byte
	msg[0] = byte(len(prefix))
	n := 1 + copy(msg[1:], prefix)
	n += copy(msg[n:], body)
	h := hmac.New(sha256.New, k.material())
	h.Write(msg[:n])
	var d Digest
	h.Sum(d[:0])
	return d
}

// SealFor encrypts plaintext so that only the holder of token can read it: the key is
// HKDF-SHA256 of the token, which must hold at least 128 random bits. What is stored
// beside the token's digest so tells nothing to who reads the database.
func SealFor(token string, plaintext []byte) []byte {
	return sealUnder(expand([]byte(token), "gatehouse token sealed"), plaintext)
}

// OpenWith decrypts what [SealFor] made for token, and returns false for anything else.
func OpenWith(token string, sealed []byte) ([]byte, bool) {
	return openUnder(expand([]byte(token), "gatehouse token sealed"), sealed)
}

// SealFor encrypts plaintext under a key that is the MAC of parts: whoever holds k and names the same parts reads it, and nobody else.
func (k MACKey) SealFor(plaintext []byte, parts ...[]byte) []byte {
	key := k.MAC(parts...)
	return sealUnder(key[:], plaintext)
}

// OpenWith decrypts what [MACKey.SealFor] made for parts, and returns false for anything else.
func (k MACKey) OpenWith(sealed []byte, parts ...[]byte) ([]byte, bool) {
	key := k.MAC(parts...)
	return openUnder(key[:], sealed)
}

func sealUnder(key, plaintext []byte) []byte {
	gcm, err := newGCM(key)
	if err != nil {
		panic("aes-256-gcm: " + err.Error()) // unreachable: the key has 32 bytes
	}
	return gcm.Seal([]byte{sealVersion}, nil, plaintext, nil)
}

func openUnder(key, sealed []byte) ([]byte, bool) {
	if len(sealed) == 0 || sealed[0] != sealVersion {
		return nil, false
	}
	gcm, err := newGCM(key)
	if err != nil {
		return nil, false
	}
	plain, err := gcm.Open(nil, nil, sealed[1:], nil)
	return plain, err == nil
}

// Random returns n bytes of the operating system's randomness. It never fails: the
// process ends where there is none (crypto/rand).
func Random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// MaxToken is the longest token, link or code of a client that is worth a look, in bytes: no release has made one that is longer.
const MaxToken = 128

// Token returns 256 random bits as 43 characters of unpadded base64url, for links.
func Token() string { return base64.RawURLEncoding.EncodeToString(Random(32)) }

// Code returns length uniformly random decimal digits. A length below 1 gives "".
func Code(length int) string {
	if length < 1 {
		return ""
	}
	code := make([]byte, 0, length)
	var buf [32]byte
	for {
		_, _ = rand.Read(buf[:])
		for _, b := range buf {
			// 250 is the largest multiple of 10 in a byte: taking the rest modulo 10
			// would make 0 to 5 more likely than 6 to 9.
			if b >= 250 {
				continue
			}
			code = append(code, '0'+b%10)
			if len(code) == length {
				return string(code)
			}
		}
	}
}

// Digest is a SHA-256 sum or an HMAC-SHA256. It is what may be stored of a secret of
// high entropy.
type Digest [32]byte

// SumString returns the SHA-256 of s without copying it.
func SumString(s string) Digest {
	// Sum256 only reads, so the string's bytes can be lent.
	return sha256.Sum256(unsafe.Slice(unsafe.StringData(s), len(s)))
}

// DigestFrom returns the digest stored as b, and false unless b has its exact length.
func DigestFrom(b []byte) (Digest, bool) {
	if len(b) != len(Digest{}) {
		return Digest{}, false
	}
	return Digest(b), true
}

// Equal compares in constant time.
func (d Digest) Equal(other Digest) bool {
	return subtle.ConstantTimeCompare(d[:], other[:]) == 1
}

// IsZero reports whether d is of nothing.
func (d Digest) IsZero() bool { return d.Equal(Digest{}) }

// Bytes returns a copy, for storage.
func (d Digest) Bytes() []byte { return append([]byte(nil), d[:]...) }
