package portal_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// A form that needs a recent sign-in comes back with a field for the password, and is done with it.
func TestR12_FreshForm(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	b.post("/account/profile", []string{"phone", "+43 1 2345678"}).leads("/auth/account?done=profile")
	b.get("/account/phone").want(http.StatusOK).says("4312345678").noField("password")
	b.get("/account/phone/remove").leads("/auth/account/phone")
	h.Clock.Advance(11 * time.Minute)
	page := b.post("/account/phone/remove", nil).want(http.StatusForbidden).says("enter your password", "4312345678")
	if attr(page.all("input")[0], "name") != "password" {
		t.Errorf("got\n%s", page.body)
	}
	page = b.post("/account/phone/remove", []string{"password", "wrong"}).want(http.StatusUnauthorized).says("The current password is wrong.").silent("wrong\"")
	if attr(page.all("input")[0], "name") != "password" {
		t.Errorf("got\n%s", page.body)
	}
	b.post("/account/phone/remove", []string{"password", testflow.Password}).leads("/auth/account/phone?done=phone_removed")
	b.get("/account/phone?done=phone_removed").want(http.StatusOK).says("The phone number has been removed.", "no phone number")
}

// Whoever has closed their session by wrong passwords proves themselves by another way.
func TestFreshForm_Closed(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	b.post("/account/profile", []string{"phone", "+43 1 2345678"}).leads("/auth/account?done=profile")
	for range 5 {
		b.post("/account/phone/remove", []string{"password", "wrong"}).want(http.StatusUnauthorized)
	}
	b.post("/account/phone/remove", []string{"password", testflow.Password}).want(http.StatusForbidden).
		says("in another tab, and then send this form again", "/auth/reauthenticate").silent("reauthenticate?rd=").noField("password")
	b.post("/reauthenticate", []string{"password", testflow.Password}).want(http.StatusTooManyRequests).says("Use a code sent to")
	b.mailed()
	b.post("/account/phone/remove", nil).leads("/auth/account/phone?done=phone_removed")
}
