package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"unsafe"
)

// Random returns n bytes of the operating system's randomness. It never fails: the
// process ends where there is none (crypto/rand).
func Random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

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

// Bytes returns a copy, for storage.
func (d Digest) Bytes() []byte { return append([]byte(nil), d[:]...) }
