package httpapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
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

func TestDelete_WaitsAndIsRestored(t *testing.T) {
	h := open(t, plan{grace: 24 * time.Hour})
	h.account(email, username)
	token := bearer(h.signIn(email).AccessToken)
	got := h.call(http.MethodDelete, "/me", "", token).want(202)
	var answer struct {
		Status    string    `json:"status"`
		DeletesAt time.Time `json:"deletes_at"`
	}
	if err := json.Unmarshal(got.body, &answer); err != nil || answer.Status != "deletion_scheduled" || !answer.DeletesAt.Equal(h.Clock.Now().Add(24*time.Hour)) {
		t.Errorf("the answer is %s (%v)", got.body, err)
	}
	h.call(http.MethodGet, "/me", "", token).refused(401, authcore.InvalidToken)
	h.post("/restore", `{}`).refused(422, authcore.InvalidFields)
	h.post("/restore", `{"token":"wrong"}`).refused(400, authcore.InvalidCode)
	link := testflow.Token(t, h.Mail(t, email, authcore.MailDeletionScheduled))
	h.post("/restore", `{"token":"`+link+`"}`).want(204)
	h.post("/restore", `{"token":"`+link+`"}`).refused(400, authcore.InvalidCode)
	h.signIn(email)
}

func TestExport(t *testing.T) {
	h := open(t)
	a := h.account(email, username)
	stale := h.signedInBefore(email)
	h.call(http.MethodPost, "/me/export", "", stale).refused(403, authcore.ReauthenticationRequired)
	for range 4 { // what was refused is counted too
		got := h.call(http.MethodPost, "/me/export", `{"password":"`+password+`"}`, stale).want(200)
		var all struct {
			Account  struct{ ID, Email string }
			Sessions []struct{ ID string }
			Events   []struct{ Kind string }
		}
		if err := json.Unmarshal(got.body, &all); err != nil || all.Account.ID != a.ID.String() || all.Account.Email != email || len(all.Sessions) == 0 ||
			all.Events[len(all.Events)-1].Kind != string(authcore.EventExported) {
			t.Fatalf("the export is %s (%v)", got.body, err)
		}
		if got.header.Get("Content-Disposition") != `attachment; filename="account.json"` || bytes.Contains(got.body, []byte("argon2")) {
			t.Errorf("headers %v, body %s", got.header, got.body)
		}
	}
	h.call(http.MethodPost, "/me/export", `{"password":"`+password+`"}`, stale).refused(429, authcore.RateLimited)
}

func TestDelete_LastAdministrator(t *testing.T) {
	h := open(t)
	h.account(email, username, func(a *authcore.Account) { a.Roles = []string{"admin"} })
	token := bearer(h.signIn(email).AccessToken)
	h.call(http.MethodDelete, "/me", "", token).refused(409, authcore.LastAdmin)
	h.call(http.MethodGet, "/me", "", token).want(200)
}
