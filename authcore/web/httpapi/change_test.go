package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
)

func TestChangePassword(t *testing.T) {
	h := open(t)
	h.account(email, username)
	first, second := h.signIn(email), h.signIn(email)
	body := `{"current_password":"` + password + `","new_password":"` + password2 + `"}`
	h.post("/me/password", body).refused(401, authcore.AuthenticationRequired)
	h.post("/me/password", `{"current_password":"wrong","new_password":"`+password2+`"}`, bearer(first.AccessToken)).refused(401, authcore.InvalidCredentials)
	h.post("/me/password", `{"current_password":"`+password+`","new_password":"short"}`, bearer(first.AccessToken)).refused(422, authcore.InvalidFields)
	h.post("/me/password", `{}`, bearer(first.AccessToken)).refused(422, authcore.InvalidFields)
	h.post("/me/password", `[]`, bearer(first.AccessToken)).refused(400, authcore.InvalidRequest)
	h.call(http.MethodGet, "/me", "", bearer(first.AccessToken)).want(200)
	if got := h.post("/me/password", body, bearer(first.AccessToken)).want(204); len(got.body) != 0 || got.header["Set-Cookie"] != nil {
		t.Errorf("got %v %s", got.header, got.body)
	}
	for _, p := range []pair{first, second} {
		h.call(http.MethodGet, "/me", "", bearer(p.AccessToken)).refused(401, authcore.InvalidToken)
		h.post("/refresh", `{"refresh_token":"`+p.RefreshToken+`"}`).refused(401, authcore.InvalidRefreshToken)
	}
	h.post("/login", `{"login":"`+email+`","password":"`+password+`"}`).refused(401, authcore.InvalidCredentials)
	h.post("/login", `{"login":"`+email+`","password":"`+password2+`"}`).want(200)
	h.Mail(t, email, authcore.MailPasswordReset)
}

func TestChangePassword_Browser(t *testing.T) {
	h := open(t)
	h.account(email, username)
	b := h.browser()
	b.signIn(email)
	body := `{"current_password":"` + password + `","new_password":"` + password2 + `"}`
	b.post("/me/password", body, header("Sec-Fetch-Site", "cross-site")).refused(403, authcore.CrossOrigin)
	b.post("/me/password", body, header("Sec-Fetch-Site", "same-origin")).want(204)
	if len(b.cookies) != 0 {
		t.Errorf("cookies stay: %v", b.cookies)
	}
}

func TestChangePassword_IsLimited(t *testing.T) {
	rates := unlimited()
	rates[authcore.LimitLogin] = ratelimit.Rate{Count: 2, Window: time.Minute}
	h := open(t, plan{rates: rates})
	h.account(email, username)
	token := bearer(h.signIn(email).AccessToken)
	h.post("/me/password", `{"current_password":"x","new_password":"`+password2+`"}`, token).refused(401, authcore.InvalidCredentials)
	h.post("/me/password", `{"current_password":"x","new_password":"`+password2+`"}`, token).refused(429, authcore.RateLimited)
}

func TestRemovePassword(t *testing.T) {
	h := open(t)
	h.account(email, username)
	h.call(http.MethodDelete, "/me/password", "").refused(401, authcore.AuthenticationRequired)
	token := h.signedInBefore(email)
	h.call(http.MethodDelete, "/me/password", "", token).refused(403, authcore.ReauthenticationRequired)
	h.call(http.MethodDelete, "/me/password", `{"password":"`+password+`"}`, token).refused(409, authcore.LastWayIn)
}

// Who signs in by a code as well may do without a password, and set one again.
func TestRemovePassword_WhereCodesSignIn(t *testing.T) {
	h := open(t, plan{ways: codesAndLinks})
	h.account(email, username)
	b := h.browser()
	b.signIn(email)
	b.call(http.MethodDelete, "/me/password", `{"password":"`+password+`"}`, header("Sec-Fetch-Site", "same-origin")).want(204)
	if len(b.cookies) != 0 {
		t.Errorf("cookies stay: %v", b.cookies)
	}
	h.post("/login", `{"login":"`+email+`","password":"`+password+`"}`).refused(401, authcore.InvalidCredentials)
	_, m := h.askCode(`{"email":"` + email + `"}`)
	p := h.post("/otp/verify", `{"email":"`+email+`","otp":"`+m.Code+`"}`).pair()
	if p.User.PasswordSet {
		t.Error("there is a password")
	}
	h.call(http.MethodDelete, "/me/password", `{"password":"`+password+`"}`, bearer(p.AccessToken)).refused(401, authcore.InvalidCredentials)
	h.call(http.MethodDelete, "/me/password", "", bearer(p.AccessToken)).want(204)
	h.post("/me/password", `{"new_password":"`+password2+`"}`, bearer(p.AccessToken)).want(204)
	h.post("/login", `{"login":"`+email+`","password":"`+password2+`"}`).want(200)
}

// A password may be left out where something else signs in.
func TestRegister_WithoutAPassword(t *testing.T) {
	h := open(t)
	h.post("/register", `{"email":"`+email+`"}`).refused(422, authcore.InvalidFields)
	h = build(t, plan{ways: codesAndLinks})
	var made struct{ Registration string }
	h.post("/register", `{"email":"`+email+`"}`).want(202).into(&made)
	h.post("/login", `{"login":"`+email+`","password":"`+password+`"}`).refused(401, authcore.InvalidCredentials)
	code := h.Mail(t, email, authcore.MailVerify).Code
	h.post("/verify", `{"email":"`+email+`","otp":"`+code+`"}`).refused(403, authcore.RegistrationProofRequired)
	p := h.post("/verify", `{"email":"`+email+`","otp":"`+code+`","registration":"`+made.Registration+`"}`).pair()
	if p.User.PasswordSet {
		t.Error("there is a password")
	}
	// The mailbox sets the first one.
	h.post("/password/forgot", `{"login":"`+email+`"}`).want(202)
	h.post("/password/reset", `{"login":"`+email+`","otp":"`+h.Mail(t, email, authcore.MailReset).Code+`","new_password":"`+password2+`"}`).want(204)
	h.post("/login", `{"login":"`+email+`","password":"`+password2+`"}`).want(200)
}

func TestFirstPassword(t *testing.T) {
	h := open(t)
	a := h.account(email, username)
	token := h.signedInBefore(email)
	check(h, h.Store.ReplacePasswordHash(t.Context(), a.ID, a.PasswordHash, ""))
	h.post("/me/password", `{"new_password":"`+password2+`"}`, token).refused(403, authcore.ReauthenticationRequired)
}

func TestRename_TooOften(t *testing.T) {
	h := open(t)
	h.account(email, username)
	token := bearer(h.signIn(email).AccessToken)
	for _, name := range []string{"ada.a", "ada.b", "ada.c"} {
		h.call(http.MethodPatch, "/me", `{"username":"`+name+`"}`, token).want(200)
	}
	h.call(http.MethodPatch, "/me", `{"username":"ada.d"}`, token).refused(409, authcore.LimitReached)
	h.call(http.MethodPatch, "/me", `{"username":"ADA.C","first_name":"Augusta"}`, token).want(200)
}
