package throttle_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/throttle"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testproxy"
	"github.com/gatehouse-auth/gatehouse/internal/testredis"
)

// pair is the lockouts of two nodes on one Redis and one store, each with its own way to Redis.
type pair struct {
	redis *testredis.Server
	store *rows
	nodes [2]*throttle.Lockouts
	peers [2]*peer
	links [2]*testproxy.Proxy
	key   func(kind string) any
}

func newPair(t *testing.T, policy throttle.Policy) *pair {
	t.Helper()
	p := &pair{redis: testredis.New(t, testredis.Options{}), store: &rows{}}
	at := prefixed(p.redis)
	p.key = func(kind string) any { return only(t, p.redis, at, kind) }
	for i := range p.nodes {
		p.links[i] = testproxy.New(t, p.redis.Addr())
		through := at
		through.Addrs = []string{p.links[i].Addr()}
		p.nodes[i] = newLockouts(t, throttle.LockoutConfig{Policy: policy, Store: p.store})
		p.peers[i] = join(t, through, throttle.RedisConfig{}, throttle.Config{})
		p.nodes[i].Share(p.peers[i].Redis)
	}
	p.well(t)
	return p
}

func (p *pair) well(t *testing.T) {
	t.Helper()
	for _, peer := range p.peers {
		eventually(t, patience, "both count together", func() bool { return peer.Nodes() == 2 && !peer.Away() })
	}
}

// cut cuts nodes off Redis.
func (p *pair) cut(t *testing.T, nodes ...int) {
	t.Helper()
	for _, i := range nodes {
		p.links[i].Set(t, testproxy.Faults{Cut: true})
		eventually(t, patience, "it counts alone", p.peers[i].Away)
	}
}

// mend undoes cut.
func (p *pair) mend(t *testing.T) {
	t.Helper()
	for _, l := range p.links {
		l.Set(t, testproxy.Faults{})
	}
	p.well(t)
}

// TestL06_NoHandInRedisOpensALock: whatever is written to Redis, a lock that nodes know of holds on them, and none of the
// other passwords is looked at; and while the database cannot say whether it was voided, too.
func TestL06_NoHandInRedisOpensALock(t *testing.T) {
	t.Parallel()
	p := newPair(t, throttle.Policy{First: 10 * time.Minute})
	do := p.redis.Do
	for what, forge := range map[string]func(key any){
		"void":              func(key any) { do("DEL", key); do("HSET", key, "void", "9e18", "forgot", "9e18") },
		"void, lock kept":   func(key any) { do("HSET", key, "void", "9e18") },
		"gone":              func(key any) { do("DEL", key) },
		"ended":             func(key any) { do("HSET", key, "until", "1", "void", "9e18") },
		"soon ended":        func(key any) { do("EVAL", soonEnded, 1, key) },
		"full of tries":     func(key any) { do("EVAL", fullOfTries, 1, key) },
		"of another policy": func(key any) { do("HSET", key, "locks", "0", "until", "0", "void", "9e18") },
	} {
		for _, n := range p.nodes {
			if err := n.Reset(t.Context(), what); err != nil {
				t.Fatal(err)
			}
		}
		p.redis.Do("FLUSHDB")
		lock(t, p.nodes[0], what)
		wait(t, p.nodes[1], what) // now it knows
		key := p.key("name:")
		for i := range 20 {
			forge(key)
			if i == 10 {
				p.store.fail(errors.New("no database"))
			}
			a, left, err := p.nodes[i%2].Begin(t.Context(), what)
			if err != nil || a != nil || left < 9*time.Minute || left > 10*time.Minute {
				t.Fatalf("%s: try %d: admitted: %t, waits %s, %v", what, i, a != nil, left, err)
			}
		}
		p.store.fail(nil)
	}
}

// TestL06_NoLateFailureOpensALock: the answer to a failure says nothing of a lock that somebody took out of Redis.
func TestL06_NoLateFailureOpensALock(t *testing.T) {
	t.Parallel()
	p := newPair(t, throttle.Policy{First: 10 * time.Minute})
	late := begin(t, p.nodes[0], "victim")
	p.redis.Do("DEL", p.key("name:"))
	lock(t, p.nodes[1], "victim")
	wait(t, p.nodes[0], "victim") // now it knows
	key := p.key("name:")
	p.redis.Do("DEL", key)
	p.redis.Do("HSET", key, "void", "9e18")
	late.Failed(t.Context())
	if left := wait(t, p.nodes[0], "victim"); left < 9*time.Minute {
		t.Errorf("the name waits %s, want the rest of ten minutes", left)
	}
}

const (
	soonEnded = `local t = redis.call('TIME')
		redis.call('DEL', KEYS[1])
		return redis.call('HSET', KEYS[1], 'void', '9e18', 'locks', '1', 'until', string.format('%.0f', t[1] * 1e6 + 50000))`
	fullOfTries = `redis.call('DEL', KEYS[1])
		return redis.call('HSET', KEYS[1], 'void', '9e18', 'r:1', '9e18', 'r:2', '9e18', 'r:3', '9e18', 'r:4', '9e18', 'r:5', '9e18')`
)

