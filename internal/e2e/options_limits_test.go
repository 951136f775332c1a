package e2e

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// locks tries wrong passwords until the name is locked, and returns how many it took and for how long the lock is.
func (g *gateway) locks(t testing.TB, login string, atMost int) (tries int, wait time.Duration) {
	t.Helper()
	for tries = range atMost + 1 {
		a := g.attempt(t, login, "wrong granite lantern 7")
		if a.status == 401 {
			continue
		}
		a.must(t, 429, "account_locked")
		seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
		if err != nil {
			t.Fatalf("Retry-After %q", a.header.Get("Retry-After"))
		}
		return tries, time.Duration(seconds) * time.Second
	}
	return tries, 0
}

func lockout(line string) plan {
	return plan{clock: true, global: "\t\tlockout {\n\t\t\t" + line + "\n\t\t}"}
}

func TestOption_lockout_failures(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 7} {
		g := start(t, lockout("failures "+strconv.Itoa(n)))
		if tries, _ := g.locks(t, freshEmail(), 8); tries != n {
			t.Errorf("failures %d: locked after %d", n, tries)
		}
	}
}

func TestOption_lockout_window(t *testing.T) {
	t.Parallel()
	for window, d := range map[string]time.Duration{"1m": time.Minute, "2h": 2 * time.Hour} {
		g := start(t, lockout("window "+window))
		name := freshEmail()
		for range 8 { // further apart than a window they do not add up
			g.attempt(t, name, "wrong granite lantern 7").must(t, 401, "invalid_credentials")
			g.advance(t, d/4+time.Second)
		}
		name = freshEmail()
		for range 4 {
			g.attempt(t, name, "wrong granite lantern 7").must(t, 401, "invalid_credentials")
			g.advance(t, d/5)
		}
		if tries, _ := g.locks(t, name, 8); tries != 1 {
			t.Errorf("window %s: four failures within it, then locked after %d", window, tries)
		}
	}
}

func TestOption_lockout_first(t *testing.T) {
	t.Parallel()
	for first, d := range map[string]time.Duration{"10s": 10 * time.Second, "5m": 5 * time.Minute} {
		g := start(t, lockout("first "+first))
		u := g.newUser(t)
		// Each lock is twice as long as the one before.
		for _, want := range []time.Duration{d, 2 * d, 4 * d} {
			if _, wait := g.locks(t, u.email, 5); wait > want || wait < want-5*time.Second {
				t.Errorf("first %s: a lock of %s, expected %s", first, wait, want)
			}
			g.advance(t, want-5*time.Second)
			g.attempt(t, u.email, password).want(t, 429, "account_locked")
			g.advance(t, 6*time.Second)
		}
		g.attempt(t, u.email, password).pair(t, false) // forgets the doubling
		if _, wait := g.locks(t, u.email, 5); wait > d {
			t.Errorf("after a success a lock of %s", wait)
		}
	}
}

func TestOption_lockout_max(t *testing.T) {
	t.Parallel()
	for longest, d := range map[string]time.Duration{"90s": 90 * time.Second, "3m": 3 * time.Minute} {
		g := start(t, lockout("max "+longest))
		name := freshEmail()
		for i := range 4 {
			want := min(time.Minute<<i, d)
			if _, wait := g.locks(t, name, 5); wait > want || wait < want-5*time.Second {
				t.Errorf("max %s: lock %d of %s, expected %s", longest, i+1, wait, want)
			}
			g.advance(t, want+time.Second)
		}
	}
}

func TestOption_lockout_off(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\tlockout off"})
	u := g.newUser(t)
	if tries, _ := g.locks(t, u.email, 12); tries != 12 {
		t.Errorf("locked after %d", tries)
	}
	g.attempt(t, u.email, password).pair(t, false)
	g.restartWith(t, plan{})
	if tries, _ := g.locks(t, u.email, 12); tries != 5 {
		t.Errorf("with the lock on again: locked after %d", tries)
	}
}

// TestOption_lockout_device: twenty failures of a stranger hold up whoever shows no device token of the account, and not its owner who does.
// What fails there is counted for that device alone.
func TestOption_lockout_device(t *testing.T) {
	t.Parallel()
	g := start(t, lockout("device 3"))
	u := g.newUser(t)
	device := g.attempt(t, u.email, password).must(t, 200, "").text("device_token")
	on := func(password string) answer {
		return g.api(t, "POST", "/login", object{"login": u.email, "password": password, "device_token": device})
	}
	for range 20 {
		g.attempt(t, u.email, "wrong password 1")
	}
	g.attempt(t, u.email, password).want(t, 429, "account_locked")
	on(password).must(t, 200, "")
	g.attempt(t, u.email, password).want(t, 429, "account_locked")
	for range 3 {
		on("wrong password 1").want(t, 401, "invalid_credentials")
	}
	on(password).want(t, 429, "account_locked")
	g.advance(t, 2*time.Minute)
	on(password).must(t, 200, "")
}

