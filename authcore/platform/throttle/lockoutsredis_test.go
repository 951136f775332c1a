package throttle_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/redislink"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/throttle"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testredis"
)

// inBubble are the lockouts of two nodes on one store, by the time of a bubble.
func inBubble(t *testing.T, at redislink.Config) (nodes [2]*throttle.Lockouts) {
	store := &rows{}
	for i := range nodes {
		nodes[i] = newLockouts(t, throttle.LockoutConfig{Store: store})
		nodes[i].Share(newRedis(t, at, throttle.RedisConfig{Limit: patience, Now: time.Now}, throttle.Config{}).Redis)
	}
	return nodes
}

// TestL08_ParallelGuessesOverNodes is 200 wrong passwords at once on two nodes against the default of five.
func TestL08_ParallelGuessesOverNodes(t *testing.T) {
	t.Parallel()
	at := prefixed(testredis.New(t, testredis.Options{}))
	synctest.Test(t, func(t *testing.T) {
		nodes := inBubble(t, at)
		var mu sync.Mutex
		hashed, locks := 0, 0
		var all sync.WaitGroup
		for i := range soak.N(200, 2_000) {
			all.Go(func() {
				a, _, err := nodes[i%2].Begin(context.Background(), "victim")
				if err != nil {
					t.Error(err)
				}
				if a == nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
				isLocked := a.Failed(context.Background())
				mu.Lock()
				defer mu.Unlock()
				hashed++
				if isLocked {
					locks++
				}
			})
		}
		all.Wait()
		if hashed != 5 || locks != 1 {
			t.Errorf("%d wrong passwords were hashed and %d have locked, want 5 and 1", hashed, locks)
		}
		for i, n := range nodes {
			if wait(t, n, "victim") == 0 {
				t.Errorf("node %d lets the locked name try", i)
			}
		}
	})
}

// TestL12_ParallelOwnerOverNodes is 20 right passwords at once on two nodes.
func TestL12_ParallelOwnerOverNodes(t *testing.T) {
	t.Parallel()
	at := prefixed(testredis.New(t, testredis.Options{}))
	synctest.Test(t, func(t *testing.T) {
		nodes := inBubble(t, at)
		ownersAtOnce(t, nodes[0], nodes[1])
	})
}

// TestL06_GuessesInTurnOverNodes: failures, locks, their doubling and their end are the same on both nodes.
func TestL06_GuessesInTurnOverNodes(t *testing.T) {
	t.Parallel()
	at := prefixed(testredis.New(t, testredis.Options{}))
	synctest.Test(t, func(t *testing.T) {
		nodes := inBubble(t, at)
		for _, want := range []time.Duration{time.Minute, 2 * time.Minute} {
			for i := range 4 {
				if begin(t, nodes[i%2], "victim").Failed(t.Context()) {
					t.Fatalf("locked after %d failures", i+1)
				}
			}
			if !begin(t, nodes[0], "victim").Failed(t.Context()) {
				t.Fatal("the fifth failure has not locked")
			}
			for i, n := range nodes {
				if got := wait(t, n, "victim"); got != want {
					t.Errorf("node %d makes the name wait %s, want %s", i, got, want)
				}
			}
			time.Sleep(want)
		}
		// A success on one node forgets what the other has seen.
		for range 4 {
			begin(t, nodes[0], "owner").Failed(t.Context())
		}
		begin(t, nodes[1], "owner").Succeeded(t.Context())
		for i := range 4 {
			if begin(t, nodes[i%2], "owner").Failed(t.Context()) {
				t.Fatal("failures before the success were counted")
			}
		}
	})
}

