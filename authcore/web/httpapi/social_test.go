package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// idToken is the body of an app that brings one.
func (h *house) idToken(more string) string {
	nonce := secret.Token()
	return `{"id_token":"` + h.idp.IDToken(nonce) + `","nonce":"` + nonce + `"` + more + `}`
}

func TestConfig_Providers(t *testing.T) {
	h := open(t, plan{provider: true})
	got := h.call(http.MethodGet, "/config", "").want(200).fields()["providers"].([]any)
	want := map[string]any{"name": "acme", "title": "Acme", "start_url": issuer + "/auth/social/acme/start"}
	if len(got) != 1 {
		t.Fatal(got)
	}
	for name, value := range want {
		if got[0].(map[string]any)[name] != value {
			t.Errorf("%v, want %v", got[0], want)
		}
	}
}

func TestSocialToken(t *testing.T) {
	h := open(t, plan{provider: true})
	h.post("/social/gone/token", `{"id_token":"x","nonce":"y"}`).refused(404, authcore.NotFound)
	h.post("/social/acme/token", `{}`).refused(400, authcore.InvalidRequest)
	h.post("/social/acme/token", `{"code":"x"}`).refused(422, authcore.InvalidFields)
	h.post("/social/acme/token", `{"access_token":"x"}`).refused(400, authcore.InvalidRequest)
	h.post("/social/acme/token", `{"id_token":"x","nonce":"y"}`).refused(400, authcore.InvalidProviderAnswer)
	once := h.idToken("")
	p := h.post("/social/acme/token", once).pair()
	h.post("/social/acme/token", once).refused(400, authcore.InvalidProviderAnswer)
	me := h.call(http.MethodGet, "/me", "", bearer(p.AccessToken)).want(200).fields()
	if me["email"] != email || me["email_verified"] != true || me["password_set"] != false {
		t.Errorf("%v", me)
	}
	h.idp.Algorithm = "HS256"
	h.post("/social/acme/token", h.idToken("")).refused(400, authcore.InvalidProviderAnswer)
}

// C15: a provider that is away is said to be away, and other ways in stay.
func TestC15_Unavailable(t *testing.T) {
	h := open(t, plan{provider: true})
	h.account(email, username)
	h.idp.Fault = func(_ string, w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusBadGateway)
		return true
	}
	got := h.post("/social/acme/token", h.idToken("")).refused(503, authcore.ProviderUnavailable)
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	h.post("/social/acme/backchannel-logout", "", form("logout_token", "x")).refused(503, authcore.ProviderUnavailable)
	h.signIn(email)
}

func TestSocialComplete(t *testing.T) {
	h := open(t, plan{provider: true})
	h.idp.User = map[string]any{"sub": "1"}
	var waits struct {
		RegistrationRequired bool   `json:"registration_required"`
		SocialToken          string `json:"social_token"`
		Missing              []string
	}
	h.post("/social/acme/token", h.idToken("")).want(200).into(&waits)
	if !waits.RegistrationRequired || waits.SocialToken == "" || len(waits.Missing) != 1 || waits.Missing[0] != "email" {
		t.Fatalf("%+v", waits)
	}
	token := `{"social_token":"` + waits.SocialToken + `",`
	h.post("/social/complete", `{"social_token":"x","otp":"1"}`).refused(401, authcore.InvalidSocialToken)
	h.post("/social/complete", token+`"otp":"123456"}`).refused(422, authcore.InvalidFields)
	h.post("/social/complete", token+`"email":"no address"}`).refused(422, authcore.InvalidFields)
	h.post("/social/complete", token+`"email":"`+email+`"}`).want(202)
	h.post("/social/complete", token+`"otp":"000000"}`).refused(400, authcore.InvalidCode)
	h.post("/social/complete", token+`"otp":"`+h.Mail(t, email, authcore.MailProviderCode).Code+`"}`).pair()
	h.post("/social/complete", token+`"otp":"123456"}`).refused(401, authcore.InvalidSocialToken)
}

// With cookies no token is in a body, and the cookie completes it.
func TestSocialComplete_Cookies(t *testing.T) {
	h := open(t, plan{provider: true})
	h.account(email, username)
	h.idp.User["email_verified"] = nil
	got := h.post("/social/acme/token", h.idToken(`,"cookies":true`)).want(200)
	if _, there := got.fields()["social_token"]; there {
		t.Errorf("%s", got.body)
	}
	cookie := header("Cookie", strings.Split(got.header.Get("Set-Cookie"), ";")[0])
	own := header("Sec-Fetch-Site", "same-origin")
	h.post("/social/complete", `{"otp":"`+h.Mail(t, email, authcore.MailProviderCode).Code+`"}`, cookie, header("Sec-Fetch-Site", "cross-site")).refused(403, authcore.CrossOrigin)
	got = h.post("/social/complete", `{"otp":"`+h.Mail(t, email, authcore.MailProviderCode).Code+`"}`, cookie, own).want(200)
	if s, _ := got.fields()["suggested"].(map[string]any); s["account"] != "a***@example.com" {
		t.Errorf("%s", got.body)
	}
	h.post("/social/complete", `{"connect":true}`, cookie, own).want(200)
	h.post("/social/complete", `{"connect":true}`, own).refused(401, authcore.InvalidSocialToken)
}

