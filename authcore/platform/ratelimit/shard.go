package ratelimit

import "sync"

// shard holds a sixty-fourth of a limit's keys.
type shard struct {
	mu     sync.Mutex
	keys   map[uint64]int64 // by hash: when the budget is full again; guarded by mu
	room   int
	shared [sharedCells]int64 // for keys that find no room; guarded by mu
}

const (
	sharedCells = 64
	// A new key looks at a few others and drops those whose budget is full again, so that
	// what is remembered stays near what is in use; a key that finds no room looks further.
	sampleNew  = 4
	sampleFull = 16
)

// find looks the key's time up, making room for the key where it has none yet. The part
// must be locked.
func (t *taking) find(now int64) {
	p := t.p
	if tat, found := p.keys[t.hash]; found {
		t.tat = tat
		return
	}
	if !p.makeRoom(t, now) {
		t.cell = &p.shared[t.hash/shards%sharedCells]
		t.tat = *t.cell
	}
}

// store writes the key's time. The part must be locked.
func (t *taking) store(tat int64) {
	if t.cell != nil {
		*t.cell = tat
		return
	}
	if t.p.keys == nil {
		t.p.keys = map[uint64]int64{}
	}
	t.p.keys[t.hash] = tat
}

// makeRoom drops what has run out among a few keys and reports whether one more fits.
func (p *shard) makeRoom(t *taking, now int64) bool {
	sample := sampleNew
	if len(p.keys) >= p.room {
		sample = sampleFull
	}
	// At its limit is a key whose next event would not be allowed.
	atLimit := now + int64(t.rate.Window-t.rate.interval())
	var victim uint64
	nearest := atLimit + 1
	for hash, tat := range p.keys { // Go starts at a random place
		if tat <= now {
			delete(p.keys, hash)
		} else if tat < nearest {
			victim, nearest = hash, tat
		}
		if sample--; sample == 0 {
			break
		}
	}
	if len(p.keys) < p.room {
		return true
	}
	if nearest > atLimit {
		return false
	}
	delete(p.keys, victim)
	return true
}
