package redisfeed_test

import (
	"context"
	"flag"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/revocation"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/revoketest"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redisfeed"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redislink"
	"github.com/gatehouse-auth/gatehouse/internal/testproxy"
	"github.com/gatehouse-auth/gatehouse/internal/testredis"
)

// TestMain lets more tests run at a time than there are processors: they wait for heartbeats and outages.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	m.Run()
}

var clusterKey = mustKey("k")

func mustKey(fill string) secret.MACKey {
	k, err := secret.NewMACKey([]byte(strings.Repeat(fill, 32)))
	if err != nil {
		panic(err)
	}
	return k
}

// common is the time of all nodes, whose machines' clocks are an hour behind.
func common() time.Time { return time.Now().Add(time.Hour) }

// node is a node with everything that keeps its snapshot.
type node struct {
	set       *revocation.Set
	announcer *revocation.Announcer
	staleness *revocation.Staleness
	poller    *revocation.Poller
	feed      *redisfeed.Feed
	counts    [8]atomic.Int64
	lag       atomic.Int64
	arrived   chan struct{} // told of what arrives, when somebody waits
	stop      func()
}

func (n *node) Apply(rs ...authcore.Revocation) { n.set.Apply(rs...) }
func (n *node) Confirm(asOf time.Time)          { n.staleness.Feed(asOf) }
func (n *node) Stored() time.Time               { return n.staleness.Stored() }
func (n *node) ReportGap()                      { n.staleness.ReportGap(); n.poller.Look() }

func (n *node) lagged(d time.Duration) {
	n.lag.Store(int64(d))
	select {
	case n.arrived <- struct{}{}:
	default:
	}
}

// join starts a node over a Redis, with the database that source reads.
func join(tb testing.TB, cfg redislink.Config, key secret.MACKey, source revocation.Source) *node {
	tb.Helper()
	if cfg.Prefix == "" {
		cfg.Prefix = "test:"
	}
	link, err := redislink.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	n := makeNode(tb, link, key, source)
	n.announcer.PublishTo(n.feed)
	if err := n.poller.Read(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var both sync.WaitGroup
	both.Go(func() { n.poller.Run(ctx) })
	both.Go(func() { n.feed.Run(ctx) })
	n.stop = sync.OnceFunc(func() {
		cancel()
		both.Wait()
		_ = link.Close()
	})
	tb.Cleanup(n.stop)
	return n
}

// makeNode returns a node at which nothing runs.
func makeNode(tb testing.TB, link *redislink.Link, key secret.MACKey, source revocation.Source) *node {
	tb.Helper()
	var err error
	n := &node{set: revocation.NewSet(nil), staleness: revocation.NewStaleness(nil), arrived: make(chan struct{})}
	if n.announcer, err = revocation.NewAnnouncer(n.set); err != nil {
		tb.Fatal(err)
	}
	n.poller, err = revocation.NewPoller(revocation.PollerConfig{Set: n.set, Source: source, Late: 10 * time.Second, Staleness: n.staleness, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	n.feed, err = redisfeed.New(redisfeed.Config{Link: link, Key: func() secret.MACKey { return key }, Snapshot: n,
		Count: func(o redisfeed.Outcome) { n.counts[o].Add(1) }, Lag: n.lagged,
		Logger: slog.New(slog.DiscardHandler), Clock: common})
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func (n *node) peer() revoketest.Peer {
	return revoketest.Peer{Revoker: n.announcer, Revocations: n.set, Age: n.staleness.Age, Stop: n.stop,
		Fed: func() bool { _, fed := n.staleness.FeedAge(); return fed }}
}

// joiner lets nodes join over a Redis, each on a way of its own that can be cut.
type joiner struct {
	tb     testing.TB
	server *testredis.Server
	truth  *revoketest.Truth

	mu   sync.Mutex
	ways []*testproxy.Proxy
}

func (j *joiner) join() revoketest.Peer {
	way := testproxy.New(j.tb, j.server.Addr())
	p := join(j.tb, redislink.Config{Addrs: []string{way.Addr()}}, clusterKey, j.truth.Source).peer()
	p.Cut, p.Mend = func() { way.Set(j.tb, testproxy.Faults{Cut: true}) }, func() { way.Set(j.tb, testproxy.Faults{}) }
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ways = append(j.ways, way)
	return p
}

// all makes these the faults of every node's way.
func (j *joiner) all(f testproxy.Faults) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, way := range j.ways {
		way.Set(j.tb, f)
	}
}

func newJoiner(tb testing.TB, truth *revoketest.Truth) *joiner {
	return &joiner{tb: tb, server: testredis.New(tb, testredis.Options{}), truth: truth}
}

// TestConformance cuts the way to a real Redis by a proxy.
func TestConformance(t *testing.T) {
	t.Parallel()
	revoketest.RunFeed(t, func(tb testing.TB, truth *revoketest.Truth) revoketest.Feed {
		j := newJoiner(tb, truth)
		return revoketest.Feed{Join: j.join, Lose: j.server.Flush,
			Cut: func() { j.all(testproxy.Faults{Cut: true}) }, Mend: func() { j.all(testproxy.Faults{}) }}
	})
}

// TestConformance_KilledServer has a Redis that dies and comes back empty.
func TestConformance_KilledServer(t *testing.T) {
	t.Parallel()
	revoketest.RunFeedOutages(t, func(tb testing.TB, truth *revoketest.Truth) revoketest.Feed {
		j := newJoiner(tb, truth)
		return revoketest.Feed{Join: j.join, Cut: j.server.Kill, Mend: j.server.Start, Lose: j.server.Flush}
	})
}

// TestConformance_FrozenServer has a Redis that takes connections and answers nothing.
func TestConformance_FrozenServer(t *testing.T) {
	t.Parallel()
	revoketest.RunFeedOutages(t, func(tb testing.TB, truth *revoketest.Truth) revoketest.Feed {
		j := newJoiner(tb, truth)
		return revoketest.Feed{Join: j.join, Cut: j.server.Freeze, Mend: j.server.Thaw, Lose: j.server.Flush}
	})
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
		<-tick.C
	}
}

// nothing is a database that never has anything.
func nothing(context.Context, int64, time.Time) ([]authcore.Revocation, error) { return nil, nil }

// carries waits until what one node revokes another one heeds.
func carries(t *testing.T, from, to *node) {
	t.Helper()
	eventually(t, "the feed carries", func() bool {
		r := authcore.Revocation{SessionID: uuid.New(), Until: time.Now().Add(time.Hour)}
		from.announcer.Announce(t.Context(), r)
		deadline := time.Now().Add(200 * time.Millisecond)
		for time.Now().Before(deadline) {
			if to.set.Check(r.SessionID, uuid.Nil, 0, 0) == authcore.Revoked {
				return true
			}
		}
		return false
	})
}
