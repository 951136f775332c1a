package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
	"github.com/gatehouse-auth/gatehouse/internal/cputime"
	"github.com/gatehouse-auth/gatehouse/internal/testdeclared"
)

// Every code that exists has a status of its own choosing.
func TestStatusTable(t *testing.T) {
	t.Parallel()
	for _, code := range testdeclared.Constants(t, "../../errors.go", "", "Code") {
		if httpauth.Status(authcore.Code(code)) == 500 && authcore.Code(code) != authcore.Internal {
			t.Errorf("%s is not in the status table", code)
		}
	}
}

func TestRouting(t *testing.T) {
	h := open(t)
	for _, path := range []string{
		"", "/", "/x", "/login/", "/LOGIN", "//login", "/./login", "/x/../login", "/healthz/../admin", "/healthz/", "/healthz/x", "/healthz%00",
		"/healthz;x", "/sessions/", "/sessions/a/b", "/sessions/{id}/x", "/sessions/revoke/", "/.well-known/", "/.well-known/jwks.json/", "/healthz%2f..%2fadmin", "/ping",
	} {
		h.call(http.MethodGet, path, "").refused(404, authcore.NotFound)
	}
	h.call(http.MethodGet, "/%68ealthz", "").want(200)
	h.call(http.MethodGet, "/healthz?x=/admin", "").want(200)
	h.call(http.MethodGet, "/sessions/{id}", "").refused(405, authcore.MethodNotAllowed)
	outside := httptest.NewRequest(http.MethodGet, "/healthz", nil)
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, outside.WithContext(httpauth.WithRequestInfo(outside.Context(), httpauth.RequestInfo{})))
	answer{t, w.Code, w.Header(), w.Body.Bytes()}.refused(404, authcore.NotFound)
	for path, want := range map[string]bool{"/auth": true, "/auth/": true, "/auth/x": true, "/authors": false, "/": false, "/AUTH/x": false, "//auth/x": false, "/x/auth": false, "/auth/../x": true} {
		if httpauth.HasPrefix("/auth", path) != want {
			t.Errorf("%s has the prefix: want %v", path, want)
		}
	}
	for path, want := range map[string]bool{"/auth/login": true, "/auth/sessions/x": true, "/auth/docs": false, "/login": false} {
		if known, _ := h.api.Knows("/auth", httptest.NewRequest(http.MethodGet, path, nil)); known != want {
			t.Errorf("%s is known: %v", path, known)
		}
	}
}

func TestP16_Methods(t *testing.T) {
	h := open(t)
	for path, allow := range map[string]string{
		"/login": "OPTIONS, POST", "/me": "DELETE, GET, HEAD, OPTIONS, PATCH, PUT", "/sessions": "GET, HEAD, OPTIONS", "/sessions/revoke": "OPTIONS, POST",
		"/sessions/0190": "DELETE, OPTIONS, PATCH", "/healthz": "GET, HEAD, OPTIONS", "/.well-known/jwks.json": "GET, HEAD, OPTIONS", "/register": "OPTIONS, POST",
		"/verify": "OPTIONS, POST", "/verify/resend": "OPTIONS, POST", "/refresh": "OPTIONS, POST", "/logout": "OPTIONS, POST", "/token/verify": "OPTIONS, POST",
		"/password/forgot": "OPTIONS, POST", "/password/reset": "OPTIONS, POST", "/readyz": "GET, HEAD, OPTIONS",
	} {
		if got := h.call(http.MethodOptions, path, "").want(204); got.header.Get("Allow") != allow {
			t.Errorf("OPTIONS %s: Allow %q, want %q", path, got.header.Get("Allow"), allow)
		}
		for _, method := range []string{"TRACE", "CONNECT", "PROPFIND", "get", "FOO"} {
			if got := h.call(method, path, "").refused(405, authcore.MethodNotAllowed); got.header.Get("Allow") != allow {
				t.Errorf("%s %s: Allow %q", method, path, got.header.Get("Allow"))
			}
		}
	}
	h.call(http.MethodGet, "/login", "", header("X-HTTP-Method-Override", "POST")).refused(405, authcore.MethodNotAllowed)
	h.call(http.MethodOptions, "/x", "").refused(404, authcore.NotFound)
	get, head := h.call(http.MethodGet, "/healthz", ""), h.call(http.MethodHead, "/healthz", "")
	if head.status != 200 || len(head.body) != 0 || head.header.Get("Content-Length") != strconv.Itoa(len(get.body)) {
		t.Errorf("HEAD: %d %v %q", head.status, head.header, head.body)
	}
}

