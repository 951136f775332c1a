package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestOption_issuer(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	u := g.newUser(t)
	if got := claims(t, u.access)["iss"]; got != g.url("") {
		t.Errorf("iss is %v", got)
	}
	g.restartWith(t, plan{global: "\t\tissuer https://Auth.Example.com:443"})
	g.do(t, call{path: "/app", bearer: u.access}).want(t, 401, "invalid_token") // an issuer that is not ours any more
	a := g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh})
	a.pair(t, false)
	said := claims(t, a.text("access_token"))
	if said["iss"] != "https://auth.example.com" || fmt.Sprint(said["aud"]) != "https://auth.example.com" && fmt.Sprint(said["aud"]) != "[https://auth.example.com]" {
		t.Errorf("claims %v", said)
	}
	email := freshEmail()
	g.register(t, object{"email": email, "password": password})
	if l := g.waitMail(t, email, 1); !strings.HasPrefix(l.link, "https://auth.example.com/auth/verify?token=") {
		t.Errorf("link %q", l.link)
	}
	b := g.api(t, "POST", "/login", object{"login": u.email, "password": password, "cookies": true}).must(t, 200, "")
	if c := b.setCookies(t)["__Host-gatehouse"]; c == nil || !c.Secure {
		t.Errorf("cookies %v", b.setCookies(t))
	}
}

func TestOption_audience(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\taudience https://api.example.com reports"})
	u := g.newUser(t)
	aud, _ := claims(t, u.access)["aud"].([]any)
	if fmt.Sprint(aud) != "[https://api.example.com reports]" {
		t.Errorf("aud is %v", aud)
	}
	g.do(t, call{path: "/app", bearer: u.access}).must(t, 200, "")
	g.restartWith(t, plan{global: "\t\taudience reports"})
	g.do(t, call{path: "/app", bearer: u.access}).must(t, 200, "") // one of its audiences is enough
	g.restartWith(t, plan{global: "\t\taudience https://other.example.com"})
	g.do(t, call{path: "/app", bearer: u.access}).want(t, 401, "invalid_token")
	g.api(t, "GET", "/me", nil, call{bearer: u.access}).want(t, 401, "invalid_token")
	next := g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh})
	next.pair(t, false)
	g.do(t, call{path: "/app", bearer: next.text("access_token")}).must(t, 200, "")
}

func TestOption_algorithm(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\talgorithm RS256"})
	kinds := map[string]string{"RS256": "RSA", "ES256": "EC", "EdDSA": "OKP", "HS256": ""}
	u := g.newUser(t)
	old := u.access
	for _, alg := range []string{"RS256", "ES256", "EdDSA", "HS256", "RS256"} {
		g.restartWith(t, plan{global: "\t\talgorithm " + alg})
		a := g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh})
		a.pair(t, false)
		u.take(t, a)
		header := jwtHeader(t, u.access)
		if header["alg"] != alg {
			t.Errorf("with algorithm %s a token says %v", alg, header)
		}
		key := g.jwks(t)[header["kid"].(string)]
		if kinds[alg] == "" && key != nil || kinds[alg] != "" && (key == nil || key["kty"] != kinds[alg] || key["alg"] != alg) {
			t.Errorf("the key of %s is %v", alg, key)
		}
		for _, k := range g.jwks(t) {
			for name := range k {
				if slices.Contains([]string{"d", "p", "q", "dp", "dq", "qi", "k"}, name) {
					t.Errorf("the JWKS shows the private member %s", name)
				}
			}
		}
		g.do(t, call{path: "/app", bearer: u.access}).must(t, 200, "")
		g.do(t, call{path: "/app", bearer: old}).must(t, 200, "") // what was signed before is good until it expires
	}
}

