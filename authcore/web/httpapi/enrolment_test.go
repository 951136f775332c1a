package httpapi_test

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
)

const newEmail = "new@example.com"

type registered struct {
	Status       string
	ExpiresIn    int `json:"expires_in"`
	Registration string
}

func (h *house) register(body string, changes ...change) registered {
	h.Helper()
	var got registered
	h.post("/register", body, changes...).want(http.StatusAccepted).into(&got)
	return got
}

func TestRegister_Verify(t *testing.T) {
	h := open(t)
	got := h.register(`{"email":"New@Example.com","password":"` + password + `","username":"grace","first_name":"Grace","phone":null}`)
	if got.Status != "verification_sent" || got.ExpiresIn != 600 || got.Registration == "" {
		t.Fatalf("got %+v", got)
	}
	code := h.Mail(t, newEmail, authcore.MailVerify).Code
	wrong := "000000"
	if code == wrong {
		wrong = "000001"
	}
	h.post("/verify", `{"email":"`+newEmail+`","otp":"`+wrong+`","registration":"`+got.Registration+`"}`).refused(400, authcore.InvalidCode)
	h.post("/verify", `{"email":"`+newEmail+`","otp":"`+code+`"}`).refused(403, authcore.RegistrationProofRequired)
	a := h.post("/verify", `{"email":"`+newEmail+`","otp":"`+code+`","registration":"`+got.Registration+`","device_name":"desk"}`)
	p := a.pair()
	if p.User.Email != newEmail || p.User.Username == nil || *p.User.Username != "grace" || p.AccessToken == "" || p.RefreshToken == "" {
		t.Errorf("got %s", a.body)
	}
	h.call(http.MethodGet, "/me", "", bearer(p.AccessToken)).want(200)
	h.post("/verify", `{"email":"`+newEmail+`","otp":"`+code+`","registration":"`+got.Registration+`"}`).refused(400, authcore.InvalidCode)
	h.signIn("grace")
}

func TestVerify_ByLink(t *testing.T) {
	h := open(t)
	h.register(`{"email":"` + newEmail + `","password":"` + password + `"}`)
	link, err := url.Parse(h.Mail(t, newEmail, authcore.MailVerify).Link)
	if err != nil || !strings.HasPrefix(link.String(), issuer+"/auth/verify?token=") {
		t.Fatalf("link %s, %v", link, err)
	}
	token := link.Query().Get("token")
	h.call(http.MethodGet, "/verify?token="+token, "").refused(405, authcore.MethodNotAllowed)
	h.post("/verify", `{"token":"`+token+`","password":"`+password+`"}`).pair()
}

func TestRegister_Cookie(t *testing.T) {
	h := open(t)
	b := h.browser()
	got := b.post("/register", `{"email":"`+newEmail+`","password":"`+password+`","cookies":true}`).want(http.StatusAccepted)
	line := strings.Join(got.header["Set-Cookie"], "\n")
	if got.fields()["registration"] != nil || !strings.HasPrefix(line, "__Host-gatehouse_registration=") ||
		!strings.HasSuffix(line, "; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Lax") {
		t.Fatalf("got %s, Set-Cookie %s", got.body, line)
	}
	body := `{"email":"` + newEmail + `","otp":"` + h.Mail(t, newEmail, authcore.MailVerify).Code + `","cookies":true}`
	b.post("/verify", body, header("Sec-Fetch-Site", "cross-site")).refused(403, authcore.CrossOrigin)
	b.post("/verify", strings.Replace(body, `,"cookies":true`, "", 1), header("Origin", "https://evil.test")).refused(403, authcore.CrossOrigin)
	b.post("/verify", body).want(http.StatusOK)
	if _, left := b.cookies["__Host-gatehouse_registration"]; left || b.cookies["__Host-gatehouse"] == "" {
		t.Errorf("cookies: %v", b.cookies)
	}
	b.call(http.MethodGet, "/me", "").want(200)
}

// A known address cannot be told from an unknown one (L04).
func TestL04_RegisterKnownAddress(t *testing.T) {
	h := open(t)
	h.account(email, username)
	known := h.post("/register", `{"email":"`+email+`","password":"`+password2+`"}`, from("192.0.2.2")).want(http.StatusAccepted)
	fresh := h.post("/register", `{"email":"`+newEmail+`","password":"`+password2+`"}`, from("192.0.2.3")).want(http.StatusAccepted)
	k, f := known.fields(), fresh.fields()
	if len(k["registration"].(string)) != len(f["registration"].(string)) {
		t.Error("the proofs differ in length")
	}
	delete(k, "registration")
	delete(f, "registration")
	if !reflect.DeepEqual(k, f) || !sameHeader(known, fresh) {
		t.Errorf("known %v %v\nnew %v %v", known.header, k, fresh.header, f)
	}
	h.Mail(t, email, authcore.MailAccountExists)
}

