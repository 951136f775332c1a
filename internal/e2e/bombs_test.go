package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"
	"time"
)

// bomb is a Cookie header of n cookies, each so large.
func bomb(n, size int) string {
	var b strings.Builder
	b.WriteString("Cookie: ")
	for i := range n {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "c%d=%s", i, strings.Repeat("x", size))
	}
	b.WriteString("\r\n")
	return b.String()
}

// TestD06_CookieFlood: 5 000 cookies come from no browser.
func TestD06_CookieFlood(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	for _, path := range []string{"/x", "/auth/login", "/auth/healthz", "/auth/me"} {
		for _, cookies := range []string{bomb(5000, 3), bomb(5000, 100), bomb(1, 2_000_000)} {
			began := time.Now()
			a := g.raw(t, "GET "+path+" HTTP/1.1\r\nHost: "+g.Host()+"\r\nAccept: text/html\r\nAuthorization: Bearer "+u.access+"\r\n"+closing+cookies+"\r\n")
			if a.status != 431 {
				t.Errorf("%s with %d bytes of cookies: %d", path, len(cookies), a.status)
			}
			if d := time.Since(began); d > 2*time.Second { // milliseconds on an idle machine
				t.Errorf("%s with %d bytes of cookies took %s", path, len(cookies), d)
			}
		}
	}
	for _, lines := range []string{strings.Repeat("X-Junk: x\r\n", 5000), "X-Junk: " + strings.Repeat("x", 60_000) + "\r\n"} {
		for _, path := range []string{"/x", "/auth/login"} {
			a := g.raw(t, "GET "+path+" HTTP/1.1\r\nHost: "+g.Host()+"\r\nAuthorization: Bearer "+u.access+"\r\n"+closing+lines+"\r\n")
			if a.status != 431 || a.header.Get("Clear-Site-Data") != "" {
				t.Errorf("%s with %d bytes of other fields: %d %v", path, len(lines), a.status, a.header)
			}
		}
	}
}

// TestD06_PlantedCookies: a sibling host has planted as many large cookies on a browser as one keeps. The services behind
// the gateway are spared them; the sign-in page is there all the same and makes the browser forget them.
func TestD06_PlantedCookies(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	for _, planted := range []string{bomb(50, 500), bomb(50, 3900), bomb(60, 4000)} {
		get := func(path, accept string) answer {
			return g.raw(t, "GET "+path+" HTTP/1.1\r\nHost: "+g.Host()+"\r\nAccept: "+accept+"\r\n"+closing+planted+"\r\n")
		}
		before := g.up.requests.Load()
		for _, accept := range []string{"text/html", "*/*"} {
			a := get("/x", accept)
			if a.status != 431 || a.code() != "headers_too_large" || a.header.Get("Clear-Site-Data") != `"cookies"` {
				t.Errorf("%d bytes of cookies on a guarded path: %d %v", len(planted), a.status, a.header)
			}
		}
		if g.up.requests.Load() != before {
			t.Error("the upstream was asked")
		}
		a := get("/auth/login", "text/html")
		if a.status != 200 || a.header.Get("Clear-Site-Data") != `"cookies"` || !strings.Contains(string(a.body), "<form") {
			t.Errorf("%d bytes of cookies on the sign-in page: %d %v", len(planted), a.status, a.header)
		}
		body := fmt.Sprintf(`{"login":%q,"password":%q,"cookies":true}`, u.email, u.password)
		a = g.raw(t, fmt.Sprintf("POST /auth/login HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s%s\r\n%s", g.Host(), len(body), closing, planted, body))
		if a.must(t, 200, "").setCookies(t)["gatehouse"] == nil || a.header.Get("Clear-Site-Data") != "" {
			t.Errorf("signed in beside %d bytes of cookies: %v", len(planted), a.header)
		}
	}
	// Many cookies that fit are nobody's business, and ours is found among them.
	b := g.newBrowser(t)
	many := strings.TrimSuffix(bomb(100, 100), "\r\n") + "; gatehouse=" + b.cookies["gatehouse"] + "\r\n"
	e := g.raw(t, "GET /x HTTP/1.1\r\nHost: "+g.Host()+"\r\n"+closing+many+"\r\n").must(t, 200, "").echo(t)
	if e.get(t, "Remote-Sub") != b.id || strings.Contains(e.get(t, "Cookie"), "gatehouse") || !strings.Contains(e.get(t, "Cookie"), "c99=") {
		t.Errorf("a hundred cookies and ours: %.200v", e.Headers)
	}
}