func TestOption_access_lifetime(t *testing.T) {
	t.Parallel()
	for lifetime, seconds := range map[string]float64{"20s": 20, "1h": 3600} {
		g := start(t, plan{clock: true, global: "\t\taccess_lifetime " + lifetime})
		u := g.newUser(t)
		a := g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh})
		a.pair(t, false)
		if got := a.json(t)["expires_in"]; got != seconds {
			t.Errorf("expires_in is %v", got)
		}
		b := g.api(t, "POST", "/login", object{"login": u.email, "password": password, "cookies": true})
		if c := b.setCookies(t)["gatehouse"]; c == nil || float64(c.MaxAge) != seconds {
			t.Errorf("the cookie is %v", c)
		}
		g.advance(t, time.Duration(seconds-10)*time.Second)
		g.do(t, call{path: "/app", bearer: a.text("access_token")}).must(t, 200, "")
		// Leeway is for clocks that differ, a minute at most.
		g.advance(t, 71*time.Second)
		g.do(t, call{path: "/app", bearer: a.text("access_token")}).want(t, 401, "invalid_token")
	}
}

func TestOption_refresh_lifetime(t *testing.T) {
	t.Parallel()
	for lifetime, d := range map[string]time.Duration{"1h": time.Hour, "3d": 72 * time.Hour} {
		g := start(t, plan{clock: true, global: "\t\trefresh_lifetime " + lifetime})
		u := g.newUser(t)
		for range 3 { // used in time it slides
			g.advance(t, d-time.Second)
			a := g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh})
			a.pair(t, false)
			if got := a.json(t)["refresh_expires_in"]; got != d.Seconds() {
				t.Errorf("refresh_expires_in is %v", got)
			}
			u.take(t, a)
		}
		g.advance(t, d+time.Second)
		g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).want(t, 401, "invalid_refresh_token")
	}
}

// TestOption_refresh_leeway: a used refresh token yields its successor for as long as the configuration says, on every node, and
// a reload changes that.
func TestOption_refresh_leeway(t *testing.T) {
	t.Parallel()
	lost := func(t *testing.T, at, again *gateway, after time.Duration, stolen bool, clocks ...*gateway) {
		t.Helper()
		u := clocks[0].newUser(t)
		next := at.do(t, refreshing(u.refresh, firefox)).must(t, 200, "").text("refresh_token")
		for _, g := range clocks {
			g.advance(t, after)
		}
		a := again.do(t, refreshing(u.refresh, firefox))
		if stolen {
			a.want(t, 401, "refresh_token_reused")
		} else if a.must(t, 200, ""); a.text("refresh_token") != next {
			t.Error("another successor")
		}
	}
	minute, second := plan{clock: true, global: "\t\trefresh_leeway 60s"}, plan{clock: true, global: "\t\trefresh_leeway 1s"}
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		g := start(t, minute)
		lost(t, g, g, 50*time.Second, false, g)
		lost(t, g, g, 61*time.Second, true, g)
		g.mustReload(t, second)
		g.client.CloseIdleConnections()
		lost(t, g, g, 3*time.Second, true, g)
		g.mustReload(t, minute)
		g.client.CloseIdleConnections()
		lost(t, g, g, 50*time.Second, false, g)
	})
	t.Run("two nodes", func(t *testing.T) {
		t.Parallel()
		c := startCluster(t, minute)
		lost(t, c.a, c.b, 50*time.Second, false, c.a, c.b)
		lost(t, c.b, c.a, 61*time.Second, true, c.a, c.b)
	})
}

// TestOption_idle_timeout: a session that is used goes on for as long as it may; one that is not ends to the second, and
// its access token was dead before (S10).
func TestOption_idle_timeout(t *testing.T) {
	t.Parallel()
	for timeout, d := range map[string]time.Duration{"15m": 15 * time.Minute, "2h": 2 * time.Hour} {
		g := start(t, plan{clock: true, global: "\t\tidle_timeout " + timeout})
		u := g.newUser(t)
		for range 3 {
			g.advance(t, d-time.Second)
			u.take(t, g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}))
		}
		g.advance(t, d+time.Second)
		g.do(t, call{path: "/x", bearer: u.access}).want(t, 401, "invalid_token")
		g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).want(t, 401, "invalid_refresh_token")
	}
}

