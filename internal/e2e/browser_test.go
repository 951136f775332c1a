package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// wantFlags demands the flags of contract §4 of every cookie that an answer sets or takes back.
func wantFlags(t *testing.T, what string, a answer, https bool, names ...string) {
	t.Helper()
	set := a.setCookies(t)
	if len(set) != len(names) {
		t.Errorf("%s: cookies %q, expected %q", what, a.header.Values("Set-Cookie"), names)
	}
	for _, name := range names {
		if https {
			name = "__Host-" + name
		}
		c := set[name]
		if c == nil {
			t.Errorf("%s: no cookie %s in %q", what, name, a.header.Values("Set-Cookie"))
			continue
		}
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Secure != https || c.MaxAge == 0 || len(c.Name)+len(c.Value) > 4096 {
			t.Errorf("%s: %s", what, c.Raw)
		}
	}
}

func TestB01_GuardCookieFlags(t *testing.T) {
	t.Parallel()
	g := start(t, plan{clock: true, caddy: "skip_install_trust\n\tservers {\n\t\ttrusted_proxies static 127.0.0.1/32\n\t}", site: defaultSite + `
https://localhost:<port2> {
	tls internal
	gatehouse
	gatehouse_guard
	reverse_proxy <upstream>
}
`})
	secure := "https://localhost:" + fmt.Sprint(g.Port2)
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // Caddy's own new authority
	client := &http.Client{Transport: transport, CheckRedirect: g.client.CheckRedirect, Timeout: 30 * time.Second}
	defer transport.CloseIdleConnections()
	u := g.newUser(t)

	ways := map[string]struct {
		c     call
		https bool
	}{
		"http":          {call{}, false},
		"https":         {call{base: secure, client: client}, true},
		"trusted proxy": {call{header: map[string]string{"X-Forwarded-Proto": "https"}}, true},
	}
	eventually(t, "the certificate is there", func() bool {
		_, err := g.try(call{base: secure, client: client, path: "/auth/healthz"})
		return err == nil
	})
	for what, way := range ways {
		c := way.c
		a := g.api(t, "POST", "/login", map[string]any{"login": u.email, "password": u.password, "cookies": true}, c).must(t, 200, "")
		wantFlags(t, what+": signed in", a, way.https, "gatehouse", "gatehouse_refresh", "gatehouse_device")
		s := &user{}
		s.take(t, a)

		plain, prefix := "gatehouse", "__Host-"
		if !way.https {
			prefix = ""
		}
		c.path, c.cookies = "/x", map[string]string{prefix + "gatehouse_refresh": s.cookies[prefix+"gatehouse_refresh"]}
		renewed := g.do(t, c).must(t, 200, "")
		wantFlags(t, what+": renewed", renewed, way.https, "gatehouse", "gatehouse_refresh")
		s.takeCookies(t, renewed)

		// The other variant of a name is never read: a sibling host or the network can plant the plain one (B02).
		c.cookies = map[string]string{"__Host-" + plain: s.cookies[prefix+plain]}
		if way.https {
			c.cookies = map[string]string{plain: s.cookies[prefix+plain], "gatehouse_refresh": s.cookies["__Host-gatehouse_refresh"]}
		}
		g.do(t, c).want(t, 401, "authentication_required")

		c.path, c.cookies = "", s.cookies
		out := g.api(t, "POST", "/logout", nil, c).must(t, 204, "")
		wantFlags(t, what+": signed out", out, way.https, "gatehouse", "gatehouse_refresh")

		dead := c
		dead.path, dead.cookies = "/x", map[string]string{prefix + "gatehouse_refresh": s.cookies[prefix+"gatehouse_refresh"]}
		gone := g.do(t, dead).want(t, 401, "invalid_token")
		wantFlags(t, what+": a dead refresh cookie", gone, way.https, "gatehouse", "gatehouse_refresh")
		hsts := out.header.Get("Strict-Transport-Security")
		if (hsts != "") != way.https {
			t.Errorf("%s: Strict-Transport-Security %q", what, hsts)
		}
	}
}

// TestP01_OverHTTP2: HTTP/2 has its own way of headers, trailers and cookies.
func TestP01_OverHTTP2(t *testing.T) {
	t.Parallel()
	g := start(t, plan{caddy: "skip_install_trust", site: defaultSite + `
https://localhost:<port2> {
	tls internal
	gatehouse
	gatehouse_guard /app*
	reverse_proxy <upstream>
}
`})
	base := "https://localhost:" + fmt.Sprint(g.Port2)
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: g.client.CheckRedirect, Timeout: 30 * time.Second}
	eventually(t, "the certificate is there", func() bool {
		_, err := g.try(call{base: base, client: client, path: "/auth/healthz"})
		return err == nil
	})
	account := g.newUser(t)
	token := g.api(t, "POST", "/login", map[string]any{"login": account.email, "password": account.password}, call{base: base, client: client}).must(t, 200, "").text("access_token")
	for _, path := range []string{"/app", "/open"} {
		req, err := http.NewRequest("POST", base+path, io.NopCloser(strings.NewReader("body"))) // of unknown length, so with trailers
		if err != nil {
			t.Fatal(err)
		}
		req.Trailer = http.Header{"Remote-Sub": nil, "X-Theirs": nil, "Remote_name": nil}
		req.Header.Set("Authorization", "Bearer "+token)
		for _, name := range identityNames[:24] {
			req.Header[name] = []string{"spoofed", "spoofed"}
			req.Header[strings.ReplaceAll(name, "-", "_")] = []string{"spoofed"}
			req.Trailer[name] = []string{"spoofed"}
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.ProtoMajor != 2 {
			t.Fatalf("HTTP/%d %v", resp.ProtoMajor, err)
		}
		e := (answer{resp.StatusCode, resp.Header, text}).must(t, 200, "").echo(t)
		for _, h := range append(e.Headers, e.Trailers...) {
			if strings.Contains(h[1], "spoofed") {
				t.Errorf("%s: the upstream got %q", path, h)
			}
		}
		if got := e.get(t, "Remote-User"); (got == account.email) != (path == "/app") {
			t.Errorf("%s: Remote-User is %q", path, got)
		}
		if e.Body != "body" {
			t.Errorf("%s: body %q", path, e.Body)
		}
	}
}

