package httpauth_test

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/text/language"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// FuzzWantsHTML: no HTML for who does not name it, and a range that is added at the end only ever adds.
func FuzzWantsHTML(f *testing.F) {
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "text/html": true, "TEXT/HTML;q=0.5": true, "text/html;q=0": false, "text/html; q=0.000": false,
		"application/xhtml+xml,text/html;q=0.9": true, "text/html;level=1": true, "text/htmlx": false, ",,text/html,": true,
	} {
		if got := wantsHTML(accept); got != want {
			f.Fatalf("%q: %v", accept, got)
		}
		f.Add(accept)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		got := wantsHTML(accept)
		names := strings.Contains(strings.ToLower(accept), "text/html")
		if got && !names {
			t.Fatalf("%q is taken to name HTML", accept)
		}
		if !names && !wantsHTML(accept+",text/html") {
			t.Fatalf("%q hides what follows", accept)
		}
		if got && !wantsHTML(accept+",text/html;q=0") {
			t.Fatalf("%q: a later range takes it back", accept)
		}
	})
}

func wantsHTML(accept string) bool {
	return httpauth.WantsHTML(&http.Request{Header: http.Header{"Accept": {accept}}})
}

// FuzzLanguage: always one of ours; English for what is too long or malformed; what stands first and is ours wins.
func FuzzLanguage(f *testing.F) {
	for accept, want := range map[string]string{
		"": "en", "de": "de", "de-AT,en;q=0.5": "de", "fr": "en", "en;q=0.1,de;q=0.9": "de", "x-klingon": "en", "de;q=oops": "en",
		strings.Repeat("de,", 100): "en", "*": "en", "\xff": "en",
	} {
		if got := languageOf(accept); got != want {
			f.Fatalf("%q: %s, want %s", accept, got, want)
		}
		f.Add(accept)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		got := languageOf(accept)
		if got != "en" && got != "de" {
			t.Fatalf("%q: %q", accept, got)
		}
		_, _, err := language.ParseAcceptLanguage(accept)
		if (err != nil || len(accept) > 256) && got != "en" {
			t.Fatalf("%q: %q", accept, got)
		}
		if first := "de," + accept; err == nil && accept != "" && len(first) <= 256 && languageOf(first) != "de" {
			t.Fatalf("%q: %q", first, languageOf(first))
		}
	})
}

func languageOf(accept string) string {
	return httpauth.Language(&http.Request{Header: http.Header{"Accept-Language": {accept}}})
}

// originSeeds are requests to https://app.example.com: Origin and Sec-Fetch-Site ("-" is none) and whether a cookie may
// speak in them.
var originSeeds = []struct {
	origin, site string
	passes       bool
}{
	{"-", "-", true},
	{"https://app.example.com", "-", true},
	{"https://app.example.com:443", "-", false}, // browsers never write the scheme's own port
	{"http://app.example.com", "-", false},
	{"https://app.example.com.evil.example", "-", false},
	{"https://evil.example", "-", false},
	{"null", "-", false},
	{"", "-", false},
	{"https://spa.example.com", "cross-site", true},
	{"https://SPA.example.com", "cross-site", false},
	{"https://evil.example", "same-origin", true}, // the browser's own word decides
	{"https://app.example.com", "same-site", false},
	{"-", "same-origin", true},
	{"-", "none", true},
	{"-", "same-site", false},
	{"-", "Same-Origin", false},
	{"-", "", false},
}

// FuzzOrigins: a cookie speaks only where the browser says same-origin or none, or an Origin is listed or is ours by
// net/url's reading too, or there is neither; and a form's check never passes what the call's does not.
func FuzzOrigins(f *testing.F) {
	origins, err := httpauth.NewOrigins([]string{"https://spa.example.com"})
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range originSeeds {
		if got := origins.Check(originRequest("app.example.com", c.origin, c.site), true) == nil; got != c.passes {
			f.Fatalf("%q %q: passes is %v", c.origin, c.site, got)
		}
		f.Add("app.example.com", c.origin, c.site, true)
	}
	f.Add("localhost:8080", "http://localhost:8080", "-", false)
	f.Add("[::1]:80", "http://[::1]", "-", false)
	f.Add("", "https://", "-", true)
	f.Fuzz(func(t *testing.T, host, origin, site string, https bool) {
		r := originRequest(host, origin, site)
		passes := origins.Check(r, https) == nil
		if form := origins.CheckForm(r, https) == nil; form && (!passes || origin == "-" && site == "-") {
			t.Fatalf("%q %q at %q: a form passes", origin, site, host)
		}
		if !passes || origin == "-" && site == "-" || site == "same-origin" || site == "none" || origin == "https://spa.example.com" {
			return
		}
		u, err := url.Parse(origin)
		own := url.URL{Scheme: map[bool]string{true: "https", false: "http"}[https], Host: host}
		if site != "-" || err != nil || browserOrigin(u.Scheme, u.Host) != browserOrigin(own.Scheme, own.Host) || u.Path+u.RawQuery+u.Fragment != "" || u.User != nil {
			t.Fatalf("%q %q passes at %q (https %v)", origin, site, host, https)
		}
	})
}

func originRequest(host, origin, site string) *http.Request {
	r := &http.Request{Method: http.MethodPost, Host: host, URL: &url.URL{Path: "/auth/login"}, Header: http.Header{}}
	if origin != "-" {
		r.Header["Origin"] = []string{origin}
	}
	if site != "-" {
		r.Header["Sec-Fetch-Site"] = []string{site}
	}
	return r
}

// FuzzIsHTTPS: X-Forwarded-Proto counts from a trusted proxy alone, once, and only as the one word.
func FuzzIsHTTPS(f *testing.F) {
	for _, s := range []string{"https", "HTTPS", "http", "https,http", " https", ""} {
		f.Add(s, "http://localhost:8080", true, false)
		f.Add(s, "", false, false)
		f.Add(s, "https://auth.example.com", false, true)
	}
	f.Fuzz(func(t *testing.T, proto, issuer string, trusted, twice bool) {
		r := &http.Request{Header: http.Header{"X-Forwarded-Proto": {proto}}}
		if twice {
			r.Header.Add("X-Forwarded-Proto", proto)
		}
		want := strings.HasPrefix(issuer, "https://") || trusted && !twice && strings.ToLower(proto) == "https"
		if got := httpauth.IsHTTPS(r, trusted, issuer); got != want {
			t.Fatalf("%q (trusted %v, issuer %q): %v", proto, trusted, issuer, got)
		}
		if r.TLS = new(tls.ConnectionState); !httpauth.IsHTTPS(r, trusted, issuer) {
			t.Fatal("TLS is no https")
		}
	})
}
