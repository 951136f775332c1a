package ratelimit_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redislink"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testproxy"
	"github.com/gatehouse-auth/gatehouse/internal/testredis"
)

func mail(to string) authcore.Limit { return authcore.Limit{Name: authcore.LimitMail, Key: to} }

// rated is a login limit.
func rated(count int, window time.Duration) ratelimit.Config {
	return ratelimit.Config{Rates: map[string]ratelimit.Rate{authcore.LimitLogin: {Count: count, Window: window}}}
}

// peers joins several nodes and waits until each counts all of them.
func peers(t *testing.T, n int, at redislink.Config, of ratelimit.Config) (ps []*peer) {
	t.Helper()
	for range n {
		ps = append(ps, join(t, at, ratelimit.RedisConfig{}, of))
	}
	for _, p := range ps {
		eventually(t, patience, "every node knows of all", func() bool { return p.Nodes() == n && !p.Away() })
	}
	return ps
}

// TestK05_OneLimitOverNodes: five in an hour are five, on however many nodes, one after the other or all at once.
func TestK05_OneLimitOverNodes(t *testing.T) {
	t.Parallel()
	at := prefixed(testredis.New(t, testredis.Options{}))
	ps := peers(t, 3, at, rated(5, time.Hour))
	got := 0
	for i := range 30 {
		got += ps[i%3].allowed(t, 1, login("one by one"))
	}
	if got != 5 {
		t.Errorf("%d were allowed one by one, want 5", got)
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	got = 0
	for i := range soak.N(150, 3000) {
		all.Go(func() {
			if took, err := ps[i%3].Take(t.Context(), login("at once")); err != nil {
				t.Error(err)
			} else if took.Wait == 0 {
				mu.Lock()
				got++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if got != 5 {
		t.Errorf("%d were allowed at once, want 5", got)
	}
}

// TestRedis_KeysTellNothingAndExpire: no address stands in Redis, and nothing stays for good.
func TestRedis_KeysTellNothingAndExpire(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	p := peers(t, 1, prefixed(s), rated(5, time.Hour))[0]
	p.take(t, login("192.0.2.77"))
	p.take(t, mail("bob@example.com"))
	var keys []any
	eventually(t, patience, "three keys: of each limit, and the list of nodes, which its worker writes", func() bool {
		keys, _ = s.Do("KEYS", "*").([]any)
		return len(keys) == 3
	})
	for _, key := range keys {
		if text := key.(string); strings.Contains(text, "192.0") || strings.Contains(text, "bob") {
			t.Errorf("the key %s tells whom it is of", text)
		}
		if ttl, _ := s.Do("PTTL", key).(int64); ttl <= 0 || ttl > (2*time.Hour).Milliseconds() {
			t.Errorf("the key %s lives %d ms", key, ttl)
		}
	}
}

// TestRedis_UserOfTheManual: a user with the rights that docs/configuration.md lists.
func TestRedis_UserOfTheManual(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{Rules: "~test:* +eval +evalsha +time +get +set +del +pexpire +zadd +zcard +zremrangebyscore"})
	at := prefixed(s)
	at.User, at.Password = "gatehouse", secret.FromString(s.Password())
	p := peers(t, 1, at, rated(1, time.Hour))[0]
	for range 2 {
		p.take(t, login("a"))
		if err := p.Refund(t.Context(), login("a")); err != nil {
			t.Error(err)
		}
	}
	if p.Away() {
		t.Error("refused")
	}
}

// settled waits until whatever connections the nodes need are there again: the client's pool remembers for up to a second
// that it could not connect.
func settled(t *testing.T, ps []*peer) {
	t.Helper()
	for _, p := range ps {
		eventually(t, 5*time.Second, "many at once reach Redis", func() bool {
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() { _, _ = p.Take(t.Context(), authcore.Limit{Name: authcore.LimitVerify, Key: "many"}) })
			}
			all.Wait()
			return !p.Away()
		})
	}
}

// outage breaks Redis for two nodes and mends it.
func outage(t *testing.T, s *testredis.Server, at redislink.Config, breaks, mends func()) {
	t.Helper()
	ps := peers(t, 2, at, rated(10, time.Hour))
	a, b := ps[0], ps[1]
	if got := a.allowed(t, 2, login("used")) + b.allowed(t, 2, login("used")); got != 4 {
		t.Fatalf("%d of 4 were allowed", got)
	}
	breaks()
	var first []time.Duration
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			since := time.Now()
			if _, err := ps[i%2].Take(t.Context(), authcore.Limit{Name: authcore.LimitRefresh, Key: "r"}); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			first = append(first, time.Since(since))
		})
	}
	all.Wait()
	// A question may take 250 ms; the rest is for a busy machine.
	if worst := slices.Max(first); worst > 400*time.Millisecond {
		t.Errorf("the first requests took up to %s", worst)
	}
	eventually(t, patience, "both count alone", func() bool { return a.Away() && b.Away() })
	var later []time.Duration
	for range 200 {
		since := time.Now()
		a.take(t, authcore.Limit{Name: authcore.LimitRefresh, Key: "q"})
		later = append(later, time.Since(since))
	}
	slices.Sort(later)
	if later[len(later)*95/100] > 5*time.Millisecond {
		t.Errorf("later ones took %s", later[len(later)*95/100])
	}
	// Two nodes: five each for whom nobody has seen, and what is left of a budget is divided as well.
	for _, p := range ps {
		if got := p.allowed(t, 20, login("new")); got != 5 {
			t.Errorf("a node alone allows %d of 10, want half", got)
		}
		if got := p.allowed(t, 20, login("used")); got < 1 || got > 4 {
			t.Errorf("a node alone allows %d more after 4 of 10, want 4 at most", got)
		}
		for _, l := range []authcore.Limit{mail("bob@example.com"), {Name: authcore.LimitResend, Key: "verify bob@example.com"}} {
			if _, err := p.Take(t.Context(), l); !errors.Is(err, authcore.ErrUnavailable) {
				t.Errorf("%s while nobody counts it: %v", l.Name, err)
			}
		}
		if err := p.Refund(t.Context(), mail("bob@example.com")); err == nil {
			t.Error("what could not be given back is no error")
		}
	}
	mends()
	since := time.Now()
	for _, p := range ps {
		eventually(t, 5*time.Second, "they count together again", func() bool { return !p.Away() })
	}
	t.Logf("first at most %s, later %s, together again after %s", slices.Max(first), later[len(later)*95/100], time.Since(since))
	settled(t, ps)
	if got := a.allowed(t, 9, login("new")) + b.allowed(t, 9, login("new")); got != 0 {
		t.Errorf("after the outage %d more are allowed", got)
	}
	if got := a.allowed(t, 9, login("other")) + b.allowed(t, 9, login("other")); got != 10 {
		t.Errorf("after the outage %d of 10 are allowed", got)
	}
	if _, err := a.Take(t.Context(), mail("bob@example.com")); err != nil {
		t.Error(err)
	}
	for _, p := range ps {
		if down, up := p.log.count("counted by this node alone"), p.log.count("together with the other nodes"); down == 0 || down > 4 || up != down {
			t.Errorf("the log tells %d times of the outage and %d times of its end", down, up)
		}
		if p.log.count("bob") > 0 || p.log.count("192.") > 0 {
			t.Error("the log tells whom it is about")
		}
	}
}