// TestRedis_AskingProlongsNothing: with messages that take now longer, now shorter, neither a lock nor a limit lasts longer
// for being asked after.
func TestRedis_AskingProlongsNothing(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	arrives := func() time.Time { return time.Now().Add(time.Duration(sent.Add(1)%3) * 50 * time.Millisecond) }
	at := prefixed(testredis.New(t, testredis.Options{}))
	r := newRedis(t, at, throttle.RedisConfig{Limit: patience, Now: arrives}, rated(1, time.Second))
	l := newLockouts(t, throttle.LockoutConfig{Policy: throttle.Policy{First: time.Second, Max: time.Second}, Store: &rows{}})
	l.Share(r.Redis)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for what, held := range map[string]func() bool{
		"limit": func() bool { return r.take(t, login("a")) > 0 }, "lock": func() bool { return wait(t, l, "a") > 0 },
	} {
		if what == "lock" {
			lock(t, l, "a")
		} else {
			r.take(t, login("a"))
		}
		for since := time.Now(); held(); <-tick.C {
			if time.Since(since) > 5*time.Second {
				t.Fatalf("the %s of a second has not ended after five", what)
			}
		}
	}
}

// TestReset_OnOneNodeUnlocksAll: who proves the account on one node signs in on the other.
func TestReset_OnOneNodeUnlocksAll(t *testing.T) {
	t.Parallel()
	at := prefixed(testredis.New(t, testredis.Options{}))
	synctest.Test(t, func(t *testing.T) {
		nodes := inBubble(t, at)
		lock(t, nodes[0], "owner")
		if wait(t, nodes[1], "owner") == 0 {
			t.Fatal("not locked on the other node")
		}
		if err := nodes[1].Reset(t.Context(), "owner"); err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			if isLocked := begin(t, nodes[i%2], "owner").Failed(t.Context()); isLocked != (i == 4) {
				t.Fatalf("failure %d after the reset: locked %v", i+1, isLocked)
			}
		}
		if got := wait(t, nodes[1], "owner"); got != time.Minute {
			t.Errorf("the doubling was not forgotten: %s", got)
		}
	})
}

// TestF03_LocksOutliveRedis: what is locked stays so when Redis loses all, is away, and comes back empty, also on a node
// that was never asked for the name.
func TestF03_LocksOutliveRedis(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	at, store := prefixed(s), &rows{}
	var nodes [2]*throttle.Lockouts
	var links [2]*peer
	for i := range nodes {
		nodes[i] = newLockouts(t, throttle.LockoutConfig{Store: store})
		links[i] = join(t, at, throttle.RedisConfig{Lost: func(ctx context.Context) {
			if err := nodes[i].Load(ctx); err != nil {
				t.Error(err)
			}
		}}, throttle.Config{})
		nodes[i].Share(links[i].Redis)
	}
	for _, p := range links {
		eventually(t, patience, "both are there", func() bool { return p.Nodes() == 2 })
	}
	heard := func(what, name string) {
		t.Helper()
		for i, n := range nodes {
			eventually(t, 5*time.Second, what, func() bool { return wait(t, n, name) > 0 })
			if i == 0 {
				continue
			}
			if got := wait(t, n, name); got > time.Minute {
				t.Errorf("%s: locked for %s", what, got)
			}
		}
	}
	lock(t, nodes[0], "flushed")
	s.Flush()
	if wait(t, nodes[0], "flushed") == 0 {
		t.Error("a flushed Redis has unlocked on the node that locked")
	}
	s.Flush()
	heard("the other node knows of it from the database", "flushed")

	s.Kill()
	for _, p := range links {
		eventually(t, patience, "both count alone", p.Away)
	}
	// Two of five failures lock on a node of two that count alone.
	if begin(t, nodes[0], "alone").Failed(t.Context()) || !begin(t, nodes[0], "alone").Failed(t.Context()) {
		t.Error("two failures on one of two nodes alone have not locked")
	}
	heard("a lock made while Redis is away is known by the database", "alone")
	heard("a lock from before stands", "flushed")
	s.Start()
	for _, p := range links {
		eventually(t, 5*time.Second, "both count together again", func() bool { return !p.Away() })
	}
	heard("it stands when Redis comes back empty", "alone")
	heard("and so does the one from before", "flushed")
	for i := range 5 {
		if isLocked := begin(t, nodes[i%2], "new").Failed(t.Context()); isLocked != (i == 4) {
			t.Errorf("failure %d after the outage: locked %v", i+1, isLocked)
		}
	}
}
