package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// behindProxy trusts the tests' own address as a proxy, so that X-Forwarded-For says who a client is.
const behindProxy = "servers {\n\t\ttrusted_proxies static 127.0.0.1/32\n\t\ttrusted_proxies_strict\n\t}"

// spray tries one password on n names, four calls at a time, and returns how the answers fell and how long it took.
func (g *gateway) spray(t testing.TB, n int, header func(i int) map[string]string) (map[string]int, time.Duration) {
	t.Helper()
	begin := time.Now()
	var mu sync.Mutex
	got := map[string]int{}
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := worker; i < n; i += 4 {
				a, err := g.try(call{method: "POST", path: "/auth/login", header: header(i),
					body: object{"login": fmt.Sprintf("sprayed%d@example.com", i), "password": "Spring granite 2026"}})
				if err != nil {
					t.Errorf("try %d: %v", i, err)
					return
				}
				mu.Lock()
				got[strings.TrimSpace(fmt.Sprintf("%d %s", a.status, a.code()))]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return got, time.Since(begin)
}

// throttled checks that no more sign-ins were let through than one client is allowed.
func (g *gateway) throttled(t testing.TB, what string, n int, got map[string]int, took time.Duration, looked int64) {
	t.Helper()
	most := sprays + int(took/(time.Hour/sprays))
	let := got["401 invalid_credentials"]
	passed := let + got["503 unavailable"] // a busy machine may not get to hash all of them
	if passed > most || passed < sprays || passed+got["429 rate_limited"] != n || looked != int64(let) {
		t.Errorf("%s: %v within %s, %d passwords looked at; at most %d should be", what, got, took, looked, most)
	}
}

// sprays is the number of the default limit. It is counted per hour here, so that none comes due on a slow machine.
const sprays = 30

// TestL14_Spraying: one password on thousands of names, from one IPv4 address and from ever other addresses of one IPv6
// network, is throttled as one client; its neighbours are not.
func TestL14_Spraying(t *testing.T) {
	t.Parallel()
	heavy(t)
	n := soak.N(600, 10_000)
	g := start(t, plan{caddy: behindProxy, global: fmt.Sprintf("\t\trate_limit login %d/1h", sprays)})
	u := g.newUser(t)
	looked := func() int64 {
		return g.count(t, "select count(*) from events where kind = 'session.sign_in_failed'")
	}
	as := func(address string) map[string]string { return map[string]string{"X-Forwarded-For": address} }
	signIn := func(address string) answer {
		return g.api(t, "POST", "/login", object{"login": u.email, "password": password}, call{header: as(address)})
	}

	before := looked()
	got, took := g.spray(t, n, func(int) map[string]string { return as("192.0.2.66") })
	g.throttled(t, "one IPv4 address", n, got, took, looked()-before)
	before = looked()
	got, took = g.spray(t, n, func(i int) map[string]string { return as(fmt.Sprintf("2001:db8:0:1:%x:%x::%x", i%97, i, i)) })
	g.throttled(t, "addresses of one /64", n, got, took, looked()-before)

	for address, free := range map[string]bool{"192.0.2.66": false, "::ffff:192.0.2.66": false, "192.0.2.67": true, "2001:db8:0:1::1": false,
		"2001:db8:0:1:ffff::9": false, "2001:db8:0:2::1": true} {
		a := signIn(address)
		if free {
			a.pair(t, false)
			continue
		}
		a.problem(t, 429, "rate_limited")
		if wait, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || wait < 1 || wait > 3600/sprays+1 {
			t.Errorf("%s: Retry-After %q", address, a.header.Get("Retry-After"))
		}
	}
}

// forwarding are the headers in which servers look for a client's address.
var forwarding = []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "True-Client-Ip", "Cf-Connecting-Ip", "X-Client-Ip",
	"X-Cluster-Client-Ip", "Fastly-Client-Ip", "X-Original-Forwarded-For", "X_Forwarded_For", "Client-Ip"}

// forged names another address each time, in every such header.
func forged(i int) map[string]string {
	h := map[string]string{}
	address := fmt.Sprintf("203.0.%d.%d", i/250, i%250+1)
	for _, name := range forwarding {
		h[name] = address
	}
	h["Forwarded"] = "for=" + address + ";proto=https;host=evil.example"
	return h
}

