package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

func TestContract_PublicCalls(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	for path, want := range map[string]string{"/healthz": `{"status":"ok"}`, "/readyz": `{"status":"ready"}`} {
		a := g.api(t, "GET", path, nil).must(t, 200, "")
		if string(a.body) != want || a.header.Get("Cache-Control") != "no-store" || len(a.header.Values("Set-Cookie")) > 0 {
			t.Errorf("%s answers %s with %v", path, a.body, a.header)
		}
		if head := g.api(t, "HEAD", path, nil).must(t, 200, ""); len(head.body) > 0 || head.header.Get("Content-Length") != a.header.Get("Content-Length") {
			t.Errorf("HEAD %s has %d bytes", path, len(head.body))
		}
	}
}

// TestContract_ReadyTellsWhyNot: without its database a node lives on, says why it is not ready and nothing of where the
// database is, and answers 503 to what needs it; who has a good token passes the guard all the same.
func TestContract_ReadyTellsWhyNot(t *testing.T) {
	t.Parallel()
	server := testpg.New(t, testpg.Options{})
	g := start(t, plan{env: []string{"TEST_DATABASE=" + server.Database(t)},
		global: "\t\tdatabase {env.TEST_DATABASE}\n\t\tsecret {env.TEST_SECRET}"})
	u := g.newUser(t)
	g.api(t, "GET", "/readyz", nil).must(t, 200, "")
	server.Stop()
	a := g.api(t, "GET", "/readyz", nil)
	eventually(t, "the gateway is not ready", func() bool { // for a quarter of a second the answer of before may be given
		a = g.api(t, "GET", "/readyz", nil)
		return a.status != 200
	})
	a.problem(t, 503, "unavailable")
	if !strings.Contains(a.text("detail"), "database") || strings.Contains(string(a.body), server.Addr()) || a.header.Get("Retry-After") == "" {
		t.Errorf("not ready: %s, Retry-After %q", a.body, a.header.Get("Retry-After"))
	}
	g.api(t, "GET", "/healthz", nil).must(t, 200, "")
	for path, body := range map[string]object{"/login": {"login": u.email, "password": password}, "/refresh": {"refresh_token": u.refresh},
		"/register": {"email": freshEmail(), "password": password}, "/password/forgot": {"login": u.email},
		"/verify": {"token": "x", "new_password": password}} {
		down := g.api(t, "POST", path, body)
		down.problem(t, 503, "unavailable")
		if down.header.Get("Retry-After") == "" || len(down.setCookies(t)) > 0 {
			t.Errorf("%s: headers %v", path, down.header)
		}
	}
	g.do(t, call{path: "/app", bearer: u.access}).must(t, 200, "")
	server.Start()
	eventually(t, "the gateway is ready again", func() bool { return g.api(t, "GET", "/readyz", nil).status == 200 })
	g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).pair(t, false)
}

func TestContract_JWKS(t *testing.T) {
	t.Parallel()
	g := shared(t)
	a := g.api(t, "GET", "/.well-known/jwks.json", nil).must(t, 200, "")
	if a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "public, max-age=300" {
		t.Errorf("headers %v", a.header)
	}
	keys := g.jwks(t)
	if len(keys) != 2 { // the one that signs and the next
		t.Errorf("%d keys", len(keys))
	}
	for kid, k := range keys {
		shape{"kty": "text", "crv": "text", "x": "text", "kid": "text", "alg": "text", "use": "text"}.check(t, "the key", k)
		if k["kty"] != "OKP" || k["crv"] != "Ed25519" || k["alg"] != "EdDSA" || k["use"] != "sig" {
			t.Errorf("key %s is %v", kid, k)
		}
	}
	u := g.newUser(t)
	if header := jwtHeader(t, u.access); keys[header["kid"].(string)] == nil || header["typ"] != "at+jwt" || header["alg"] != "EdDSA" {
		t.Errorf("the token's header is %v", header)
	}
	cookie := jwtHeader(t, g.signIn(t, u, true).cookies["gatehouse"])
	if keys[cookie["kid"].(string)] != nil || cookie["typ"] == "at+jwt" {
		t.Errorf("the cookie key is public: %v", cookie)
	}
}

// jwks returns the public keys by id.
func (g *gateway) jwks(t testing.TB) map[string]object {
	t.Helper()
	var set struct{ Keys []object }
	if err := json.Unmarshal(g.api(t, "GET", "/.well-known/jwks.json", nil).must(t, 200, "").body, &set); err != nil {
		t.Fatal(err)
	}
	out := map[string]object{}
	for _, k := range set.Keys {
		kid, _ := k["kid"].(string)
		out[kid] = k
	}
	if len(out) != len(set.Keys) {
		t.Errorf("%d keys have %d ids", len(set.Keys), len(out))
	}
	return out
}

// jwtHeader returns a token's header without checking it.
func jwtHeader(t testing.TB, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("a token of %d parts", len(parts))
	}
	return claims(t, "."+parts[0]+".")
}

