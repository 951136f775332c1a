package httpapi_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/internal/testotp"
)

// Each method that is offered has all members, so a client need not ask which there are.
func TestLogin_MethodsAreWhole(t *testing.T) {
	h := open(t)
	h.account(email, username)
	h.withKey(t, "security_key", h.mailed(h.signIn(email).AccessToken))
	waits := h.post("/login", `{"login":"`+email+`","password":"`+password+`"}`).want(200).fields()
	for _, m := range waits["methods"].([]any) {
		members := slices.Sorted(maps.Keys(m.(map[string]any)))
		if !slices.Equal(members, []string{"factor_id", "method", "name", "options", "sent", "to"}) {
			t.Errorf("%v has %v", m, members)
		}
	}
	if len(waits["methods"].([]any)) < 2 || waits["expires_in"] != 600.0 {
		t.Errorf("%v", waits)
	}
}

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

// The first factor is added in the midst of the sign-in that asks for one, in cookies as in bodies.
func TestLoginMFA_Enrol(t *testing.T) {
	h := open(t, plan{mfa: secondstep.Requirement{Everybody: true}, factors: []authcore.FactorType{authcore.FactorTOTP, authcore.FactorRecovery}})
	h.account(email, username)
	b := h.browser()
	var p pending
	b.post("/login", `{"login":"`+username+`","password":"`+password+`","cookies":true}`).want(200).into(&p)
	b.post("/login/mfa/enrol", `{"type":"totp"}`).refused(403, authcore.Forbidden)
	b.post("/login/mfa", `{"code":"`+h.mfaCode()+`"}`).want(200).into(&p)
	if len(p.Methods) != 0 || len(p.Enrol) != 1 || p.Enrol[0] != "totp" {
		t.Fatalf("%+v", p)
	}
	b.post("/login/mfa/enrol", `{"type":"email"}`).refused(403, authcore.Forbidden)
	b.post("/login/mfa/enrol", `{"type":"totp"}`, header("Sec-Fetch-Site", "cross-site")).refused(403, authcore.CrossOrigin)
	h.post("/login/mfa/enrol", `{"mfa_token":"`+b.cookies["__Host-gatehouse_mfa"]+`","type":"totp"}`).refused(401, authcore.InvalidMFAToken)
	var added struct {
		ID, Type, Secret string
		Confirmed        bool
		URL              string `json:"otpauth_url"`
		QR               string `json:"qr_svg"`
	}
	b.post("/login/mfa/enrol", `{"type":"totp","name":"Phone"}`).want(201).into(&added)
	if added.ID == "" || added.Type != "totp" || added.Confirmed || added.Secret == "" || added.URL == "" || added.QR == "" {
		t.Fatalf("%+v", added)
	}
	var in struct {
		Codes []string `json:"recovery_codes"`
	}
	b.post("/login/mfa", `{"factor_id":"`+added.ID+`","code":"`+testotp.Code(t, added.Secret, h.Clock.Now())+`"}`).want(200).into(&in)
	if len(in.Codes) != 10 || b.cookies["__Host-gatehouse"] == "" {
		t.Errorf("%d recovery codes, cookies %v", len(in.Codes), b.cookies)
	}
}
