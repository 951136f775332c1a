package edge

// Cached returns the number of tokens in the cache, those that expired included.
func (v *Verifier) Cached() int { return v.cache.EstimatedSize() }
