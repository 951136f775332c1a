package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// A node that has not learned of revocations for too long says of no access token that its session lives, neither to its
// owner nor to a service that asks; what the database confirms goes on.
func TestAuthenticate_StaleView(t *testing.T) {
	h := open(t)
	h.account(email, username)
	b, pair := h.browser(), h.signIn(username)
	b.signIn(username)
	inspect := `{"token":"` + pair.AccessToken + `"}`
	h.stale.Store(true)
	bearer := header("Authorization", "Bearer "+pair.AccessToken)
	h.call(http.MethodGet, "/me", "", bearer).refused(503, authcore.Unavailable)
	h.call(http.MethodPost, "/token/verify", inspect).refused(503, authcore.Unavailable)
	if got := b.call(http.MethodGet, "/me", ""); got.status != 503 || len(got.header["Set-Cookie"]) != 0 {
		t.Errorf("status %d, cookies %v: an outage must not sign anybody out", got.status, got.header["Set-Cookie"])
	}
	h.call(http.MethodPost, "/logout", "", bearer).want(204)
	h.Clock.Advance(6 * time.Minute) // the access cookie has expired, and the database renews it
	b.call(http.MethodGet, "/me", "").want(200)
	h.stale.Store(false)
	b.call(http.MethodGet, "/me", "").want(200)
}

// What memory knows to be revoked is not renewed, whatever a database says that may have been restored or lost a commit.
func TestAuthenticate_RevokedCookieIsNotRenewed(t *testing.T) {
	h := open(t)
	h.account(email, username)
	b := h.browser()
	id := b.signIn(username).fields()["session_id"].(string)
	h.Revoked.Apply(authcore.Revocation{SessionID: uuid.MustParse(id), Until: h.Clock.Now().Add(time.Hour)})
	got := b.call(http.MethodGet, "/me", "")
	got.refused(401, authcore.InvalidToken)
	if len(got.header["Set-Cookie"]) != 2 {
		t.Errorf("cookies %v, want both cleared", got.header["Set-Cookie"])
	}
}
