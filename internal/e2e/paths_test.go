package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"
)

// pathGateway guards /admin by a matcher that names it, on the first port, and all but /public on the second.
func pathGateway(t testing.TB) *gateway {
	t.Helper()
	return sharedAs(t, "paths", plan{site: `http://127.0.0.1:<port> {
	gatehouse
	@admin path /admin /admin/*
	gatehouse_guard @admin
	reverse_proxy <upstream>
}
http://127.0.0.1:<port2> {
	gatehouse
	@private not path /public/*
	gatehouse_guard @private
	reverse_proxy <upstream>
}
`})
}

// readings are the paths that one server or another takes a request's target for: decoded up to twice, with dot segments
// resolved or not, slashes merged, backslashes turned, parameters cut, case folded.
func readings(target string) []string {
	path, _, _ := strings.Cut(target, "?")
	path, _, _ = strings.Cut(path, "#")
	out := []string{path}
	for range 2 {
		decoded, err := url.PathUnescape(path)
		if err != nil {
			break
		}
		path = decoded
		out = append(out, path)
	}
	for _, p := range out {
		turned := strings.ReplaceAll(p, `\`, "/")
		var segments []string
		for segment := range strings.SplitSeq(turned, "/") {
			segment, _, _ = strings.Cut(segment, ";")
			switch segment {
			case "", ".":
			case "..":
				if len(segments) > 0 {
					segments = segments[:len(segments)-1]
				}
			default:
				segments = append(segments, segment)
			}
		}
		out = append(out, strings.ToLower("/"+strings.Join(segments, "/")))
		clean, _, _ := strings.Cut(strings.ToLower(turned), "\x00")
		out = append(out, clean)
	}
	return out
}

func isAdmin(target string) bool {
	for _, r := range readings(target) {
		if r == "/admin" || strings.HasPrefix(r, "/admin/") {
			return true
		}
	}
	return false
}

// isPrivate reports whether a server could take the target for something outside /public/.
func isPrivate(target string) bool {
	for _, r := range readings(target) {
		if !strings.HasPrefix(r, "/public/") && !strings.HasPrefix(strings.ToLower(r), "/public/") && r != "/public" {
			return true
		}
	}
	return false
}

func TestP11_PathSpelling(t *testing.T) {
	t.Parallel()
	g := pathGateway(t)
	for _, target := range []string{"/admin", "/admin/", "/ADMIN", "/Admin/x", "//admin", "///admin//", "/./admin", "/x/../admin", "/x/./../admin/x", "/%61dmin", "/%2561dmin", "/admin%2f..", "/admin%2fx", "/admin;x", "/admin;x/y",
		"/;/admin", "/x;/../admin", "/admin%00", "/admin%00.png", `/admin\`, `/\admin`, `/x\..\admin`, "/%2e%2e/admin", "/%2e/admin", "/.%2e/admin", "/x/%2e%2e/admin", "/x%2f..%2fadmin", "/%5cadmin", "/admin%20", "/admin%09",
		"/admin.", "/admin/.", "/admin/..", "/public/../admin", "/public/%2e%2e/admin", "/public/..%2fadmin", "/public/..;/admin", "/public/%252e%252e/admin", `/public/..\admin`, "/public//../admin", "/public/x/../../admin"} {
		a := g.raw(t, "GET "+target+" HTTP/1.1\r\nHost: "+g.Host()+"\r\nConnection: close\r\n\r\n")
		check(t, target, a)
	}
	for _, malformed := range []string{"/%zz", "/admin%", "/admin%a", "/%", "/%0", "admin", "*admin", "/ad min", "/\x01", "/\x7f", "/admin%00", "/%00"} {
		a := g.raw(t, "GET "+malformed+" HTTP/1.1\r\nHost: "+g.Host()+"\r\nConnection: close\r\n\r\n")
		if a.status != 400 {
			t.Errorf("the malformed target %q: %d", malformed, a.status)
		}
	}
}

// check demands that what reached the upstream is no spelling of /admin.
func check(t testing.TB, target string, a answer) {
	t.Helper()
	switch a.status {
	case 400, 401, 302, 308, 404, 405:
		return
	case 200:
		if seen := a.echo(t).Target; isAdmin(seen) {
			t.Errorf("%q reached the upstream as %q with nobody signed in", target, seen)
		}
		return
	}
	t.Errorf("%q: %d", target, a.status)
}

func TestP11_PathSpellingAtRandom(t *testing.T) {
	t.Parallel()
	g := pathGateway(t)
	second := fmt.Sprintf("127.0.0.1:%d", g.Port2)
	pieces := []string{"/", "//", "/./", "/../", "admin", "ADMIN", "%61dmin", "adm%69n", "public", "%2f", "%2F", "%5c", `\`, ";", ";x", "%3b", "%2e", "%2E%2e", "..", ".", "%25", "%252f", "%252e", "x", "?", "#", "%23", "%3f", "%00", "%0a", "%20", "%c0%af", "%ef%bc%8f", "~", ":", "@", "&", "=", "+", ",", "!", "$", "%7e", "%", "é"}
	r := rand.New(rand.NewPCG(1, uint64(len(pieces))))
	passed := 0
	for range 1500 {
		target := "/"
		if r.IntN(2) == 0 {
			target = "/public/"
		}
		for range 1 + r.IntN(6) {
			target += pieces[r.IntN(len(pieces))]
		}
		request := " HTTP/1.1\r\nHost: " + g.Host() + "\r\nConnection: close\r\n\r\n"
		a := g.raw(t, "GET "+target+request)
		check(t, target, a)
		if a.status == 200 {
			passed++
		}
		a = g.rawTo(t, second, "GET "+target+request)
		if a.status == 200 && isPrivate(a.echo(t).Target) {
			t.Errorf("%q reached the upstream as %q, which is not below /public/", target, a.echo(t).Target)
		}
	}
	if passed < 50 {
		t.Errorf("only %d of the targets passed: the test says little", passed)
	}
}

func TestP12_QueryAndFragment(t *testing.T) {
	t.Parallel()
	g := pathGateway(t)
	second := fmt.Sprintf("127.0.0.1:%d", g.Port2)
	for _, target := range []string{"/admin?x=/public", "/admin?/public/", "/admin#/public/bar", "/admin%23/public", "/admin%3f/public/", "/admin?#/public/", "/?/public/", "/x?y=/public/z", "/admin/?redirect=/public/x", "/publicx/", "/x/public/", "/public", "/public%23/"} {
		for _, host := range []string{g.Host(), second} {
			a := g.rawTo(t, host, "GET "+target+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
			guarded := host == second || strings.HasPrefix(target, "/admin/") || strings.HasPrefix(target, "/admin?")
			if a.status != 401 && a.status != 400 && guarded {
				t.Errorf("%s at %s: %d", target, host, a.status)
			}
		}
	}
	g.rawTo(t, second, "GET /public/?x=/admin HTTP/1.1\r\nHost: "+second+"\r\nConnection: close\r\n\r\n").want(t, 200, "")
	// In absolute form the path counts, not what stands before it.
	for target, status := range map[string]int{"http://" + second + "/admin": 401, "http://evil.test/public/x": 0, "http://" + second + "/public/x": 200} {
		a := g.rawTo(t, second, "GET "+target+" HTTP/1.1\r\nHost: "+second+"\r\nConnection: close\r\n\r\n")
		if status != 0 && a.status != status {
			t.Errorf("%s: %d", target, a.status)
		}
	}
}

func TestP14_HostSpelling(t *testing.T) {
	t.Parallel()
	// Lists of more than a hundred names are searched in another way (CVE-2026-27588).
	many := ""
	for i := range 120 {
		many += fmt.Sprintf(", http://n%d.example.com:<port>", i)
	}
	g := start(t, plan{global: "issuer https://auth.example.com", site: `http://admin.example.com:<port>, http://xn--bcher-kva.example:<port>` + many + ` {
	bind 127.0.0.1
	gatehouse
	gatehouse_guard
	reverse_proxy <upstream>
}
http://*.apps.example.com:<port> {
	bind 127.0.0.1
	gatehouse
	gatehouse_guard
	reverse_proxy <upstream>
}
http://:<port> {
	bind 127.0.0.1
	respond "no such host" 421
}
`})
	for _, host := range []string{"admin.example.com", "ADMIN.example.com", "Admin.Example.Com", "admin.example.com.", "admin.example.com:80", "admin.example.com:" + fmt.Sprint(g.Port), "admin.example.com:", "admin.example.com..",
		"xn--bcher-kva.example", "XN--BCHER-KVA.EXAMPLE", "b\u00fccher.example", "a.apps.example.com", "A.APPS.EXAMPLE.COM:1", "a.b.apps.example.com", "apps.example.com", "admin.example.com@evil.test", "evil.test@admin.example.com", "admin.example.com/", "admin.example.com%00", " admin.example.com", "admin.example.com,evil.test", "[::1]", "", "127.0.0.1"} {
		a := g.raw(t, "GET /secret HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
		if a.status != 401 && a.status != 400 && a.status != 421 {
			t.Errorf("Host %q: %d %.100s", host, a.status, a.body)
		}
	}
	for _, host := range []string{"admin.example.com", "ADMIN.example.com", "admin.example.com:80", "a.apps.example.com"} {
		if a := g.raw(t, "GET / HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n"); a.status != 401 {
			t.Errorf("Host %s: %d, so the site was not found", host, a.status)
		}
	}
	for _, lines := range []string{"Host: evil.test\r\nHost: admin.example.com\r\n", ""} {
		if a := g.raw(t, "GET / HTTP/1.1\r\n"+lines+"Connection: close\r\n\r\n"); a.status != 400 {
			t.Errorf("%q: %d", lines, a.status)
		}
	}
}

func TestP16_Methods(t *testing.T) {
	t.Parallel()
	g := pathGateway(t)
	u := g.newUser(t)
	send := func(method, path, lines string) answer {
		return g.raw(t, method+" "+path+" HTTP/1.1\r\nHost: "+g.Host()+"\r\nContent-Length: 0\r\n"+closing+lines+"\r\n")
	}
	bearer := "Authorization: Bearer " + u.access + "\r\n"
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "POST", "get", "PROPFIND", "SEARCH", "QUERY", "X", "LOCK", "PURGE"} {
		if a := send(method, "/admin", ""); a.status != 401 {
			t.Errorf("%s: %d", method, a.status)
		}
		if a := send(method, "/admin", "X-HTTP-Method-Override: OPTIONS\r\nX-HTTP-Method: OPTIONS\r\nX-Method-Override: OPTIONS\r\n"); a.status != 401 {
			t.Errorf("%s called OPTIONS by a header: %d", method, a.status)
		}
		a := send(method, "/admin", bearer)
		if a.status != 200 || method != "HEAD" && a.echo(t).Method != method {
			t.Errorf("%s signed in: %d %.100s", method, a.status, a.body)
		}
	}
	a := send("OPTIONS", "/admin", "Origin: https://evil.test\r\nAccess-Control-Request-Method: DELETE\r\nAccess-Control-Request-Headers: authorization\r\n")
	if a.status != 401 || a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a preflight: %d %v", a.status, a.header)
	}
	for _, path := range []string{"/admin", "/open"} { // also where no user is needed
		for _, lines := range []string{"", bearer} {
			if a := send("TRACE", path, lines); a.status != 405 || a.header.Get("Allow") == "" || strings.Contains(string(a.body), u.access) {
				t.Errorf("TRACE %s: %d", path, a.status)
			}
		}
	}
	for _, target := range []string{g.Host(), "evil.test:443", "/admin", "/open"} {
		a := send("CONNECT", target, bearer)
		if strings.HasPrefix(target, "evil.test") && a.status == 200 && len(a.body) == 0 {
			continue // no site has this name: Caddy's own empty answer
		}
		if a.status != 405 && a.status != 400 {
			t.Errorf("CONNECT %s: %d", target, a.status)
		}
	}
}

func TestP30_ParameterFloods(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	for _, query := range []string{strings.Repeat("a=1&", 3000), strings.Repeat(";", 8000), "rd=1&rd=2;rd=3", strings.Repeat("&", 5000), "a[]=1&a[99999999]=2&%5b%5d", "=&=&=", "%", "%zz", "?", "a=%00"} {
		a := g.raw(t, "GET /x?"+query+" HTTP/1.1\r\nHost: "+g.Host()+"\r\n"+closing+"Authorization: Bearer "+u.access+"\r\n\r\n")
		if a.status == 200 {
			if got := a.echo(t).Target; got != "/x?"+query {
				t.Errorf("the query of %d bytes beginning %.20q was changed", len(query), query)
			}
		} else if a.status != 400 && a.status != 414 && a.status != 431 {
			t.Errorf("a query of %d bytes beginning %.20q: %d", len(query), query, a.status)
		}
		a = g.raw(t, "GET /x?"+query+" HTTP/1.1\r\nHost: "+g.Host()+"\r\n"+closing+"Accept: text/html\r\n\r\n")
		if a.status == 302 {
			back, _ := url.Parse(a.header.Get("Location"))
			if rd := back.Query()["rd"]; len(rd) > 1 || len(rd) == 1 && rd[0] != g.url("/x?"+query) {
				t.Errorf("it would lead back to %.100q", rd)
			}
		} else if a.status != 400 && a.status != 414 && a.status != 431 {
			t.Errorf("anonymous with a query of %d bytes: %d", len(query), a.status)
		}
	}
	if a := g.raw(t, "GET /x?"+strings.Repeat("a=1&", 20_000)+" HTTP/1.1\r\nHost: "+g.Host()+"\r\n"+closing+"\r\n"); a.status != 401 && a.status != 414 && a.status != 431 {
		t.Errorf("20000 parameters: %d", a.status)
	}
}

// TestOddInput: whatever comes over the wire is answered by a plain refusal, or not at all, and the next one is served.
func TestOddInput(t *testing.T) {
	t.Parallel()
	g := pathGateway(t)
	host := "Host: " + g.Host() + "\r\n"
	long := strings.Repeat("x", 1<<20)
	for _, request := range []string{
		"", "\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET\r\n\r\n", "GET /admin\r\n\r\n", "GET /admin HTTP/0.9\r\n\r\n", "GET /admin HTTP/1.0\r\n\r\n", "GET /admin HTTP/9.9\r\n" + host + "\r\n",
		"GET /" + long + " HTTP/1.1\r\n" + host + "\r\n", "GET /admin HTTP/1.1\r\n" + host + "X: " + long + long + "\r\n\r\n", "GET /admin HTTP/1.1\r\n" + host + long + ": x\r\n\r\n",
		"GET /admin HTTP/1.1\r\n" + host + strings.Repeat("X: y\r\n", 20_000) + closing + "\r\n", "GET /admin HTTP/1.1\r\n" + host + strings.Repeat("Cookie: a=b\r\n", 5000) + closing + "\r\n",
		"GET /admin HTTP/1.1\r\n" + host + "Cookie: " + strings.Repeat("gatehouse=x; ", 1000) + "\r\n" + closing + "\r\n", "GET /admin HTTP/1.1\r\n" + host + "Cookie: ;;;=;=;gatehouse;gatehouse=;\x80\r\n" + closing + "\r\n",
		"GET /admin HTTP/1.1\r\n" + host + "Authorization: Bearer \x80\xff\r\n" + closing + "\r\n", "GET /admin HTTP/1.1\r\n" + host + "Authorization: \x00\r\n" + closing + "\r\n", "GET /admin HTTP/1.1\r\n" + host + "Accept: " + strings.Repeat("text/html;q=0,", 2000) + "\r\n" + closing + "\r\n",
		"POST /admin HTTP/1.1\r\n" + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "POST /admin HTTP/1.1\r\n" + host + "Content-Length: 5, 6\r\n\r\nhello", "POST /admin HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n",
		"POST /admin HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "POST /admin HTTP/1.1\r\n" + host + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", "POST /auth/login HTTP/1.1\r\n" + host + "Content-Type: application/json\r\nContent-Length: 3\r\n" + closing + "\r\n{\"\xff",
		"GET /admin HTTP/1.1\r\n" + host + "Sec-Fetch-Site: \x80\r\nOrigin: \x80\r\n" + closing + "\r\n", "GET /admin HTTP/1.1\r\n" + host + "Upgrade: \r\nConnection: upgrade\r\n\r\n", "GET /auth/%00 HTTP/1.1\r\n" + host + closing + "\r\n", "GET /auth/sessions/%ff HTTP/1.1\r\n" + host + closing + "\r\n",
		"DELETE /auth/sessions/\x80 HTTP/1.1\r\n" + host + closing + "\r\n", "GET http:///admin HTTP/1.1\r\n" + host + closing + "\r\n", "GET * HTTP/1.1\r\n" + host + closing + "\r\n", "OPTIONS * HTTP/1.1\r\n" + host + closing + "\r\n",
	} {
		conn := request
		if conn == "" || strings.HasPrefix(conn, "\x16") {
			conn += "\r\n\r\n"
		}
		a := g.rawWithin(t, 2*time.Second, g.Host(), conn)
		if a.status >= 500 && a.status != 501 && a.status != 505 || a.status == 200 && a.header.Get("Content-Type") == "application/json" && isAdmin(a.echo(t).Target) {
			t.Errorf("%.60q (%d bytes): %d %.200s", request, len(request), a.status, a.body)
		}
		g.do(t, call{path: "/open"}).must(t, 200, "")
	}
	if strings.Contains(g.logs(), "panic") {
		t.Error("something panicked")
	}
}