func TestB08_Headers(t *testing.T) {
	h := open(t)
	for _, path := range []string{"/healthz", "/me", "/login", "/x", "/.well-known/jwks.json"} {
		got := h.call(http.MethodGet, path, "")
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Strict-Transport-Security": "max-age=31536000",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got.header.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got.header.Get(name), want)
			}
		}
		if csp := got.header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: CSP %q", path, csp)
		}
	}
	if got := h.call(http.MethodGet, "/healthz", "", plainHTTP()); got.header["Strict-Transport-Security"] != nil {
		t.Error("HSTS over http")
	}
}

func TestB09_CORS(t *testing.T) {
	h := open(t, plan{origins: []string{"https://spa.example.com"}})
	good := header("Origin", "https://spa.example.com")
	wants := header("Access-Control-Request-Method", "POST")
	for _, path := range []string{"/me", "/login", "/openapi.json", "/.well-known/jwks.json", "/nothing"} {
		for _, evil := range []string{
			"https://evil.test", "null", "https://spa.example.com.evil.test", "http://spa.example.com", "https://sub.spa.example.com", "https://spa.example.com:444",
			"https://SPA.example.com", "https://spa.example.com/", "*", "", "https://" + host,
		} {
			for _, got := range []answer{
				h.call(http.MethodGet, path, "", header("Origin", evil)), h.call(http.MethodOptions, path, "", header("Origin", evil), wants),
			} {
				for name := range got.header {
					if strings.HasPrefix(name, "Access-Control-") {
						t.Errorf("%s: %q got %s: %s", path, evil, name, got.header.Get(name))
					}
				}
				if got.header.Get("Vary") != "Origin" {
					t.Errorf("%s: %q: Vary is %q", path, evil, got.header.Get("Vary"))
				}
			}
		}
		got := h.call(http.MethodGet, path, "", good)
		if got.header.Get("Access-Control-Allow-Origin") != "https://spa.example.com" || got.header.Get("Access-Control-Allow-Credentials") != "true" {
			t.Errorf("%s: got %v", path, got.header)
		}
	}
	got := h.call(http.MethodOptions, "/me", "", good, wants).want(204)
	if got.header.Get("Access-Control-Allow-Methods") != "DELETE, GET, HEAD, OPTIONS, PATCH, PUT" || got.header.Get("Access-Control-Allow-Headers") != "Authorization, Content-Type" {
		t.Errorf("preflight: %v", got.header)
	}
}

func TestB09_NothingTrusted(t *testing.T) {
	h := open(t)
	got := h.call(http.MethodGet, "/me", "", header("Origin", "https://spa.example.com"))
	if got.header["Vary"] != nil || got.header["Access-Control-Allow-Origin"] != nil {
		t.Errorf("got %v", got.header)
	}
}

// unlimited turns every limit off.
func unlimited() map[string]ratelimit.Rate {
	off := ratelimit.Defaults()
	for name := range off {
		off[name] = ratelimit.Rate{}
	}
	return off
}

