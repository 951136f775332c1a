package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

var sameOrigin = map[string]string{"Sec-Fetch-Site": "same-origin"}

// TestGuard_credential is contract §3.1.
func TestGuard_credential(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u, b := g.newUser(t), g.newBrowser(t)
	sub := func(a answer) string { return a.must(t, 200, "").echo(t).get(t, "Remote-Sub") }

	if got := sub(g.do(t, call{path: "/", bearer: u.access, cookies: b.cookies})); got != u.id {
		t.Errorf("beside a cookie the bearer token should win, but it is %s", got)
	}
	for _, scheme := range []string{"bearer", "BEARER", "bEaReR"} {
		if got := sub(g.do(t, call{path: "/", header: map[string]string{"Authorization": scheme + " " + u.access}})); got != u.id {
			t.Errorf("scheme %s: %q", scheme, got)
		}
	}
	for _, bad := range []string{"Bearer x", "Bearer", "Bearer ", "Bearer " + u.access + "x", "Bearer " + u.access + " " + u.access, "bearer " + u.refresh} {
		a := g.do(t, call{path: "/", cookies: b.cookies, header: map[string]string{"Authorization": bad}})
		if a.status != 401 || a.code() != "invalid_token" {
			t.Errorf("a bad bearer header %.20q beside a good cookie: %d %s", bad, a.status, a.code())
		}
	}
	// Some upstreams take a tab for the space: such a header must not travel unread beside somebody else's cookie.
	if got := sub(g.do(t, call{path: "/", cookies: b.cookies, header: map[string]string{"Authorization": "Bearer\t" + u.access}})); got != u.id {
		t.Errorf("a bearer token after a tab speaks for %s", got)
	}
	for _, other := range []string{"Basic YTpi", "Digest x=y", "Bearerx y", "Negotiate abc"} {
		e := g.do(t, call{path: "/", cookies: b.cookies, header: map[string]string{"Authorization": other}}).must(t, 200, "").echo(t)
		if e.get(t, "Remote-Sub") != b.id || e.get(t, "Authorization") != other {
			t.Errorf("scheme of %.12q: forwarded as %q for %s", other, e.get(t, "Authorization"), e.get(t, "Remote-Sub"))
		}
		g.do(t, call{path: "/", header: map[string]string{"Authorization": other}}).want(t, 401, "authentication_required")
	}
	// A token of ours without a scheme speaks for nobody, and no service sees it (contract §3.8).
	bare := g.do(t, call{path: "/", cookies: b.cookies, header: map[string]string{"Authorization": u.access}}).must(t, 200, "").echo(t)
	if bare.get(t, "Remote-Sub") != b.id || bare.get(t, "Authorization") != "" {
		t.Errorf("a token without a scheme: forwarded as %q for %s", bare.get(t, "Authorization"), bare.get(t, "Remote-Sub"))
	}
	for _, second := range []string{"Bearer " + u.access, "Basic YTpi", ""} {
		a := g.raw(t, "GET / HTTP/1.1\r\nHost: "+g.Host()+"\r\nConnection: close\r\nAuthorization: Bearer "+u.access+"\r\nauthorization: "+second+"\r\n\r\n")
		a.want(t, 400, "invalid_request")
	}
	for _, query := range []string{"access_token=", "token=", "jwt=", "Authorization=Bearer%20", "bearer="} {
		g.do(t, call{path: "/?" + query + u.access}).want(t, 401, "authentication_required")
	}
	form := "access_token=" + u.access
	g.do(t, call{method: "POST", path: "/", body: form, header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}).want(t, 401, "authentication_required")
}