// TestReset_AsksTheStoreOnce: a lock that was voided on one node opens on the other at once, and that one asks the database
// for it no more than once; nobody asks while a lock stands.
func TestReset_AsksTheStoreOnce(t *testing.T) {
	t.Parallel()
	p := newPair(t, throttle.Policy{First: 10 * time.Minute})
	lock(t, p.nodes[0], "owner")
	for i := range 10 {
		if wait(t, p.nodes[i%2], "owner") == 0 {
			t.Fatal("not locked")
		}
	}
	if p.store.asked != 0 {
		t.Errorf("the store was asked %d times for a lock that Redis knows", p.store.asked)
	}
	if err := p.nodes[0].Reset(t.Context(), "owner"); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		if begin(t, p.nodes[1], "owner").Failed(t.Context()) {
			t.Fatalf("locked after %d failures", i+1)
		}
	}
	if p.store.asked != 1 {
		t.Errorf("the store was asked %d times, want once", p.store.asked)
	}
}

// TestReset_BySuccessBesideALock: a right password that was being looked at when another node locked opens the lock on both,
// and leaves no row that would bring it back.
func TestReset_BySuccessBesideALock(t *testing.T) {
	t.Parallel()
	p := newPair(t, throttle.Policy{Failures: 2, First: 10 * time.Minute})
	begin(t, p.nodes[0], "owner").Failed(t.Context())
	right := begin(t, p.nodes[1], "owner")
	// As if its time were over.
	p.redis.Do("EVAL", "for _, f in ipairs(redis.call('HKEYS', KEYS[1])) do if f:sub(1, 2) == 'r:' then redis.call('HDEL', KEYS[1], f) end end", 1, p.key("name:"))
	if !begin(t, p.nodes[0], "owner").Failed(t.Context()) {
		t.Fatal("not locked")
	}
	right.Succeeded(t.Context())
	for i, n := range p.nodes {
		if left := wait(t, n, "owner"); left > 0 {
			t.Errorf("node %d waits %s after the success", i, left)
		}
	}
	if left, err := p.store.Lockouts(t.Context(), time.Now()); len(left) > 0 || err != nil {
		t.Errorf("rows of the lock: %v, %v", left, err)
	}
}

// TestF03_FailuresCountedAloneCount: what a node counted alone adds to what Redis knows of the name.
func TestF03_FailuresCountedAloneCount(t *testing.T) {
	t.Parallel()
	p := newPair(t, throttle.Policy{})
	fail := func(node int, name string, times int) {
		t.Helper()
		for range times {
			if begin(t, p.nodes[node], name).Failed(t.Context()) {
				t.Fatalf("%s is locked too early", name)
			}
		}
	}
	fail(1, "three and one", 3)
	fail(1, "four and one", 4)
	fail(1, "succeeded since", 1)
	fail(0, "all gone", 4)
	p.cut(t, 0)
	for _, name := range []string{"three and one", "four and one", "succeeded since"} {
		fail(0, name, 1)
	}
	begin(t, p.nodes[0], "all gone").Abandoned()
	begin(t, p.nodes[1], "succeeded since").Succeeded(t.Context())
	p.mend(t)

	if !begin(t, p.nodes[0], "three and one").Failed(t.Context()) {
		t.Error("three known to Redis, one counted alone and one more have not locked")
	}
	if got := wait(t, p.nodes[0], "four and one"); got == 0 || got > time.Minute {
		t.Errorf("four known to Redis and one counted alone: the name waits %s, want up to a minute", got)
	}
	if wait(t, p.nodes[1], "four and one") == 0 {
		t.Error("the other node has not heard of that lock")
	}
	if left, err := p.store.Lockouts(t.Context(), time.Now()); len(left) != 2 || err != nil {
		t.Errorf("rows: %v, %v; want one for each lock", left, err)
	}
	fail(0, "succeeded since", 4)
	p.redis.Flush()
	if !begin(t, p.nodes[0], "all gone").Failed(t.Context()) {
		t.Error("four failures that only the node remembers, through an outage, and one more have not locked")
	}
}

// TestL08_GuessesWhileRedisComesAndGoes: a password is tried no more often than the policy says, however often Redis goes
// away and comes back between the tries.
func TestL08_GuessesWhileRedisComesAndGoes(t *testing.T) {
	t.Parallel()
	p := newPair(t, throttle.Policy{First: 10 * time.Minute})
	tried := map[string]int{}
	guess := func(n *throttle.Lockouts, name string) {
		a, _, err := n.Begin(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if a != nil {
			a.Failed(t.Context())
			tried[name]++
		}
	}
	names := []string{"never tried", "once", "twice", "three times", "four times"}
	everybody := func() {
		for i, name := range names {
			guess(p.nodes[i%2], name)
			guess(p.nodes[(i+1)%2], name)
		}
	}
	for before, name := range names {
		for i := range before {
			guess(p.nodes[i%2], name)
		}
	}
	for range soak.N(2, 10) {
		p.cut(t, 0, 1)
		everybody()
		p.mend(t)
		everybody()
	}
	for _, name := range names {
		if tried[name] < 2 || tried[name] > 5 {
			t.Errorf("%d passwords of the name that was tried %s before were looked at, want 5 at most", tried[name], name)
		}
	}
}

// TestL08_WhoHangsUpIsCounted: a failure is told to the other nodes although nobody waits for the answer any more.
func TestL08_WhoHangsUpIsCounted(t *testing.T) {
	t.Parallel()
	p := newPair(t, throttle.Policy{})
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	for range 4 {
		begin(t, p.nodes[0], "victim").Failed(gone)
	}
	if !begin(t, p.nodes[1], "victim").Failed(t.Context()) {
		t.Error("the fifth failure on another node has not locked")
	}
}
