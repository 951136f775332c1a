package revocation

import "sync/atomic"

const (
	// marksPerWord is how many ids a filter takes per word before it is made anew: at 16 bits for each, one id in 200 that
	// is not there looks as if it were.
	marksPerWord = 4
	minWords     = 8
)

// filter answers for most ids that they are not revoked, from one word of memory: nearly every request is from a session
// that nobody has revoked, and the slots of a million revocations lie in no processor's cache, while a filter of 16 to 32
// bits for each nearly does. It is a Bloom filter whose bits for an id lie in one word. Marks are never taken back: the
// owner makes a new filter when too many of them are stale.
type filter struct{ words []atomic.Uint64 }

// newFilter returns a filter for so many ids, and as many to come.
func newFilter(ids int) *filter {
	return &filter{words: make([]atomic.Uint64, max(minWords, ids/(marksPerWord/2)+1))}
}

func (f *filter) mark(h uint64) { f.word(h).Or(mask(h)) }

// full reports whether so many marks are as many as the filter bears.
func (f *filter) full(marks int) bool { return marks >= marksPerWord*len(f.words) }
