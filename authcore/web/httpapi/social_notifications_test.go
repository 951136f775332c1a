package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/internal/testidp"
)

// A notification of Apple ends the session that it has opened, once. What is none is refused, and whoever sends one needs no cookie and no origin.
func TestAppleNotifications(t *testing.T) {
	var h *house
	fake := testidp.StartApple(t, func() time.Time { return h.Clock.Now() })
	h = open(t, plan{apple: fake})
	fake.User = map[string]any{"sub": "001.ab.2", "email": email, "email_verified": "true"}
	p := h.post("/social/apple/token", `{"id_token":"`+fake.IDToken("n")+`","nonce":"n"}`).pair()
	payload := fake.Notification(`{"type":"consent-revoked","sub":"001.ab.2","event_time":1508184845000}`, nil)
	h.post("/social/apple/notifications", `{"payload":"x.y.z"}`).refused(400, authcore.InvalidProviderAnswer)
	h.post("/social/apple/notifications", `{}`).refused(400, authcore.InvalidProviderAnswer)
	h.call(http.MethodGet, "/me", "", bearer(p.AccessToken)).want(200)
	h.post("/social/apple/notifications", `{"payload":"`+payload+`"}`, header("Sec-Fetch-Site", "cross-site")).want(http.StatusOK)
	h.call(http.MethodGet, "/me", "", bearer(p.AccessToken)).want(401)
	h.post("/social/apple/notifications", `{"payload":"`+payload+`"}`).refused(400, authcore.InvalidProviderAnswer)
}

func TestAppleNotifications_WithoutApple(t *testing.T) {
	open(t, plan{provider: true}).post("/social/apple/notifications", `{"payload":"x"}`).refused(404, authcore.NotFound)
}