// TestD12_Compressed: nothing is ever inflated, so nothing blows up.
func TestD12_Compressed(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	blown := gzipped(t, `{"login":"`+strings.Repeat("a", 1<<20)+`"}`)
	for _, encoding := range []string{"gzip", "deflate", "br", "zstd", "x-gzip", "gzip, gzip", "identity, gzip"} {
		for _, path := range []string{"/login", "/register", "/refresh", "/token/verify", "/password/forgot"} {
			g.api(t, "POST", path, blown, call{header: map[string]string{"Content-Encoding": encoding, "Content-Type": "application/json"}}).want(t, 415, "unsupported_media_type")
		}
	}
	g.do(t, call{method: "POST", path: "/auth/login", body: blown, header: map[string]string{"Content-Encoding": "gzip", "Content-Type": "application/x-www-form-urlencoded", "Origin": "http://" + g.Host()}}).want(t, 415, "unsupported_media_type")
	// A service's own compressed bodies pass as they are.
	e := g.do(t, call{method: "POST", path: "/x", body: blown, bearer: u.access, header: map[string]string{"Content-Encoding": "gzip"}}).must(t, 200, "").echo(t)
	if e.get(t, "Content-Length") != fmt.Sprint(len(blown)) || e.get(t, "Content-Encoding") != "gzip" {
		t.Errorf("a compressed body arrived as %v", e.Headers)
	}
	// Encrypted tokens (JWE, five parts) are refused unread, whatever they ask to be inflated or derived.
	for _, header := range []string{
		`{"alg":"dir","enc":"A256GCM","zip":"DEF","typ":"at+jwt"}`,
		`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2000000000,"p2s":"AAAAAAAAAAA","typ":"at+jwt"}`,
		`{"alg":"RSA-OAEP","enc":"A256GCM","zip":"DEF"}`,
	} {
		parts := []string{header, strings.Repeat("k", 32), "0123456789ab", string(blown), "0123456789abcdef"}
		for i := range parts {
			parts[i] = b64.EncodeToString([]byte(parts[i]))
		}
		jwe := strings.Join(parts, ".")
		began := time.Now()
		g.do(t, call{path: "/x", bearer: jwe}).want(t, 401, "invalid_token")
		g.do(t, call{path: "/x", cookies: map[string]string{"gatehouse": jwe}}).want(t, 401, "invalid_token")
		a := g.api(t, "POST", "/token/verify", map[string]any{"token": jwe}).must(t, 200, "")
		if v := a.json(t); v["active"] != false || len(v) != 1 {
			t.Errorf("an encrypted token is %v", v)
		}
		if d := time.Since(began); d > 3*time.Second {
			t.Errorf("three looks at an encrypted token took %s", d)
		}
	}
}

func gzipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestD06_RoomForCookiesAlone: what is read for the sake of cookies is no room for anything else: not for the request line,
// and not for sites without a gateway, whose services count on Caddy's limit.
func TestD06_RoomForCookiesAlone(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	u := g.newUser(t)
	for _, path := range []string{"/x?", "/auth/login?", "/auth/healthz?"} {
		a := g.raw(t, "GET "+path+strings.Repeat("a", 100_000)+" HTTP/1.1\r\nHost: "+g.Host()+"\r\nAuthorization: Bearer "+u.access+"\r\n"+closing+"\r\n")
		if a.status != 431 {
			t.Errorf("%s with a request line of 100 KB: %d", path, a.status)
		}
	}
	mixed := start(t, plan{site: defaultSite + "http://bare.example:<port> {\n\tbind 127.0.0.1\n\treverse_proxy <upstream>\n}\n"})
	big := "X-Junk: " + strings.Repeat("x", 60_000) + "\r\n"
	if a := mixed.raw(t, "GET /x HTTP/1.1\r\nHost: bare.example\r\n"+closing+big+"\r\n"); a.status != 431 {
		t.Errorf("60 KB of headers to a site without a gateway: %d", a.status)
	}
	if g.up.requests.Load()+mixed.up.requests.Load() != 0 {
		t.Error("the upstream was asked")
	}
}