// Whatever stands in a field, it is an answer of the fours.
func TestI05_BrokenText(t *testing.T) {
	h := open(t, plan{rates: unlimited()})
	h.account(email, username)
	p := h.signIn(username)
	texts := []string{`a\u0000b`, `\ud800`, `\udc00x`, "a\x00b", "\xff", "\xc0\xaf", "\xed\xa0\x80", `\ufeffada`, `\u202eada`, `a\r\nb`, `\u200bada@example.com`, strings.Repeat("é", 400)}
	fields := map[string][]string{
		"/register":        {"email", "password", "username", "first_name", "last_name", "phone"},
		"/verify":          {"token", "email", "otp", "registration", "password", "new_password", "device_name"},
		"/verify/resend":   {"email"},
		"/login":           {"login", "password", "device_name"},
		"/refresh":         {"refresh_token"},
		"/logout":          {"refresh_token"},
		"/token/verify":    {"token"},
		"/password/forgot": {"login", "email"},
		"/password/reset":  {"token", "login", "email", "otp", "new_password"},
	}
	full := map[string]string{"email": "x@example.com", "password": password, "new_password": password, "login": "ada", "otp": "123456"}
	for path, names := range fields {
		for _, name := range names {
			for _, text := range texts {
				body := `{"` + name + `":"` + text + `"`
				for other, value := range full {
					if other != name && slices.Contains(names, other) {
						body += `,"` + other + `":"` + value + `"`
					}
				}
				if got := h.post(path, body+"}"); got.status >= 500 {
					t.Errorf("%s %s %q: %d %s", path, name, text, got.status, got.body)
				} else if notJSON(text) {
					got.refused(400, authcore.InvalidRequest)
				}
			}
		}
	}
	for _, field := range []string{"username", "first_name", "last_name", "phone"} {
		for _, text := range texts {
			if got := h.call(http.MethodPatch, "/me", `{"`+field+`":"`+text+`"}`, bearer(p.AccessToken)); got.status >= 500 {
				t.Errorf("%s %q: %d", field, text, got.status)
			}
		}
	}
	for _, bad := range []string{"\x00", "\xff", "\xef\xbb\xbf", "é"} {
		h.call(http.MethodGet, "/me", "", bearer(bad+p.AccessToken)).refused(401, authcore.InvalidToken)
		h.call(http.MethodGet, "/me", "", header("Cookie", "__Host-gatehouse="+bad)).want(401)
		r := h.call(http.MethodDelete, "/sessions/x", "", bearer(p.AccessToken), func(r *http.Request) { r.URL.Path = "/auth/sessions/" + bad })
		r.refused(404, authcore.NotFound)
	}
}

// notJSON says which of the texts cannot stand in JSON at all.
func notJSON(text string) bool {
	return !utf8.ValidString(text) || strings.Contains(text, "\x00") || strings.Contains(text, `\u0000`) || strings.Contains(text, `\ud`)
}

func TestD07_LongFields(t *testing.T) {
	h := open(t, plan{rates: unlimited()})
	long := strings.Repeat("(", 100_000)
	for path, body := range map[string]string{
		"/register":        `{"email":"` + strings.Repeat("a", 900_000) + `@example.com","password":"` + password + `"}`,
		"/login":           `{"login":"` + long + `@x","password":"x"}`,
		"/password/forgot": `{"login":"` + long + `"}`,
		"/verify/resend":   `{"email":"` + long + `"}`,
		"/token/verify":    `{"token":"` + strings.Repeat(".", 900_000) + `"}`,
		"/verify":          `{"token":"` + long + `","password":"x"}`,
		"/refresh":         `{"refresh_token":"ghr_` + long + `"}`,
	} {
		if got := h.post(path, body); got.status >= 500 {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	got := h.post("/register", `{"email":"x@example.com","password":"`+strings.Repeat("p", 900_000)+`"}`)
	got.refused(422, authcore.InvalidFields)
	if len(got.body) > 1000 {
		t.Error("the answer repeats what was sent")
	}
}

func TestM10_Panic(t *testing.T) {
	h := open(t, plan{panics: true})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.handler.ServeHTTP(w, r.WithContext(httpauth.WithRequestInfo(r.Context(), httpauth.RequestInfo{RequestID: "request-9"})))
	}))
	t.Cleanup(server.Close)
	for range 3 {
		res, err := server.Client().Post(server.URL+"/auth/login", "application/json", strings.NewReader(`{}`))
		check(t, err)
		var p struct {
			Code     authcore.Code
			Instance string
			Detail   string
		}
		check(t, json.NewDecoder(res.Body).Decode(&p))
		check(t, res.Body.Close())
		id, ok := strings.CutPrefix(p.Instance, "urn:uuid:")
		if res.StatusCode != 500 || p.Code != authcore.Internal || !ok || strings.Contains(p.Detail, "limiter") {
			t.Fatalf("%d %+v", res.StatusCode, p)
		}
		log := h.log.String()
		if strings.Count(log, "error_id="+id) != 1 || !strings.Contains(log, "the limiter broke") || !strings.Contains(log, "request-9") {
			t.Errorf("the log has not one line about %s: %s", id, log)
		}
	}
	h.call(http.MethodGet, "/healthz", "").want(200)
}

