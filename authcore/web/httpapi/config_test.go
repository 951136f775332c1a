package httpapi_test

import (
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
)

func TestConfig_IsPublicAndLists(t *testing.T) {
	h := open(t)
	got := h.call(http.MethodGet, "/config", "").want(http.StatusOK)
	if got.header.Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("Cache-Control %q", got.header.Get("Cache-Control"))
	}
	want := map[string]any{
		"signup": "verified", "identities": []any{"email", "username"}, "sign_in": []any{"password"}, "providers": []any{}, "factors": []any{},
		"mfa": "optional", "password": map[string]any{"min_length": 12.0, "max_length": 256.0}, "otp": map[string]any{"length": 6.0},
		"user_fields": []any{}, "invitations": "admins", "locales": []any{"en", "de"},
	}
	if fields := got.fields(); !reflect.DeepEqual(fields, want) {
		t.Errorf("got  %v\nwant %v", fields, want)
	}
}

// What an account has asked for and not verified is shown until it lapses.
func TestUser_ShowsWhatIsPendingUntilItLapses(t *testing.T) {
	h := open(t, plan{fields: userfield.Set{{Name: "team", Type: userfield.Text}, {Name: "age", Type: userfield.Integer}, {Name: "news", Type: userfield.Boolean}}})
	inviter := uuid.New()
	now := h.Clock.Now()
	h.account(email, username, func(a *authcore.Account) {
		a.Phone, a.PhoneVerifiedAt, a.Locale, a.InvitedBy = "+4312345678", now, "de", inviter
		a.Fields = map[string]any{"team": "blue", "age": 7.0, "news": true, "taken_out": "x"}
		a.PendingEmail, a.PendingEmailUntil = "new@example.com", now.Add(time.Minute)
		a.PendingPhone, a.PendingPhoneUntil = "+4366412345", now.Add(2*time.Minute)
	})
	me := h.signIn(username)
	user := h.call(http.MethodGet, "/me", "", bearer(me.AccessToken)).want(http.StatusOK).fields()
	for name, want := range map[string]any{
		"phone_verified": true, "locale": "de", "password_set": true, "invited_by": inviter.String(),
		"fields": map[string]any{"team": "blue", "age": 7.0, "news": true},
		"pending": []any{
			map[string]any{"channel": "email", "address": "new@example.com", "expires_at": "2026-11-22T13:01:00Z"},
			map[string]any{"channel": "phone", "address": "+4366412345", "expires_at": "2026-11-22T13:02:00Z"},
		},
	} {
		if !reflect.DeepEqual(user[name], want) {
			t.Errorf("%s is %v, want %v", name, user[name], want)
		}
	}
	h.Clock.Advance(time.Minute)
	refreshed := h.post("/refresh", `{"refresh_token":"`+me.RefreshToken+`"}`).want(http.StatusOK).fields()["user"].(map[string]any)
	if left := refreshed["pending"].([]any); len(left) != 1 || refreshed["password_set"] != true || refreshed["locale"] != "de" {
		t.Errorf("after a minute, refreshed: %v", refreshed)
	}
}
