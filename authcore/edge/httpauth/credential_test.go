package httpauth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

func TestFindCredentials(t *testing.T) {
	t.Parallel()
	const cookie = "__Host-gatehouse=fromcookie"
	for _, c := range []struct {
		name          string
		authorization []string
		cookie        string
		raw           string
		kind          authcore.CredentialKind
		code          authcore.Code
	}{
		{name: "nothing", code: authcore.AuthenticationRequired},
		{name: "bearer", authorization: []string{"Bearer x.y.z"}, raw: "x.y.z", kind: authcore.BearerToken},
		{name: "scheme in any case", authorization: []string{"bEARER x.y.z"}, raw: "x.y.z", kind: authcore.BearerToken},
		{name: "blanks around", authorization: []string{" Bearer   x.y.z "}, raw: "x.y.z", kind: authcore.BearerToken},
		{name: "only a refresh cookie", cookie: "__Host-gatehouse_refresh=ghr_x", kind: authcore.SessionCookie},
		{name: "cookie", cookie: cookie, raw: "fromcookie", kind: authcore.SessionCookie},
		{name: "bearer wins", authorization: []string{"Bearer bad"}, cookie: cookie, raw: "bad", kind: authcore.BearerToken},
		{name: "two in one line stay one bad token", authorization: []string{"Bearer a, Bearer b"}, raw: "a, Bearer b", kind: authcore.BearerToken},
		{name: "empty bearer", authorization: []string{"Bearer "}, cookie: cookie, kind: authcore.BearerToken, code: authcore.InvalidToken},
		{name: "bare bearer", authorization: []string{"Bearer"}, kind: authcore.BearerToken, code: authcore.InvalidToken},
		{name: "two headers", authorization: []string{"Bearer a", "Bearer b"}, code: authcore.InvalidRequest},
		{name: "two headers of which one is ours", authorization: []string{"Basic a", "Bearer b"}, cookie: cookie, code: authcore.InvalidRequest},
		{name: "basic leaves the cookie", authorization: []string{"Basic dTpw"}, cookie: cookie, raw: "fromcookie", kind: authcore.SessionCookie},
		{name: "another scheme", authorization: []string{"Bearerx y"}, code: authcore.AuthenticationRequired},
		{name: "negotiate", authorization: []string{"Negotiate"}, code: authcore.AuthenticationRequired},
		{name: "empty header", authorization: []string{""}, cookie: cookie, raw: "fromcookie", kind: authcore.SessionCookie},
		{name: "cookie twice", cookie: cookie + "; " + cookie, code: authcore.AuthenticationRequired},
		{name: "plain cookie over https", cookie: "gatehouse=x", code: authcore.AuthenticationRequired},
	} {
		r := httptest.NewRequest(http.MethodGet, "/?access_token=x.y.z&token=x", nil)
		r.Header["Authorization"] = c.authorization
		if c.cookie != "" {
			r.Header.Set("Cookie", c.cookie)
		}
		given, err := httpauth.FindCredentials(r, httpauth.NewJar("", true), nil)
		var code authcore.Code
		if err != nil {
			code = authcore.CodeOf(err)
		}
		if given.Token() != c.raw || given.Kind() != c.kind || code != c.code {
			t.Errorf("%s: got %q %q %q, want %q %q %q", c.name, given.Token(), given.Kind(), code, c.raw, c.kind, c.code)
		}
	}
}