// TestL15_ForgedClientAddress: from a peer that is no listed proxy, whatever it says of its address counts for nothing.
func TestL15_ForgedClientAddress(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\trate_limit login 6/1h\n\t\trate_limit register 6/1h\n\t\trate_limit forgot 6/1h\n\t\trate_limit verify 6/1h\n\t\trate_limit refresh 6/1h\n\t\trate_limit token_verify 6/1h"})
	for path, body := range map[string]object{"/login": {"login": "nobody@example.com"}, "/register": {}, "/password/forgot": {}, "/verify": {},
		"/refresh": {"refresh_token": "x"}, "/token/verify": {"token": "x"}} {
		limited := 0
		for i := range 20 {
			if a := g.api(t, "POST", path, body, call{header: forged(i)}); a.status == 429 {
				limited++
			}
		}
		if limited != 14 {
			t.Errorf("%s: %d of 20 calls are limited, expected 14", path, limited)
		}
	}
	g.noForgedAddress(t)
}

// noForgedAddress checks that nothing made up was written down.
func (g *gateway) noForgedAddress(t testing.TB) {
	t.Helper()
	for _, from := range []string{"events", "sessions"} {
		if n := g.count(t, "select count(*) from "+from+" where addr <> '127.0.0.1'"); n != 0 {
			t.Errorf("%d %s tell of an address that somebody made up", n, from)
		}
	}
}

// TestL15_LoginRulesStay: the lock of a name, and what is noted of who tried, stay the same whatever a client says.
func TestL15_LoginRulesStay(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	u := g.newUser(t)
	for i := range 5 {
		g.api(t, "POST", "/login", object{"login": u.email, "password": "wrong granite lantern 7"}, call{header: forged(i)}).must(t, 401, "invalid_credentials")
	}
	for i := range 3 {
		g.api(t, "POST", "/login", object{"login": u.email, "password": password}, call{header: forged(100 + i)}).want(t, 429, "account_locked")
	}
	v := g.newUser(t)
	a := g.api(t, "POST", "/login", object{"login": v.email, "password": password}, call{header: forged(7)})
	a.pair(t, false)
	list := g.api(t, "GET", "/sessions", nil, call{bearer: a.text("access_token"), header: forged(8)}).must(t, 200, "").json(t)["sessions"].([]any)
	for _, s := range list {
		if ip := s.(object)["ip"]; ip != "127.0.0.1" {
			t.Errorf("a session from %v", ip)
		}
	}
	g.noForgedAddress(t)
	if logs := g.logs(); strings.Contains(logs, "203.0.") && strings.Contains(logs, `"logger":"gatehouse"`) {
		for line := range strings.Lines(logs) {
			if strings.Contains(line, `"logger":"gatehouse"`) && strings.Contains(line, "203.0.") {
				t.Errorf("our log tells of an address that somebody made up: %s", line)
			}
		}
	}
}

// TestL15_ListedProxyTalkingNonsense: where a listed proxy forwards no address, the proxy is the client; nobody gets a
// fresh budget by it, and nothing that is no address is kept.
func TestL15_ListedProxyTalkingNonsense(t *testing.T) {
	t.Parallel()
	g := start(t, plan{caddy: behindProxy, global: "\t\trate_limit login 6/1h"})
	nonsense := []string{"a", "", " ", ",", "a, b", "256.1.1.1", "1.2.3", "<script>", "127.0.0.1.evil.example", "[::1", "0x7f000001", "unknown", "_hidden",
		strings.Repeat("a", 4000), "-1", "1.2.3.4.5", "::ffff:999.1.1.1", "example.com"}
	limited := 0
	for i := range 20 {
		h := forged(i) // of them only X-Forwarded-For is Caddy's business
		h["X-Forwarded-For"] = nonsense[i%len(nonsense)]
		a := g.api(t, "POST", "/login", object{"login": freshEmail(), "password": "wrong granite lantern 7"}, call{header: h})
		if a.status == http.StatusTooManyRequests && a.code() == "rate_limited" {
			limited++
		}
	}
	if limited != 14 {
		t.Errorf("%d of 20 sign-ins are limited, expected 14", limited)
	}
	g.noForgedAddress(t)
	// Who comes through the proxy with an address is somebody else.
	g.api(t, "POST", "/login", object{"login": freshEmail(), "password": "wrong granite lantern 7"},
		call{header: map[string]string{"X-Forwarded-For": "203.0.113.9"}}).want(t, 401, "invalid_credentials")
}