func TestF01_CountersWhileRedisIsFrozen(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	outage(t, s, prefixed(s), s.Freeze, s.Thaw)
}

func TestF02_CountersWhileRedisIsKilled(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	outage(t, s, prefixed(s), s.Kill, s.Start)
}

func TestF06_CountersBehindABadLink(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]testproxy.Faults{
		"slow": {Delay: 500 * time.Millisecond}, "half-open": {StalledDown: true}, "black hole": {Stalled: true}, "cut": {Cut: true},
		"reset in mid-answer": {ResetAfter: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testredis.New(t, testredis.Options{})
			proxy := testproxy.New(t, s.Addr())
			at := prefixed(s)
			at.Addrs = []string{proxy.Addr()}
			outage(t, s, at, func() { proxy.Set(t, fault) }, func() { proxy.Set(t, testproxy.Faults{}) })
		})
	}
}

// TestF03_FlushedCountersGoOn: who has spent a budget gets no new one when Redis loses all, from the nodes that know it.
func TestF03_FlushedCountersGoOn(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	ps := peers(t, 2, prefixed(s), rated(5, time.Hour))
	got := 0
	for i := range 40 {
		got += ps[i%2].allowed(t, 1, login("a"))
		s.Flush()
	}
	// A node that has not asked since the other spent the rest knows less: then it is two budgets at most.
	if got < 5 || got > 10 {
		t.Errorf("%d were allowed, want 5, or 10 at most", got)
	}
	if got := ps[0].allowed(t, 3, login("a")); got != 0 {
		t.Errorf("a node that knows of a spent budget allows %d", got)
	}
	if got := ps[1].allowed(t, 3, login("a")); got != 0 {
		t.Errorf("the other node has not heard of it: %d", got)
	}
}

