package httpauth_test

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

func portalRules() httpauth.ReturnRules {
	return httpauth.ReturnRules{
		Host: "app.example.com", HTTPS: true, Prefix: "/auth",
		Hosts: []string{"app.example.com:8443", "other.example.org", "localhost:8080"},
	}
}

// corpus reads a list of one text per line; a line in double quotes is a Go string literal.
func corpus(tb testing.TB, file string) []string {
	tb.Helper()
	f, err := os.Open(file)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var list []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "# ") {
			continue
		}
		if line[0] == '"' {
			if line, err = strconv.Unquote(line); err != nil {
				tb.Fatalf("%s: %q: %v", file, lines.Text(), err)
			}
		}
		list = append(list, line)
	}
	return list
}

func TestC13_OpenRedirects(t *testing.T) {
	t.Parallel()
	list := corpus(t, "testdata/return_urls_refused.txt")
	if len(list) < 250 {
		t.Fatalf("the corpus holds %d lines, want at least 250", len(list))
	}
	for _, raw := range list {
		if got, ok := accepted(raw, portalRules()); ok {
			t.Errorf("%q was accepted as %q", raw, got)
		}
	}
	if _, ok := accepted("/"+strings.Repeat("x", 2048), portalRules()); ok {
		t.Error("a path of 2049 bytes was accepted")
	}
}

func TestC13_GoodReturns(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"/":                                   "/",
		"/x":                                  "/x",
		"/x/y.html?a=b&c=%2F#part":            "/x/y.html?a=b&c=%2F#part",
		"/?next=https://elsewhere.test/":      "/?next=https://elsewhere.test/",
		"/?q=a%0Ab%5C":                        "/?q=a%0Ab%5C",
		"/a//b":                               "/a//b",
		"/100%25":                             "/100%25",
		"/100%25%20sure":                      "/100%25%20sure",
		"/%C3%BC":                             "/%C3%BC",
		"/a%20b":                              "/a%20b",
		"/authors":                            "/authors",
		"/auth-docs/x":                        "/auth-docs/x",
		"/x/auth/login":                       "/x/auth/login",
		"/.well-known/x":                      "/.well-known/x",
		"/...":                                "/...",
		"/@me":                                "/@me",
		"/a:b":                                "/a:b",
		"https://app.example.com":             "https://app.example.com",
		"https://app.example.com/x?y#z":       "https://app.example.com/x?y#z",
		"https://APP.example.com/X":           "https://app.example.com/X",
		"https://app.example.com:443/x":       "https://app.example.com:443/x",
		"https://app.example.com:8443/x":      "https://app.example.com:8443/x",
		"https://other.example.org/?a=b":      "https://other.example.org/?a=b",
		"http://localhost:8080/x":             "http://localhost:8080/x",
		"HTTPS://other.example.org/x":         "https://other.example.org/x",
		"https://other.example.org/authors/1": "https://other.example.org/authors/1",
	} {
		if got, ok := accepted(raw, portalRules()); !ok || got != want {
			t.Errorf("%q: got %q, %v; want %q", raw, got, ok, want)
		}
	}
}

// Of our own pages a browser is led back to those of one path alone, in one spelling.
func TestC13_OwnPages(t *testing.T) {
	t.Parallel()
	rules := portalRules()
	rules.Own = "/console"
	for raw, want := range map[string]bool{
		"/auth/console":                         true,
		"/auth/console/users/17?cursor=x":       true,
		"/auth/consoles":                        false,
		"/auth/logout":                          false,
		"/auth/console/../logout":               false,
		"/auth/console/%2e%2e/logout":           false,
		"/auth/console/%252e%252e/logout":       false,
		"/auth/console/..;/logout":              false,
		"/auth/console//logout":                 false,
		"/auth/console/":                        false,
		"/AUTH/console":                         false,
		"https://app.example.com/auth/console":  false,
		"https://elsewhere.test/auth/console":   false,
		"/auth/console?next=//elsewhere.test/":  true,
		"/auth/console/x%5c..%5c..%5clogout":    false,
		"/auth/console/users/%2f%2e%2e%2flogin": false,
	} {
		if got, ok := accepted(raw, rules); ok != want || ok && got != raw {
			t.Errorf("%q: accepted is %v as %q, want %v", raw, ok, got, want)
		}
	}
}

