package ratelimit_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimittest"
)

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func newMemory(tb testing.TB, cfg ratelimit.Config) *ratelimit.Memory {
	tb.Helper()
	m, err := ratelimit.NewMemory(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func TestMemory_Conformance(t *testing.T) {
	t.Parallel()
	ratelimittest.RunLimiter(t, func(tb testing.TB, want map[string]ratelimittest.Rate) ratelimittest.Limiter {
		c, rates := newClock(), map[string]ratelimit.Rate{}
		for name, r := range want {
			rates[name] = ratelimit.Rate(r)
		}
		return ratelimittest.Limiter{Limiter: newMemory(tb, ratelimit.Config{Rates: rates, Now: c.now}), Advance: c.advance}
	})
}

func login(key string) authcore.Limit { return authcore.Limit{Name: authcore.LimitLogin, Key: key} }

func take(t *testing.T, m *ratelimit.Memory, limits ...authcore.Limit) time.Duration {
	t.Helper()
	took, err := m.Take(t.Context(), limits...)
	if err != nil {
		t.Fatal(err)
	}
	return took.Wait
}

func TestMemory_FloodNeverFreesAKeyAtItsLimit(t *testing.T) {
	t.Parallel()
	const room = 1024
	m := newMemory(t, ratelimit.Config{
		Rates:   map[string]ratelimit.Rate{authcore.LimitLogin: {Count: 3, Window: time.Hour}},
		MaxKeys: room, Now: newClock().now,
	})
	victims := make([]string, 50)
	for i := range victims {
		victims[i] = fmt.Sprint("victim ", i)
		for range 3 {
			take(t, m, login(victims[i]))
		}
	}
	for i := range 100_000 {
		take(t, m, login(fmt.Sprint("flood ", i)))
	}
	if n := m.Len(); n > room {
		t.Errorf("%d keys are remembered, room is for %d", n, room)
	}
	for _, v := range victims {
		if take(t, m, login(v)) == 0 {
			t.Fatalf("%s is free again after the flood", v)
		}
	}
	for i := range 200 { // and newcomers find a place of their own
		for range 3 {
			if wait := take(t, m, login(fmt.Sprint("newcomer ", i))); wait != 0 {
				t.Fatalf("newcomer %d has to wait %v for what others did", i, wait)
			}
		}
	}
}

func TestMemory_NewKeysAreStillHeldBackWhenAllAreAtTheirLimit(t *testing.T) {
	t.Parallel()
	c := newClock()
	m := newMemory(t, ratelimit.Config{
		Rates:   map[string]ratelimit.Rate{authcore.LimitLogin: {Count: 2, Window: time.Hour}},
		MaxKeys: 64, Now: c.now,
	})
	for i := range 5000 {
		take(t, m, login(fmt.Sprint(i)))
		take(t, m, login(fmt.Sprint(i)))
	}
	if n := m.Len(); n > 64 {
		t.Errorf("%d keys are remembered, room is for 64", n)
	}
	allowed := 0
	for range 10 {
		if take(t, m, login("late")) == 0 {
			allowed++
		}
	}
	if allowed > 2 {
		t.Errorf("a key without a place was allowed %d times, its rate is 2", allowed)
	}
	c.advance(2 * time.Hour)
	if take(t, m, login("late")) != 0 {
		t.Error("still held back when all have run out")
	}
}

func TestMemory_ReconfigureKeepsCounts(t *testing.T) {
	t.Parallel()
	c := newClock()
	rates := func(n int, w time.Duration) ratelimit.Config {
		return ratelimit.Config{Rates: map[string]ratelimit.Rate{authcore.LimitLogin: {Count: n, Window: w}}, Now: c.now}
	}
	m := newMemory(t, rates(2, time.Hour))
	take(t, m, login("a"))
	take(t, m, login("a"))
	if err := m.Reconfigure(rates(2, time.Minute)); err != nil {
		t.Fatal(err)
	}
	if wait := take(t, m, login("a")); wait <= 0 || wait > time.Minute {
		t.Errorf("wait is %v under the new rate, want up to a minute", wait)
	}
	c.advance(time.Minute)
	if wait := take(t, m, login("a")); wait != 0 {
		t.Errorf("wait is %v after a window of the new rate", wait)
	}
	bad := ratelimit.Config{Rates: map[string]ratelimit.Rate{"logins": {Count: 1, Window: time.Minute}}}
	if err := m.Reconfigure(bad); err == nil || !strings.Contains(err.Error(), "login, mail") {
		t.Errorf("an unknown name gives %v, want an error that lists the names", err)
	}
}

func TestParseRate(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]ratelimit.Rate{
		"30/1m": {Count: 30, Window: time.Minute}, "20/1h": {Count: 20, Window: time.Hour}, "off": {},
		"1/30s": {Count: 1, Window: 30 * time.Second}, "100/1d": {Count: 100, Window: 24 * time.Hour}, "5/1h30m": {Count: 5, Window: 90 * time.Minute},
	} {
		got, err := ratelimit.ParseRate(in)
		if err != nil || got != want {
			t.Errorf("%s: got %v, %v; want %v", in, got, err, want)
		}
		if again, err := ratelimit.ParseRate(got.String()); err != nil || again != got {
			t.Errorf("%s: prints as %q, which reads as %v, %v", in, got, again, err)
		}
	}
	for _, in := range []string{
		"", "30", "30/", "/1m", "0/1m", "-1/1m", "+1/1m", "030/1m", "1e3/1m", "30/1", "30/m", "30/0s", "30/-1m", "30/1ms", "30/31d", "30/1m/2", "1000001/1m", "OFF", "30 / 1m", "30/1.5d",
	} {
		if got, err := ratelimit.ParseRate(in); err == nil {
			t.Errorf("%q was read as %v", in, got)
		}
	}
}

func TestL14_OneNetworkIsOneClient(t *testing.T) {
	t.Parallel()
	m := newMemory(t, ratelimit.Config{Now: newClock().now})
	base := netip.MustParseAddr("2001:db8:1:2::")
	allowed := 0
	for i := range 10_000 {
		raw := base.As16()
		raw[8], raw[14], raw[15] = byte(i), byte(i>>8), byte(i)
		if take(t, m, login(ratelimit.AddressKey(netip.AddrFrom16(raw)))) == 0 {
			allowed++
		}
	}
	if allowed != 30 {
		t.Errorf("%d of 10 000 sign-ins from one /64 were allowed, want 30", allowed)
	}
	if take(t, m, login(ratelimit.AddressKey(netip.MustParseAddr("2001:db8:1:3::1")))) != 0 {
		t.Error("the neighbouring network is held back too")
	}
}

func TestL14_AddressKey(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7%eth0": "192.0.2.7",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "fe80::2%eth1": "fe80::/64", "::1": "::/64",
	} {
		if got := ratelimit.AddressKey(netip.MustParseAddr(in)); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	if got := ratelimit.AddressKey(netip.Addr{}); got != "unknown" {
		t.Errorf("no address: got %s", got)
	}
}

func BenchmarkTake(b *testing.B) {
	m := newMemory(b, ratelimit.Config{})
	keys := make([]string, 1<<14)
	for i := range keys {
		keys[i] = fmt.Sprint("192.0.2.", i)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := m.Take(context.Background(), login(keys[i%len(keys)])); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
