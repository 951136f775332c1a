package ratelimit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Config is what a [Memory] counts.
type Config struct {
	// Rates replaces defaults by name; a zero Rate turns a limit off. A name that is not
	// in [Defaults] is an error.
	Rates map[string]Rate
	// MaxKeys bounds the keys remembered per limit; 0 means 131 072, about 4 MiB each.
	MaxKeys int
	// Now is the clock; nil means [time.Now].
	Now func() time.Time
}

// Memory is a limiter in the memory of one node: the generic cell rate algorithm with
// one time per key, the moment at which the key's budget will be full again. It is safe
// for concurrent use.
//
// Memory is bounded. When a limit has no room for another key, the key among a sample of
// sixteen that is nearest to a full budget makes way, but never one that is at its
// limit: who floods with distinct keys cannot wash out the state that holds somebody
// back. Where the whole sample is at its limit the new key counts on a bucket that it
// shares with others: it may be held back with them, never let through more often.
type Memory struct {
	now    func() time.Time
	origin time.Time
	seed   maphash.Seed
	limits map[string]*counter // fixed at construction
}

// counter is one limit with its keys.
type counter struct {
	order int // in which limits are locked
	name  string
	// Its lines, each a limit of its own; nil: there is none.
	account, global *counter
	rate            atomic.Pointer[Rate]
	parts           [shards]shard
}

const (
	shards         = 64
	defaultMaxKeys = 1 << 17
)

// NewMemory returns a limiter without any counts.
func NewMemory(cfg Config) (*Memory, error) {
	if cfg.MaxKeys == 0 {
		cfg.MaxKeys = defaultMaxKeys
	}
	if cfg.MaxKeys < shards {
		return nil, fmt.Errorf("a limiter needs room for at least %d keys", shards)
	}
	m := &Memory{now: cfg.Now, seed: maphash.MakeSeed(), limits: map[string]*counter{}}
	if m.now == nil {
		m.now = time.Now
	}
	m.origin = m.now().Add(-10 * 365 * 24 * time.Hour) // so that times stay positive when the clock goes back
	for _, name := range slices.Sorted(maps.Keys(Defaults())) {
		c := &counter{order: len(m.limits), name: name}
		for i := range c.parts {
			c.parts[i].room = cfg.MaxKeys / shards
		}
		m.limits[name] = c
	}
	for name, c := range m.limits {
		if line := authcore.AccountLine(name); line != name {
			c.account = m.limits[line]
		}
		if line := authcore.GlobalLine(name); line != name {
			c.global = m.limits[line]
		}
	}
	if err := m.Reconfigure(cfg); err != nil {
		return nil, err
	}
	return m, nil
}

// Reconfigure changes the rates (a name that cfg.Rates leaves out gets its default, and sms_unproven half of sms_total) and
// keeps all counts. MaxKeys and Now stay as they were at construction. On an error
// nothing has changed.
func (m *Memory) Reconfigure(cfg Config) error {
	rates, err := complete(cfg.Rates)
	if err != nil {
		return err
	}
	for name, c := range m.limits {
		r := rates[name]
		c.rate.Store(&r)
	}
	return nil
}

// Rates returns the rates that are counted now, by name, those that are off too. The caller owns the map.
func (m *Memory) Rates() map[string]Rate {
	rates := make(map[string]Rate, len(m.limits))
	for name, c := range m.limits {
		rates[name] = *c.rate.Load()
	}
	return rates
}

// On implements [authcore.Limiter].
func (m *Memory) On(name string) bool {
	c := m.limits[name]
	return c != nil && !c.rate.Load().Off()
}

// taking is one limit of a Take, found.
type taking struct {
	c    *counter
	p    *shard
	hash uint64
	key  string
	rate Rate
	cell *int64 // shared bucket; nil where the key has a place of its own
	tat  int64  // before, and in the end after
	next int64  // after, if it is counted

	ahead int64 // in the end: how far tat is ahead of now
}

// Take implements [authcore.Limiter]. The same limit and key given twice count once.
func (m *Memory) Take(ctx context.Context, limits ...authcore.Limit) (authcore.Taken, error) {
	if err := ctx.Err(); err != nil {
		return authcore.Taken{}, err
	}
	var room [4]taking // spares an allocation for the usual numbers
	ts, err := m.locate(ctx, room[:0], limits)
	if err != nil || len(ts) == 0 {
		return authcore.Taken{}, err
	}
	return m.takeNow(ts), nil
}

func (m *Memory) takeNow(ts []taking) authcore.Taken {
	lock(ts)
	defer unlock(ts)
	return taken(take(ts, m.elapsed()), ts)
}

