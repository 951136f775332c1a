package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// pending is a sign-in that waits.
type pending struct {
	MFARequired bool   `json:"mfa_required"`
	MFAToken    string `json:"mfa_token"`
	ExpiresIn   int    `json:"expires_in"`
	Methods     []struct {
		Method, FactorID, Name, To string
		Sent                       bool
	}
	Enrol       []string
	AccessToken string `json:"access_token"`
}

func (h *house) mfaCode() string {
	h.Helper()
	return h.Mail(h, email, authcore.MailSecondFactorCode).Code
}

func TestLoginMFA(t *testing.T) {
	h := open(t)
	h.EmailFactor(t, h.account(email, username).ID)
	var p pending
	login := `{"login":"` + username + `","password":"` + password + `","otp":""}`
	h.post("/login", login).want(200).into(&p)
	if !p.MFARequired || p.MFAToken == "" || p.ExpiresIn != 600 || p.AccessToken != "" || len(p.Methods) != 1 || p.Methods[0].Method != "email" ||
		!p.Methods[0].Sent || p.Methods[0].To != "a***@example.com" {
		t.Fatalf("%+v", p)
	}
	token := `{"mfa_token":"` + p.MFAToken + `"`
	// It is no access token, no refresh token and no device (L19).
	h.call(http.MethodGet, "/me", "", bearer(p.MFAToken)).refused(401, authcore.InvalidToken)
	h.post("/refresh", `{"refresh_token":"`+p.MFAToken+`"}`).refused(401, authcore.InvalidRefreshToken)
	// In a cookie it is nothing: it was given in a body.
	h.post("/login/mfa", `{"code":"`+h.mfaCode()+`"}`, header("Cookie", "__Host-gatehouse_mfa="+p.MFAToken)).refused(401, authcore.InvalidMFAToken)
	h.post("/login/mfa/send", token+`,"method":"email"}`).want(202) // too soon: the code that is out stays good
	h.post("/login/mfa/send", token+`,"method":"totp"}`).refused(422, authcore.InvalidFields)
	h.post("/login/mfa", token+`,"method":"totp","code":"123456"}`).refused(422, authcore.InvalidFields)
	h.post("/login/mfa", token+`,"factor_id":"x","code":"123456"}`).refused(422, authcore.InvalidFields)
	h.post("/login/mfa", token+`}`).refused(422, authcore.InvalidFields)
	right, wrong := h.mfaCode(), "000000"
	if right == wrong {
		wrong = "000001"
	}
	h.post("/login/mfa", token+`,"method":"email","code":"`+wrong+`"}`).refused(400, authcore.InvalidCode)
	if got := h.post("/login/mfa", token+`,"method":"email","code":"`+right+`"}`).pair(); got.AccessToken == "" || got.User.Email != email {
		t.Errorf("%+v", got)
	}
	h.post("/login/mfa", token+`,"code":"`+right+`"}`).refused(401, authcore.InvalidMFAToken)
	h.post("/login", `{"login":"`+username+`","password":"`+password+`","otp":"123456"}`).refused(400, authcore.InvalidCode)
}

// With cookies the token never stands in a body, and the cookie goes with the sign-in.
func TestLoginMFA_Cookies(t *testing.T) {
	h := open(t)
	h.EmailFactor(t, h.account(email, username).ID)
	const name = "__Host-gatehouse_mfa"
	b := h.browser()
	var p pending
	b.post("/login", `{"login":"`+username+`","password":"`+password+`","cookies":true}`).want(200).into(&p)
	if !p.MFARequired || p.MFAToken != "" || b.cookies[name] == "" || b.cookies["__Host-gatehouse"] != "" {
		t.Fatalf("%+v, cookies %v", p, b.cookies)
	}
	h.post("/login/mfa", `{"mfa_token":"`+b.cookies[name]+`","code":"`+h.mfaCode()+`"}`).refused(401, authcore.InvalidMFAToken)
	b.post("/login/mfa", `{"code":"`+h.mfaCode()+`"}`, header("Sec-Fetch-Site", "cross-site")).refused(403, authcore.CrossOrigin)
	b.post("/login/mfa", `{"code":"`+h.mfaCode()+`"}`).want(200)
	if b.cookies[name] != "" || b.cookies["__Host-gatehouse"] == "" {
		t.Errorf("cookies %v", b.cookies)
	}
}
