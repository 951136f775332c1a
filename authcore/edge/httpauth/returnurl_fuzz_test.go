package httpauth_test

import (
	"net/url"
	"slices"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// allowedReturns are the origins of [portalRules], as browsers write them.
var allowedReturns = []string{
	"https://app.example.com", "https://app.example.com:8443", "https://other.example.org", "https://localhost:8080", "http://localhost:8080",
}

func TestBrowserReads(t *testing.T) {
	t.Parallel()
	base := &url.URL{Scheme: "https", Host: "app.example.com", Path: "/here"}
	for raw, want := range map[string][2]string{
		"/x":                       {"https://app.example.com", "/x"},
		"x":                        {"https://app.example.com", "/x"},
		"?y":                       {"https://app.example.com", "/"},
		"//evil.example/x":         {"https://evil.example", "/x"},
		`/\evil.example/x`:         {"https://evil.example", "/x"},
		`\\evil.example`:           {"https://evil.example", "/"},
		"/\t/evil.example":         {"https://evil.example", "/"},
		"////evil.example":         {"https://evil.example", "/"},
		"http:evil.example":        {"http://evil.example", "/"},
		"https:evil.example":       {"https://app.example.com", "/evil.example"},
		"https:/evil.example":      {"https://app.example.com", "/evil.example"},
		"https:///evil.example/x":  {"https://evil.example", "/x"},
		"https://a@evil.example:1": {"https://evil.example:1", "/"},
		"https://EVIL.example:443": {"https://evil.example", "/"},
		"https://%65vil.example":   {"https://evil.example", "/"},
		"javascript:alert(1)":      {"", ""},
		" \x01/a/../b/%2E%2e/auth": {"https://app.example.com", "/auth"},
		"/a/b/..":                  {"https://app.example.com", "/a/"},
	} {
		if origin, path := browserReads(base, raw); origin != want[0] || path != want[1] {
			t.Errorf("%q: read as %q %q, want %q %q", raw, origin, path, want[0], want[1])
		}
	}
}

// FuzzReturnURL: what is accepted leads to a listed origin and not into the prefix, as net/url reads it and as a browser
// does, and is accepted again as it was written.
func FuzzReturnURL(f *testing.F) {
	seeds := corpus(f, "testdata/return_urls_refused.txt")
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range append(seeds, "/x?y#z", "https://other.example.org/x", "http://localhost:8080/", "/%2e%2e/auth", "https:/x", `/\x`) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, ok := accepted(raw, portalRules())
		if slices.Contains(seeds, raw) && ok {
			t.Fatalf("%q of the corpus is accepted", raw)
		}
		if !ok {
			return
		}
		base := &url.URL{Scheme: "https", Host: "app.example.com", Path: "/here"}
		to, err := base.Parse(got)
		if err != nil {
			t.Fatalf("%q became %q: %v", raw, got, err)
		}
		origin, path := browserReads(base, got)
		if !slices.Contains(allowedReturns, origin) {
			t.Fatalf("%q became %q, which leads a browser to %q", raw, got, origin)
		}
		if want := browserOrigin(to.Scheme, to.Host); want != origin {
			t.Fatalf("%q became %q: %s to net/url, %s to a browser", raw, got, want, origin)
		}
		if httpauth.HasPrefix("/auth", to.Path) || httpauth.HasPrefix("/auth", path) {
			t.Fatalf("%q leads into the prefix: %s", raw, to)
		}
		if again, ok := accepted(got, portalRules()); !ok || again != got {
			t.Fatalf("%q became %q, which becomes %q", raw, got, again)
		}
	})
}
