package httpauth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

func origins(tb testing.TB, trusted ...string) *httpauth.Origins {
	tb.Helper()
	o, err := httpauth.NewOrigins(trusted)
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

func TestB04_OriginCheck(t *testing.T) {
	t.Parallel()
	o := origins(t, "https://spa.example.com", "http://localhost:5173")
	for _, c := range []struct {
		host, origin, site string
		http               bool
		ok                 bool
	}{
		{ok: true},
		{origin: "https://app.example.com", ok: true},
		{host: "app.example.com:8443", origin: "https://app.example.com:8443", ok: true},
		{host: "APP.example.com:443", origin: "https://app.example.com", ok: true},
		{host: "app.example.com:8443", origin: "https://app.example.com"},
		{host: "[2001:db8::1]:443", origin: "https://[2001:db8::1]", ok: true},
		{host: "localhost:8080", origin: "http://localhost:8080", http: true, ok: true},
		{host: "localhost:8080", origin: "https://localhost:8080", http: true},
		{origin: "http://app.example.com"},
		{origin: "null"},
		{origin: "https://evil.test"},
		{origin: "https://app.example.com.evil.test"},
		{origin: "https://sub.app.example.com"},
		{origin: "https://app.example.com/"},
		{origin: "app.example.com"},
		{origin: "https://spa.example.com", ok: true},
		{origin: "https://spa.example.com", site: "cross-site", ok: true},
		{origin: "https://spa.example.com", site: "same-site", ok: true},
		{origin: "https://spa.example.com:444", site: "same-site"},
		{origin: "http://spa.example.com"},
		{origin: "http://localhost:5173", site: "cross-site", ok: true},
		{site: "same-origin", ok: true},
		{site: "none", ok: true},
		{site: "same-site"},
		{site: "cross-site"},
		{site: "Same-Origin"},
		{site: "x"},
		{site: "same-origin", origin: "null", ok: true}, // pages with Referrer-Policy: no-referrer send this
		{site: "cross-site", origin: "https://app.example.com"},
	} {
		r := httptest.NewRequest(http.MethodPost, "/x", nil)
		r.Host = "app.example.com"
		if c.host != "" {
			r.Host = c.host
		}
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		err := o.Check(r, !c.http)
		if (err == nil) != c.ok || err != nil && authcore.CodeOf(err) != authcore.CrossOrigin {
			t.Errorf("%+v: got %v", c, err)
		}
	}
}

func TestB04_RepeatedHeaders(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Origin", "Sec-Fetch-Site"} {
		r := httptest.NewRequest(http.MethodPost, "/x", nil)
		r.Host = "app.example.com"
		r.Header[name] = []string{"https://app.example.com", "same-origin"}
		if origins(t).Check(r, true) == nil {
			t.Errorf("two %s headers passed", name)
		}
	}
}

func TestB11_NeedsOrigin(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]bool{
		"GET": false, "HEAD": false, "OPTIONS": false, "POST": true, "PUT": true, "PATCH": true, "DELETE": true, "CONNECT": true, "get": true, "PROPFIND": true,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Method = method
		if httpauth.NeedsOrigin(r) != want {
			t.Errorf("%s: want %v", method, want)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Upgrade", "websocket")
	if !httpauth.NeedsOrigin(r) {
		t.Error("an upgrade needs no origin")
	}
}

func TestNewOriginsRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "*", "null", "spa.example.com", "https://", "https://*", "https://*.example.com", "https://spa.example.com/", "https://spa.example.com/x",
		"https://spa.example.com?x", "https://spa.example.com?", "https://spa.example.com#", "https://u@spa.example.com", "ftp://spa.example.com", "//spa.example.com",
	} {
		if _, err := httpauth.NewOrigins([]string{text}); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestIsHTTPS(t *testing.T) {
	t.Parallel()
	request := func(proto ...string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["X-Forwarded-Proto"] = proto
		return r
	}
	for _, c := range []struct {
		r       *http.Request
		trusted bool
		issuer  string
		want    bool
	}{
		{request(), true, "", false},
		{request(), false, "https://auth.example.com", true},
		{request(), false, "http://localhost:8080", false},
		{request("https"), true, "", true},
		{request("https"), false, "", false},
		{request("http"), true, "", false},
		{request("https", "http"), true, "", false},
		{request("https,http"), true, "", false},
		{httptest.NewRequest(http.MethodGet, "https://x/", nil), false, "", true},
	} {
		if got := httpauth.IsHTTPS(c.r, c.trusted, c.issuer); got != c.want {
			t.Errorf("%v %v %q: got %v", c.r.Header, c.trusted, c.issuer, got)
		}
	}
}

func TestB04_FormsSayWhereTheyComeFrom(t *testing.T) {
	t.Parallel()
	o := origins(t, "https://spa.example.com")
	for _, c := range []struct {
		origin, site string
		https, good  bool
	}{
		{"", "", true, false}, {"", "same-origin", true, true}, {"", "none", true, true}, {"https://auth.example.com", "", true, true},
		{"http://auth.example.com", "", false, true}, {"http://auth.example.com", "", true, false}, {"https://auth.example.com", "", false, false},
		{"null", "", true, false}, {"null", "same-origin", true, true}, {"https://evil.test", "", true, false},
		{"https://spa.example.com", "cross-site", true, true}, {"https://auth.example.com", "cross-site", true, false}, {"", "same-site", true, false},
	} {
		r := httptest.NewRequest(http.MethodPost, "/auth/login", nil)
		r.Host = "auth.example.com"
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		if err := o.CheckForm(r, c.https); (err == nil) != c.good {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestB09_Preflight: a preflight is an OPTIONS of one listed origin that announces one method; only lists of tokens are echoed.
func TestB09_Preflight(t *testing.T) {
	t.Parallel()
	o := origins(t, "https://spa.example.com")
	const listed = "https://spa.example.com"
	for _, c := range []struct {
		method  string
		origins []string
		methods []string
		want    bool
	}{
		{"OPTIONS", []string{listed}, []string{"PUT"}, true},
		{"GET", []string{listed}, []string{"PUT"}, false},
		{"OPTIONS", []string{"https://evil.example.com"}, []string{"PUT"}, false},
		{"OPTIONS", []string{listed, listed}, []string{"PUT"}, false},
		{"OPTIONS", []string{listed}, nil, false},
		{"OPTIONS", []string{listed}, []string{"PUT", "GET"}, false},
		{"OPTIONS", []string{listed}, []string{"PUT\r\nX: y"}, false},
		{"OPTIONS", nil, []string{"PUT"}, false},
	} {
		r := httptest.NewRequest(c.method, "/x", nil)
		r.Header["Origin"], r.Header["Access-Control-Request-Method"] = c.origins, c.methods
		if o.IsPreflight(r) != c.want {
			t.Errorf("%+v: %v", c, !c.want)
		}
	}
}
