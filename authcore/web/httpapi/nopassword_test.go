package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
)

// Where passwords sign nobody in, calls that only passwords need are not there, and every password is wrong, also one that was set before.
func TestNoPasswords(t *testing.T) {
	h := open(t, plan{ways: codesAndLinks, noPass: true})
	h.account(email, username)
	h.post("/login", `{"login":"`+email+`","password":"`+password+`"}`).refused(401, authcore.InvalidCredentials)
	h.post("/login", `{"login":"`+email+`","password":""}`).refused(422, authcore.InvalidFields)
	h.post("/password/forgot", `{"login":"`+email+`"}`).refused(404, authcore.NotFound)
	h.post("/password/reset", `{"login":"`+email+`","otp":"123456","new_password":"`+password2+`"}`).refused(404, authcore.NotFound)
	_, m := h.askCode(`{"login":"` + email + `"}`)
	p := h.post("/login", `{"login":"`+email+`","otp":"`+m.Code+`"}`).pair()
	token := bearer(p.AccessToken)
	h.post("/me/password", `{"current_password":"`+password+`","new_password":"`+password2+`"}`, token).refused(404, authcore.NotFound)
	h.call(http.MethodDelete, "/me/password", "", token).refused(404, authcore.NotFound)
	h.call(http.MethodDelete, "/me/email", `{"password":"`+password+`"}`, token).refused(401, authcore.InvalidCredentials)
	h.post("/reauthenticate", `{"password":"`+password+`"}`, token).refused(401, authcore.InvalidCredentials)

	var made struct{ Registration string }
	h.post("/register", `{"email":"ben@example.com","password":"`+password+`"}`).refused(422, authcore.InvalidFields)
	h.post("/register", `{"email":"ben@example.com"}`).want(202).into(&made)
	code := h.Mail(t, "ben@example.com", authcore.MailVerify).Code
	verify := func(proof string) answer {
		return h.post("/verify", `{"email":"ben@example.com","otp":"`+code+`",`+proof+`}`)
	}
	verify(`"new_password":"`+password2+`"`).refused(422, authcore.InvalidFields)
	verify(`"password":"`+password+`"`).refused(403, authcore.RegistrationProofRequired)
	if verify(`"registration":"` + made.Registration + `"`).pair().User.PasswordSet {
		t.Error("there is a password")
	}
}

// Who is new gets an account by the code, with what /register takes.
func TestOTP_ByCode(t *testing.T) {
	fields := userfield.Set{{Name: "team", Type: userfield.Text, Max: 20, Required: true}}
	h := open(t, plan{ways: codesAndLinks, noPass: true, byCode: true, fields: fields})
	h.account(email, username)
	h.post("/otp", `{"email":"ben@example.com","invitation":"unknown"}`).want(202)
	if n := len(h.Mails(t, "ben@example.com")); n != 0 {
		t.Errorf("%d mails by a wrong invitation", n)
	}
	h.Clock.Advance(time.Minute)
	h.post("/otp", `{"email":"ben@example.com"}`).want(202)
	code := h.Mail(t, "ben@example.com", authcore.MailSignInCode).Code
	verify := func(more string) answer {
		return h.post("/otp/verify", `{"email":"ben@example.com","otp":"`+code+`"`+more+`}`)
	}
	verify("").refused(422, authcore.InvalidFields)
	verify(`,"fields":{"team":"red"},"username":"`+username+`"`).refused(422, authcore.InvalidFields)
	verify(`,"fields":{"team":"red"},"invitation":"unknown"`).refused(400, authcore.InvalidInvitation)
	p := verify(`,"fields":{"team":"red"},"first_name":"Ben","username":"ben01"`).pair()
	if p.User.Email != "ben@example.com" || p.User.PasswordSet || *p.User.Username != "ben01" {
		t.Errorf("%+v", p.User)
	}
	verify("").refused(400, authcore.InvalidCode)
}
