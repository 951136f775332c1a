package accesstoken

import (
	"sync/atomic"

	"github.com/maypok86/otter/v2/stats"
)

// Occupancy is how full a Verifier's cache is, and how often it helps. What is counted is so since the process began.
type Occupancy struct {
	Entries      int
	Bytes, Max   uint64
	Evictions    int64  // tokens dropped before they expired
	Hits, Misses uint64 // good tokens that were cached, and such whose signature had to be checked
}

// counters counts for the cache. Hits are counted by the processors apart, since all requests add to them.
type counters struct {
	*stats.Counter
	evicted atomic.Int64
	checked atomic.Uint64
}

// RecordMisses counts nothing: what was not found may be junk, or be asked for again before it is checked.
func (t *counters) RecordMisses(int) {}

// Cache returns how full the cache of verified tokens is, about. It is made for being asked every few seconds.
func (v *Verifier) Cache() Occupancy {
	v.cache.CleanUp() // what was put in just now is counted behind the caller's back
	return Occupancy{
		Entries: v.cache.EstimatedSize(), Bytes: v.cache.WeightedSize(), Max: v.cache.GetMaximum(), Evictions: v.counters.evicted.Load(),
		Hits: v.counters.Snapshot().Hits, Misses: v.counters.checked.Load(),
	}
}

// Resize gives the cache another cap. What fits stays.
func (v *Verifier) Resize(bytes uint64) {
	if bytes == v.cache.GetMaximum() {
		return
	}
	v.cache.SetMaximum(bytes)
	v.door.Store(newDoorkeeper(bytes))
}

// Interface guards
var _ stats.Recorder = (*counters)(nil)
