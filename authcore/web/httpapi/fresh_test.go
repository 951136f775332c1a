package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// signedInBefore signs in and lets time pass until the sign-in is no longer fresh.
func (h *house) signedInBefore(login string) change {
	h.Helper()
	p := h.signIn(login)
	h.Clock.Advance(11 * time.Minute)
	return bearer(h.post("/refresh", `{"refresh_token":"`+p.RefreshToken+`"}`).want(200).pair().AccessToken)
}

func TestR12_RemovePhoneWithAStolenSession(t *testing.T) {
	h := open(t)
	a := h.account(email, username, func(a *authcore.Account) { a.Phone = "+4312345678" })
	h.call(http.MethodDelete, "/me/phone", "").refused(401, authcore.AuthenticationRequired)
	token := h.signedInBefore(email)
	got := h.call(http.MethodDelete, "/me/phone", "", token).refused(403, authcore.ReauthenticationRequired)
	if want := `Bearer error="insufficient_user_authentication", max_age=600`; got.header.Get("WWW-Authenticate") != want {
		t.Errorf("got %s", got.header.Get("WWW-Authenticate"))
	}
	h.call(http.MethodDelete, "/me/phone", `{"password":"wrong"}`, token).refused(401, authcore.InvalidCredentials)
	h.call(http.MethodDelete, "/me/phone", `{"password":7}`, token).refused(400, authcore.InvalidRequest)
	h.call(http.MethodDelete, "/me/phone", `{"password":""}`, token).refused(403, authcore.ReauthenticationRequired)
	if now, err := h.Store.AccountByID(t.Context(), a.ID); err != nil || now.Phone == "" {
		t.Fatalf("the number is %q (%v)", now.Phone, err)
	}
	h.call(http.MethodDelete, "/me/phone", `{"password":"`+password+`","otp":"000000"}`, token).want(200)
	if now, err := h.Store.AccountByID(t.Context(), a.ID); err != nil || now.Phone != "" {
		t.Fatalf("the number is %q (%v)", now.Phone, err)
	}
	h.call(http.MethodDelete, "/me/phone", "", bearer(h.signIn(email).AccessToken)).want(200)
}
