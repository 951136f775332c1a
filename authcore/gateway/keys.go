package gateway

import (
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/keyring"
)

// Cursors returns the key of [cursor.NewSigner].
func Cursors(ring *keyring.Ring) func() secret.MACKey { return macKey(ring, "cursor") }

// CodeKey returns the key of [challenge.New].
func CodeKey(ring *keyring.Ring) func() secret.MACKey { return macKey(ring, "code") }

// RecoveryKey returns the key of [factor.New].
func RecoveryKey(ring *keyring.Ring) func() secret.MACKey { return macKey(ring, "recovery code") }

// FormerIdentifiers returns the key of [sqlstore.NewDigester]: that of the digests of what left accounts were found by.
func FormerIdentifiers(ring *keyring.Ring) func() secret.MACKey {
	return macKey(ring, "former identifiers")
}

// macKey returns a key of the ring by its purpose. It is asked for at each use, since keys are loaded and replaced while
// the flows exist.
func macKey(ring *keyring.Ring, purpose string) func() secret.MACKey {
	return func() secret.MACKey { return ring.MACKey(purpose) }
}
