package accesstoken

import (
	"hash/maphash"
	"sync/atomic"
)

// doorkeeper remembers which good tokens have come once, so that one is cached when it comes again: a client that brings
// another token with every request neither fills the cache nor pushes out those that are in use, and does not pay for its
// copies. It does not grow, and the newest takes the place of an older one, which then is cached at its third sight.
//
// It decides about memory and never about a token: two with one hash mean that one of them is cached at once.
type doorkeeper struct {
	seed   maphash.Seed // the process's own, so that nobody can choose whose place he takes
	recent []atomic.Uint32
}

// newDoorkeeper remembers about as many as a cache of so many bytes holds; 512 KiB for the default one, and for a smaller.
func newDoorkeeper(cache uint64) *doorkeeper {
	return &doorkeeper{seed: maphash.MakeSeed(), recent: make([]atomic.Uint32, max(1<<17, cache>>10))}
}

// again reports whether the token has come before, and remembers it.
func (d *doorkeeper) again(raw string) bool {
	hash := maphash.String(d.seed, raw)
	mark := uint32(hash>>32) | 1 // never that of an empty place
	at := &d.recent[hash%uint64(len(d.recent))]
	if at.Load() == mark {
		return true
	}
	at.Store(mark)
	return false
}