// TestGuard_refusal is contract §3.3: who is led to the sign-in page and who gets a problem.
func TestGuard_refusal(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	html := []string{"text/html", "text/html,*/*;q=0.1", "application/json, text/html;q=0.5", "TEXT/HTML"}
	for _, accept := range html {
		for _, method := range []string{"GET", "HEAD"} {
			a := g.do(t, call{method: method, path: "/app/a%20b?x=1&y=%26", header: map[string]string{"Accept": accept}})
			want := "/auth/login?rd=" + url.QueryEscape(g.url("/app/a%20b?x=1&y=%26"))
			if a.status != 302 || a.header.Get("Location") != want || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s with Accept %s: %d to %q", method, accept, a.status, a.header.Get("Location"))
			}
		}
		// A bad bearer header or cookie is led there too; a page cannot have sent it.
		if a := g.do(t, call{path: "/", bearer: "x", header: map[string]string{"Accept": accept}}); a.status != 302 {
			t.Errorf("a navigation with a bad token: %d", a.status)
		}
	}
	for _, accept := range []string{"", "*/*", "application/json", "text/plain", "text/html;q=0", "text/*", "text/htmlx"} {
		a := g.do(t, call{path: "/", header: map[string]string{"Accept": accept}}).want(t, 401, "authentication_required")
		if a.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("WWW-Authenticate %q without any credential", a.header.Get("WWW-Authenticate"))
		}
	}
	if a := g.do(t, call{method: "POST", path: "/", header: page}); a.status != 401 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		t.Errorf("a form gets %d %s", a.status, a.header.Get("Content-Type"))
	}
	for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"} {
		g.do(t, call{method: method, path: "/", header: page}).want(t, 401, "authentication_required")
	}
	a := g.do(t, call{path: "/", bearer: "x"}).want(t, 401, "invalid_token")
	if a.header.Get("WWW-Authenticate") != `Bearer error="invalid_token"` {
		t.Errorf("WWW-Authenticate %q", a.header.Get("WWW-Authenticate"))
	}
	for _, member := range []string{"type", "title", "status", "detail", "code"} {
		if _, ok := a.json(t)[member]; !ok {
			t.Errorf("the problem has no %s: %s", member, a.body)
		}
	}
	if a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers of a refusal: %v", a.header)
	}
	g.do(t, call{path: "/", bearer: u.access, header: page}).want(t, 200, "")
}

// TestGuard_renewal is contract §3.4.
func TestGuard_renewal(t *testing.T) {
	t.Parallel()
	g := start(t, plan{clock: true})
	b := g.newBrowser(t)
	g.advance(t, 6*time.Minute)
	expired := map[string]string{"gatehouse": b.cookies["gatehouse"], "gatehouse_refresh": b.cookies["gatehouse_refresh"], "theirs": "1"}

	a := g.do(t, call{method: "PUT", path: "/_up/cache?q=%2F", body: "the body \x00\xff", cookies: expired,
		header: map[string]string{"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x"}}).must(t, 200, "")
	e := a.echo(t)
	if e.Method != "PUT" || e.Target != "/_up/cache?q=%2F" || !strings.HasPrefix(e.Body, "the body \x00") || e.get(t, "Remote-Sub") != b.id {
		t.Errorf("the renewed request arrived as %+v", e)
	}
	if e.get(t, "Cookie") != "theirs=1" {
		t.Errorf("the upstream got the cookies %q", e.get(t, "Cookie"))
	}
	if cc := a.header.Values("Cache-Control"); len(cc) != 1 || cc[0] != "private, no-store" {
		t.Errorf("a renewed answer has Cache-Control %q", cc)
	}
	set := a.setCookies(t)
	if set["gatehouse"] == nil || set["gatehouse_refresh"] == nil || set["app"] == nil {
		t.Fatalf("cookies of the renewed answer: %v", a.header.Values("Set-Cookie"))
	}
	b.takeCookies(t, a)
	delete(b.cookies, "app")
	a = g.do(t, call{path: "/_up/cache", cookies: b.cookies}).must(t, 200, "")
	if a.header.Get("Cache-Control") != "public, max-age=600" || len(a.header.Values("Set-Cookie")) != 1 {
		t.Errorf("an answer without renewal was changed: %v", a.header)
	}

	// Error answers of the upstream carry the cookies as well, and no access cookie at all is as good as an expired one.
	g.advance(t, 6*time.Minute)
	a = g.do(t, call{path: "/_up/status/500", cookies: map[string]string{"gatehouse_refresh": b.cookies["gatehouse_refresh"]}})
	if a.status != 500 || a.setCookies(t)["gatehouse"] == nil || a.header.Get("Cache-Control") != "private, no-store" {
		t.Errorf("a renewal before an upstream's error: %d %v", a.status, a.header)
	}
	b.takeCookies(t, a)

	// A renewed navigation is no redirect; a dead refresh cookie is one, and is taken back.
	g.advance(t, 6*time.Minute)
	b.takeCookies(t, g.do(t, call{path: "/", cookies: b.cookies, header: page}).must(t, 200, ""))
	g.advance(t, 31*24*time.Hour)
	a = g.do(t, call{path: "/", cookies: b.cookies, header: page})
	if cleared := a.setCookies(t); a.status != 302 || cleared["gatehouse"] == nil || cleared["gatehouse"].MaxAge >= 0 || cleared["gatehouse_refresh"].MaxAge >= 0 {
		t.Errorf("with a dead refresh cookie: %d %v", a.status, a.header)
	}
}