func TestWriteError_HungUp(t *testing.T) {
	h := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.call(http.MethodPost, "/refresh", `{"refresh_token":"x"}`).want(401)
	got := h.post("/login", `{"login":"ada","password":"x"}`, func(r *http.Request) { *r = *r.WithContext(context.WithoutCancel(r.Context())) })
	got.refused(401, authcore.InvalidCredentials)
	got = h.post("/login", `{"login":"ada","password":"x"}`, func(r *http.Request) {
		in := httpauth.RequestInfo{Client: authcore.Client{Issuer: issuer}}
		*r = *r.WithContext(httpauth.WithRequestInfo(ctx, in))
	})
	if got.status != 503 || strings.Contains(h.log.String(), "request") {
		t.Errorf("%d, log %q", got.status, h.log.String())
	}
}

func TestHealth(t *testing.T) {
	h := open(t)
	h.call(http.MethodGet, "/healthz", "").want(200)
	h.call(http.MethodGet, "/readyz", "").want(200)
	h.ready = func(context.Context) (bool, []string) {
		return false, []string{"the database does not answer", "keys are missing"}
	}
	got := h.call(http.MethodGet, "/readyz", "").refused(503, authcore.Unavailable)
	if !strings.Contains(string(got.body), "the database does not answer; keys are missing") || got.header.Get("Retry-After") == "" {
		t.Errorf("got %s", got.body)
	}
	h.call(http.MethodGet, "/healthz", "").want(200)
}

func TestJWKS(t *testing.T) {
	h := open(t)
	got := h.call(http.MethodGet, "/.well-known/jwks.json", "").want(200)
	var set struct{ Keys []map[string]any }
	got.into(&set)
	if len(set.Keys) == 0 || got.header.Get("Cache-Control") != "public, max-age=300" {
		t.Fatalf("%v %s", got.header, got.body)
	}
	for _, key := range set.Keys {
		if key["kty"] != "OKP" || key["d"] != nil || key["k"] != nil || key["kid"] == "" {
			t.Errorf("key %v", key)
		}
	}
}

// I06 through the whole handler: refusing abuse costs next to nothing.
func TestI06_AbuseByHTTP(t *testing.T) {
	h := open(t, plan{rates: unlimited()})
	plain := `{"login":"` + strings.Repeat("a", 1<<20-16) + `"}`
	for name, body := range map[string]string{
		"depth":   `{"a":` + strings.Repeat("[", 100_000),
		"members": `{"a0":1` + strings.Repeat(`,"b":1`, 150_000) + `}`,
		"number":  `{"login":1e999}`,
	} {
		best, once := time.Hour, time.Hour
		for range 10 { // the shortest of several is what the work costs
			once = min(once, cputime.Of(func() { json.Valid([]byte(plain)) }))
			best = min(best, cputime.Of(func() { h.post("/login", body).refused(400, authcore.InvalidRequest) }))
		}
		if best > httpapi.Slowdown*3*once {
			t.Errorf("%s: %v, and to read a body once takes %v", name, best, once)
		}
	}
	huge := `{` + strings.Repeat(`"a":1,`, 1_000_000)
	h.post("/login", huge).refused(413, authcore.RequestTooLarge)
	h.post("/login", `{"login":["ada"],"password":"x"}`).refused(400, authcore.InvalidRequest)
	h.post("/login", `login[99999999]=1`, header("Content-Type", "application/x-www-form-urlencoded")).refused(415, authcore.UnsupportedMediaType)
}