// TestContract_Paths: every path under the prefix is Gatehouse's, and exactly its own paths answer.
func TestContract_Paths(t *testing.T) {
	t.Parallel()
	g := shared(t)
	before := g.up.requests.Load()
	for _, path := range []string{"/auth/nothing", "/auth//me", "/auth/me/", "/auth/./me", "/auth/x/../me",
		"/auth/healthz/../me", "/auth/%6de%2f", "/auth/sessions/", "/auth/sessions/a/b", "/auth/ME"} {
		g.raw(t, "GET "+path+" HTTP/1.1\r\nHost: "+g.Host()+"\r\nConnection: close\r\n\r\n").want(t, 404, "not_found")
	}
	if g.up.requests.Load() != before {
		t.Error("a path under the prefix reached the upstream")
	}
	for path, allow := range map[string]string{"/me": "DELETE, GET, HEAD, OPTIONS, PATCH, PUT", "/login": "OPTIONS, POST",
		"/sessions": "GET, HEAD, OPTIONS", "/healthz": "GET, HEAD, OPTIONS"} {
		a := g.api(t, "OPTIONS", path, nil).empty(t, 204)
		if a.header.Get("Allow") != allow {
			t.Errorf("Allow of %s is %q", path, a.header.Get("Allow"))
		}
		a = g.api(t, "PROPFIND", path, nil)
		a.problem(t, 405, "method_not_allowed")
		if a.header.Get("Allow") != allow {
			t.Errorf("Allow of 405 %s is %q", path, a.header.Get("Allow"))
		}
	}
	g.api(t, "GET", "/refresh", nil).problem(t, 405, "method_not_allowed")
	g.api(t, "get", "/me", nil).problem(t, 405, "method_not_allowed")
}

// notJSON checks the refusal of a body of another type. What a form could send to a page is the page's, which wants to
// know where it comes from.
func (a answer) notJSON(t testing.TB) {
	t.Helper()
	if len(a.setCookies(t)) > 0 || a.status != 415 && a.status != 403 || a.status == 415 && a.code() != "unsupported_media_type" {
		t.Errorf("a body that is no JSON is answered %d %s with %v", a.status, a.code(), a.header)
	}
}

// patient is a client that asks before it sends (Expect: 100-continue) and so hears of a refusal before the connection is
// closed on what it sends.
func patient() *http.Client {
	return &http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute, DisableKeepAlives: true}}
}

// TestContract_Bodies: what every call that takes a body says to a wrong one.
func TestContract_Bodies(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	calls := map[string]string{"/register": "POST", "/verify": "POST", "/verify/resend": "POST", "/login": "POST",
		"/refresh": "POST", "/logout": "POST", "/token/verify": "POST", "/password/forgot": "POST", "/password/reset": "POST",
		"/me": "PATCH", "/sessions/revoke": "POST"}
	for path, method := range calls {
		send := func(kind, body string) answer {
			t.Helper()
			c := call{header: map[string]string{}}
			if path == "/me" || path == "/sessions/revoke" {
				c.bearer = u.access
			}
			if kind != "" {
				c.header["Content-Type"] = kind
			}
			return g.api(t, method, path, body, c)
		}
		for _, bad := range []string{`{`, `[]`, `"x"`, `1`, `null`, `{}{}`, `{} x`, `{"login":"a","login":"b"}`, `{"a":1,"a":2}`, `{"a":}`,
			"\xff", `{"a":"` + "\xff" + `"}`} {
			send("application/json", bad).problem(t, 400, "invalid_request")
		}
		for _, kind := range []string{"", "text/plain", "multipart/form-data; boundary=x", "application/json; charset=utf-16", "application/jsonx"} {
			send(kind, `{}`).problem(t, 415, "unsupported_media_type")
		}
		send("application/x-www-form-urlencoded", `{}`).notJSON(t)
		large := call{method: method, path: "/auth" + path, body: strings.Repeat(" ", 1<<20+1), bearer: u.access, client: patient(),
			header: map[string]string{"Content-Type": "application/json", "Expect": "100-continue"}}
		g.do(t, large).problem(t, 413, "request_too_large")
		gzip := call{bearer: u.access, header: map[string]string{"Content-Type": "application/json", "Content-Encoding": "gzip"}}
		g.api(t, method, path, "x", gzip).problem(t, 415, "unsupported_media_type")
	}
	for field, value := range map[string]any{"login": 1, "password": []string{"x"}, "cookies": "true", "device_name": object{}} {
		body := object{"login": u.email, "password": password}
		body[field] = value
		g.api(t, "POST", "/login", body).problem(t, 400, "invalid_request")
	}
	g.api(t, "POST", "/login", object{"login": u.email, "password": password, "surprise": []int{1}}).pair(t, false)
	utf8 := call{header: map[string]string{"Content-Type": "application/json; charset=UTF-8"}}
	g.api(t, "POST", "/token/verify", `{"token":"x"}`, utf8).must(t, 200, "")
}
