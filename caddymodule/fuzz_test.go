package caddymodule

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
)

// identityNames are the headers of contract §3.6 and those that nothing behind a guard may get, spelt out and not taken from
// the code under test.
var identityNames = strings.Fields(`remote-user remote-sub remote-email remote-name remote-groups
	x-auth-user-id x-auth-username x-auth-email x-auth-name x-auth-roles x-auth-session-id
	x-auth-request-user x-auth-request-email x-auth-request-preferred-username x-auth-request-groups
	x-forwarded-user x-forwarded-email x-forwarded-preferred-username x-forwarded-groups
	x-webauth-user x-webauth-email x-webauth-name x-webauth-groups gatehouse-assertion x-my-team http2-settings`)

// asServersFold is how CGI and WSGI servers, and those that turn names back, read the name of a header (P02).
func asServersFold(name string) string {
	return strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name))
}

// FuzzStrip: after strip no header and no trailer reads as an identity header in any server, Connection names none of
// them, and what is nobody's business stays as it was.
func FuzzStrip(f *testing.F) {
	s := newStripper([]string{"X-My_Team"})
	for name, ours := range map[string]bool{
		"Remote-User": true, "REMOTE_USER": true, "remote.user": true, "X_Auth.User-ID": true, "Gatehouse_Assertion": true,
		"X.My.Team": true, "X-WEBAUTH-GROUPS": true, "X-Forwarded-Groups": true, "X-Auth-Request.Preferred_Username": true,
		"Remote-Users": false, "Remote": false, "X-Forwarded-For": false, "RemoteUser": false, "Remote--User": false, "": false,
	} {
		if s.owns(name) != ours {
			f.Fatalf("%q: ours is %v", name, !ours)
		}
		f.Add(name, "close, "+name, name)
	}
	f.Add("X", "keep-alive, Remote_User,x-forwarded-for , Upgrade", "\u212aemote-User")
	f.Add("Upgrade", "upgrade, HTTP2-Settings", "X")
	f.Fuzz(func(t *testing.T, name, connection, trailer string) {
		r := &http.Request{
			Header:  http.Header{name: {"v"}, "Accept": {"*/*"}, "Connection": {connection}},
			Trailer: http.Header{trailer: nil}, ContentLength: 1,
		}
		s.strip(r)
		for _, h := range []http.Header{r.Header, r.Trailer} {
			for left := range h {
				if slices.Contains(identityNames, asServersFold(left)) {
					t.Fatalf("%q is left", left)
				}
			}
		}
		if name != "Connection" && name != "Upgrade" && !slices.Contains(identityNames, asServersFold(name)) && len(r.Header[name]) != 1 {
			t.Fatalf("%q is gone", name)
		}
		for _, line := range r.Header["Connection"] {
			for token := range strings.SplitSeq(line, ",") {
				token = asServersFold(strings.TrimSpace(token))
				if slices.Contains(identityNames, token) || token == "cookie" || token == "authorization" || token == "x-forwarded-for" || token == "upgrade" {
					t.Fatalf("Connection: %q takes %q away", line, token)
				}
			}
		}
	})
}

// FuzzAmbiguousPath: a path that is not called ambiguous is the same path to a server that decodes it once more, cuts
// path parameters, takes backslashes for slashes, or cleans it (P11).
func FuzzAmbiguousPath(f *testing.F) {
	for raw, ambiguous := range map[string]bool{
		"/": false, "/a/b": false, "/a/": false, "/a%20b": false, "/%C3%BC": false, "/a.b/..c/...": false, "/.well-known/x": false,
		"//a": true, "/a//b": true, "/a/./b": true, "/a/../b": true, "/a/..": true, "/a;x/b": true, `/a\b`: true, "/a%5Cb": true, "/a%2Fb": true,
		"/a/%2e%2e/b": true, "/%2E/b": true, "/a%252Fb": true, "/a%00b": true, "/a%3Bb": true, "/a%3Fb": true, "/%c0%af": true, "/%ff": true,
	} {
		u, err := url.ParseRequestURI(raw)
		if err != nil {
			f.Fatal(err)
		}
		if got := ambiguousPath(&http.Request{URL: u}); got != ambiguous {
			f.Fatalf("%q: ambiguous is %v", raw, got)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.ParseRequestURI(raw)
		if err != nil || u.Host != "" || !strings.HasPrefix(u.Path, "/") || ambiguousPath(&http.Request{URL: u}) {
			return
		}
		twice, err := url.PathUnescape(u.Path)
		readings := map[string]string{
			"decodes again":     twice,
			"cuts parameters":   withoutParameters(u.Path),
			"knows backslashes": strings.ReplaceAll(u.Path, `\`, "/"),
			"cleans":            cleaned(u.Path),
			"keeps %2f":         strings.NewReplacer("%2f", "/", "%2F", "/").Replace(u.EscapedPath()),
		}
		if decoded, err := url.PathUnescape(readings["keeps %2f"]); err == nil {
			readings["keeps %2f"] = decoded
		}
		if err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		for server, reading := range readings {
			if reading != u.Path {
				t.Fatalf("%q is %q to us and %q to a server that %s", raw, u.Path, reading, server)
			}
		}
	})
}

func withoutParameters(p string) string {
	segments := strings.Split(p, "/")
	for i, s := range segments {
		segments[i], _, _ = strings.Cut(s, ";")
	}
	return strings.Join(segments, "/")
}

func cleaned(p string) string {
	c := path.Clean(p)
	if strings.HasSuffix(p, "/") && c != "/" {
		c += "/"
	}
	return c
}
