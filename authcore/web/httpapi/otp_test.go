package httpapi_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
)

var codesAndLinks = passwordless.Ways{Code: true, Link: true}

type bindingAnswer struct {
	Status    string `json:"status"`
	ExpiresIn int    `json:"expires_in"`
	Binding   string `json:"binding"`
}

func (h *house) askCode(body string, changes ...change) (a bindingAnswer, m authcore.Message) {
	h.Helper()
	h.post("/otp", body, changes...).want(202).into(&a)
	return a, h.Mail(h, email, authcore.MailSignInCode)
}

func wrongCode(right string) string {
	if right == "000000" {
		return "000001"
	}
	return "000000"
}

func TestOTP(t *testing.T) {
	h := open(t, plan{ways: codesAndLinks})
	h.account(email, username)
	a, m := h.askCode(`{"login":"` + username + `"}`)
	if a.Status != "code_sent" || a.ExpiresIn != 600 || a.Binding == "" || m.Link == "" {
		t.Fatalf("%+v %+v", a, m)
	}
	h.post("/otp", `{"email":"nobody","phone":""}`).refused(422, authcore.InvalidFields)
	h.post("/otp", `{}`).refused(422, authcore.InvalidFields)
	h.post("/otp", `{"login":"a","email":"b@example.com"}`).refused(400, authcore.InvalidRequest)
	h.post("/otp", `{"phone":"+491701234567"}`).refused(404, authcore.NotFound)
	var other bindingAnswer
	h.post("/otp", `{"login":"\u0001 anything"}`).want(202).into(&other)
	if other.Status != a.Status || other.ExpiresIn != a.ExpiresIn || len(other.Binding) != len(a.Binding) {
		t.Errorf("%+v", other)
	}
	token := m.Link[strings.Index(m.Link, "token=")+len("token="):]
	h.post("/otp/verify", `{"token":"`+token+`"}`).refused(403, authcore.BindingRequired)
	h.post("/otp/verify", `{"token":"`+token+`","binding":"`+other.Binding+`"}`).refused(403, authcore.BindingRequired)
	h.post("/otp/verify", `{"email":"`+email+`"}`).refused(422, authcore.InvalidFields)
	h.post("/otp/verify", `{}`).refused(400, authcore.InvalidRequest)
	for range 5 {
		h.post("/otp/verify", `{"email":"`+email+`","otp":"`+wrongCode(m.Code)+`"}`).refused(400, authcore.InvalidCode)
	}
	h.post("/otp/verify", `{"email":"`+email+`","otp":"`+m.Code+`"}`).refused(429, authcore.TooManyAttempts)
	if got := h.post("/otp/verify", `{"token":"`+token+`","binding":"`+a.Binding+`"}`).pair(); got.User.Email != email {
		t.Errorf("%+v", got)
	}
	h.post("/otp/verify", `{"token":"`+token+`","binding":"`+a.Binding+`"}`).refused(400, authcore.InvalidCode)
}

// With cookies the binding is in one, and in no answer; a foreign page can neither ask with it nor use it (B04).
func TestB04_OTPByCookie(t *testing.T) {
	h := open(t, plan{ways: codesAndLinks})
	h.account(email, username)
	b := h.browser()
	var a bindingAnswer
	b.post("/otp", `{"login":"`+email+`","cookies":true,"rd":"/wanted"}`).want(202).into(&a)
	if a.Binding != "" || b.cookies["__Host-gatehouse_code"] == "" || b.cookies["__Host-gatehouse_pending"] == "" {
		t.Fatalf("%+v %v", a, b.cookies)
	}
	m := h.Mail(t, email, authcore.MailSignInCode)
	token := m.Link[strings.Index(m.Link, "token=")+len("token="):]
	kept := header("Cookie", "__Host-gatehouse_code="+b.cookies["__Host-gatehouse_code"])
	h.post("/otp/verify", `{"token":"`+token+`"}`, kept, header("Origin", "https://evil.example")).refused(403, authcore.CrossOrigin)
	b.post("/otp/verify", `{"token":"`+token+`","cookies":true}`).want(200)
	if b.cookies["__Host-gatehouse_code"] != "" || b.cookies["__Host-gatehouse"] == "" {
		t.Errorf("%v", b.cookies)
	}
}

// A code of /otp signs in at /login; a wrong one is answered as a wrong password is.
func TestLogin_CodeInPlaceOfPassword(t *testing.T) {
	h := open(t, plan{ways: codesAndLinks})
	h.account(email, username)
	a, m := h.askCode(`{"login":"` + email + `"}`)
	h.post("/login", `{"login":"`+email+`","otp":"`+wrongCode(m.Code)+`"}`).refused(401, authcore.InvalidCredentials)
	h.post("/login", `{"login":"nobody@example.com","otp":"`+m.Code+`"}`).refused(401, authcore.InvalidCredentials)
	h.post("/login", `{"login":"`+email+`","otp":""}`).refused(422, authcore.InvalidFields)
	h.post("/login", `{"login":"`+username+`","otp":"`+m.Code+`","binding":"`+a.Binding+`"}`).pair()
	h.Clock.Advance(2 * time.Minute)
	_, m = h.askCode(`{"login":"` + email + `"}`)
	h.browser().post("/login", `{"login":"`+email+`","otp":"`+m.Code+`","cookies":true}`).want(200)
}

func TestOTP_Off(t *testing.T) {
	h := open(t)
	h.account(email, username)
	h.post("/otp", `{"login":"`+email+`"}`).refused(404, authcore.NotFound)
	h.post("/otp/verify", `{"login":"`+email+`","otp":"123456"}`).refused(404, authcore.NotFound)
	h.post("/login", `{"login":"`+email+`","otp":"123456"}`).refused(401, authcore.InvalidCredentials)
}
