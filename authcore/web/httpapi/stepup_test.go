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
	h.call(http.MethodPost, "/reauthenticate", `{}`, old).refused(422, authcore.InvalidFields)
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
	before := bearer(h.signIn(email).AccessToken)
	codes := h.call(http.MethodPut, "/2fa", "", before).want(200).fields()["recovery_codes"].([]any)
	h.call(http.MethodPost, "/reauthenticate", `{"password":"`+password+`"}`, before).refused(403, authcore.MFARequired)
	h.call(http.MethodPost, "/reauthenticate", `{"password":"`+password+`","otp":"abcde-fghjk"}`, before).refused(400, authcore.InvalidCode)
	after := h.call(http.MethodPost, "/reauthenticate", `{"password":"`+password+`","otp":"`+codes[0].(string)+`"}`, before).want(200).pair()
	h.call(http.MethodGet, "/me", "", before).refused(401, authcore.InvalidToken)
	h.call(http.MethodDelete, "/2fa", "", bearer(after.AccessToken)).want(204) // it is fresh, by both
}
