package passhash

import (
	"bytes"
	"context"
	"crypto/subtle"
	"fmt"

	"golang.org/x/crypto/argon2"
)

// HashWithSaltOf is Hash under the salt of an existing hash, so that [Hasher.VerifyAny] checks a password against both in one
// computation. It is for two hashes of which nobody may learn by time whether there are two. Where the existing hash is
// malformed or not of the configured cost, it is HashSalted under salt; a nil salt means a random one. The work is that
// of Hash in every case.
func (h *Hasher) HashWithSaltOf(ctx context.Context, existing string, salt []byte, password string) (string, error) {
	if like, err := parse(existing); err == nil && !h.NeedsRehash(existing) {
		salt = like.salt
	}
	if salt == nil {
		return h.Hash(ctx, password)
	}
	return h.HashSalted(ctx, salt, password)
}

// VerifyAny returns the index of the first of the stored hashes that the password is of, -1 for none, in the work of one:
// only those with the salt and cost of the first are looked at. Errors are those of Verify.
func (h *Hasher) VerifyAny(ctx context.Context, password string, stored ...string) (int, error) {
	parsed := make([]phc, len(stored))
	for i, s := range stored {
		var err error
		if parsed[i], err = parse(s); err != nil {
			return -1, fmt.Errorf("verifying password: %w", err)
		}
	}
	if len(parsed) == 0 {
		return -1, h.VerifyDummy(ctx, password)
	}
	if err := h.acquire(ctx); err != nil {
		return -1, fmt.Errorf("verifying password: %w", err)
	}
	defer h.release()
	first := parsed[0]
	key, found := first.derive(password), -1
	for i := len(parsed) - 1; i >= 0; i-- { // all of them, so that the place of the match takes no time either
		p := parsed[i]
		if p.Params == first.Params && bytes.Equal(p.salt, first.salt) && subtle.ConstantTimeCompare(key, p.key) == 1 {
			found = i
		}
	}
	return found, nil
}

// derive computes the key of password under h's salt and cost, as long as h's key.
func (h phc) derive(password string) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.Time, h.MemoryKiB, h.Threads, uint32(len(h.key)))
}