// TestOption_fresh_for: what could take the account away needs a recent sign-in, or the password.
func TestOption_fresh_for(t *testing.T) {
	t.Parallel()
	for _, fresh := range []time.Duration{2 * time.Second, 3 * time.Minute} {
		g := start(t, plan{clock: true, global: "\t\tfresh_for " + fresh.String()})
		u := g.newUser(t)
		g.advance(t, fresh+2*time.Second)
		refused := g.api(t, "DELETE", "/me/phone", nil, call{bearer: u.access})
		refused.want(t, 403, "reauthentication_required")
		want := fmt.Sprintf(`Bearer error="insufficient_user_authentication", max_age=%d`, int(fresh.Seconds()))
		if got := refused.header.Get("WWW-Authenticate"); got != want {
			t.Errorf("the refusal asks for %s, want %s", got, want)
		}
		g.api(t, "DELETE", "/me/phone", object{"password": "wrong"}, call{bearer: u.access}).want(t, 401, "invalid_credentials")
		g.api(t, "DELETE", "/me/phone", object{"password": u.password}, call{bearer: u.access}).must(t, 200, "")
		again := g.signIn(t, u, false)
		g.api(t, "DELETE", "/me/phone", nil, call{bearer: again.access}).must(t, 200, "")
	}
}

// TestOption_short_session: a sign-in that is not to be remembered ends early, and its cookies with the browser.
func TestOption_short_session(t *testing.T) {
	t.Parallel()
	g := start(t, plan{clock: true, global: "\t\tshort_session 20m"})
	u := g.newUser(t)
	login := object{"login": u.email, "password": u.password, "remember": false}
	u.take(t, g.api(t, "POST", "/login", login).must(t, 200, ""))
	g.advance(t, 19*time.Minute)
	u.take(t, g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).must(t, 200, ""))
	g.advance(t, time.Minute)
	g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).want(t, 401, "invalid_refresh_token")
	login["cookies"] = true
	for name, c := range g.api(t, "POST", "/login", login).must(t, 200, "").setCookies(t) {
		if c.MaxAge != 0 || !c.Expires.IsZero() {
			t.Errorf("%s outlives the browser: %v", name, c)
		}
	}
}

// TestOption_max_sessions: one session more ends the one used longest ago, also with 50 sign-ins at once on two nodes (S12).
func TestOption_max_sessions(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{global: "\t\tmax_sessions 5"})
	u := c.a.newUser(t)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			g, a := []*gateway{c.a, c.b}[i%2], answer{status: 429}
			for a.status == 429 || a.status == 503 { // who waited too long for the others, and may come again
				if a = g.api(t, "POST", "/login", object{"login": u.email, "password": u.password}); a.status != 200 {
					a.retryLater(t, a.code())
				}
			}
			a.want(t, 200, "")
		})
	}
	all.Wait()
	last := c.b.signIn(t, u, false)
	if live := c.a.sessions(t, last.access); len(live) != 5 {
		t.Errorf("%d sessions live, want 5", len(live))
	}
	c.a.do(t, call{path: "/x", bearer: u.access}).want(t, 401, "invalid_token")

	// Of 50 people at once the hashes take their turn: who waited too long is told when to come again, and nobody is locked out (D01).
	people := c.a.clones(t, last, 50)
	in := 0
	for _, a := range c.overBoth(t, len(people), func(i int) call {
		return call{method: "POST", path: "/auth/login", body: object{"login": people[i].email, "password": u.password}}
	}) {
		switch a.status {
		case 200:
			in++
		case 503:
			a.retryLater(t, "unavailable")
		default:
			a.retryLater(t, "rate_limited")
		}
	}
	if in == 0 {
		t.Error("nobody gets in")
	}
	t.Logf("%d of %d get in at once", in, len(people))
}

