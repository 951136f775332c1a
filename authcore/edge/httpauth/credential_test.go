package httpauth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

func TestCredential(t *testing.T) {
	t.Parallel()
	const cookie = "__Host-gatehouse=fromcookie"
	for _, c := range []struct {
		name          string
		authorization []string
		cookie        string
		raw           string
		mode          authcore.Mode
		code          authcore.Code
	}{
		{name: "nothing"},
		{name: "bearer", authorization: []string{"Bearer x.y.z"}, raw: "x.y.z", mode: authcore.ModeBearer},
		{name: "scheme in any case", authorization: []string{"bEARER x.y.z"}, raw: "x.y.z", mode: authcore.ModeBearer},
		{name: "blanks around", authorization: []string{" Bearer   x.y.z "}, raw: "x.y.z", mode: authcore.ModeBearer},
		{name: "cookie", cookie: cookie, raw: "fromcookie", mode: authcore.ModeCookie},
		{name: "bearer wins", authorization: []string{"Bearer bad"}, cookie: cookie, raw: "bad", mode: authcore.ModeBearer},
		{name: "two in one line stay one bad token", authorization: []string{"Bearer a, Bearer b"}, raw: "a, Bearer b", mode: authcore.ModeBearer},
		{name: "empty bearer", authorization: []string{"Bearer "}, cookie: cookie, mode: authcore.ModeBearer, code: authcore.InvalidToken},
		{name: "bare bearer", authorization: []string{"Bearer"}, mode: authcore.ModeBearer, code: authcore.InvalidToken},
		{name: "two headers", authorization: []string{"Bearer a", "Bearer b"}, code: authcore.InvalidRequest},
		{name: "two headers of which one is ours", authorization: []string{"Basic a", "Bearer b"}, cookie: cookie, code: authcore.InvalidRequest},
		{name: "basic leaves the cookie", authorization: []string{"Basic dTpw"}, cookie: cookie, raw: "fromcookie", mode: authcore.ModeCookie},
		{name: "another scheme", authorization: []string{"Bearerx y"}},
		{name: "negotiate", authorization: []string{"Negotiate"}},
		{name: "empty header", authorization: []string{""}, cookie: cookie, raw: "fromcookie", mode: authcore.ModeCookie},
		{name: "cookie twice", cookie: cookie + "; " + cookie},
		{name: "plain cookie over https", cookie: "gatehouse=x"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/?access_token=x.y.z&token=x", nil)
		r.Header["Authorization"] = c.authorization
		if c.cookie != "" {
			r.Header.Set("Cookie", c.cookie)
		}
		raw, mode, err := httpauth.Credential(r, httpauth.NewJar("", true))
		var code authcore.Code
		if err != nil {
			code = authcore.CodeOf(err)
		}
		if raw != c.raw || mode != c.mode || code != c.code {
			t.Errorf("%s: got %q %q %q, want %q %q %q", c.name, raw, mode, code, c.raw, c.mode, c.code)
		}
	}
}
