package redisfeed_test

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redisfeed"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redislink"
	"github.com/gatehouse-auth/gatehouse/internal/testproxy"
	"github.com/gatehouse-auth/gatehouse/internal/testredis"
)

// spoils are what whoever can write to Redis can leave behind: a stream that takes no further entry, and none at all.
var spoils = map[string][]any{
	"highest id":     {"XADD", "test:" + redisfeed.Stream, "18446744073709551615-18446744073709551615", "m", "x"},
	"something else": {"SET", "test:" + redisfeed.Stream, "x"},
}

// TestFeed_SpoiltStreamBeginsAnew: one command does not silence the feed for good.
func TestFeed_SpoiltStreamBeginsAnew(t *testing.T) {
	t.Parallel()
	for name, spoil := range spoils {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testredis.New(t, testredis.Options{})
			a, b := pair(t, redislink.Config{Addrs: []string{s.Addr()}})
			s.Do(spoil...)
			carries(t, a, b)
			carries(t, b, a)
			eventually(t, "all is well again", func() bool {
				return a.feed.Health() == redisfeed.Up && b.feed.Health() == redisfeed.Up && a.feed.Cause() == "" && b.feed.Cause() == ""
			})
		})
	}
}

// TestFeed_CauseIsNamed: who may not delete says so, and goes on once the stream is gone.
func TestFeed_CauseIsNamed(t *testing.T) {
	t.Parallel()
	for name, spoil := range spoils {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testredis.New(t, testredis.Options{Rules: "~test:* +@all -del"})
			a, b := pair(t, redislink.Config{Addrs: []string{s.Addr()}, User: "gatehouse", Password: secret.FromString(s.Password())})
			is := func(cause string) {
				t.Helper()
				eventually(t, cause, func() bool { return a.feed.Cause() == cause && a.feed.Health() == redisfeed.Down })
			}
			s.Do(spoil...)
			is("the stream of revocations in redis is corrupt")
			s.Do("ACL", "SETUSER", "gatehouse", "+del")
			carries(t, a, b)
			eventually(t, "no cause is left", func() bool { return a.feed.Cause() == "" && a.feed.Health() == redisfeed.Up })
			s.Do("ACL", "SETUSER", "gatehouse", "-xadd", "-xread")
			is("redis refuses the user")
			s.Kill()
			is("redis does not answer")
		})
	}
}

// TestFeed_LargeJunkIsPassedBy: what does not get through in time does not stay before the feed for good.
func TestFeed_LargeJunkIsPassedBy(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	way := testproxy.New(t, s.Addr())
	a, b := join(t, redislink.Config{Addrs: []string{s.Addr()}}, clusterKey, nothing), join(t, redislink.Config{Addrs: []string{way.Addr()}}, clusterKey, nothing)
	carries(t, a, b)
	eventually(t, "b is fed", func() bool { return b.feed.Health() == redisfeed.Up })
	gaps := b.counts[redisfeed.Gap].Load()
	way.Set(t, testproxy.Faults{BytesPerSecond: 1 << 20})
	junk := strings.Repeat("x", 1<<20)
	for range 64 {
		forge(s, junk)
	}
	eventually(t, "the junk is noticed", func() bool { return b.feed.Health() == redisfeed.Down })
	carries(t, a, b)
	eventually(t, "all is well again", func() bool { return b.feed.Health() == redisfeed.Up && b.feed.Cause() == "" })
	if b.counts[redisfeed.Gap].Load() == gaps {
		t.Error("what was passed by does not count as missed")
	}
}

