package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"
)

// signedInOverH3 returns a gateway whose https site is asked over HTTP/3, and somebody with tokens and with cookies of it.
func signedInOverH3(t *testing.T, p plan) (g *gateway, secure call, u, browser *user) {
	t.Helper()
	g = start(t, p)
	g.waitTLS(t, g.Port2)
	secure = g.overH3(t, fmt.Sprintf("localhost:%d", g.Port2))
	u = g.newUser(t)
	browser = &user{email: u.email, password: u.password}
	for s, cookies := range map[*user]bool{u: false, browser: true} { // the https origin has an issuer of its own
		s.take(t, g.api(t, "POST", "/login", object{"login": u.email, "password": u.password, "cookies": cookies}, secure).must(t, 200, ""))
	}
	return g, secure, u, browser
}

// TestP01_P02_OverHTTP3: sign-in, guard and sign-out as over any other version, and what a client says of itself in headers
// and trailers never arrives.
func TestP01_P02_OverHTTP3(t *testing.T) {
	t.Parallel()
	g, secure, u, browser := signedInOverH3(t, plan{caddy: "skip_install_trust", site: defaultSite + secureSite})
	families := []string{"Remote-User", "Remote-Sub", "Remote-Email", "Remote-Name", "Remote-Groups", "X-Auth-User-Id", "X-Auth-Roles",
		"X-Auth-Request-User", "X-Forwarded-User", "X-WEBAUTH-USER", "Gatehouse-Assertion"}
	ask := func(method, body string, with func(*http.Request)) (*echo, *http.Response) {
		t.Helper()
		req, err := http.NewRequest(method, secure.base+"/x", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body == "" {
			req.Body = nil
		}
		req.Trailer = http.Header{}
		for _, name := range families {
			for _, spelt := range []string{name, strings.ToLower(name), strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(strings.ToLower(name), "-", "."), strings.Replace(name, "-", "_", 1)} {
				req.Header[spelt] = []string{"root"}
				if body != "" {
					req.Trailer[spelt] = []string{"root"}
				}
			}
		}
		with(req)
		resp, err := secure.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.ProtoMajor != 3 {
			t.Fatalf("%s, %v", resp.Proto, err)
		}
		if resp.StatusCode != http.StatusOK {
			return nil, resp
		}
		return (answer{resp.StatusCode, resp.Header, text}).echo(t), resp
	}
	credentials := map[string]func(*http.Request){
		"bearer": func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+u.access) },
		"cookie": func(r *http.Request) {
			r.AddCookie(&http.Cookie{Name: "__Host-gatehouse", Value: browser.cookies["__Host-gatehouse"]})
			r.Header.Set("Sec-Fetch-Site", "same-origin")
		},
	}
	for what, credential := range credentials {
		for _, body := range []string{"", "kept"} {
			e, resp := ask(map[string]string{"": "GET", "kept": "POST"}[body], body, credential)
			if e == nil {
				t.Errorf("%s: answered %d", what, resp.StatusCode)
				continue
			}
			if e.Body != body || len(e.all("Cookie"))+len(e.all("Authorization")) != 0 {
				t.Errorf("%s: the upstream got %+v", what, e)
			}
			for _, name := range families {
				want := map[string]string{"Remote-User": u.email, "Remote-Email": u.email, "Remote-Sub": u.id}[name]
				for _, h := range e.like(name) {
					if h[0] != name || h[1] != want || len(e.like(name)) != 1 {
						t.Errorf("%s: the upstream got %s: %s", what, h[0], h[1])
					}
				}
				if want != "" && e.get(t, name) != want {
					t.Errorf("%s: the upstream was not told %s", what, name)
				}
			}
		}
	}
	before := g.up.requests.Load()
	g.api(t, "POST", "/logout", nil, call{bearer: u.access, base: secure.base, client: secure.client}).must(t, 204, "")
	g.api(t, "POST", "/logout", nil, call{cookies: browser.cookies, base: secure.base, client: secure.client, header: map[string]string{"Sec-Fetch-Site": "same-origin"}}).must(t, 204, "")
	credentials["nobody"] = func(*http.Request) {}
	for what, credential := range credentials {
		if _, resp := ask("GET", "", credential); resp.StatusCode != 401 || resp.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s, after the sign-out: answered %d", what, resp.StatusCode)
		}
	}
	if n := g.up.requests.Load(); n != before {
		t.Errorf("the upstream was asked %d times", n-before)
	}
}

