package accesstoken

// Occupancy is how full a Verifier's cache is.
type Occupancy struct {
	Entries    int
	Bytes, Max uint64
	Evictions  int64 // tokens dropped before they expired, since the process began
}

// Cache returns how full the cache of verified tokens is, about. It is made for being asked every few seconds.
func (v *Verifier) Cache() Occupancy {
	v.cache.CleanUp() // what was put in just now is counted behind the caller's back
	return Occupancy{Entries: v.cache.EstimatedSize(), Bytes: v.cache.WeightedSize(), Max: v.cache.GetMaximum(), Evictions: v.evicted.Load()}
}