// TestFind_LargeEntry: a place whose entry does not get through is given up, whether it takes too long or is too large to be
// read at all. One at which Redis merely is silent is kept, so that what stands behind it can still be read.
func TestFind_LargeEntry(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		size  int
		fails int
	}{{"slow", 3 << 20, 2}, {"too large", 5 << 20, 1}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := testredis.New(t, testredis.Options{})
			way := testproxy.New(t, s.Addr())
			l := listenAt(t, way.Addr())
			forge(s, "before")
			place, _ := s.Do("XADD", stream, "*", "m", "x").(string)
			if err := l.Find(t.Context(), place); err != nil || l.missed != 0 {
				t.Fatalf("a small entry: %v, %d gaps", err, l.missed)
			}
			s.Freeze()
			for range 4 {
				if err := l.Find(t.Context(), ""); err == nil {
					t.Fatal("a frozen server answers")
				}
			}
			s.Thaw()
			eventually(t, "the place is found again", func() bool { return l.Find(t.Context(), "") == nil })
			if l.missed != 0 {
				t.Error("the place was not kept while Redis was silent")
			}
			place, _ = s.Do("XADD", stream, "*", "m", strings.Repeat("x", c.size)).(string)
			forge(s, "behind")
			way.Set(t, testproxy.Faults{BytesPerSecond: 1 << 20})
			for i := range c.fails {
				if err := l.Find(t.Context(), place); err == nil || l.missed > 0 {
					t.Errorf("reading %d: %v, %d gaps", i+1, err, l.missed)
				}
			}
			if err := l.Find(t.Context(), ""); err != nil || l.missed != 1 {
				t.Errorf("at last: %v, %d gaps", err, l.missed)
			}
		})
	}
}

// TestFeed_HugeJunkIsNotRead: whoever can write to Redis has nodes make room for nothing of it, and stops the feed for moments
// only. It runs alone, for it looks at what the process has ever made room for.
func TestFeed_HugeJunkIsNotRead(t *testing.T) {
	s := testredis.New(t, testredis.Options{})
	a, b := pair(t, redislink.Config{Addrs: []string{s.Addr()}})
	gaps := b.counts[redisfeed.Gap].Load()
	before := roomFor(8 << 20)
	s.Do("EVAL", "local b = string.rep(ARGV[1], 12) for i = 1, 2 do redis.call('XADD', KEYS[1], '*', 'm', b) end", 1, stream, strings.Repeat("x", 1<<20))
	eventually(t, "it is passed by", func() bool { return b.counts[redisfeed.Gap].Load() > gaps })
	carries(t, a, b)
	carries(t, b, a)
	eventually(t, "all is well again", func() bool { return a.feed.Health() == redisfeed.Up && b.feed.Health() == redisfeed.Up })
	if n := roomFor(8<<20) - before; n > 0 {
		t.Errorf("the nodes made room for an entry %d times", n)
	}
}

// roomFor is how often the process has made room for so many bytes at once. Each time is sampled, as much as that is.
func roomFor(bytes int64) (times int64) {
	runtime.GC() // what the profile shows is two collections old
	runtime.GC()
	records := make([]runtime.MemProfileRecord, 64)
	for {
		n, ok := runtime.MemProfile(records, true)
		if ok {
			records = records[:n]
			break
		}
		records = make([]runtime.MemProfileRecord, n+64)
	}
	for _, r := range records {
		if r.AllocObjects > 0 && r.AllocBytes/r.AllocObjects >= bytes {
			times += r.AllocObjects
		}
	}
	return times
}

// TestFeed_SpoiltIsToldOnce: who spoils the stream with every message does not fill the log.
func TestFeed_SpoiltIsToldOnce(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	l := listenAt(t, s.Addr())
	for _, c := range []struct {
		at   float64
		told int
	}{{0, 1}, {1, 1}, {50, 1}, {100, 1}, {159, 1}, {220, 2}} {
		s.Do("SET", stream, "x")
		if err := l.Clear(t.Context(), l.at(c.at)); err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(l.logs.Bytes(), []byte("level=WARN")); n != c.told {
			t.Errorf("after %gs it is told of %d times, want %d", c.at, n, c.told)
		}
	}
	if n := s.Do("EXISTS", stream); n != int64(0) {
		t.Errorf("the stream is there: %v", n)
	}
}
