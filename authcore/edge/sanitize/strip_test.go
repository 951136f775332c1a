package sanitize

import (
	"io"
	"net/http"
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
	x-webauth-user x-webauth-email x-webauth-name x-webauth-groups gatehouse-assertion x-my-team http2-settings
	x-remote-user x-remote-email x-remote-name x-remote-groups x-authenticated-user x-authenticated-userid x-authenticated-groups
	x-auth-user x-authentik-username x-authentik-groups x-authentik-email x-authentik-name x-authentik-uid x-authentik-jwt
	x-authentik-entitlements x-forwarded-access-token x-pomerium-jwt-assertion cf-access-authenticated-user-email
	cf-access-jwt-assertion x-goog-iap-jwt-assertion x-token-subject`)

// identityBeginnings are the beginnings of names that nothing behind a guard may get.
var identityBeginnings = strings.Fields(`x-pomerium-claim- x-goog-authenticated-user- x-amzn-oidc- x-ms-client-principal
	x-token-user- tailscale-user-`)

// asServersFold is how CGI and WSGI servers, and those that turn names back, read the name of a header (P02): PHP makes one
// variable of `X!Y` and `X-Y`.
func asServersFold(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("_.!~#$%&'*+^|`", r) {
			return '-'
		}
		if r >= 'A' && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}, name)
}

func isIdentityName(name string) bool {
	folded := asServersFold(name)
	return slices.Contains(identityNames, folded) ||
		slices.ContainsFunc(identityBeginnings, func(begin string) bool { return strings.HasPrefix(folded, begin) })
}

// TestP02_NamesOfOtherGateways is contract §3.7: every name of every gateway, in any spelling that a server takes for it.
func TestP02_NamesOfOtherGateways(t *testing.T) {
	s := NewStripper([]string{"X-My_Team"}, nil, nil)
	names := slices.Clone(identityNames)
	for _, begin := range identityBeginnings {
		names = append(names, begin, begin+"x", begin+"email", begin+strings.Repeat("long-", 40))
	}
	for _, name := range names {
		spelt := []string{name, strings.ToUpper(name), http.CanonicalHeaderKey(name)}
		for _, mark := range "_.!~#$%&'*+^|`" {
			spelt = append(spelt, strings.ReplaceAll(name, "-", string(mark)), strings.Replace(strings.ToUpper(name), "-", string(mark), 1))
		}
		for _, spelling := range spelt {
			if !s.Owns(spelling) {
				t.Errorf("%q passes as %q", name, spelling)
			}
		}
	}
	for _, theirs := range []string{"X-Remote", "X-Remote-Users", "X-Authentik", "X-Token", "X-Goog-Api-Key", "X-Ms-Client-Request-Id", "Cf-Ray",
		"X-Auth-Token", "X-Request-Id", "X-Amzn-Trace-Id", "X-Forwarded-Access", "Tailscale-Users", "X", "", "X-", "-Remote-User", "XRemote-User"} {
		if s.Owns(theirs) {
			t.Errorf("%q is nobody's identity and does not pass", theirs)
		}
	}
	r := &http.Request{Header: http.Header{"X-Request-Id": {"1"}, "Remote!user": {"x"}, "Accept": {"*/*"}, "X-Amzn-Oidc-Data": {"x"}}}
	if made := testing.AllocsPerRun(100, func() { s.Strip(r) }); made != 0 {
		t.Errorf("stripping makes %v allocations", made)
	}
}

// TestP04_ForbiddenTrailers is RFC 9110 §6.5.1: what frames, routes, authenticates or changes a message is no trailer, announced
// or not, in any spelling.
func TestP04_ForbiddenTrailers(t *testing.T) {
	s := NewStripper(nil, nil, nil)
	forbidden := strings.Fields(`Authorization Cookie Host Content-Length Transfer-Encoding Set-Cookie Proxy-Authorization TE Trailer
		Content-Type Content-Encoding Content-Range Cache-Control Expect Max-Forwards Pragma Range If-Match If-None-Match If-Range
		Connection Upgrade Keep-Alive Proxy-Connection Forwarded X-Forwarded-For X-Forwarded-Host X-Real-Ip Via Origin Sec-Fetch-Site
		Accept Remote-User X-Remote-User X-HTTP-Method-Override Date Vary Location Age Expires Retry-After Warning`)
	for _, name := range forbidden {
		for _, spelling := range []string{name, strings.ToLower(name), strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(name, "-", "!")} {
			for _, announced := range []bool{true, false} {
				r := &http.Request{Header: http.Header{}, ContentLength: -1, Trailer: http.Header{"X-Theirs": nil}}
				r.Body = io.NopCloser(ends(func() {
					r.Trailer[spelling], r.Trailer["X-Theirs"] = []string{"v"}, []string{"v"}
				}))
				if announced {
					r.Trailer[spelling] = nil
				}
				s.Strip(r)
				if _, left := r.Trailer[spelling]; left {
					t.Errorf("the trailer %s is announced to the service", spelling)
				}
				if _, err := io.ReadAll(r.Body); err != nil {
					t.Fatal(err)
				}
				if _, left := r.Trailer[spelling]; left || len(r.Trailer["X-Theirs"]) != 1 {
					t.Errorf("with the trailer %s the service gets %v", spelling, r.Trailer)
				}
			}
		}
	}
	for _, theirs := range []string{"Content-Digest", "Content-MD5", "Digest", "Server-Timing", "X-Checksum-Sha256", "Grpc-Status"} {
		if s.names.Has(theirs) || heldByTrailers.Has(theirs) {
			t.Errorf("the trailer %s does not pass", theirs)
		}
	}
}

// ends is an empty body that does something at its end.
type ends func()

func (e ends) Read([]byte) (int, error) { e(); return 0, io.EOF }

// FuzzStrip: after strip no header and no trailer reads as an identity header in any server, Connection names none of
// them, and what is nobody's business stays as it was.
func FuzzStrip(f *testing.F) {
	s := NewStripper([]string{"X-My_Team"}, nil, nil)
	for name, ours := range map[string]bool{
		"Remote!User": true, "x~ms|client^principal~name": true, "Remote-User": true, "REMOTE_USER": true, "remote.user": true, "X_Auth.User-ID": true, "Gatehouse_Assertion": true,
		"X.My.Team": true, "X-WEBAUTH-GROUPS": true, "X-Forwarded-Groups": true, "X-Auth-Request.Preferred_Username": true,
		"Remote-Users": false, "Remote": false, "X-Forwarded-For": false, "RemoteUser": false, "Remote--User": false, "": false,
	} {
		if s.Owns(name) != ours {
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
		s.Strip(r)
		for _, h := range []http.Header{r.Header, r.Trailer} {
			for left := range h {
				if isIdentityName(left) {
					t.Fatalf("%q is left", left)
				}
			}
		}
		if name != "Connection" && name != "Upgrade" && !isIdentityName(name) && len(r.Header[name]) != 1 {
			t.Fatalf("%q is gone", name)
		}
		for _, line := range r.Header["Connection"] {
			for token := range strings.SplitSeq(line, ",") {
				token = asServersFold(strings.TrimSpace(token))
				if isIdentityName(token) || token == "cookie" || token == "authorization" || token == "x-forwarded-for" || token == "upgrade" {
					t.Fatalf("Connection: %q takes %q away", line, token)
				}
			}
		}
	})
}
