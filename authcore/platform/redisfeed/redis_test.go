package redisfeed_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/revoketest"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redisfeed"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redislink"
	"github.com/gatehouse-auth/gatehouse/internal/testredis"
)

// pair joins two nodes and waits until the feed carries between them.
func pair(t *testing.T, cfg redislink.Config) (a, b *node) {
	t.Helper()
	a, b = join(t, cfg, clusterKey, nothing), join(t, cfg, clusterKey, nothing)
	carries(t, a, b)
	carries(t, b, a)
	return a, b
}

// TestLink_TLSAndUser: over TLS, as a user who may do nothing but what the manual says.
func TestLink_TLSAndUser(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{TLS: true, Rules: "resetchannels ~test:* +xadd +xread +xrange +xrevrange +del"})
	pem, err := os.ReadFile(s.CA())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	good := redislink.Config{Addrs: []string{s.Addr()}, User: "gatehouse", Password: secret.FromString(s.Password()),
		TLS: &tls.Config{RootCAs: roots}, Prefix: "test:"}
	pair(t, good)

	for name, spoil := range map[string]func(*redislink.Config){
		"another authority": func(c *redislink.Config) { c.TLS = &tls.Config{RootCAs: x509.NewCertPool()} },
		"no TLS":            func(c *redislink.Config) { c.TLS = nil },
		"a wrong password":  func(c *redislink.Config) { c.Password = secret.FromString("wrong") },
		"another prefix":    func(c *redislink.Config) { c.Prefix = "other:" },
	} {
		cfg := good
		spoil(&cfg)
		n := join(t, cfg, clusterKey, nothing)
		eventually(t, name+" is refused", func() bool { return n.feed.Health() == redisfeed.Down })
	}
}

// TestLink_Cluster: the stream lies on one of several masters, whichever is asked first.
func TestLink_Cluster(t *testing.T) {
	t.Parallel()
	servers := testredis.Cluster(t, 2)
	var addrs []string
	for _, s := range servers {
		addrs = append(addrs, s.Addr())
	}
	a, _ := pair(t, redislink.Config{Addrs: addrs, Cluster: true})
	b := join(t, redislink.Config{Addrs: addrs[1:], Cluster: true}, clusterKey, nothing)
	carries(t, a, b)
}

// TestLink_SentinelFailover: the master dies, and what comes through its replica is heeded.
func TestLink_SentinelFailover(t *testing.T) {
	t.Parallel()
	w := testredis.Sentinel(t, "")
	a, b := pair(t, redislink.Config{Addrs: []string{w.Sentinel.Addr()}, Master: testredis.MasterName})
	w.Master.Kill()
	eventually(t, "the outage is noticed", func() bool { return a.feed.Health() == redisfeed.Down })
	carries(t, a, b)
	carries(t, b, a)
	eventually(t, "all is well again", func() bool { return a.feed.Health() == redisfeed.Up && b.feed.Health() == redisfeed.Up })
}

// forge puts an entry into the stream as whoever can write to Redis could.
func forge(s *testredis.Server, entry string) {
	s.Do("XADD", "test:"+redisfeed.Stream, "*", "m", entry)
}

// entries returns what stands in the stream.
func entries(s *testredis.Server) (texts []string) {
	list, _ := s.Do("XRANGE", "test:"+redisfeed.Stream, "-", "+").([]any)
	for _, e := range list {
		texts = append(texts, e.([]any)[1].([]any)[1].(string))
	}
	return texts
}

// TestFeed_ForgedMessagesAreIgnored: whoever can write to Redis has no key, so nothing of theirs is applied, whatever
// they change in real messages.
func TestFeed_ForgedMessagesAreIgnored(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	cfg := redislink.Config{Addrs: []string{s.Addr()}}
	a, b := pair(t, cfg)
	stranger := join(t, cfg, mustKey("x"), nothing) // an installation with another secret, by mistake on the same Redis
	victim := authcore.Revocation{SessionID: uuid.New(), Until: time.Now().Add(time.Hour)}
	stranger.announcer.Announce(t.Context(), victim)
	real := entries(s)[0]
	forge(s, "")
	forge(s, "junk")
	forge(s, strings.Repeat("x", 100_000))
	for i := 0; i < len(real); i += 7 {
		forge(s, real[:i]+string(real[i]^1)+real[i+1:])
	}
	s.Do("XADD", "test:"+redisfeed.Stream, "*", "other", real)
	carries(t, a, b) // so all of that has been read
	if b.set.Check(victim.SessionID, uuid.Nil, 0, 0) != authcore.Valid {
		t.Error("a message under another key is heeded")
	}
	if n := b.counts[redisfeed.Rejected].Load(); n < 15 {
		t.Errorf("%d messages rejected", n)
	}
}