// TestRedis_EvictingAndFull: Redis may throw counters away or refuse to take more; neither opens anything.
func TestRedis_EvictingAndFull(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	p := peers(t, 1, prefixed(s), rated(3, time.Hour))[0]
	p.allowed(t, 3, login("a"))
	s.Do("CONFIG", "SET", "maxmemory", "3mb", "maxmemory-policy", "allkeys-random")
	for i := range 400 {
		s.Do("SET", i, strings.Repeat("x", 20_000))
	}
	if got := p.allowed(t, 9, login("a")); got != 0 {
		t.Errorf("%d more are allowed", got)
	}
	s.Do("CONFIG", "SET", "maxmemory", "1", "maxmemory-policy", "noeviction")
	if got := p.allowed(t, 9, login("a")); got != 0 || p.allowed(t, 9, login("b")) != 3 {
		t.Errorf("with Redis full %d more are allowed", got)
	}
	if _, err := p.Take(t.Context(), mail("b")); !errors.Is(err, authcore.ErrUnavailable) {
		t.Errorf("a mail that nobody counts: %v", err)
	}
	s.Do("CONFIG", "SET", "maxmemory", "0")
	eventually(t, 5*time.Second, "it counts in Redis again", func() bool { return !p.Away() })
}

// TestRedis_NodesComeAndGo: the number of nodes follows, and stands while Redis is away.
func TestRedis_NodesComeAndGo(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	at := prefixed(s)
	ps := peers(t, 3, at, rated(9, time.Hour))
	s.Kill()
	eventually(t, patience, "it counts alone", ps[0].Away)
	if n := ps[0].Nodes(); n != 3 || ps[0].allowed(t, 20, login("a")) != 3 {
		t.Errorf("%d nodes, want 3 that share 9", n)
	}
	ps[1].stop()
	ps[2].stop()
	s.Start()
	eventually(t, patience, "one is left", func() bool { return !ps[0].Away() && ps[0].Nodes() == 1 })
}

// TestK05_NodesStandWhereRedisForgetsThem: after an outage that lasted longer than a silent node is remembered, the first
// node that comes back does not take itself for the only one; the next outage may come before the others do.
func TestK05_NodesStandWhereRedisForgetsThem(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	at := prefixed(s)
	ps := peers(t, 2, at, rated(9, time.Hour))
	ps[1].stop()
	since := time.Now()
	s.Do("DEL", at.Prefix+"nodes")
	eventually(t, patience, "the number follows", func() bool {
		n := ps[0].Nodes()
		if n != 2 && time.Since(since) < 2*time.Second { // the other one would have had two chances
			t.Fatalf("%d nodes, want 2", n)
		}
		return n == 1
	})
}