// TestP18_SmugglingHTTP3: TestP18_SmugglingHTTP2 for the version whose framing is another again (RFC 9114 §4.2, §4.3).
func TestP18_SmugglingHTTP3(t *testing.T) {
	t.Parallel()
	g, secure, u, _ := signedInOverH3(t, plan{caddy: "skip_install_trust", site: defaultSite + secureSite})
	host := strings.TrimPrefix(secure.base, "https://")
	pseudo := []string{":method", "POST", ":scheme", "https", ":authority", host, ":path", "/x"}
	with := func(fields ...string) []string { return append(slices.Clone(pseudo), fields...) }
	instead := func(name, value string) []string {
		fields := slices.Clone(pseudo)
		fields[slices.Index(fields, name)+1] = value
		return fields
	}
	bearer := []string{"authorization", "Bearer " + u.access}
	if got := dialH3(t, host).raw(head(append(slices.Clone(pseudo), bearer...)...), data("12345")); got != "200" {
		t.Fatalf("a request in good order: %s", got)
	}
	for what, fields := range map[string][]string{
		"CR LF in a value":            with("x-a", "1\r\nRemote-User: root"),
		"LF in a value":               with("x-a", "1\nRemote-User: root"),
		"CR in a value":               with("x-a", "1\rRemote-User: root"),
		"NUL in a value":              with("x-a", "1\x00"),
		"CR LF in a name":             with("x-a: 1\r\nremote-user", "root"),
		"colon in a name":             with("x-a: b", "1"),
		"upper case in a name":        with("X-A", "1"),
		"space in a name":             with("x a", "1"),
		"empty name":                  with("", "1"),
		"transfer-encoding":           with("transfer-encoding", "chunked"),
		"connection":                  with("connection", "remote-user"),
		"keep-alive":                  with("keep-alive", "x"),
		"proxy-connection":            with("proxy-connection", "remote-user"),
		"upgrade":                     with("upgrade", "websocket"),
		"te of anything but trailers": with("te", "chunked"),
		"pseudo-header after a field": with("x-a", "1", ":path", "/other"),
		"unknown pseudo-header":       with(":remote-user", "root"),
		"second path":                 with(":path", "/other"),
		"CR LF in the path":           instead(":path", "/x HTTP/1.1\r\nRemote-User: root\r\n\r\n"),
		"CR LF in the method":         instead(":method", "GET / HTTP/1.1\r\nA:"),
		"CR LF in the authority":      instead(":authority", host+"\r\nRemote-User: root"),
		"protocol without CONNECT":    with(":protocol", "websocket"),
		"lengths that differ":         with("content-length", "0", "content-length", "5"),
		"a length with a sign":        with("content-length", "+5"),
		"a length that is a list":     with("content-length", "5, 5"),
		"a length beyond the body":    with("content-length", "9"),
		"plain CONNECT":               {":method", "CONNECT", ":authority", host},
	} {
		before := g.up.requests.Load()
		c := dialH3(t, host)
		if got := c.raw(head(append(slices.Clone(fields), bearer...)...), data("12345")); got == "200" {
			t.Errorf("%s: %s", what, got)
		}
		if n := g.up.requests.Load(); n != before {
			t.Errorf("%s reached the upstream", what)
		}
		// The next request on the link is clean, where the link lives on.
		next, err := c.get("/next", u.access)
		if c.quic.Context().Err() == nil && (err != nil || next.status != 200 || !strings.Contains(string(next.body), `"/next"`) || strings.Contains(string(next.body), "root")) {
			t.Errorf("%s: the next request on the link: %d %.100q %v", what, next.status, next.body, err)
		}
	}
}

