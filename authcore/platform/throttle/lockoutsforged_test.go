package throttle_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/throttle"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testredis"
)

// guess lets wrong passwords be tried on the nodes in turn until one is held up, with something done to Redis between begin
// and end of each try and after it, and returns how many were looked at.
func (p *pair) guess(t *testing.T, name string, nodes []*throttle.Lockouts, between, after func(key any)) (looked int) {
	t.Helper()
	held := 0
	for i := 0; held < len(nodes) && i < 60; i++ {
		a, _, err := nodes[i%len(nodes)].Begin(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if a == nil {
			held++
			continue
		}
		held = 0
		key := p.key("name:")
		between(key)
		a.Failed(t.Context())
		after(key)
		looked++
	}
	return looked
}

// TestL06_NoHandInRedisForgetsFailures: whatever is written to Redis, no node looks at more wrong passwords of a name than
// lock, and the lock is in the store.
func TestL06_NoHandInRedisForgetsFailures(t *testing.T) {
	t.Parallel()
	p := newPair(t, throttle.Policy{First: 10 * time.Minute})
	do := p.redis.Do
	pardon := func(of string) []any { // a true one, from before
		begin(t, p.nodes[1], of).Failed(t.Context())
		begin(t, p.nodes[0], of).Succeeded(t.Context())
		key := p.key("name:")
		fields := []any{"HSET", key}
		for _, f := range []string{"p1", "p2", "p3", "p4"} {
			fields = append(fields, f, do("HGET", key, f))
		}
		do("DEL", key)
		return fields
	}
	others := pardon("another")
	own := pardon("a true pardon again")
	forged := func(key any, from []any) {
		do("DEL", key)
		do("HSET", key, "forgot", "9e18", "void", "9e18")
		do(append([]any{"HSET", key}, from[2:]...)...)
	}
	nothing := func(any) {}
	gone := func(key any) { do("DEL", key) }
	forgot := func(key any) { do("DEL", key); do("HSET", key, "forgot", "9e18") }
	later := append([]any{}, own...)
	later[3] = time.Now().Add(time.Hour).UnixMicro()
	for what, c := range map[string]struct {
		between, after func(key any)
		most           int // over both nodes
	}{
		"gone between":        {gone, nothing, 5},
		"gone after":          {nothing, gone, 10},
		"gone all the time":   {gone, gone, 10},
		"forgot":              {nothing, forgot, 10},
		"forgot all the time": {forgot, forgot, 10},
		"old failures": {nothing, func(key any) {
			do("EVAL", `for _, f in ipairs(redis.call('HKEYS', KEYS[1])) do
				if f:sub(1, 2) == 'f:' then redis.call('HSET', KEYS[1], f, '1') end
			end`, 1, key)
		}, 10},
		"a lock that is over": {nothing, func(key any) { do("DEL", key); do("HSET", key, "until", "1", "locks", "1", "forgot", "9e18") }, 10},
		"a lock for a moment": {nothing, func(key any) {
			do("EVAL", soonEnded, 1, key)
			do("HSET", key, "forgot", "9e18")
			for _, n := range p.nodes { // they hear of it
				wait(t, n, "a lock for a moment")
			}
			time.Sleep(60 * time.Millisecond)
		}, 10},
		"another's pardon":    {nothing, func(key any) { forged(key, others) }, 10},
		"a true pardon again": {nothing, func(key any) { forged(key, own) }, 10},
		"a later pardon":      {nothing, func(key any) { forged(key, later) }, 10},
	} {
		do("FLUSHDB")
		if n := p.guess(t, what, p.nodes[:], c.between, c.after); n > c.most || n < 5 {
			t.Errorf("%s: %d wrong passwords were looked at by two nodes, want 5 to %d", what, n, c.most)
		}
		if n := p.guess(t, what, p.nodes[:], c.between, c.after); n > 0 {
			t.Errorf("%s: %d more after the lock", what, n)
		}
		if left, err := p.store.Lockouts(t.Context(), time.Now()); len(left) != 1 || err != nil || left[0].Level != 0 {
			t.Errorf("%s: rows %v, %v; want one that has not doubled", what, left, err)
		}
		if err := p.nodes[0].Reset(t.Context(), what); err != nil {
			t.Error(err)
		}
	}
}

// TestL06_OthersLockIsFound: a node that would lock finds in the store that another one has, and takes that lock over.
func TestL06_OthersLockIsFound(t *testing.T) {
	t.Parallel()
	p := newPair(t, throttle.Policy{First: 10 * time.Minute})
	forget := func(key any) { p.redis.Do("DEL", key); p.redis.Do("HSET", key, "forgot", "9e18") }
	for i := range p.nodes {
		if n := p.guess(t, "victim", p.nodes[i:i+1], forget, forget); n != 5 {
			t.Errorf("%d wrong passwords were looked at by node %d, want 5", n, i)
		}
		if rows, err := p.store.Lockouts(t.Context(), time.Now()); len(rows) != 1 || err != nil || rows[0].Level != 0 {
			t.Errorf("rows %v, %v; want one that has not doubled", rows, err)
		}
		p.redis.Do("DEL", p.key("name:")) // the first node has told of its lock
	}
}

// TestL06_WithoutTheStore: a node that is told of nothing, and cannot ask the store, locks all the same.
func TestL06_WithoutTheStore(t *testing.T) {
	t.Parallel()
	p := newPair(t, throttle.Policy{First: 10 * time.Minute})
	p.store.fail(errors.New("no database"))
	forgot := func(key any) { p.redis.Do("DEL", key); p.redis.Do("HSET", key, "forgot", "9e18") }
	if n := p.guess(t, "victim", p.nodes[:1], forgot, forgot); n != 5 {
		t.Errorf("%d wrong passwords were looked at, want 5", n)
	}
}

// TestL06_NoHandInRedisForgetsDoubling: each lock is twice as long as the last on a node that made it, whatever is written
// to Redis meanwhile: where it locks without knowing of the last lock, and where it never does.
func TestL06_NoHandInRedisForgetsDoubling(t *testing.T) {
	t.Parallel()
	for _, always := range []bool{false, true} {
		t.Run(fmt.Sprint(always), func(t *testing.T) {
			t.Parallel()
			p := newPair(t, throttle.Policy{Failures: 2, First: time.Second})
			forget := func(key any) { p.redis.Do("DEL", key); p.redis.Do("HSET", key, "forgot", "9e18", "void", "9e18") }
			void := func(key any) { p.redis.Do("DEL", key); p.redis.Do("HSET", key, "void", "9e18") }
			after := func(any) {}
			if always {
				void, after = forget, forget
			}
			for level := range 3 {
				if n := p.guess(t, "victim", p.nodes[:1], func(any) {}, after); n != 2 {
					t.Fatalf("%d wrong passwords were looked at before lock %d, want 2", n, level+1)
				}
				rows, err := p.store.Lockouts(t.Context(), time.Now())
				if len(rows) != 1 || err != nil || rows[0].Level != level {
					t.Fatalf("rows %v, %v; want one that has doubled %d times", rows, err, level)
				}
				if void(p.key("name:")); level < 2 {
					time.Sleep(time.Until(rows[0].Until))
				}
			}
		})
	}
}

// TestL08_OnePlaceIsLeft: after four failures of its own a node lets one try run at a time, though Redis knows of none.
func TestL08_OnePlaceIsLeft(t *testing.T) {
	t.Parallel()
	p := newPair(t, throttle.Policy{})
	for range 4 {
		begin(t, p.nodes[0], "victim").Failed(t.Context())
	}
	key := p.key("name:")
	forget := func() { p.redis.Do("DEL", key); p.redis.Do("HSET", key, "forgot", "9e18") }
	forget()
	fifth := begin(t, p.nodes[0], "victim")
	forget()
	if wait(t, p.nodes[0], "victim") == 0 {
		t.Error("a sixth try runs beside the fifth")
	}
	if forget(); !fifth.Failed(t.Context()) {
		t.Error("the fifth failure has not locked")
	}
}

// TestL08_GuessesWhileRedisForgets: of many at once each node looks at no more than lock, while somebody keeps deleting
// what Redis knows.
func TestL08_GuessesWhileRedisForgets(t *testing.T) {
	t.Parallel()
	p := newPair(t, throttle.Policy{First: 10 * time.Minute})
	first := begin(t, p.nodes[0], "victim")
	key := p.key("name:")
	first.Abandoned()
	ctx, stop := context.WithCancel(t.Context())
	var deleting sync.WaitGroup
	deleting.Go(func() {
		for ctx.Err() == nil {
			p.redis.Do("DEL", key)
		}
	})
	var mu sync.Mutex
	var looked [2]int
	var all sync.WaitGroup
	for i := range soak.N(100, 1_000) {
		all.Go(func() {
			a, _, err := p.nodes[i%2].Begin(context.Background(), "victim")
			if err != nil {
				t.Error(err)
			}
			if a == nil {
				return
			}
			mu.Lock()
			looked[i%2]++
			mu.Unlock()
			time.Sleep(20 * time.Millisecond)
			a.Failed(context.Background())
		})
	}
	all.Wait()
	stop()
	deleting.Wait()
	if max(looked[0], looked[1]) > 5 {
		t.Errorf("%v wrong passwords were looked at, want 5 at most on each node", looked)
	}
}

// TestL06_OthersSuccessAndLockCount: an honest Redis is believed, at once where another node pardons, and without a lock that
// is too early where another one has locked: that costs one question to the store.
func TestL06_OthersSuccessAndLockCount(t *testing.T) {
	t.Parallel()
	at := prefixed(testredis.New(t, testredis.Options{}))
	synctest.Test(t, func(t *testing.T) {
		store := &rows{}
		var nodes [2]*throttle.Lockouts
		for i := range nodes {
			nodes[i] = newLockouts(t, throttle.LockoutConfig{Store: store})
			nodes[i].Share(newRedis(t, at, throttle.RedisConfig{Limit: patience, Now: time.Now}, throttle.Config{}).Redis)
		}
		fail := func(node, times int, name, when string) {
			t.Helper()
			for i := range times {
				if begin(t, nodes[node], name).Failed(t.Context()) {
					t.Fatalf("failure %d %s has locked", i+1, when)
				}
				time.Sleep(time.Second)
			}
		}
		for range 3 {
			fail(0, 4, "owner", "after a success on the other node")
			begin(t, nodes[1], "owner").Succeeded(t.Context())
			time.Sleep(time.Second)
		}
		fail(0, 4, "reset", "at first")
		if err := nodes[1].Reset(t.Context(), "reset"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		fail(0, 4, "reset", "after a reset on the other node")
		if store.asked != 0 {
			t.Errorf("the store was asked %d times", store.asked)
		}
		fail(0, 4, "victim", "at first")
		if !begin(t, nodes[1], "victim").Failed(t.Context()) {
			t.Fatal("the fifth failure has not locked")
		}
		time.Sleep(time.Minute)
		fail(0, 4, "victim", "after a lock on the other node")
		if store.asked != 1 {
			t.Errorf("the store was asked %d times, want once", store.asked)
		}
		if !begin(t, nodes[0], "victim").Failed(t.Context()) {
			t.Error("the fifth failure after the lock has not locked")
		}
		if got := wait(t, nodes[0], "victim"); got != 2*time.Minute {
			t.Errorf("the second lock is %s long, want 2m", got)
		}
	})
}

// slowRows writes nothing before it may.
type slowRows struct {
	rows
	writing, may chan struct{}
}

func (r *slowRows) SaveLockout(ctx context.Context, l authcore.Lockout) error {
	close(r.writing)
	<-r.may
	return r.rows.SaveLockout(ctx, l)
}

// TestL06_ALockStandsWhileItIsWritten: that the store has no row yet does not mean that the lock was voided.
func TestL06_ALockStandsWhileItIsWritten(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	at := prefixed(s)
	store := &slowRows{writing: make(chan struct{}), may: make(chan struct{})}
	l := newLockouts(t, throttle.LockoutConfig{Store: store})
	l.Share(newRedis(t, at, throttle.RedisConfig{Limit: patience}, throttle.Config{}).Redis)
	var done sync.WaitGroup
	done.Go(func() { lock(t, l, "victim") })
	<-store.writing
	key := only(t, s, at, "name:")
	s.Do("DEL", key)
	s.Do("HSET", key, "void", "9e18", "forgot", "9e18")
	if wait(t, l, "victim") == 0 {
		t.Error("unlocked while the row was being written")
	}
	close(store.may)
	done.Wait()
}

// TestLockouts_WaitEndsThoughTheClockStepsBack: who finds all places taken on another node is told so after as long as ever.
func TestLockouts_WaitEndsThoughTheClockStepsBack(t *testing.T) {
	t.Parallel()
	at := prefixed(testredis.New(t, testredis.Options{}))
	synctest.Test(t, func(t *testing.T) {
		var nodes [2]*throttle.Lockouts
		asked := 0
		now := func() time.Time {
			if asked++; asked > 3 {
				return time.Now().Add(-time.Hour)
			}
			return time.Now()
		}
		for i := range nodes {
			cfg := throttle.LockoutConfig{Store: &rows{}}
			if i == 1 {
				cfg.Now = now
			}
			nodes[i] = newLockouts(t, cfg)
			nodes[i].Share(newRedis(t, at, throttle.RedisConfig{Limit: patience, Now: time.Now}, throttle.Config{}).Redis)
		}
		for range 5 {
			begin(t, nodes[0], "name")
		}
		began := time.Now()
		a, left, err := nodes[1].Begin(t.Context(), "name")
		if took := time.Since(began); a != nil || left != time.Second || err != nil || took != 2*time.Second {
			t.Errorf("admitted: %t, waits %s, %v; told after %s, want 2s", a != nil, left, err, took)
		}
	})
}

// TestL06_LedgerIsBounded: a node remembers no more failures of a name than lock, and names no longer than the window.
func TestL06_LedgerIsBounded(t *testing.T) {
	t.Parallel()
	at := prefixed(testredis.New(t, testredis.Options{}))
	synctest.Test(t, func(t *testing.T) {
		l := newLockouts(t, throttle.LockoutConfig{Store: &rows{}, MaxKeys: 128})
		l.Share(newRedis(t, at, throttle.RedisConfig{Limit: patience, Now: time.Now}, throttle.Config{}).Redis)
		for i := range 2_000 {
			begin(t, l, fmt.Sprint("flood ", i)).Failed(t.Context())
		}
		if n := l.Len(); n > 128 {
			t.Errorf("%d names are remembered, room is for 128", n)
		}
	})
}
