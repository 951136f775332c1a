package ratelimit_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimittest"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redislink"
	"github.com/gatehouse-auth/gatehouse/internal/testredis"
)

// patience is for a busy machine: what is measured says how long it took.
const patience = 20 * time.Second

// prefixed gives each user of one server keys of their own.
func prefixed(servers ...*testredis.Server) redislink.Config {
	cfg := redislink.Config{Prefix: "test:" + uuid.NewString() + ":", Cluster: len(servers) > 1}
	for _, s := range servers {
		cfg.Addrs = append(cfg.Addrs, s.Addr())
	}
	return cfg
}

// peer is one node's limiter, with the log it writes.
type peer struct {
	*ratelimit.Redis
	memory *ratelimit.Memory
	log    *logs
	stop   func()
}

type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), text)
}

// newRedis opens a node's limiter without running it.
func newRedis(tb testing.TB, at redislink.Config, cfg ratelimit.RedisConfig, of ratelimit.Config) *peer {
	tb.Helper()
	link, err := redislink.New(at)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = link.Close() })
	p := &peer{memory: newMemory(tb, of), log: &logs{}}
	cfg.Link, cfg.Memory = link, p.memory
	if cfg.Key == nil {
		key := macKey(tb, "limits")
		cfg.Key = func() secret.MACKey { return key }
	}
	cfg.Logger = slog.New(slog.NewTextHandler(p.log, nil))
	if p.Redis, err = ratelimit.NewRedis(cfg); err != nil {
		tb.Fatal(err)
	}
	return p
}

// macKey is a key by a label.
func macKey(tb testing.TB, label string) secret.MACKey {
	tb.Helper()
	s, err := secret.NewSealer(secret.FromString(strings.Repeat("k", 32)))
	if err != nil {
		tb.Fatal(err)
	}
	return s.MACKey(label)
}

// join opens and runs it.
func join(tb testing.TB, at redislink.Config, cfg ratelimit.RedisConfig, of ratelimit.Config) *peer {
	tb.Helper()
	p := newRedis(tb, at, cfg, of)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); p.Run(ctx) }()
	p.stop = func() { cancel(); <-done }
	tb.Cleanup(p.stop)
	return p
}

func eventually(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	since, tick := time.Now(), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Since(since) > limit {
			t.Fatalf("not within %s: %s", limit, what)
		}
		<-tick.C
	}
}

func (p *peer) take(t *testing.T, limits ...authcore.Limit) time.Duration {
	t.Helper()
	took, err := p.Take(t.Context(), limits...)
	if err != nil {
		t.Fatal(err)
	}
	return took.Wait
}

// allowed is how many of n events are.
func (p *peer) allowed(t *testing.T, n int, limits ...authcore.Limit) (allowed int) {
	t.Helper()
	for range n {
		if p.take(t, limits...) == 0 {
			allowed++
		}
	}
	return allowed
}

func conformLimiter(t *testing.T, servers ...*testredis.Server) {
	ratelimittest.RunLimiter(t, func(tb testing.TB, want map[string]ratelimittest.Rate) ratelimittest.Limiter {
		c, rates := newClock(), map[string]ratelimit.Rate{}
		for name, r := range want {
			rates[name] = ratelimit.Rate(r)
		}
		r := newRedis(tb, prefixed(servers...), ratelimit.RedisConfig{Limit: patience, Now: c.now}, ratelimit.Config{Rates: rates, Now: c.now})
		return ratelimittest.Limiter{Limiter: r, Advance: c.advance}
	})
}

func TestRedis_Conformance(t *testing.T) {
	t.Parallel()
	conformLimiter(t, testredis.New(t, testredis.Options{}))
}

func TestRedis_ConformanceInACluster(t *testing.T) {
	t.Parallel()
	conformLimiter(t, testredis.Cluster(t, 2)...)
}
