package httpauth_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// ownCookies are the names that no upstream sees.
var ownCookies = []string{
	"gatehouse", "gatehouse_refresh", "gatehouse_registration", "gatehouse_link", "gatehouse_pending", "gatehouse_sent",
	"__Host-gatehouse", "__Host-gatehouse_refresh", "__Host-gatehouse_registration", "__Host-gatehouse_link",
	"__Host-gatehouse_pending", "__Host-gatehouse_sent",
}

// isOwn: in any case, and the verifiers whatever they end in.
func isOwn(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(ownCookies, func(own string) bool { return strings.ToLower(own) == name }) ||
		strings.HasPrefix(strings.TrimPrefix(name, "__host-"), "gatehouse_handover")
}

// cookieSeeds are Cookie lines with what [httpauth.ReadCookie] reads of the access cookie over https and what is left for
// the upstream.
var cookieSeeds = []struct{ line, access, left string }{
	{"__Host-gatehouse=a; b=c", "a", "b=c"},
	{"b=c; __Host-gatehouse=a", "a", "b=c"},
	{"__Host-gatehouse=a; __Host-gatehouse=b", "", ""},
	{"__Host-gatehouse=a; b=\"x; y\"", "a", "b=\"x; y\""},
	{"b=\"x; __Host-gatehouse=a\"", "a\"", "b=\"x"},
	{" \t__Host-gatehouse \t=\t a ;;", "a", ""},
	{"__host-gatehouse=a", "", ""},
	{"__Host-gatehouse", "", ""},
	{"__Host-gatehouse=a=b", "a=b", ""},
	{"gatehouse=a; __Host-gatehouse_refresh=r;c=d", "", "c=d"},
	{"gatehouse_other=1; xgatehouse=2", "", "gatehouse_other=1; xgatehouse=2"},
	{";", "", ";"},
	{"", "", ""},
}

func TestCookieSeeds(t *testing.T) {
	t.Parallel()
	for _, c := range cookieSeeds {
		r := &http.Request{Header: http.Header{"Cookie": {c.line}}}
		if got := httpauth.ReadCookie(r, "__Host-gatehouse"); got != c.access {
			t.Errorf("%q: read %q, want %q", c.line, got, c.access)
		}
		httpauth.NewJar("", true).Strip(r.Header, noToken)
		if got := r.Header.Get("Cookie"); got != c.left {
			t.Errorf("%q: left %q, want %q", c.line, got, c.left)
		}
	}
}

// FuzzCookies reads Cookie lines beside net/http: of an access cookie that both see, both see the same value; one that
// stands there twice is not read; of ours nothing is left, of the others' all, in order.
func FuzzCookies(f *testing.F) {
	for _, c := range cookieSeeds {
		f.Add(c.line, "")
		f.Add("x=y", c.line)
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		if !sendable(one) || !sendable(two) {
			return
		}
		r := &http.Request{Header: http.Header{"Cookie": {one, two}}}
		before := namedPairs(r.Header)
		for _, name := range []string{"gatehouse", "__Host-gatehouse", "__Host-gatehouse_refresh"} {
			got, seen := httpauth.ReadCookie(r, name), 0
			for _, p := range before {
				if p[0] == name {
					seen++
				}
			}
			if seen != 1 && got != "" {
				t.Fatalf("%q %q: %s stands there %d times and is read as %q", one, two, name, seen, got)
			}
			if std := r.CookiesNamed(name); seen == 1 && len(std) == 1 && strings.Trim(std[0].Value, " ") != strings.Trim(got, `" `) {
				t.Fatalf("%q %q: %s is %q, to net/http %q", one, two, name, got, std[0].Value)
			}
		}
		httpauth.NewJar("", true).Strip(r.Header, noToken)
		want := slices.DeleteFunc(before, func(p [2]string) bool { return isOwn(p[0]) })
		if left := namedPairs(r.Header); !slices.Equal(left, want) {
			t.Fatalf("%q %q: left %q, want %q", one, two, left, want)
		}
		for _, c := range r.Cookies() {
			if isOwn(c.Name) {
				t.Fatalf("%q %q: the upstream sees %s", one, two, c.Name)
			}
		}
	})
}

// namedPairs splits Cookie lines as RFC 6265 §5.4 puts them together; what is only blanks is left out.
func namedPairs(h http.Header) (pairs [][2]string) {
	for _, part := range strings.Split(strings.Join(h["Cookie"], ";"), ";") {
		name, value, _ := strings.Cut(part, "=")
		if strings.Trim(part, " \t") != "" {
			pairs = append(pairs, [2]string{strings.Trim(name, " \t"), strings.Trim(value, " \t")})
		}
	}
	return pairs
}

// FuzzFindCredentials: a bearer header silences the cookie, whatever it holds; nothing is both refused and returned; the token
// is one that stands in the request.
func FuzzFindCredentials(f *testing.F) {
	for _, s := range []string{"Bearer x", "bearer\tx", "Basic y", "", "Bearer  ", "BEARER a, Bearer b", "Bearerx y", " Bearer z", "Bearer a\tb"} {
		f.Add(s, "__Host-gatehouse=a; b=c")
	}
	f.Fuzz(func(t *testing.T, authorization, cookie string) {
		if !sendable(authorization) || !sendable(cookie) {
			return
		}
		r := &http.Request{Method: http.MethodGet, Header: http.Header{"Authorization": {authorization}, "Cookie": {cookie}}}
		given, err := httpauth.FindCredentials(r, httpauth.NewJar("", true), nil)
		raw, kind := given.Token(), given.Kind()
		if err != nil && raw != "" || raw != "" && kind == "" || err == nil && kind == "" {
			t.Fatalf("%q, %q: got %q %q %v", authorization, cookie, raw, kind, err)
		}
		fields := strings.FieldsFunc(authorization, func(c rune) bool { return c == ' ' || c == '\t' })
		bearer := len(fields) > 0 && strings.EqualFold(fields[0], "bearer")
		switch {
		case bearer != (kind == authcore.BearerToken):
			t.Fatalf("%q: kind %q", authorization, kind)
		case bearer && (err == nil) != (len(fields) > 1):
			t.Fatalf("%q: %v", authorization, err)
		case bearer && !strings.Contains(authorization, raw):
			t.Fatalf("%q: %q was never sent", authorization, raw)
		case !bearer && raw != httpauth.ReadCookie(r, "__Host-gatehouse"):
			t.Fatalf("%q, %q: got %q", authorization, cookie, raw)
		}
	})
}

// sendable reports whether a header can hold the value: net/http refuses requests with other control characters.
func sendable(value string) bool {
	return !strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f })
}