// taken tells what a Take that has been decided has found.
func taken(wait time.Duration, ts []taking) authcore.Taken {
	found := authcore.Taken{Wait: wait, Budgets: make([]authcore.Budget, len(ts))}
	for i, t := range ts {
		window, interval := int64(t.rate.Window), int64(t.rate.interval())
		found.Budgets[i] = authcore.Budget{
			Limit: authcore.Limit{Name: t.c.name, Key: t.key}, Count: t.rate.Count, Window: t.rate.Window,
			Left: int(min(int64(t.rate.Count), max(0, (window-t.ahead)/interval))),
			Full: time.Duration(t.ahead), Wait: time.Duration(max(0, t.ahead+interval-window)),
		}
	}
	return found
}

// Refund implements [authcore.Limiter]. It needs no I/O, so ctx may have ended.
func (m *Memory) Refund(ctx context.Context, limits ...authcore.Limit) error {
	ts, err := m.locate(ctx, nil, limits)
	if err != nil {
		return err
	}
	m.refund(ts)
	return nil
}

// elapsed is the time since construction: with a clock that has a monotonic reading, such as time.Now, a change of the
// wall clock changes nothing.
func (m *Memory) elapsed() int64 { return int64(m.now().Sub(m.origin)) }

// everybody is the key of a line that counts all together.
const everybody = "all"

// locate appends the limits and lines that are not off to ts, each once and in one order for all callers: two that take the same
// limits never wait for each other.
func (m *Memory) locate(ctx context.Context, ts []taking, limits []authcore.Limit) ([]taking, error) {
	for _, l := range limits {
		c := m.limits[l.Name]
		if c == nil {
			return nil, errors.New("taking from an unknown rate limit: " + l.Name)
		}
		ts = m.add(ts, c, l.Key)
		if l.Key == authcore.NobodysKey {
			continue
		}
		if c.global != nil {
			ts = m.add(ts, c.global, everybody)
		}
		if c.account == nil || c.account.rate.Load().Off() {
			continue
		}
		if who, ok := authcore.Actor(ctx); ok {
			ts = m.add(ts, c.account, who.AccountID.String())
		}
	}
	slices.SortFunc(ts, func(a, b taking) int {
		return cmp.Or(cmp.Compare(a.c.order, b.c.order), cmp.Compare(a.hash%shards, b.hash%shards), cmp.Compare(a.hash, b.hash))
	})
	return slices.CompactFunc(ts, func(a, b taking) bool { return a.c == b.c && a.hash == b.hash }), nil
}

// add appends a limit, unless it is off.
func (m *Memory) add(ts []taking, c *counter, key string) []taking {
	rate := *c.rate.Load()
	if rate.Off() {
		return ts
	}
	h := maphash.String(m.seed, key)
	return append(ts, taking{c: c, p: &c.parts[h%shards], hash: h, key: key, rate: rate})
}

// take decides and, if all allow it, counts. The parts must be locked.
func take(ts []taking, now int64) (wait time.Duration) {
	for i := range ts {
		t := &ts[i]
		t.find(now)
		window := int64(t.rate.Window)
		// More than a full window ahead is only possible after the clock went back or the
		// rate became stricter; neither may hold a key back for longer than a window.
		if t.tat > now+window {
			t.tat = now + window
			t.store(t.tat)
		}
		t.tat = max(t.tat, now)
		t.next = t.tat + int64(t.rate.interval())
		wait = max(wait, time.Duration(t.next-now-window))
	}
	for i := range ts {
		t := &ts[i]
		if wait <= 0 {
			t.tat = t.next
			t.store(t.tat)
		}
		t.ahead = t.tat - now
	}
	return max(0, wait)
}

func lock(ts []taking) {
	for i, t := range ts {
		if i == 0 || ts[i-1].p != t.p {
			t.p.mu.Lock()
		}
	}
}

func unlock(ts []taking) {
	for i, t := range ts {
		if i == 0 || ts[i-1].p != t.p {
			t.p.mu.Unlock()
		}
	}
}

// Len returns how many keys are remembered, over all limits.
func (m *Memory) Len() (n int) {
	for _, c := range m.limits {
		for i := range c.parts {
			p := &c.parts[i]
			p.mu.Lock()
			n += len(p.keys)
			p.mu.Unlock()
		}
	}
	return n
}

// shard holds a sixty-fourth of a limit's keys.
type shard struct {
	mu     sync.Mutex
	keys   map[uint64]int64 // by hash: when the budget is full again; guarded by mu
	room   int
	shared *[sharedCells]int64 // for keys that find no room; nil until one does; guarded by mu
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
		if p.shared == nil {
			p.shared = new([sharedCells]int64)
		}
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

// AddressKey returns what counts as one client: an IPv4 address as it is (also when it
// comes mapped into IPv6), an IPv6 address as its /64, since whoever holds one address
// of such a network holds them all. A zone is dropped. All invalid addresses are one.
func AddressKey(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	if !addr.IsValid() {
		return "unknown"
	}
	if addr.Is4() {
		return addr.String()
	}
	network, err := addr.Prefix(64)
	if err != nil {
		return "unknown" // unreachable: an IPv6 address without zone has a /64
	}
	return network.String()
}

// Interface guards
var _ authcore.Limiter = (*Memory)(nil)