// from is a client whose requests come from another address.
func from(address string) *http.Client {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: d.DialContext}}
}

// TestOption_rate_limit: each limit counts its own calls per client address, and `off` counts none.
func TestOption_rate_limit(t *testing.T) {
	t.Parallel()
	calls := map[string][]call{
		"login":        {{path: "/login", body: object{"login": "nobody@example.com"}}, {path: "/login", body: object{}}},
		"register":     {{path: "/register", body: object{}}},
		"verify":       {{path: "/verify", body: object{}}, {path: "/verify/resend", body: object{}}},
		"forgot":       {{path: "/password/forgot", body: object{}}, {path: "/password/reset", body: object{}}},
		"refresh":      {{path: "/refresh", body: object{}}},
		"token_verify": {{path: "/token/verify", body: object{}}},
	}
	lines := ""
	for name := range calls {
		lines += "\t\trate_limit " + name + " 4/1h\n"
	}
	g := start(t, plan{clock: true, global: lines})
	for name, of := range calls {
		send := func(i int, client *http.Client) answer {
			c := of[i%len(of)]
			c.method, c.path, c.client = "POST", "/auth"+c.path, client
			return g.do(t, c)
		}
		for i := range 4 {
			a := send(i, nil)
			if a.status == 429 {
				t.Errorf("%s: call %d is limited", name, i+1)
			}
			if policy, left := a.header.Get("RateLimit-Policy"), a.header.Get("RateLimit"); policy != `"`+name+`";q=4;w=3600` ||
				!strings.HasPrefix(left, `"`+name+`";r=`+strconv.Itoa(3-i)+`;t=`) {
				t.Errorf("%s: after call %d policy %s, left %s", name, i+1, policy, left)
			}
		}
		a := send(0, nil)
		a.problem(t, 429, "rate_limited")
		if !strings.HasPrefix(a.header.Get("RateLimit"), `"`+name+`";r=0;t=`) {
			t.Errorf("%s: past the limit %s", name, a.header.Get("RateLimit"))
		}
		if n, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || n < 800 || n > 900 {
			t.Errorf("%s: Retry-After %q", name, a.header.Get("Retry-After"))
		}
		if a := send(0, from("127.0.0.2")); a.status == 429 {
			t.Errorf("%s: another address is limited as well", name)
		}
	}
	g.api(t, "GET", "/healthz", nil).must(t, 200, "")
	g.advance(t, 15*time.Minute+time.Second) // one more each quarter of an hour
	for name, want := range map[string]bool{"/refresh": false, "/login": false} {
		if a := g.api(t, "POST", name, object{}); (a.status == 429) != want {
			t.Errorf("%s a quarter of an hour later: %d", name, a.status)
		}
		g.api(t, "POST", name, object{}).want(t, 429, "rate_limited")
	}
	g.restartWith(t, plan{}) // all off
	for name := range calls {
		for range 10 {
			c := calls[name][0]
			if a := g.api(t, "POST", c.path, c.body); a.status == 429 {
				t.Fatalf("%s off: %s", name, a.body)
			}
		}
	}
}

// TestOption_rate_limit_mail counts mails to one recipient, whatever they are about.
func TestOption_rate_limit_mail(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3} {
		g := start(t, plan{clock: true, global: fmt.Sprintf("\t\trate_limit mail %d/1h", n)})
		email, other := freshEmail(), freshEmail()
		g.register(t, object{"email": email, "password": password})
		for range 5 {
			g.advance(t, 61*time.Second)
			g.api(t, "POST", "/verify/resend", object{"email": email})
		}
		limited := g.api(t, "POST", "/verify/resend", object{"email": email})
		g.register(t, object{"email": other, "password": password})
		g.waitMail(t, other, 1)
		g.settle(t)
		if got := len(g.mails(t, email)); got != n {
			t.Errorf("mail %d/1h: %d mails", n, got)
		}
		if limited.status != 202 && limited.status != 429 {
			t.Errorf("limited: %d", limited.status)
		}
	}
}

// TestLimits_Defaults: what a gateway refuses of which nobody has configured anything.
func TestLimits_Defaults(t *testing.T) {
	t.Parallel()
	g := start(t, plan{limits: true})
	for path, n := range map[string]int{"/login": 30, "/register": 20, "/verify": 30, "/password/forgot": 20, "/refresh": 120, "/token/verify": 120} {
		began := time.Now()
		answers := g.atOnce(t, n+12, func(int) call { return call{method: "POST", path: "/auth" + path, body: object{}} })
		cameBack := 1 + int(time.Since(began).Minutes()*float64(n)) // at most, while the burst lasted
		if got := tally(answers)["429 rate_limited"]; got > 12 || got < 12-cameBack {
			t.Errorf("%s: %d of %d calls are limited, where %d may have come back", path, got, n+12, cameBack)
		}
	}
}