func TestRegister_Fields(t *testing.T) {
	h := open(t)
	got := h.post("/register", `{"email":"x","password":"short","username":"a@b"}`).refused(422, authcore.InvalidFields)
	var p struct{ Errors map[string][]string }
	got.into(&p)
	for _, field := range []string{"email", "password", "username"} {
		if len(p.Errors[field]) == 0 || p.Errors[field][0] == "" {
			t.Errorf("nothing about %s: %s", field, got.body)
		}
	}
	h.post("/register", `{}`).refused(422, authcore.InvalidFields)
	h.post("/register", `{"email":["a@example.com"],"password":"`+password+`"}`).refused(400, authcore.InvalidRequest)
}

func TestRegister_Closed(t *testing.T) {
	h := open(t, plan{signup: signup.Closed})
	h.post("/register", `{"email":"`+newEmail+`","password":"`+password+`"}`).refused(403, authcore.SignupClosed)
}

func TestRegister_Open(t *testing.T) {
	h := open(t, plan{signup: signup.Open})
	body := `{"email":"` + newEmail + `","password":"` + password + `","username":"grace"}`
	got := h.post("/register", body).want(http.StatusCreated).fields()["user"].(map[string]any)
	if got["email"] != newEmail || got["email_verified"] != false || got["username"] != "grace" {
		t.Errorf("got %v", got)
	}
	h.post("/register", body).refused(http.StatusConflict, authcore.Conflict)
	h.signIn("grace")
}

// Members that would raise the sender are not even looked at.
func TestL21_MassAssignment(t *testing.T) {
	h := open(t)
	extra := `"roles":["admin"],"role":"admin","is_staff":true,"email_verified":true,"id":"00000000-0000-4000-8000-000000000000",` +
		`"amr":["mfa"],"epoch":9,"created_at":"2000-01-01T00:00:00Z","avatar_url":"https://evil.test/x","disabled":false,"password_hash":"x"`
	reg := h.register(`{"email":"` + newEmail + `","password":"` + password + `",` + extra + `}`)
	code := h.Mail(t, newEmail, authcore.MailVerify).Code
	p := h.post("/verify", `{"email":"`+newEmail+`","otp":"`+code+`","registration":"`+reg.Registration+`",`+extra+`}`).pair()
	before := h.call(http.MethodGet, "/me", "", bearer(p.AccessToken)).want(200).fields()
	if len(before["roles"].([]any)) != 0 || before["id"] == "00000000-0000-4000-8000-000000000000" || before["avatar_url"] != "" {
		t.Errorf("registered as %v", before)
	}
	for _, method := range []string{http.MethodPatch, http.MethodPut} {
		got := h.call(method, "/me", `{"email":"other@example.com",`+extra+`}`, bearer(p.AccessToken)).want(200).fields()
		if !reflect.DeepEqual(got, before) {
			t.Errorf("%s:\n got %v\nwant %v", method, got, before)
		}
	}
}

func TestResend(t *testing.T) {
	h := open(t)
	h.register(`{"email":"` + newEmail + `","password":"` + password + `"}`)
	first := h.post("/verify/resend", `{"email":"`+newEmail+`"}`).want(http.StatusAccepted)
	unknown := h.post("/verify/resend", `{"email":"nobody@example.com"}`).want(http.StatusAccepted)
	if string(first.body) != string(unknown.body) || !sameHeader(first, unknown) {
		t.Errorf("known %v %s, unknown %v %s", first.header, first.body, unknown.header, unknown.body)
	}
	h.post("/verify/resend", `{}`).refused(422, authcore.InvalidFields)
}

func TestVerify_TooManyAttempts(t *testing.T) {
	h := open(t)
	h.register(`{"email":"` + newEmail + `","password":"` + password + `"}`)
	for _, address := range []string{newEmail, "nobody@example.com"} {
		body := `{"email":"` + address + `","otp":"abcdef","password":"` + password + `"}`
		for range 5 {
			h.post("/verify", body).want(400)
		}
		if got := h.post("/verify", body).refused(429, authcore.TooManyAttempts); got.header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", address)
		}
	}
}

func TestSignup_RateLimits(t *testing.T) {
	h := open(t)
	for range 20 {
		h.post("/register", `{}`).want(422)
	}
	h.post("/register", `{}`).refused(429, authcore.RateLimited)
	for range 15 {
		h.post("/verify", `{}`).want(400)
		h.post("/verify/resend", `{}`).want(422)
	}
	h.post("/verify", `{}`).refused(429, authcore.RateLimited)
	h.post("/verify/resend", `{}`).refused(429, authcore.RateLimited)
}
