package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// A stolen access token gets nothing of the session that its owner has proved themselves in.
func TestS03_Reauthenticate(t *testing.T) {
	h := open(t)
	h.account(email, username, func(*authcore.Account) {})
	before := h.signIn(email)
	h.Clock.Advance(11 * time.Minute)
	before = h.post("/refresh", `{"refresh_token":"`+before.RefreshToken+`"}`).want(200).pair()
	old := bearer(before.AccessToken)
	h.post("/reauthenticate", `{"password":"x"}`).refused(401, authcore.AuthenticationRequired)
	h.call(http.MethodPost, "/reauthenticate", `{"otp":"123456"}`, old).refused(422, authcore.InvalidFields)
	h.call(http.MethodPost, "/reauthenticate", `{"password":"wrong"}`, old).refused(401, authcore.InvalidCredentials)
	h.call(http.MethodGet, "/me", "", old).want(200)
	after := h.call(http.MethodPost, "/reauthenticate", `{"password":"`+password+`"}`, old).want(200).pair()
	if after.SessionID == before.SessionID || after.RefreshToken == before.RefreshToken || after.AccessToken == "" {
		t.Errorf("got %+v after %+v", after, before)
	}
	h.call(http.MethodGet, "/me", "", old).refused(401, authcore.InvalidToken)
	h.call(http.MethodPost, "/reauthenticate", `{"password":"`+password+`"}`, old).refused(401, authcore.InvalidToken)
	h.call(http.MethodDelete, "/me/phone", "", bearer(after.AccessToken)).want(200) // it is fresh
	again := h.post("/refresh", `{"refresh_token":"`+before.RefreshToken+`"}`).want(200).pair()
	if again.SessionID != after.SessionID {
		t.Errorf("the old refresh token yields session %s, want %s", again.SessionID, after.SessionID)
	}
	h.Clock.Advance(time.Minute)
	h.post("/refresh", `{"refresh_token":"`+before.RefreshToken+`"}`).refused(401, authcore.InvalidRefreshToken)
	h.post("/refresh", `{"refresh_token":"`+after.RefreshToken+`"}`).want(200)
}

// mailed proves again who is signed in, by a code to their address, and returns the access token of the session that comes of it.
func (h *house) mailed(token string) string {
	h.Helper()
	var p pending
	h.call(http.MethodPost, "/reauthenticate", "", bearer(token)).want(200).into(&p)
	return h.post("/login/mfa", `{"mfa_token":"`+p.MFAToken+`","method":"email","code":"`+h.mfaCode()+`"}`).want(200).pair().AccessToken
}

// Without a body every way is offered, and what waits goes on like a sign-in, in a browser by its cookies.
func TestReauthenticate_Waits(t *testing.T) {
	h := open(t)
	h.account(email, username)
	before := h.signIn(email)
	var p pending
	h.call(http.MethodPost, "/reauthenticate", "", bearer(before.AccessToken)).want(200).into(&p)
	if p.MFAToken == "" || p.ExpiresIn != 600 || len(p.Methods) != 2 || p.Methods[0].Method != "email" || !p.Methods[0].Sent || p.Methods[1].Method != "password" {
		t.Fatalf("%+v", p)
	}
	token := `{"mfa_token":"` + p.MFAToken + `","method":"email"`
	h.post("/login/mfa/send", token+`}`).want(202) // too soon: the code that is out stays good
	h.post("/login/mfa", token+`,"code":"x"}`).refused(400, authcore.InvalidCode)
	h.call(http.MethodGet, "/me", "", bearer(before.AccessToken)).want(200)
	after := h.post("/login/mfa", token+`,"code":"`+h.mfaCode()+`"}`).want(200).pair()
	if after.SessionID == before.SessionID || after.AccessToken == "" {
		t.Errorf("got %+v after %+v", after, before)
	}
	h.call(http.MethodGet, "/me", "", bearer(before.AccessToken)).refused(401, authcore.InvalidToken)
	h.call(http.MethodGet, "/me", "", bearer(after.AccessToken)).want(200)
	h.post("/login/mfa", token+`,"code":"`+h.mfaCode()+`"}`).refused(401, authcore.InvalidMFAToken)

	b := h.browser()
	b.post("/login", `{"login":"`+email+`","password":"`+password+`","cookies":true}`).want(200)
	old := b.cookies["__Host-gatehouse"]
	p = pending{}
	b.post("/reauthenticate", `{}`).want(200).into(&p)
	if p.MFAToken != "" || b.cookies["__Host-gatehouse_mfa"] == "" {
		t.Fatalf("%+v, cookies %v", p, b.cookies)
	}
	b.post("/login/mfa", `{"method":"password","password":"`+password+`"}`).want(200)
	if b.cookies["__Host-gatehouse_mfa"] != "" || b.cookies["__Host-gatehouse"] == old {
		t.Errorf("cookies %v", b.cookies)
	}
	b.post("/refresh", "").want(200) // the session that took the old one's place lives
}

// Whoever guesses passwords by a stolen token has few tries, as with every proof.
func TestR12_ReauthenticateGuesses(t *testing.T) {
	h := open(t)
	h.account(email, username, func(*authcore.Account) {})
	token := bearer(h.signIn(email).AccessToken)
	for range 5 {
		h.call(http.MethodPost, "/reauthenticate", `{"password":"wrong"}`, token).refused(401, authcore.InvalidCredentials)
	}
	h.call(http.MethodPost, "/reauthenticate", `{"password":"`+password+`"}`, token).refused(403, authcore.ReauthenticationRequired)
	h.post("/login", `{"login":"`+email+`","password":"`+password+`"}`).refused(429, authcore.AccountLocked)
}

// Where signing in asks for a second factor a step-up does too, and gives a sign-in of two kinds.
func TestReauthenticate_WithCode(t *testing.T) {
	h := open(t)
	h.account(email, username)
	before := bearer(h.mailed(h.signIn(email).AccessToken))
	codes := h.call(http.MethodPut, "/2fa", "", before).want(200).fields()["recovery_codes"].([]any)
	var waits pending
	h.call(http.MethodPost, "/reauthenticate", `{"password":"`+password+`"}`, before).want(200).into(&waits)
	if !waits.MFARequired || waits.AccessToken != "" || len(waits.Methods) != 2 || waits.Methods[0].Method != "email" || !waits.Methods[0].Sent {
		t.Errorf("%+v", waits)
	}
	h.call(http.MethodPost, "/reauthenticate", `{"password":"`+password+`","otp":"abcde-fghjk"}`, before).refused(400, authcore.InvalidCode)
	after := h.call(http.MethodPost, "/reauthenticate", `{"password":"`+password+`","otp":"`+codes[0].(string)+`"}`, before).want(200).pair()
	h.call(http.MethodGet, "/me", "", before).refused(401, authcore.InvalidToken)
	h.call(http.MethodDelete, "/2fa", "", bearer(after.AccessToken)).want(204) // it is fresh, by both
}
