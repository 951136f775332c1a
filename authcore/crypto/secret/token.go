package secret

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
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
	gcm, err := newGCM(expand([]byte(token), "gatehouse token sealed"))
	if err != nil {
		panic("aes-256-gcm: " + err.Error()) // unreachable: the key has 32 bytes
	}
	return gcm.Seal([]byte{sealVersion}, nil, plaintext, nil)
}

// OpenWith decrypts what [SealFor] made for token, and returns false for anything else.
func OpenWith(token string, sealed []byte) ([]byte, bool) {
	if len(sealed) == 0 || sealed[0] != sealVersion {
		return nil, false
	}
	gcm, err := newGCM(expand([]byte(token), "gatehouse token sealed"))
	if err != nil {
		return nil, false
	}
	plain, err := gcm.Open(nil, nil, sealed[1:], nil)
	return plain, err == nil
}