// retryLater wants a refusal that says when to try again.
func (a answer) retryLater(t testing.TB, code string) {
	t.Helper()
	if n, err := strconv.Atoi(a.header.Get("Retry-After")); a.code() != code || err != nil || n < 1 {
		t.Errorf("%d %s, Retry-After %q", a.status, a.code(), a.header.Get("Retry-After"))
	}
}

// TestOption_session_lifetime: however often a session is renewed, it ends (T23).
func TestOption_session_lifetime(t *testing.T) {
	t.Parallel()
	for _, hours := range []int{2, 5} {
		life := time.Duration(hours) * time.Hour
		g := start(t, plan{clock: true, global: fmt.Sprintf("\t\trefresh_lifetime 1h\n\t\tsession_lifetime %dh", hours)})
		u := g.newUser(t)
		begin := time.Now() // of the session, by the real clock that runs beside the moved one
		moved := time.Duration(0)
		for moved+50*time.Minute < life {
			g.advance(t, 50*time.Minute)
			moved += 50 * time.Minute
			a := g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh})
			a.pair(t, false)
			left := (life - moved).Seconds()
			got, _ := a.json(t)["refresh_expires_in"].(float64)
			if want := min(left, 3600); got > want || got < want-time.Since(begin).Seconds()-2 {
				t.Errorf("after %s refresh_expires_in is %v, expected %v", moved, got, want)
			}
			u.take(t, a)
		}
		// An access token issued near the end does not outlive it.
		g.advance(t, life-moved-2*time.Minute)
		last := g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh})
		last.pair(t, false)
		if got, _ := last.json(t)["expires_in"].(float64); got > 120 {
			t.Errorf("two minutes before the end expires_in is %v", got)
		}
		g.advance(t, 2*time.Minute+time.Second)
		g.api(t, "POST", "/refresh", object{"refresh_token": last.text("refresh_token")}).want(t, 401, "invalid_refresh_token")
		g.signIn(t, u, false)
	}
}

func TestOption_trusted_origins(t *testing.T) {
	t.Parallel()
	const spa = "https://spa.example.com"
	g := start(t, plan{global: "\t\ttrusted_origins " + spa + " http://localhost:5173"})
	b := g.newBrowser(t)
	patch := func(origin string) answer {
		return g.api(t, "PATCH", "/me", object{}, call{cookies: b.cookies, header: map[string]string{"Origin": origin, "Sec-Fetch-Site": "cross-site"}})
	}
	for _, origin := range []string{spa, "http://localhost:5173"} {
		h := patch(origin).must(t, 200, "").header
		if h.Get("Access-Control-Allow-Origin") != origin || h.Get("Access-Control-Allow-Credentials") != "true" || !slices.Contains(h.Values("Vary"), "Origin") {
			t.Errorf("%s is told %v", origin, h)
		}
		pre := g.api(t, "OPTIONS", "/me", nil, call{header: map[string]string{"Origin": origin, "Access-Control-Request-Method": "PATCH"}}).empty(t, 204)
		if !strings.Contains(pre.header.Get("Access-Control-Allow-Methods"), "PATCH") || pre.header.Get("Access-Control-Allow-Origin") != origin {
			t.Errorf("the preflight of %s is told %v", origin, pre.header)
		}
	}
	for _, origin := range []string{"https://spa.example.com.evil.example", "http://spa.example.com", "https://spa.example.com:8443", "https://SPA.example.com",
		"https://x.spa.example.com", "null", "*", spa + "/", "http://localhost:5174"} {
		a := patch(origin).want(t, 403, "cross_origin")
		pre := g.api(t, "OPTIONS", "/me", nil, call{header: map[string]string{"Origin": origin, "Access-Control-Request-Method": "PATCH"}})
		for _, h := range []http.Header{a.header, pre.header} {
			for name := range h {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s is told %s", origin, name)
				}
			}
		}
	}
	// Through the guard, too; and without the option nobody else.
	send := call{method: "POST", path: "/app", cookies: b.cookies, header: map[string]string{"Origin": spa, "Sec-Fetch-Site": "cross-site"}}
	g.do(t, send).must(t, 200, "")
	g.restartWith(t, plan{})
	g.do(t, send).want(t, 403, "cross_origin")
	patch(spa).want(t, 403, "cross_origin")
}

