package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func TestR12_ChangeEmailWithAStolenSession(t *testing.T) {
	h := open(t)
	h.account(email, username)
	const address = "new@example.com"
	h.post("/me/email", `{"email":"`+address+`"}`).refused(401, authcore.AuthenticationRequired)
	token := h.signedInBefore(email)
	h.post("/me/email", `{"email":"`+address+`"}`, token).refused(403, authcore.ReauthenticationRequired)
	h.post("/me/email", `{"email":"`+address+`","password":"wrong"}`, token).refused(401, authcore.InvalidCredentials)
	h.post("/me/email", `{"email":"nowhere","password":"`+password+`"}`, token).refused(422, authcore.InvalidFields)
	h.post("/me/email", `[]`, token).refused(400, authcore.InvalidRequest)
	sent := h.post("/me/email", `{"email":"`+address+`","password":"`+password+`"}`, token).want(202).fields()
	if sent["status"] != "verification_sent" || sent["channel"] != "email" || sent["expires_in"] != 600.0 {
		t.Errorf("got %v", sent)
	}
	code := h.Mail(t, address, authcore.MailConfirmEmail)
	me := h.call(http.MethodGet, "/me", "", token).want(200).fields()
	if me["email"] != email || len(me["pending"].([]any)) != 1 {
		t.Errorf("got %v", me)
	}
	h.post("/me/email/confirm", `{"otp":"`+code.Code+`"}`).refused(401, authcore.AuthenticationRequired)
	h.post("/me/email/confirm", `{"otp":"000000"}`, token).refused(400, authcore.InvalidCode)
	h.post("/me/email/confirm", `{}`, token).refused(422, authcore.InvalidFields)
	h.post("/me/email/confirm", `{"otp":"1","token":"2"}`, token).refused(400, authcore.InvalidRequest)
	me = h.post("/me/email/confirm", `{"token":"`+testflow.Token(t, code)+`"}`, token).want(200).fields()
	if me["email"] != address || me["email_verified"] != true || len(me["pending"].([]any)) != 0 {
		t.Errorf("got %v", me)
	}
	for range 3 {
		h.post("/me/email/confirm", `{"otp":"000000"}`, token).refused(400, authcore.InvalidCode)
	}
	h.Mail(t, email, authcore.MailEmailChanged)
}

func TestRemoveEmail(t *testing.T) {
	h := open(t)
	h.account(email, username)
	h.account("ben@example.com", "")
	h.call(http.MethodDelete, "/me/email", "", bearer(h.signIn("ben@example.com").AccessToken)).refused(409, authcore.LastWayIn)
	token := h.signedInBefore(email)
	h.call(http.MethodDelete, "/me/email", "", token).refused(403, authcore.ReauthenticationRequired)
	if me := h.call(http.MethodDelete, "/me/email", `{"password":"`+password+`"}`, token).want(200).fields(); me["email"] != "" {
		t.Errorf("got %v", me)
	}
	if h.Mail(t, email, authcore.MailEmailChanged).Link == "" {
		t.Error("the mail has no link")
	}
}

func TestChangeEmail_TooManyGuesses(t *testing.T) {
	h := open(t)
	h.account(email, username)
	token := bearer(h.signIn(email).AccessToken)
	h.post("/me/email", `{"email":"new@example.com"}`, token).want(202)
	for range 5 {
		h.post("/me/email/confirm", `{"otp":"000000"}`, token).refused(400, authcore.InvalidCode)
	}
	h.post("/me/email/confirm", `{"otp":"000000"}`, token).refused(429, authcore.TooManyAttempts)
}

func TestChangePhone(t *testing.T) {
	h := open(t, plan{numbers: identifier.Numbers{Texts: true}})
	h.account(email, username)
	token := h.signedInBefore(email)
	h.post("/me/phone", `{"phone":"+43 664 1234567"}`, token).refused(403, authcore.ReauthenticationRequired)
	h.post("/me/phone", `{"phone":"12","password":"`+password+`"}`, token).refused(422, authcore.InvalidFields)
	sent := h.post("/me/phone", `{"phone":"+43 664 1234567","password":"`+password+`"}`, token).want(202).fields()
	if sent["channel"] != "phone" || sent["status"] != "verification_sent" {
		t.Errorf("got %v", sent)
	}
	texts := h.Mails(t, "+436641234567")
	h.post("/me/phone/confirm", `{"otp":"000000"}`, token).refused(400, authcore.InvalidCode)
	me := h.post("/me/phone/confirm", `{"otp":"`+texts[0].Code+`"}`, token).want(200).fields()
	if me["phone"] != "+436641234567" || me["phone_verified"] != true {
		t.Errorf("got %v", me)
	}
}

func TestChangePhone_WithoutSMS(t *testing.T) {
	h := open(t)
	h.account(email, username)
	h.post("/me/phone", `{"phone":"+43 664 1234567"}`, bearer(h.signIn(email).AccessToken)).refused(404, authcore.NotFound)
}