// TestGuard_parallelRenewals: a page loads twenty things at the moment its access cookie expires.
func TestGuard_parallelRenewals(t *testing.T) {
	t.Parallel()
	for _, postgres := range []bool{false, true} {
		t.Run(fmt.Sprintf("postgres=%t", postgres), func(t *testing.T) {
			t.Parallel()
			g := start(t, plan{clock: true, postgres: postgres})
			b := g.newBrowser(t)
			for round := range 5 {
				g.advance(t, 6*time.Minute)
				answers := make([]answer, 20)
				var wg sync.WaitGroup
				release := make(chan struct{})
				for i := range answers {
					wg.Go(func() {
						<-release
						a, err := g.try(call{method: "POST", path: fmt.Sprintf("/r%d", i), body: fmt.Sprint("body ", i), cookies: b.cookies, header: sameOrigin})
						if err != nil {
							t.Errorf("%v", err)
						}
						answers[i] = a
					})
				}
				close(release)
				wg.Wait()
				refresh := map[string]bool{}
				for i, a := range answers {
					a.must(t, 200, "")
					if e := a.echo(t); e.Body != fmt.Sprint("body ", i) || e.get(t, "Remote-Sub") != b.id {
						t.Errorf("round %d: %+v", round, e)
					}
					if c := a.setCookies(t)["gatehouse_refresh"]; c != nil {
						refresh[c.Value] = true
					} else {
						t.Errorf("round %d: no new refresh cookie", round)
					}
				}
				if len(refresh) != 1 {
					t.Errorf("round %d: %d different successors", round, len(refresh))
				}
				b.takeCookies(t, answers[round])
			}
			if n := g.count(t, "select count(*) from sessions where revoked_at is not null"); n != 0 {
				t.Errorf("%d sessions were revoked", n)
			}
		})
	}
}

// TestGuard_origin is contract §3.5.
func TestGuard_origin(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "trusted_origins https://spa.example.com"})
	b, u := g.newBrowser(t), g.newUser(t)
	own := "http://" + g.Host()
	cases := []struct {
		header map[string]string
		ok     bool
	}{
		{nil, true},
		{map[string]string{"Sec-Fetch-Site": "same-origin"}, true},
		{map[string]string{"Sec-Fetch-Site": "none"}, true},
		{map[string]string{"Sec-Fetch-Site": "same-site"}, false},
		{map[string]string{"Sec-Fetch-Site": "cross-site"}, false},
		{map[string]string{"Sec-Fetch-Site": "garbage"}, false},
		{map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": own}, false},
		{map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://spa.example.com"}, true},
		{map[string]string{"Origin": own}, true},
		{map[string]string{"Origin": "https://spa.example.com"}, true},
		{map[string]string{"Origin": "null"}, false},
		{map[string]string{"Origin": "https://evil.test"}, false},
		{map[string]string{"Origin": "https://" + g.Host()}, false},
		{map[string]string{"Origin": own + ".evil.test"}, false},
		{map[string]string{"Origin": "https://spa.example.com.evil.test"}, false},
		{map[string]string{"Origin": "http://spa.example.com"}, false},
		{map[string]string{"Origin": "https://sub.spa.example.com"}, false},
		{map[string]string{"Origin": strings.Replace(own, "127.0.0.1", "localhost", 1)}, false},
	}
	refreshOnly := map[string]string{"gatehouse_refresh": b.cookies["gatehouse_refresh"]}
	for _, c := range cases {
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "PROPFIND"} {
			a := g.do(t, call{method: method, path: "/x", cookies: b.cookies, header: c.header})
			if (a.status == 200) != c.ok || !c.ok && a.code() != "cross_origin" {
				t.Errorf("%s %v: %d %s", method, c.header, a.status, a.code())
			}
		}
		if !c.ok {
			// Not even a renewal may be caused from elsewhere.
			a := g.do(t, call{method: "POST", path: "/x", cookies: refreshOnly, header: c.header})
			if a.status != 403 || len(a.header.Values("Set-Cookie")) != 0 {
				t.Errorf("renewal from another origin %v: %d %v", c.header, a.status, a.header)
			}
		}
		for _, method := range []string{"GET", "HEAD"} {
			if a := g.do(t, call{method: method, path: "/x", cookies: b.cookies, header: c.header}); a.status != 200 {
				t.Errorf("%s %v: %d", method, c.header, a.status)
			}
		}
		if a := g.do(t, call{method: "POST", path: "/x", bearer: u.access, header: c.header}); a.status != 200 {
			t.Errorf("POST by bearer %v: %d", c.header, a.status)
		}
	}
	for _, twice := range []string{"Origin: " + own + "\r\nOrigin: https://evil.test", "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site"} {
		g.raw(t, "POST /x HTTP/1.1\r\nHost: "+g.Host()+"\r\nContent-Length: 0\r\nConnection: close\r\nCookie: gatehouse="+b.cookies["gatehouse"]+"\r\n"+twice+"\r\n\r\n").want(t, 403, "cross_origin")
	}
}

