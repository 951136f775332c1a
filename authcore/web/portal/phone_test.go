package portal_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func TestPhone(t *testing.T) {
	h := open(t, plan{numbers: identifier.Numbers{Texts: true}})
	b := h.browser().person()
	b.get("/account/phone").want(http.StatusOK).says("no phone number", "New phone number").noField("otp")
	b.get("/me/phone/confirm").leads("/auth/account/phone")
	b.post("/account/phone", []string{"phone", "12"}).want(http.StatusUnprocessableEntity)
	b.post("/account/phone", []string{"phone", "+43 664 1234567"}).leads("/auth/account/phone?done=phone_sent")
	b.get("/account/phone?done=phone_sent").want(http.StatusOK).says("We sent a code to").field("otp")
	b.post("/me/phone/confirm", []string{"otp", "000000"}).want(http.StatusBadRequest).says("The code or link is wrong")
	sent := h.Mails(t, "+436641234567")
	b.post("/me/phone/confirm", []string{"otp", sent[len(sent)-1].Code}).leads("/auth/account/phone?done=phone_changed")
	b.get("/account/phone").want(http.StatusOK).says("436641234567").noField("otp")
	b.post("/account/phone/remove", []string{"password", testflow.Password}).leads("/auth/account/phone?done=phone_removed")
}

// TestPhone_InProfile: a number that nobody verifies is typed into the profile, and the page of the number leads there; one that signs in
// is changed on that page alone.
func TestPhone_InProfile(t *testing.T) {
	t.Parallel()
	b := build(t).browser().person()
	b.get("/account/phone").want(http.StatusOK).says("/auth/account/profile").noField("phone")
	b.get("/account/profile").want(http.StatusOK).field("phone")

	all := []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername, authcore.KindPhone}
	b = build(t, plan{numbers: identifier.Numbers{Texts: true}, signIn: all}).browser().person()
	b.get("/account/profile").want(http.StatusOK).says("First name").noField("phone")
}

// TestLoginField_Names: the sign-in page names what people sign in with, and sign-up says that one of address and number is enough.
func TestLoginField_Names(t *testing.T) {
	t.Parallel()
	email, username, phone := authcore.KindEmail, authcore.KindUsername, authcore.KindPhone
	for label, kinds := range map[string][]authcore.IdentifierKind{
		"E-mail address, username or phone number": {email, username, phone},
		"E-mail address or phone number":           {email, phone},
		"Username or phone number":                 {username, phone},
		"E-mail address or username":               {email, username},
		"Phone number":                             {phone},
		"Username":                                 {username},
		"E-mail address":                           {email},
	} {
		b := build(t, plan{numbers: identifier.Numbers{Texts: true}, signIn: kinds}).browser()
		if body := b.get("/login").want(http.StatusOK).body; !strings.Contains(body, `<label for="login">`+label+"</label>") {
			t.Errorf("%v: no label %q in %s", kinds, label, body)
		}
	}
	b := build(t, plan{numbers: identifier.Numbers{Texts: true}, signIn: []authcore.IdentifierKind{email, phone}}).browser()
	b.get("/register").want(http.StatusOK).says("An address or a phone number is enough.")
}
