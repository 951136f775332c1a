package revocation

import (
	"encoding/binary"
	"math/bits"
	"sync/atomic"

	"github.com/google/uuid"
)

const (
	minSlots = 16
	dead     = -1 // until of a slot whose entry was swept
)

// table maps ids to a value and an end in microseconds; it is one kind's share of a part. Readers take no lock: a slot,
// once it names an id, names it for as long as its array lives, and is published by the store to until that comes last.
// So no entry is ever moved within an array; a table that is full is copied into a new array and the pointer to it swapped.
//
// Open addressing with linear probing: a Go map would need a lock around every read, and the lock's counter would be
// written by all processors on each request.
type table struct {
	slots atomic.Pointer[[]slot]

	// Guarded by the part's lock, as are writes to slots.
	live   int   // entries
	used   int   // entries and dead slots
	oldest int64 // no entry ends before this
}

type slot struct {
	hi, lo atomic.Uint64 // the id
	value  atomic.Int64
	until  atomic.Int64 // 0: the slot is free and ends a probe
}

// key is an id and its hash.
type key struct{ h, hi, lo uint64 }

// keyed hashes with a seed, so that nobody who could choose ids could make them collide.
func keyed(seed *[2]uint64, id uuid.UUID) key {
	hi, lo := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	return key{hash(seed, hi, lo), hi, lo}
}

func hash(seed *[2]uint64, hi, lo uint64) uint64 {
	a, b := bits.Mul64(hi^seed[0], lo^seed[1])
	a, b = bits.Mul64(a^b^seed[1], 0x9e3779b97f4a7c15)
	return a ^ b
}

// get returns the value of an id.
func (t *table) get(k key) (value int64, found bool) {
	slots := t.slots.Load()
	if slots == nil {
		return 0, false
	}
	s, named := find(*slots, k)
	if !named || s.until.Load() == dead {
		return 0, false
	}
	return s.value.Load(), true
}

// put stores the greater of the present and the given value and end, and reports whether the id is a new one, and
// whether the value is.
func (t *table) put(seed *[2]uint64, k key, value, until int64) (added, news bool) {
	until = max(until, 1) // 0 and below have a meaning of their own
	if t.slots.Load() == nil || (t.used+1)*4 > len(*t.slots.Load())*3 {
		t.resize(seed)
	}
	s, _ := find(*t.slots.Load(), k)
	switch old := s.until.Load(); old {
	case 0:
		s.hi.Store(k.hi)
		s.lo.Store(k.lo)
		t.used++
		fallthrough
	case dead:
		s.value.Store(value)
		s.until.Store(until) // last: readers trust the slot from here on
		if t.live == 0 || until < t.oldest {
			t.oldest = until
		}
		t.live++
		return true, true
	default:
		before := s.value.Load()
		s.value.Store(max(before, value))
		s.until.Store(max(old, until))
		return false, value > before
	}
}

// sweep drops entries that ended before the given time.
func (t *table) sweep(seed *[2]uint64, before int64) (dropped int) {
	if t.live == 0 || t.oldest >= before {
		return 0
	}
	slots := *t.slots.Load()
	t.oldest = 1<<63 - 1
	for i := range slots {
		switch until := slots[i].until.Load(); {
		case until <= 0:
		case until < before:
			slots[i].until.Store(dead)
			dropped++
		default:
			t.oldest = min(t.oldest, until)
		}
	}
	t.live -= dropped
	if len(slots) > minSlots && t.live*4 < len(slots) {
		t.resize(seed)
	}
	return dropped
}

// resize copies the entries into an array of which they fill six tenths.
func (t *table) resize(seed *[2]uint64) {
	next := make([]slot, max(minSlots, t.live*5/3+1))
	t.each(func(from *slot) {
		hi, lo := from.hi.Load(), from.lo.Load()
		to, _ := find(next, key{hash(seed, hi, lo), hi, lo})
		to.hi.Store(hi)
		to.lo.Store(lo)
		to.value.Store(from.value.Load())
		to.until.Store(from.until.Load())
	})
	t.used = t.live
	t.slots.Store(&next)
}

// each calls do with the slot of every entry.
func (t *table) each(do func(*slot)) {
	slots := t.slots.Load()
	if slots == nil {
		return
	}
	for i := range *slots {
		if s := &(*slots)[i]; s.until.Load() > 0 {
			do(s)
		}
	}
}

// find returns the slot that names an id, or the free slot where it would go. A reader must not look at the free one:
// another id may move in at any moment. There is always a free one, since a table is resized before it is three quarters
// full.
func find(slots []slot, k key) (s *slot, named bool) {
	// The top bits chose the part, so the index comes from the others.
	at, _ := bits.Mul64(k.h<<partBits, uint64(len(slots)))
	for i := int(at); ; {
		s := &slots[i]
		if s.until.Load() == 0 {
			return s, false
		}
		if s.lo.Load() == k.lo && s.hi.Load() == k.hi {
			return s, true
		}
		if i++; i == len(slots) {
			i = 0
		}
	}
}