// TestB11_CrossSiteWebSocket: an upgrade is a GET that no CORS rule holds back.
func TestB11_CrossSiteWebSocket(t *testing.T) {
	t.Parallel()
	g := shared(t)
	b, u := g.newBrowser(t), g.newUser(t)
	upgrade := func(lines string) answer {
		return g.raw(t, "GET /_up/upgrade HTTP/1.1\r\nHost: "+g.Host()+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+lines+"\r\n")
	}
	cookie, bearer := "Cookie: gatehouse="+b.cookies["gatehouse"]+"\r\n", "Authorization: Bearer "+u.access+"\r\n"
	for lines, want := range map[string]int{
		cookie + "Origin: https://evil.test\r\n":                                      403,
		cookie + "Origin: null\r\n":                                                   403,
		cookie + "Sec-Fetch-Site: cross-site\r\n":                                     403,
		cookie + "Sec-Fetch-Site: same-site\r\n":                                      403,
		cookie + "Origin: http://" + g.Host() + "\r\n":                                101,
		cookie + "Origin: http://" + g.Host() + "\r\nSec-Fetch-Site: same-origin\r\n": 101,
		cookie:                                   101,
		bearer + "Origin: https://evil.test\r\n": 101,
		"Origin: http://" + g.Host() + "\r\n":    401,
	} {
		a := upgrade(lines)
		if a.status != want {
			t.Errorf("%.30s…%s: %d, expected %d", lines, lines[max(0, len(lines)-50):], a.status, want)
		}
		if a.status == 101 && a.echo(t).get(t, "Remote-Sub") == "" {
			t.Error("an upgrade without identity")
		}
	}
}

// TestGuard_placeholders is contract §3.9: placeholders of the user, and no second reading of what users wrote.
func TestGuard_placeholders(t *testing.T) {
	t.Parallel()
	g := start(t, plan{env: []string{"E2E_SECRET_WORD=pineapple"}, guard: `headers remote x_auth
		header X-My-Id {http.auth.user.id}
		header X-My-Email {http.auth.user.email}
		header X-My-Username {http.auth.user.username}
		header X-My-Name {http.auth.user.name}
		header X-My-Roles {http.auth.user.roles}
		header X-My-Session {http.auth.user.session_id}
		header X-My-Acr {http.auth.user.acr}
		header X-My-Amr {http.auth.user.amr}
		header X-My-Auth-Time {http.auth.user.auth_time}
		header X-My-Query {http.request.uri.query.q}`,
		site: strings.Replace(defaultSite, "reverse_proxy", "header X-Told \"{http.auth.user.name}\"\n\treverse_proxy", 1)})
	names := map[string]string{}
	for _, first := range []string{"{env.HOME}", "{env.E2E_SECRET_WORD}", "{http.request.header.Authorization}", "{http.auth.user.id}", `\{env.HOME}`, "{file./etc/passwd}", "{{env.HOME}}", "{$HOME}", "Zoë 100%"} {
		u := g.newUser(t, profile{firstName: first})
		names[u.id] = first
		e := g.do(t, call{path: "/?q=" + url.QueryEscape(first), bearer: u.access}).must(t, 200, "")
		got := e.echo(t)
		want := encodeHeader(first)
		for _, h := range []string{"Remote-Name", "X-Auth-Name", "X-My-Name", "X-My-Query"} {
			if v := got.get(t, h); v != want {
				t.Errorf("%s for a user named %q: %q, expected %q", h, first, v, want)
			}
		}
		if got.get(t, "X-My-Id") != u.id || got.get(t, "X-My-Email") != u.email || got.get(t, "X-My-Username") != u.username || got.get(t, "X-My-Session") != u.sid {
			t.Errorf("placeholders: %v", got.Headers)
		}
		said := claims(t, u.access)
		if got.get(t, "X-My-Acr") != "1fa" || got.get(t, "X-My-Amr") != "email" || got.get(t, "X-My-Auth-Time") != fmt.Sprintf("%.0f", said["auth_time"]) || said["acr"] != "1fa" {
			t.Errorf("how the user signed in: %v, the token %v", got.Headers, said)
		}
		if text := fmt.Sprint(got.Headers, e.header); strings.Contains(text, "pineapple") || strings.Contains(text, g.Dir+" ") || strings.Contains(text, "root:") {
			t.Errorf("a name was expanded: %s", text)
		}
	}
	// What an anonymous client sends is no template either.
	for _, path := range []string{"/{env.E2E_SECRET_WORD}", "/?x={env.E2E_SECRET_WORD}"} {
		a := g.raw(t, "GET "+path+" HTTP/1.1\r\nHost: "+g.Host()+"\r\nAccept: text/html\r\nConnection: close\r\n\r\n")
		if a.status != 302 || strings.Contains(a.header.Get("Location"), "pineapple") {
			t.Errorf("%s: %d %s", path, a.status, a.header.Get("Location"))
		}
	}
}