func TestOption_remote_user(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\tsignup open"})
	full := g.newOpenUser(t, "somebody")
	bare := g.newOpenUser(t, "")
	for setting, want := range map[string][2]string{"": {full.id, bare.id}, "email": {full.id, bare.id}, "username": {"somebody", bare.id}, "sub": {full.id, bare.id}} {
		line := ""
		if setting != "" {
			line = "\n\t\tremote_user " + setting
		}
		g.restartWith(t, plan{global: "\t\tsignup open" + line})
		for i, u := range []*user{full, bare} { // neither has a proven address yet
			got := g.do(t, call{path: "/app", bearer: u.access}).must(t, 200, "").echo(t)
			if got.get(t, "Remote-User") != want[i] || got.get(t, "Remote-Sub") != u.id || got.get(t, "Remote-Email") != "" {
				t.Errorf("remote_user %q: Remote-User is %q, expected %q", setting, got.get(t, "Remote-User"), want[i])
			}
		}
	}
	proven := g.api(t, "POST", "/verify", object{"token": g.waitMail(t, full.email, 1).token, "password": password})
	proven.pair(t, false)
	for setting, want := range map[string]string{"email": full.email, "username": "somebody", "sub": full.id} {
		g.restartWith(t, plan{global: "\t\tsignup open\n\t\tremote_user " + setting})
		got := g.do(t, call{path: "/app", bearer: proven.text("access_token")}).must(t, 200, "").echo(t)
		if got.get(t, "Remote-User") != want || got.get(t, "Remote-Email") != full.email {
			t.Errorf("remote_user %s: Remote-User is %q, expected %q", setting, got.get(t, "Remote-User"), want)
		}
	}
}

// newOpenUser registers with signup open and signs in.
func (g *gateway) newOpenUser(t testing.TB, username string) *user {
	t.Helper()
	u := &user{email: freshEmail(), username: username, password: password}
	g.api(t, "POST", "/register", object{"email": u.email, "username": username, "password": password}).must(t, 201, "")
	u.take(t, g.api(t, "POST", "/login", object{"login": u.email, "password": password}).must(t, 200, ""))
	return u
}

func TestOption_token_cache(t *testing.T) {
	t.Parallel()
	const (
		most, entries = `gatehouse_token_cache_max_bytes`, `gatehouse_token_cache_entries`
		hits, misses  = `gatehouse_token_cache_lookups_total{outcome="hit"}`, `gatehouse_token_cache_lookups_total{outcome="miss"}`
	)
	g := start(t, plan{global: "\t\ttoken_cache 1MiB"})
	u := g.newUser(t)
	for range 3 {
		g.do(t, call{path: "/app", bearer: u.access}).want(t, 200, "")
	}
	if got := g.metric(t, most); got != 1<<20 {
		t.Errorf("the cache may take %v bytes", got)
	}
	for _, size := range []string{"2GiB", "1MiB", ""} {
		p := plan{}
		if size != "" {
			p.global = "\t\ttoken_cache " + size
		}
		known, checked := g.metric(t, hits), g.metric(t, misses)
		g.mustReload(t, p)
		inTime(t, 10*time.Second, "the size is "+size, func() bool {
			return g.metric(t, most) == map[string]float64{"2GiB": 2 << 30, "1MiB": 1 << 20, "": 128 << 20}[size]
		})
		g.do(t, call{path: "/app", bearer: u.access}).want(t, 200, "")
		if n := g.metric(t, entries); n != 1 || g.metric(t, hits) != known+1 || g.metric(t, misses) != checked {
			t.Errorf("a reload to %q has made the cache forget: %v tokens", size, n)
		}
	}
}
