package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// A thief with a session cannot delete its account.
func TestS08_DeleteWithAStolenSession(t *testing.T) {
	h := open(t)
	h.account(email, username)
	h.call(http.MethodDelete, "/me", "").refused(401, authcore.AuthenticationRequired)
	token := h.signedInBefore(email)
	h.call(http.MethodDelete, "/me", "", token).refused(403, authcore.ReauthenticationRequired)
	h.call(http.MethodDelete, "/me", `{"password":"wrong"}`, token).refused(401, authcore.InvalidCredentials)
	h.call(http.MethodGet, "/me", "", token).want(200)
	h.call(http.MethodDelete, "/me", `{"password":"`+password+`"}`, token).want(204)
	h.call(http.MethodGet, "/me", "", token).refused(401, authcore.InvalidToken)
	h.call(http.MethodDelete, "/me", "", token).refused(401, authcore.InvalidToken)
}

func TestDelete_LastAdministrator(t *testing.T) {
	h := open(t)
	h.account(email, username, func(a *authcore.Account) { a.Roles = []string{"admin"} })
	token := bearer(h.signIn(email).AccessToken)
	h.call(http.MethodDelete, "/me", "", token).refused(409, authcore.LastAdmin)
	h.call(http.MethodGet, "/me", "", token).want(200)
}