// encodeHeader is the rule of contract §3.6, written again.
func encodeHeader(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c < 0x20 || c > 0x7e || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// TestC13_ReturnAddress: what the guard adds to the sign-in page's address leads back here and nowhere else.
func TestC13_ReturnAddress(t *testing.T) {
	t.Parallel()
	g := sharedAs(t, "logins", plan{site: defaultSite + `
http://127.0.0.1:<port2> {
	gatehouse_guard {
		login_url https://auth.example.com/auth/login?theme=dark
	}
	reverse_proxy <upstream>
}
`})
	for _, target := range []string{"/", "//evil.test/", "/\\evil.test", "/?rd=https://evil.test", "/?x=1&rd=https%3A%2F%2Fevil.test&rd=2", "/@evil.test", "/%0d%0aLocation:%20https://evil.test",
		"/a;b?c;d", "/%2f%2fevil.test", "/.evil.test", "/javascript:alert(1)", "/a#b", "/?x=%00", "/\u00e9", "/'\"<script>", "/a?b?c=d&amp;e"} {
		for _, host := range []string{g.Host(), fmt.Sprintf("127.0.0.1:%d", g.Port2)} {
			a := g.rawTo(t, host, "GET "+target+" HTTP/1.1\r\nHost: "+host+"\r\nAccept: text/html\r\nConnection: close\r\n\r\n")
			if a.status == 400 {
				continue
			}
			location := a.header.Get("Location")
			page, query, _ := strings.Cut(location, "?")
			want := "/auth/login"
			if host != g.Host() {
				want = "https://auth.example.com/auth/login"
			}
			values, err := url.ParseQuery(query)
			if a.status != 302 || page != want || err != nil || len(values["rd"]) != 1 || len(a.header.Values("Location")) != 1 {
				t.Errorf("%s: %d to %q (%v)", target, a.status, location, err)
				continue
			}
			if host != g.Host() && values.Get("theme") != "dark" {
				t.Errorf("%s: login_url's own parameter is gone: %s", target, location)
			}
			back, err := url.Parse(values.Get("rd"))
			if err != nil || back.Scheme != "http" || back.Host != host || back.User != nil {
				t.Errorf("%s: it leads back to %q", target, values.Get("rd"))
			}
		}
	}
	// An address that no sign-in page takes is left out, and the page is told why.
	a := g.do(t, call{path: "/?" + strings.Repeat("x", 3000), header: page})
	if a.status != 302 || a.header.Get("Location") != "/auth/login?lost=long" {
		t.Errorf("a very long address: %d %.100s", a.status, a.header.Get("Location"))
	}
	// The address is the client's own, before any rewrite, and never from a header.
	a = g.do(t, call{path: "/here", header: map[string]string{"Accept": "text/html", "X-Forwarded-Host": "evil.test", "X-Forwarded-Proto": "https", "X-Forwarded-Uri": "/there", "X-Original-URL": "/there", "Forwarded": "host=evil.test", "Referer": "https://evil.test/"}})
	if want := "/auth/login?rd=" + url.QueryEscape(g.url("/here")); a.header.Get("Location") != want {
		t.Errorf("with forwarded headers from anybody: %s", a.header.Get("Location"))
	}
	if a := g.do(t, call{method: http.MethodHead, path: "/here", header: page}); a.status != 302 || len(a.body) != 0 {
		t.Errorf("HEAD: %d", a.status)
	}
}
