package revocation

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
)

const (
	shardBits = 6
	shards    = 1 << shardBits
	minSlots  = 16
	dead      = -1 // until of a slot whose entry was swept
)

// table maps ids to a value and an end in microseconds. Readers take no lock: a slot,
// once it names a key, names it for as long as its array lives, and is published by the
// store to until that comes last. So no entry is ever moved within an array; a part that
// is full is copied into a new array and the pointer to it swapped.
//
// Open addressing with linear probing: a Go map would need a lock around every read,
// and the lock's counter would be written by all processors on each request.
type table struct {
	seed  [2]uint64
	live  atomic.Int64 // entries in all parts; zero lets readers skip the table
	parts [shards]part
}

type part struct {
	slots atomic.Pointer[[]slot]

	mu     sync.Mutex // guards writes to slots and the fields below
	live   int        // entries
	used   int        // entries and dead slots
	oldest int64      // no entry ends before this
}

type slot struct {
	hi, lo atomic.Uint64 // the id
	value  atomic.Int64
	until  atomic.Int64 // 0: the slot is free and ends a probe
}

// get returns the value of an id.
func (t *table) get(id uuid.UUID) (value int64, found bool) {
	hi, lo := halves(id)
	h := t.hash(hi, lo)
	slots := t.parts[h>>(64-shardBits)].slots.Load()
	if slots == nil {
		return 0, false
	}
	s, named := find(*slots, h, hi, lo)
	if !named || s.until.Load() == dead {
		return 0, false
	}
	return s.value.Load(), true
}

// put stores the greater of the present and the given value and end.
func (t *table) put(id uuid.UUID, value, until int64) {
	until = max(until, 1) // 0 and below have a meaning of their own
	hi, lo := halves(id)
	h := t.hash(hi, lo)
	p := &t.parts[h>>(64-shardBits)]
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.slots.Load() == nil || (p.used+1)*4 > len(*p.slots.Load())*3 {
		t.resize(p)
	}
	s, _ := find(*p.slots.Load(), h, hi, lo)
	switch old := s.until.Load(); old {
	case 0:
		s.hi.Store(hi)
		s.lo.Store(lo)
		p.used++
		fallthrough
	case dead:
		s.value.Store(value)
		s.until.Store(until) // last: readers trust the slot from here on
		if p.live == 0 || until < p.oldest {
			p.oldest = until
		}
		p.live++
		t.live.Add(1)
	default:
		s.value.Store(max(s.value.Load(), value))
		s.until.Store(max(old, until))
	}
}

// sweep drops entries that ended before the given time.
func (t *table) sweep(before int64) (dropped int) {
	for i := range t.parts {
		p := &t.parts[i]
		p.mu.Lock()
		if p.live > 0 && p.oldest < before {
			n := p.bury(before)
			t.live.Add(int64(-n))
			dropped += n
			if len(*p.slots.Load()) > minSlots && p.live*4 < len(*p.slots.Load()) {
				t.resize(p)
			}
		}
		p.mu.Unlock()
	}
	return dropped
}

// bury must be called with p.mu held.
func (p *part) bury(before int64) (n int) {
	slots := *p.slots.Load()
	p.oldest = 1<<63 - 1
	for i := range slots {
		switch until := slots[i].until.Load(); {
		case until <= 0:
		case until < before:
			slots[i].until.Store(dead)
			n++
		default:
			p.oldest = min(p.oldest, until)
		}
	}
	p.live -= n
	return n
}

// resize copies the live entries of p into an array of which they fill six tenths. It
// must be called with p.mu held.
func (t *table) resize(p *part) {
	next := make([]slot, max(minSlots, p.live*5/3+1))
	if old := p.slots.Load(); old != nil {
		for i := range *old {
			from := &(*old)[i]
			until := from.until.Load()
			if until <= 0 {
				continue
			}
			hi, lo := from.hi.Load(), from.lo.Load()
			to, _ := find(next, t.hash(hi, lo), hi, lo)
			to.hi.Store(hi)
			to.lo.Store(lo)
			to.value.Store(from.value.Load())
			to.until.Store(until)
		}
	}
	p.used = p.live
	p.slots.Store(&next)
}

// find returns the slot that names an id, or the free slot where it would go. A reader
// must not look at the free one: another id may move in at any moment. There is always a
// free one, since a part is resized before it is three quarters full.
func find(slots []slot, h, hi, lo uint64) (s *slot, named bool) {
	// The top bits chose the part, so the index comes from the others.
	at, _ := bits.Mul64(h<<shardBits, uint64(len(slots)))
	for i := int(at); ; {
		s := &slots[i]
		if s.until.Load() == 0 {
			return s, false
		}
		if s.lo.Load() == lo && s.hi.Load() == hi {
			return s, true
		}
		if i++; i == len(slots) {
			i = 0
		}
	}
}

func halves(id uuid.UUID) (hi, lo uint64) {
	return binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
}

// hash is seeded, so that nobody who could choose ids could make them collide.
func (t *table) hash(hi, lo uint64) uint64 {
	a, b := bits.Mul64(hi^t.seed[0], lo^t.seed[1])
	a, b = bits.Mul64(a^b^t.seed[1], 0x9e3779b97f4a7c15)
	return a ^ b
}
