package portal_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// TestWellKnown: what is not offered is left to the site, and no answer has anything of the request's host in it (R01).
func TestWellKnown(t *testing.T) {
	t.Parallel()
	at := func(h *house, issuer, path string) *httptest.ResponseRecorder {
		t.Helper()
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "https://evil.example/.well-known/"+path, nil)
		if !h.pages.WellKnown(w, r, "/auth", httpauth.RequestInfo{Client: authcore.Client{Issuer: issuer}}) {
			return nil
		}
		return w
	}
	h := build(t)
	if w := at(h, origin, "passkey-endpoints"); w == nil || w.Body.String() != `{"enroll":"https://auth.example.com/auth/account/factors","manage":"https://auth.example.com/auth/account/factors"}` {
		t.Errorf("got %+v", w)
	}
	if w := at(h, origin, "change-password"); w == nil || w.Code != http.StatusFound || w.Header().Get("Location") != "/auth/account/password" {
		t.Errorf("got %+v", w)
	}
	if at(h, origin, "webauthn") != nil || at(h, origin, "openid-configuration") != nil || at(h, "https://192.0.2.7", "passkey-endpoints") != nil {
		t.Error("what is not offered is answered")
	}
	if at(build(t, plan{noPass: true, ways: passwordless.Ways{Code: true}}), origin, "change-password") != nil {
		t.Error("where no password signs in there is none to change")
	}
}