// TestFeed_ReplayConfirmsNothing: an old heartbeat, sent again by whoever holds back all others, does not make the snapshot
// look fresh.
func TestFeed_ReplayConfirmsNothing(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{Rules: "~test:* +@all"})
	cfg := redislink.Config{Addrs: []string{s.Addr()}, User: "gatehouse", Password: secret.FromString(s.Password())}
	n := join(t, cfg, clusterKey, nothing)
	eventually(t, "the feed confirms", func() bool { _, fed := n.staleness.FeedAge(); return fed })
	real := entries(s)
	s.Do("ACL", "SETUSER", "gatehouse", "-xadd") // it reads on
	since := time.Now()
	for time.Since(since) < 3*time.Second {
		for _, e := range real {
			forge(s, e)
		}
	}
	if age, fed := n.staleness.FeedAge(); fed && age < 2*time.Second {
		t.Errorf("replayed heartbeats confirm the snapshot: %s old", age)
	}
}

// TestFeed_IDsGoneBackwards: a stream that begins anew on a server whose clock is behind has lower ids than were read.
func TestFeed_IDsGoneBackwards(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	a, b := pair(t, redislink.Config{Addrs: []string{s.Addr()}})
	future := time.Now().Add(time.Hour).UnixMilli()
	s.Do("XADD", "test:"+redisfeed.Stream, future, "m", "junk")
	eventually(t, "the far entry is read", func() bool { return b.counts[redisfeed.Rejected].Load() > 0 && a.counts[redisfeed.Rejected].Load() > 0 })
	s.Flush()
	carries(t, a, b)
	carries(t, b, a)
}

// TestFeed_HealthAndLag: what metrics and log tell.
func TestFeed_HealthAndLag(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	a, b := pair(t, redislink.Config{Addrs: []string{s.Addr()}})
	if a.counts[redisfeed.Sent].Load() == 0 || b.counts[redisfeed.Received].Load() == 0 {
		t.Error("messages are not counted")
	}
	if lag := time.Duration(b.lag.Load()); lag <= 0 || lag > 5*time.Second {
		t.Errorf("lag %s", lag)
	}
	for _, e := range entries(s) {
		if off := common().Sub(redisfeed.Said(clusterKey, stream, []byte(e))); off.Abs() > time.Minute {
			t.Errorf("a message is %s old", off)
		}
	}
	eventually(t, "both are up", func() bool { return a.feed.Health() == redisfeed.Up && b.feed.Health() == redisfeed.Up })
	s.Kill()
	eventually(t, "both are down", func() bool { return a.feed.Health() == redisfeed.Down && b.feed.Health() == redisfeed.Down })
	s.Start()
	eventually(t, "both are up again", func() bool { return a.feed.Health() == redisfeed.Up && b.feed.Health() == redisfeed.Up })
}

// TestFeed_FullQueueIsNoticed: what finds the queue full is given up without waiting, and the others read the database.
func TestFeed_FullQueueIsNoticed(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	truth := new(revoketest.Truth)
	cfg := redislink.Config{Addrs: []string{s.Addr()}}
	a, b := join(t, cfg, clusterKey, truth.Source), join(t, cfg, clusterKey, truth.Source)
	carries(t, a, b)
	eventually(t, "b is fed", func() bool { _, fed := b.staleness.FeedAge(); return fed })
	gaps := b.counts[redisfeed.Gap].Load()
	s.Freeze()
	began := time.Now()
	for range 5000 {
		a.announcer.Announce(t.Context(), authcore.Revocation{SessionID: uuid.New(), Until: time.Now().Add(time.Hour)})
	}
	if took := time.Since(began); took > time.Second { // some milliseconds on an idle machine
		t.Errorf("5000 announcements took %s while Redis answers nothing", took)
	}
	s.Thaw()
	eventually(t, "the gap is noticed", func() bool { return b.counts[redisfeed.Gap].Load() > gaps })
	if a.counts[redisfeed.Unsent].Load() < 3000 {
		t.Errorf("%d messages count as unsent", a.counts[redisfeed.Unsent].Load())
	}
	carries(t, a, b)
}

// BenchmarkFeed_Lag measures from an announcement on one node to its effect on another.
func BenchmarkFeed_Lag(b *testing.B) {
	s := testredis.New(b, testredis.Options{})
	cfg := redislink.Config{Addrs: []string{s.Addr()}}
	from, to := join(b, cfg, clusterKey, nothing), join(b, cfg, clusterKey, nothing)
	revoke := func() {
		from.announcer.Announce(b.Context(), authcore.Revocation{SessionID: uuid.New(), Until: time.Now().Add(time.Hour)})
	}
	for to.counts[redisfeed.Received].Load() == 0 {
		revoke()
		runtime.Gosched()
	}
	for b.Loop() {
		revoke()
		select {
		case <-to.arrived:
		case <-time.After(time.Second): // it came before anybody waited
		}
	}
}
