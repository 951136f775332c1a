package accesstoken

import "github.com/gatehouse-auth/gatehouse/authcore"

// Cached returns the number of tokens in the cache, those that expired included.
func (v *Verifier) Cached() int { return v.cache.EstimatedSize() }

// Crowd leaves one place for all kinds of claims.
func (v *Verifier) Crowd() { v.claims.recent = v.claims.recent[:1] }

// Kind is the hash by which tokens find the claims that they share.
func (v *Verifier) Kind(p authcore.Principal) uint64 { return v.claims.hash(&p) }
