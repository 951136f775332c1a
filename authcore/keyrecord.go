package authcore

import "time"

// KeyRecord is a signing key at rest.
type KeyRecord struct {
	KID       string
	Use       string // "bearer", "cookie" or "internal"
	Algorithm string
	Public    []byte // PKIX; empty for MAC keys
	Sealed    []byte // the private part, sealed under the operator's secret
	CreatedAt time.Time
	NotBefore time.Time // zero: not scheduled to sign yet (the next key)
	RetireAt  time.Time // zero: open
	RemoveAt  time.Time // zero: open
}