func TestConnections(t *testing.T) {
	h := open(t, plan{provider: true})
	h.account(email, username)
	p := h.signIn(email)
	auth := bearer(p.AccessToken)
	h.post("/connections/acme", "", auth).refused(400, authcore.InvalidRequest)
	h.post("/connections/gone", h.idToken(""), auth).refused(404, authcore.NotFound)
	made := h.post("/connections/acme", h.idToken(""), auth).want(201).fields()
	list := h.call(http.MethodGet, "/connections", "", auth).want(200).fields()
	if n := len(list["connections"].([]any)); n != 1 || len(list["available"].([]any)) != 0 || made["email"] != email || made["last_used_at"] != nil {
		t.Errorf("%v %v", list, made)
	}
	for _, secret := range []string{"id_token", "sub", "ada-1"} {
		if text := string(h.call(http.MethodGet, "/connections", "", auth).body); strings.Contains(text, secret) {
			t.Errorf("%s in %s", secret, text)
		}
	}
	h.call(http.MethodDelete, "/connections/"+made["id"].(string), "", auth).want(204)
	h.call(http.MethodDelete, "/connections/"+made["id"].(string), "", auth).refused(404, authcore.NotFound)
}

// Who has no other way in keeps this one; a browser's session gets where to go.
func TestConnections_LastAndByBrowser(t *testing.T) {
	h := open(t, plan{provider: true})
	p := h.post("/social/acme/token", h.idToken("")).pair()
	id := h.call(http.MethodGet, "/connections", "", bearer(p.AccessToken)).want(200).fields()["connections"].([]any)[0].(map[string]any)["id"].(string)
	h.call(http.MethodDelete, "/connections/"+id, "", bearer(p.AccessToken)).refused(409, authcore.LastWayIn)
	got := h.post("/social/acme/token", h.idToken(`,"cookies":true`)).want(200)
	cookies := header("Cookie", strings.Split(got.header["Set-Cookie"][0], ";")[0])
	got = h.post("/connections/acme", "", cookies, header("Sec-Fetch-Site", "same-origin")).want(200)
	to, err := url.Parse(got.fields()["url"].(string))
	if err != nil || to.Query().Get("state") == "" || to.Query().Get("nonce") == "" || to.Query().Get("code_challenge_method") != "S256" ||
		!strings.HasPrefix(got.header.Get("Set-Cookie"), "__Host-gatehouse_social_") {
		t.Errorf("%s %v", got.body, got.header)
	}
}

// form makes a request one of a form.
func form(pairs ...string) change {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return func(r *http.Request) {
		made, _ := http.NewRequest(http.MethodPost, r.URL.String(), strings.NewReader(values.Encode()))
		r.Body, r.ContentLength = made.Body, made.ContentLength
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
}

func TestBackchannelLogout(t *testing.T) {
	h := open(t, plan{provider: true})
	h.idp.User["sid"] = "s1"
	p := h.post("/social/acme/token", h.idToken("")).pair()
	h.post("/social/gone/backchannel-logout", "", form("logout_token", "x")).refused(404, authcore.NotFound)
	for _, wrong := range []change{form(), form("logout_token", "x"), form("logout_token", h.idp.IDToken("n"))} {
		got := h.post("/social/acme/backchannel-logout", "", wrong).want(400)
		if string(got.body) != `{"error":"invalid_request"}` || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %v", got.body, got.header)
		}
	}
	token := h.idp.LogoutToken(map[string]any{"sid": "s1"})
	got := h.post("/social/acme/backchannel-logout", "", form("logout_token", token)).want(200)
	if got.header.Get("Cache-Control") != "no-store" || len(got.body) != 0 {
		t.Errorf("%s %v", got.body, got.header)
	}
	h.call(http.MethodGet, "/me", "", bearer(p.AccessToken)).refused(401, authcore.InvalidToken)
	h.post("/social/acme/backchannel-logout", "", form("logout_token", token)).want(400)
}

// A program's page sends the browser to a provider by JSON as well as by a form; no other site does.
func TestSocialStart(t *testing.T) {
	h := open(t, plan{provider: true})
	got := h.post("/social/acme/start", `{"rd":"/wanted","remember":false,"invitation":"x"}`).want(http.StatusSeeOther)
	to, err := url.Parse(got.header.Get("Location"))
	if err != nil || !strings.HasPrefix(to.String(), h.idp.Issuer()) || to.Query().Get("code_challenge_method") != "S256" || !strings.Contains(got.header.Get("Set-Cookie"), "_social_") {
		t.Errorf("%s %v", to, got.header)
	}
	h.post("/social/acme/start", "").want(http.StatusSeeOther)
	h.post("/social/acme/start", `{}`, header("Origin", "https://evil.example")).refused(403, authcore.CrossOrigin)
	h.post("/social/gone/start", `{}`).refused(404, authcore.NotFound)
}