func TestB02_CookieTossing(t *testing.T) {
	t.Parallel()
	g := shared(t)
	victim, attacker := g.newBrowser(t), g.newBrowser(t)
	v, a := victim.cookies["gatehouse"], attacker.cookies["gatehouse"]
	vr, ar := victim.cookies["gatehouse_refresh"], attacker.cookies["gatehouse_refresh"]
	for _, line := range []string{
		"Cookie: gatehouse=" + a + "; gatehouse=" + v, "Cookie: gatehouse=" + v + "; gatehouse=" + a, "Cookie: gatehouse=" + v + "\r\nCookie: gatehouse=" + a,
		"Cookie: gatehouse=" + v + "; gatehouse=", "Cookie: gatehouse=; gatehouse=" + v, "Cookie: gatehouse =" + a + "; gatehouse=" + v, "Cookie: gatehouse\t=" + a + ";gatehouse=" + v, "Cookie: gatehouse; gatehouse=" + v,
		"Cookie: gatehouse_refresh=" + ar + "; gatehouse_refresh=" + vr, "Cookie: gatehouse_refresh=" + vr + "\r\nCookie: gatehouse_refresh=" + ar,
		"Cookie: __Host-gatehouse=" + a, "Cookie: Gatehouse=" + a, "Cookie: GATEHOUSE=" + a, "Cookie: sid=" + a, "Cookie: x=1, gatehouse=" + a,
	} {
		got := g.raw(t, "GET /x HTTP/1.1\r\nHost: "+g.Host()+"\r\n"+closing+line+"\r\n\r\n")
		if got.status != 401 {
			t.Errorf("%.30s…: %d %.200s", line, got.status, got.body)
		}
	}
	// Nobody was signed out by it.
	for _, u := range []*user{victim, attacker} {
		g.do(t, call{path: "/x", cookies: u.cookies}).want(t, 200, "")
	}
}

func TestD08_AnonymousLoad(t *testing.T) {
	t.Parallel()
	g := start(t, plan{guard: "optional", site: defaultSite + strings.NewReplacer("<port>", "<port2>", "<guard>", "").Replace(defaultSite)})
	u := g.newUser(t)
	tables := []string{"users", "sessions", "revocations", "events", "lockouts", "challenges"}
	before := g.count(t, "select (select count(*) from users) + (select count(*) from sessions) + (select count(*) from events) + (select count(*) from outbox) + (select count(*) from challenges)")
	// Without these tables nothing works that asks the database.
	for _, name := range tables {
		g.exec(t, "alter table "+name+" rename to away_"+name)
	}
	second := fmt.Sprintf("http://127.0.0.1:%d", g.Port2)
	junk := "ghr_" + strings.Repeat("A", 60)
	var visitors sync.WaitGroup
	for range 8 {
		visitors.Go(func() {
			for i := range soak.N(125, 18_000) { // a million, all in all
				for _, c := range []call{
					{path: "/x"}, {path: "/x", base: second}, {path: "/x", base: second, header: page}, {path: "/x", base: second, bearer: "junk"}, {path: "/x", base: second, cookies: map[string]string{"gatehouse": "junk"}},
					{path: "/x", base: second, cookies: map[string]string{"gatehouse_refresh": junk}}, {path: "/x", base: second, bearer: u.access},
				} {
					a, err := g.try(c)
					if err != nil || a.status >= 500 {
						t.Errorf("request %d %+v: %d %v %s", i, c, a.status, err, a.body)
						return
					}
					if len(c.cookies) == 0 && len(a.header.Values("Set-Cookie")) != 0 {
						t.Errorf("an anonymous visitor got a cookie: %v", a.header)
						return
					}
				}
			}
		})
	}
	visitors.Wait()
	for _, name := range tables {
		g.exec(t, "alter table away_"+name+" rename to "+name)
	}
	after := g.count(t, "select (select count(*) from users) + (select count(*) from sessions) + (select count(*) from events) + (select count(*) from outbox) + (select count(*) from challenges)")
	if after != before {
		t.Errorf("anonymous visitors left %d rows", after-before)
	}
	u.take(t, g.api(t, "POST", "/refresh", map[string]any{"refresh_token": u.refresh}).must(t, 200, ""))
}
