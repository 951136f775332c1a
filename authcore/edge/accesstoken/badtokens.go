package accesstoken

import (
	"hash/maphash"
	"sync/atomic"
)

// badTokens remembers tokens whose signature was wrong, so that the same one again costs a hash and no signature check: a
// client that keeps sending a forged token would otherwise cost more than one that is served. What is remembered stays true
// for ever (jwtkeys.ErrSignature). It is apart from the cache of good tokens, has one size, and the newest takes the place
// of an older one.
//
// A good token is taken for a remembered one when their hashes of 64 bits are equal, once in 2^50 look-ups of tokens not
// seen before; nobody can bring it about, for the seed is the process's own.
type badTokens struct {
	seed   maphash.Seed
	recent [8192]atomic.Uint64
}

func (r *badTokens) place(raw string) (at *atomic.Uint64, hash uint64) {
	hash = maphash.String(r.seed, raw) | 1 // never that of an empty place
	return &r.recent[hash>>1%uint64(len(r.recent))], hash
}

func (r *badTokens) remember(raw string) {
	at, hash := r.place(raw)
	at.Store(hash)
}

func (r *badTokens) know(raw string) bool {
	at, hash := r.place(raw)
	return at.Load() == hash
}
