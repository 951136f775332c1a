package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// A thief changes the password; the link of the mail about it ends every session and leads to a new password (S07).
func TestS07_Secure(t *testing.T) {
	h := open(t)
	h.account(email, username)
	stolen, own := h.signIn(email), h.signIn(email)
	h.post("/me/password", `{"current_password":"`+password+`","new_password":"`+password2+`"}`, bearer(stolen.AccessToken)).want(204)
	thiefs := h.post("/login", `{"login":"`+email+`","password":"`+password2+`"}`).pair()
	token := testflow.Token(t, h.Mail(t, email, authcore.MailPasswordReset))

	var done struct {
		Status     string
		Undone     []string
		ResetToken string `json:"reset_token"`
		ExpiresIn  int    `json:"expires_in"`
	}
	h.post("/secure", `{"token":"`+token+`"}`).want(200).into(&done)
	if done.Status != "secured" || len(done.Undone) != 1 || done.Undone[0] != "password" || done.ExpiresIn != 3600 {
		t.Errorf("got %+v", done)
	}
	for _, p := range []pair{own, thiefs} {
		h.call(http.MethodGet, "/me", "", bearer(p.AccessToken)).refused(401, authcore.InvalidToken)
		h.post("/refresh", `{"refresh_token":"`+p.RefreshToken+`"}`).refused(401, authcore.InvalidRefreshToken)
	}
	h.post("/login", `{"login":"`+email+`","password":"`+password2+`"}`).refused(401, authcore.InvalidCredentials)
	h.post("/login", `{"login":"`+email+`","password":"`+password+`"}`).refused(401, authcore.InvalidCredentials)
	h.post("/password/reset", `{"token":"`+done.ResetToken+`","new_password":"`+password+`"}`).want(204)
	h.signIn(email)

	h.post("/secure", `{"token":"`+token+`"}`).refused(400, authcore.InvalidCode) // once
	h.post("/secure", `{}`).refused(422, authcore.InvalidFields)
	h.post("/secure", `[]`).refused(400, authcore.InvalidRequest)
}

func TestSecure_NothingUndoneIsAList(t *testing.T) {
	h := open(t)
	h.account(email, username)
	p := h.signIn(email)
	h.refreshed(h.refreshed(p))
	h.Clock.Advance(time.Minute)
	h.post("/refresh", `{"refresh_token":"`+p.RefreshToken+`"}`).refused(401, authcore.RefreshTokenReused)
	got := h.post("/secure", `{"token":"`+testflow.Token(t, h.Mail(t, email, authcore.MailSessionRevoked))+`"}`).want(200).fields()
	if list, ok := got["undone"].([]any); !ok || len(list) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestSecure_IsLimited(t *testing.T) {
	rates := unlimited()
	rates[authcore.LimitSecure] = ratelimit.Rate{Count: 1, Window: time.Hour}
	h := open(t, plan{rates: rates})
	h.post("/secure", `{"token":"x"}`).refused(400, authcore.InvalidCode)
	h.post("/secure", `{"token":"x"}`).refused(429, authcore.RateLimited)
}
