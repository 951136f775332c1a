package httpapi_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

type choices struct {
	Notifications map[string]bool
	Always        []string
}

func TestNotifications(t *testing.T) {
	h := open(t)
	h.account(email, username)
	token := bearer(h.signIn(email).AccessToken)
	var c choices
	h.call(http.MethodGet, "/me/notifications", "", token).want(200).into(&c)
	if on, known := c.Notifications["new_device"]; !on || !known || !slices.Contains(c.Always, "password_changed") || slices.Contains(c.Always, "new_device") {
		t.Errorf("%+v", c)
	}
	patch := func(body string) answer {
		t.Helper()
		return h.call(http.MethodPatch, "/me/notifications", body, token)
	}
	patch(`{"new_device":false}`).want(200).into(&c)
	if c.Notifications["new_device"] {
		t.Errorf("%+v", c)
	}
	for _, nothing := range []string{`{}`, `{"new_device":null}`} {
		patch(nothing).want(200).into(&c)
		if c.Notifications["new_device"] {
			t.Errorf("%s: %+v", nothing, c)
		}
	}
	for body, code := range map[string]authcore.Code{
		`{"password_changed":false}`: authcore.InvalidFields, `{"password_changed":true}`: authcore.InvalidFields, `{"smile":true}`: authcore.InvalidFields,
		`{"reset_password":false}`: authcore.InvalidFields, `{"new_device":"no"}`: authcore.InvalidRequest, `{"new_device":0}`: authcore.InvalidRequest,
		`{"new_device":true,"new_device":false}`: authcore.InvalidRequest,
	} {
		status := 422
		if code == authcore.InvalidRequest {
			status = 400
		}
		patch(body).refused(status, code)
	}
	h.call(http.MethodPatch, "/me/notifications", `{"new_device":false}`).refused(401, authcore.AuthenticationRequired)
}

// A thief with a session that was left open switches nothing off; with the password it is the owner, or worse.
func TestR12_NotificationsNeedAFreshSignIn(t *testing.T) {
	h := open(t)
	h.account(email, username)
	phone := h.signIn(email)
	h.Clock.Advance(11 * time.Minute)
	token := bearer(h.post("/refresh", `{"refresh_token":"`+phone.RefreshToken+`"}`).pair().AccessToken)
	patch := func(body string) answer {
		t.Helper()
		return h.call(http.MethodPatch, "/me/notifications", body, token)
	}
	patch(`{"new_device":false}`).refused(403, authcore.ReauthenticationRequired)
	patch(`{"new_device":false,"password":"wrong"}`).refused(401, authcore.InvalidCredentials)
	patch(`{"new_device":true,"password":"wrong"}`).refused(401, authcore.InvalidCredentials)
	patch(`{"new_device":true}`).want(200)
	patch(`{"new_device":false,"password":"` + password + `"}`).want(200)
	patch(`{"new_device":true}`).want(200)
	patch(`{"new_device":false}`).refused(403, authcore.ReauthenticationRequired)
}
