package redislink_test

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redisfeed"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redislink"
	"github.com/gatehouse-auth/gatehouse/internal/testproc"
	"github.com/gatehouse-auth/gatehouse/internal/testredis"
)

const patience = 20 * time.Second

// manual returns the rules that docs/configuration.md gives a user: those for every Redis, and those that a database other
// than 0 and a cluster need besides.
func manual(t *testing.T) (always, database, cluster string) {
	t.Helper()
	text, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("An ACL\\s+user\\s+needs\\s+`([^`]+)`,\\s+with\\s+a\\s+database\\s+other\\s+than\\s+0\\s+also\\s+`([^`]+)`," +
		"\\s+and\\s+in\\s+a\\s+cluster\\s+also\\s+`([^`]+)`").FindSubmatch(text)
	if found == nil {
		t.Fatal("docs/configuration.md does not say what an ACL user needs")
	}
	return strings.Join(strings.Fields(string(found[1])), " "), string(found[2]), string(found[3])
}

// snapshot notes what a feed tells.
type snapshot struct {
	mu      sync.Mutex
	applied int
	missed  int
}

func (v *snapshot) Apply(rs ...authcore.Revocation) { v.mu.Lock(); v.applied += len(rs); v.mu.Unlock() }
func (v *snapshot) Confirm(time.Time)               {}
func (v *snapshot) Stored() time.Time               { return time.Time{} }
func (v *snapshot) ReportGap()                      { v.mu.Lock(); v.missed++; v.mu.Unlock() }

func (v *snapshot) heard() (applied, missed int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.applied, v.missed
}

// node is all that speaks to Redis.
type node struct {
	snapshot *snapshot
	feed     *redisfeed.Feed
	counters *ratelimit.Redis
}

func newNode(t *testing.T, cfg redislink.Config) *node {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	link, err := redislink.New(cfg)
	must(err)
	t.Cleanup(func() { _ = link.Close() })
	mac, err := secret.NewMACKey([]byte(strings.Repeat("k", 32)))
	must(err)
	key, logger := func() secret.MACKey { return mac }, slog.New(slog.DiscardHandler)
	n := &node{snapshot: new(snapshot)}
	n.feed, err = redisfeed.New(redisfeed.Config{Link: link, Key: key, Snapshot: n.snapshot, Logger: logger})
	must(err)
	memory, err := ratelimit.NewMemory(ratelimit.Config{})
	must(err)
	n.counters, err = ratelimit.NewRedis(ratelimit.RedisConfig{Link: link, Memory: memory, Key: key, Logger: logger})
	must(err)
	return n
}

// run lets the node's workers run until stop is called.
func (n *node) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var both sync.WaitGroup
	both.Go(func() { n.feed.Run(ctx) })
	both.Go(func() { n.counters.Run(ctx) })
	return sync.OnceFunc(func() { cancel(); both.Wait() })
}

// live does what nodes do in their life: it hears of revocations, counts, comes back to its place in the
// stream, and begins a corrupt one anew.
func live(t *testing.T, cfg redislink.Config, spoil func(stream string)) {
	t.Helper()
	until := func(what string, holds func() bool) {
		t.Helper()
		if !testproc.Until(patience, holds) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
	a, b := newNode(t, cfg), newNode(t, cfg)
	stopA, stopB := a.run(), b.run()
	t.Cleanup(func() { stopA(); stopB() })
	carries := func() {
		t.Helper()
		before, _ := b.snapshot.heard()
		until("a revocation comes over", func() bool {
			a.feed.Publish(authcore.Revocation{SessionID: uuid.New(), Until: time.Now().Add(time.Hour)})
			now, _ := b.snapshot.heard()
			return now > before
		})
	}
	carries()
	until("both count together", func() bool { return a.counters.Nodes() == 2 && b.counters.Nodes() == 2 })
	for i := range 20 { // in a cluster each lies somewhere else
		key := strings.Repeat("x", i)
		limits := []authcore.Limit{{Name: authcore.LimitLogin, Key: key}, {Name: authcore.LimitMail, Key: key + "@example.com"}}
		if _, err := a.counters.Take(t.Context(), limits...); err != nil {
			t.Error(err)
		}
		if err := a.counters.Refund(t.Context(), limits...); err != nil {
			t.Error(err)
		}
	}
	stopB()
	stopB = b.run()
	carries()
	spoil(cfg.Prefix + redisfeed.Stream)
	carries()
	until("all is well", func() bool {
		return !a.counters.Away() && !b.counters.Away() && a.feed.Health() == redisfeed.Up && b.feed.Health() == redisfeed.Up
	})
}

// TestRights_AreTheManuals: a user that may do what the manual lists is refused nothing, and it lists nothing that no node
// does.
func TestRights_AreTheManuals(t *testing.T) {
	t.Parallel()
	always, database, _ := manual(t)
	s := testredis.New(t, testredis.Options{Rules: always + " " + database})
	s.Do("CONFIG", "RESETSTAT")
	live(t, redislink.Config{Addrs: []string{s.Addr()}, User: "gatehouse", Password: secret.FromString(s.Password()), DB: 3, Prefix: "gatehouse:"},
		func(stream string) {
			s.Do("EVAL", "redis.call('SELECT', 3) return redis.call('XADD', KEYS[1], '18446744073709551615-18446744073709551615', 'm', 'x')", 1, stream)
		})
	var listed []string
	for _, rule := range strings.Fields(always + " " + database) {
		if name, ok := strings.CutPrefix(rule, "+"); ok {
			listed = append(listed, name)
		}
	}
	used := map[string]bool{}
	stats, _ := s.Do("INFO", "commandstats").(string)
	for _, found := range regexp.MustCompile(`cmdstat_([a-z|_]+):`).FindAllStringSubmatch(stats, -1) {
		used[found[1]] = true
	}
	// What anybody may do, and what this test does itself.
	for _, name := range []string{"auth", "hello", "config|resetstat", "config", "info"} {
		delete(used, name)
	}
	slices.Sort(listed)
	if got := slices.Sorted(maps.Keys(used)); !slices.Equal(got, listed) {
		t.Errorf("nodes use\n%v, and the manual lists\n%v", got, listed)
	}
	if log, _ := s.Do("ACL", "LOG").([]any); len(log) > 0 {
		t.Errorf("refused: %v", log)
	}
}

// TestRights_InACluster: the same with one of three masters for each key.
func TestRights_InACluster(t *testing.T) {
	t.Parallel()
	always, _, cluster := manual(t)
	servers := testredis.Cluster(t, 3)
	cfg := redislink.Config{Cluster: true, User: "manual", Password: secret.FromString("a password"), Prefix: "gatehouse:"}
	for _, s := range servers {
		rules := []any{"ACL", "SETUSER", "manual", "on", ">a password"}
		for _, rule := range strings.Fields(always + " " + cluster) {
			rules = append(rules, rule)
		}
		s.Do(rules...)
		cfg.Addrs = append(cfg.Addrs, s.Addr())
	}
	live(t, cfg, func(string) {})
	for _, s := range servers {
		if log, _ := s.Do("ACL", "LOG").([]any); len(log) > 0 {
			t.Errorf("refused: %v", log)
		}
	}
}