// TestP18_BodyBeyondItsLengthHTTP3: TestP18_BodyBeyondItsLength for HTTP/3 (RFC 9114 §4.1.2).
func TestP18_BodyBeyondItsLengthHTTP3(t *testing.T) {
	t.Parallel()
	g, secure, u, _ := signedInOverH3(t, plan{caddy: "skip_install_trust", site: defaultSite + secureSite})
	for _, length := range []int64{0, 1, 1000} {
		c := dialH3(t, strings.TrimPrefix(secure.base, "https://"))
		before := g.up.requests.Load()
		req, err := http.NewRequest(http.MethodPost, secure.base+"/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+u.access)
		if length > 0 {
			req.Body, req.ContentLength = http.NoBody, length
		}
		stream := c.open(req)
		if length == 0 { // the head alone looks whole: it must not be forwarded before the stream has ended
			const others = 20
			for range others {
				if a, err := c.get("/next", u.access); err != nil || a.status != 200 {
					t.Errorf("a request beside the open one: %d %v", a.status, err)
				}
			}
			if n := g.up.requests.Load() - before; n != others {
				t.Errorf("content-length 0: the upstream was asked %d times while the stream was open, %d by other streams", n, others)
			}
		}
		_, _ = stream.Write([]byte("x" + inner))
		_ = stream.Close()
		if resp, err := stream.ReadResponse(); err == nil {
			text, _ := io.ReadAll(resp.Body)
			if resp.StatusCode < 300 || strings.Contains(string(text), "smuggled") {
				t.Errorf("content-length %d with a body of %d: %d %.200q", length, 1+len(inner), resp.StatusCode, text)
			}
		}
	}
	for range 20 { // whoever uses the gateway's connections to the upstream next finds nothing left in them
		if e := g.do(t, call{path: "/clean", bearer: u.access, base: secure.base, client: secure.client}).must(t, 200, "").echo(t); e.Target != "/clean" {
			t.Errorf("the upstream was asked for %s", e.Target)
		}
	}
}

// socketOverH3 opens a WebSocket over HTTP/3 (RFC 9220).
func (g *gateway) socketOverH3(t testing.TB, host, token string) (l *liveConn, status int) {
	t.Helper()
	l = newLiveConn("a WebSocket over HTTP/3")
	l.id = strings.ReplaceAll(l.id, " ", "-")
	c := dialH3(t, host)
	if !c.Settings().EnableExtendedConnect {
		t.Fatal("the server does not offer extended CONNECT")
	}
	req, err := http.NewRequest(http.MethodConnect, "https://"+host+"/ws?id="+l.id, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Proto = "websocket"
	req.Header = http.Header{"Authorization": {"Bearer " + token}, "Sec-Websocket-Version": {"13"}}
	stream := c.open(req)
	resp, err := stream.ReadResponse()
	if err != nil || resp.StatusCode != http.StatusOK {
		if err != nil {
			t.Fatal(err)
		}
		return nil, resp.StatusCode
	}
	l.say = func(text string) error { return writeFrame(stream, 1, text, true) }
	go l.listen(bufio.NewReader(stream), func() { hangUp(stream) })
	return l, resp.StatusCode
}

func hangUp(stream *http3.RequestStream) {
	_ = writeFrame(stream, 8, "\x03\xf0", true)
	_ = stream.Close()
}

// TestS13_HTTP3: connections over HTTP/3 end with their session, and with their session alone.
func TestS13_HTTP3(t *testing.T) {
	t.Parallel()
	up := newLiveUpstream(t)
	g, secure, u, browser := signedInOverH3(t, livePlan(up))
	host := strings.TrimPrefix(secure.base, "https://")
	both := func(token string) []*liveConn {
		t.Helper()
		socket, status := g.socketOverH3(t, host, token)
		if socket == nil {
			t.Fatalf("a WebSocket is answered %d", status)
		}
		return []*liveConn{socket, g.eventStream(t, secure, "text/event-stream", "Authorization", "Bearer "+token), g.eventStream(t, secure, "*/*", "Authorization", "Bearer "+token),
			g.eventStream(t, secure, "application/json", "Authorization", "Bearer "+token)} // nothing in the request says that it lasts
	}
	other := g.newUser(t)
	other.take(t, g.api(t, "POST", "/login", object{"login": other.email, "password": other.password}, secure).must(t, 200, ""))
	open, stays := both(u.access), both(other.access)
	byCookie := g.eventStream(t, secure, "text/event-stream", "Cookie", "__Host-gatehouse="+browser.cookies["__Host-gatehouse"])
	if !strings.HasSuffix(byCookie.name, "HTTP/3.0") {
		t.Errorf("opened %s", byCookie.name)
	}
	wantOpen(t, "before", slices.Concat(open, stays, []*liveConn{byCookie})...)

	g.api(t, "POST", "/logout", nil, call{bearer: u.access, base: secure.base, client: secure.client}).must(t, 204, "")
	longest := up.wantClosed(t, time.Now(), 1008, open...)
	wantOpen(t, "of another session of the same account", byCookie)
	g.api(t, "POST", "/me/password", object{"current_password": password, "new_password": "another lantern 12"},
		call{cookies: browser.cookies, base: secure.base, client: secure.client, header: map[string]string{"Sec-Fetch-Site": "same-origin"}}).must(t, 204, "")
	longest = max(longest, up.wantClosed(t, time.Now(), 1008, byCookie))
	wantOpen(t, "after", stays...)
	t.Logf("clients learn within %s", longest)
	if _, status := g.socketOverH3(t, host, u.access); status != http.StatusUnauthorized {
		t.Errorf("a new WebSocket is answered %d", status)
	}
}