// Plain http leads back only where the request came over http itself, or to loopback.
func TestC13_PlainHTTP(t *testing.T) {
	t.Parallel()
	rules := httpauth.ReturnRules{Host: "intranet:8080", Hosts: []string{"wiki:80", "127.0.0.1:9000", "[::1]:9000"}, Prefix: "/auth"}
	for raw, want := range map[string]bool{
		"http://intranet:8080/x":  true,
		"http://intranet/x":       false,
		"http://wiki/x":           false,
		"https://wiki:80/x":       true,
		"http://127.0.0.1:9000/x": true,
		"http://[::1]:9000/x":     true,
		"http://127.0.0.1/x":      false,
	} {
		if _, ok := accepted(raw, rules); ok != want {
			t.Errorf("%q: accepted is %v, want %v", raw, ok, want)
		}
	}
	rules.HTTPS = true
	if _, ok := accepted("http://intranet:8080/x", rules); ok {
		t.Error("an https request was led back to http")
	}
}

// An asterisk stands for one label, at the port of its entry and for no scheme but the entry's, and no spelling makes another
// host of what it leaves open.
func TestC13_WildcardReturns(t *testing.T) {
	t.Parallel()
	rules := httpauth.ReturnRules{Host: "auth.example.com", HTTPS: true, Prefix: "/auth",
		Hosts: []string{"https://*.example.com", "*.wild.localhost:9500", "*.*.example.org", "https://*.example.net:8443", "*:7000", "https://*.tls.localhost:9443"}}
	for _, raw := range []string{
		"https://x.example.com/", "https://X.Example.com/y?z", "https://x.example.com:443/", "https://x_1-a.example.com",
		"http://x.wild.localhost:9500/", "https://x.wild.localhost:9500/", "https://a.b.example.org/", "https://x.example.net:8443/",
		"http://localhost:7000/", "https://x.tls.localhost:9443/",
	} {
		if got, ok := accepted(raw, rules); !ok {
			t.Errorf("%q: got %q, refused", raw, got)
		}
	}
	for _, raw := range []string{
		"https://example.com/", "https://.example.com/", "https://evil-example.com/", "https://evilexample.com/", "https://a.b.example.com/",
		"https://x.example.com./", "https://x.example.com.evil.test/", "https://x.example.com:8443/", "https://x.example.com:/",
		"https://x.example.com:80/", "http://x.example.com/", "http://x.example.com:443/", "ftp://x.example.com/", "javascript://x.example.com/",
		"https://x@y.example.com/", "https://evil.test@x.example.com/", "https://x.example.com@evil.test/", "https://x.example.com:pw@evil.test/",
		"https://evil.test:x.example.com/", "https://evil.test#.example.com/", "https://evil.test?.example.com/", "https://evil.test/.example.com/",
		`https://evil.test\\.example.com/`, "https://evil%2etest.example.com/", "https://evil%2ftest.example.com/", "https://a,b.example.com/",
		"https://a;b.example.com/", "https://'.example.com/", `https://".example.com/`, "https://<.example.com/", "https://*.example.com/",
		"https://[.example.com/", "https://[x].example.com/", "https://ünder.example.com/", "//x.example.com/", "https:x.example.com",
		"http://x.wild.localhost/", "http://x.wild.localhost:9501/", "http://wild.localhost:9500/", "https://a.example.org/",
		"https://a..example.org/", "https://.a.example.org/", "https://x.example.net/", "http://x.example.net:8443/",
		"https://x.example.com/auth/logout", "http://x.tls.localhost:9443/", "https://[::1]:7000/", "http://localhost:7001/", "https://:7000/",
	} {
		if got, ok := accepted(raw, rules); ok {
			t.Errorf("%q was accepted as %q", raw, got)
		}
	}
	// What fools a check for a name fools none for the names of a wildcard.
	rules.Hosts = []string{"https://*.wild.test", "*.wild.test:8443"}
	for _, raw := range corpus(t, "testdata/return_urls_refused.txt") {
		raw = strings.ReplaceAll(raw, "app.example.com", "x.wild.test")
		if got, ok := accepted(raw, rules); ok && got != "https://evilx.wild.test/" && got != "https://evil-x.wild.test/" {
			t.Errorf("%q was accepted as %q", raw, got)
		}
	}
}

// accepted is CheckReturn without the reason.
func accepted(raw string, rules httpauth.ReturnRules) (string, bool) {
	back, why := httpauth.CheckReturn(raw, rules)
	return back, why == ""
}
