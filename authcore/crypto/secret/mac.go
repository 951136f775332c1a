package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
)

// MACKey authenticates values by HMAC-SHA256. It prints as [redacted] and is safe for
// concurrent use. The zero MACKey is not a key: its methods panic.
type MACKey struct{ k []byte }

// NewMACKey returns a key of the given bytes, at least 32 random ones; it keeps a copy.
func NewMACKey(b []byte) (MACKey, error) {
	if len(b) < minSecret {
		return MACKey{}, fmt.Errorf("mac key has %d bytes, it needs at least %d", len(b), minSecret)
	}
	return MACKey{k: append([]byte(nil), b...)}, nil
}

// Derive returns an independent key for a purpose (HKDF-SHA256), so that a MAC made for
// one use is never good for another.
func (k MACKey) Derive(purpose string) MACKey {
	return MACKey{k: expand(k.material(), "gatehouse derive "+purpose)}
}

// MAC authenticates the sequence of parts. Each goes in with its length, so that
// ("ab", "c") and ("a", "bc") differ.
func (k MACKey) MAC(parts ...[]byte) Digest {
	h := hmac.New(sha256.New, k.material())
	var size [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(size[:], uint64(len(p)))
		h.Write(size[:])
		h.Write(p)
	}
	var d Digest
	h.Sum(d[:0])
	return d
}

// material refuses the zero key: HMAC under an empty key would be anyone's to compute.
func (k MACKey) material() []byte {
	if len(k.k) == 0 {
		panic("secret: use of a zero MACKey")
	}
	return k.k
}

// String returns [redacted].
func (k MACKey) String() string { return redacted }

// GoString returns [redacted].
func (k MACKey) GoString() string { return redacted }

// Format writes [redacted] for every verb.
func (k MACKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns [redacted].
func (k MACKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[redacted]".
func (k MACKey) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue returns [redacted].
func (k MACKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// Interface guards
var (
	_ fmt.Formatter  = MACKey{}
	_ fmt.GoStringer = MACKey{}
	_ slog.LogValuer = MACKey{}
)
