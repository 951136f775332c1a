package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
)

func TestChangePassword(t *testing.T) {
	h := open(t)
	h.account(email, username)
	first, second := h.signIn(email), h.signIn(email)
	body := `{"current_password":"` + password + `","new_password":"` + password2 + `"}`
	h.post("/me/password", body).refused(401, authcore.AuthenticationRequired)
	h.post("/me/password", `{"current_password":"wrong","new_password":"`+password2+`"}`, bearer(first.AccessToken)).refused(401, authcore.InvalidCredentials)
	h.post("/me/password", `{"current_password":"`+password+`","new_password":"short"}`, bearer(first.AccessToken)).refused(422, authcore.InvalidFields)
	h.post("/me/password", `{}`, bearer(first.AccessToken)).refused(422, authcore.InvalidFields)
	h.post("/me/password", `[]`, bearer(first.AccessToken)).refused(400, authcore.InvalidRequest)
	h.call(http.MethodGet, "/me", "", bearer(first.AccessToken)).want(200)
	if got := h.post("/me/password", body, bearer(first.AccessToken)).want(204); len(got.body) != 0 || got.header["Set-Cookie"] != nil {
		t.Errorf("got %v %s", got.header, got.body)
	}
	for _, p := range []pair{first, second} {
		h.call(http.MethodGet, "/me", "", bearer(p.AccessToken)).refused(401, authcore.InvalidToken)
		h.post("/refresh", `{"refresh_token":"`+p.RefreshToken+`"}`).refused(401, authcore.InvalidRefreshToken)
	}
	h.post("/login", `{"login":"`+email+`","password":"`+password+`"}`).refused(401, authcore.InvalidCredentials)
	h.post("/login", `{"login":"`+email+`","password":"`+password2+`"}`).want(200)
	h.Mail(t, email, authcore.MailPasswordReset)
}

func TestChangePassword_Browser(t *testing.T) {
	h := open(t)
	h.account(email, username)
	b := h.browser()
	b.signIn(email)
	body := `{"current_password":"` + password + `","new_password":"` + password2 + `"}`
	b.post("/me/password", body, header("Sec-Fetch-Site", "cross-site")).refused(403, authcore.CrossOrigin)
	b.post("/me/password", body, header("Sec-Fetch-Site", "same-origin")).want(204)
	if len(b.cookies) != 0 {
		t.Errorf("cookies stay: %v", b.cookies)
	}
}

func TestChangePassword_IsLimited(t *testing.T) {
	rates := unlimited()
	rates[authcore.LimitLogin] = ratelimit.Rate{Count: 2, Window: time.Minute}
	h := open(t, plan{rates: rates})
	h.account(email, username)
	token := bearer(h.signIn(email).AccessToken)
	h.post("/me/password", `{"current_password":"x","new_password":"`+password2+`"}`, token).refused(401, authcore.InvalidCredentials)
	h.post("/me/password", `{"current_password":"x","new_password":"`+password2+`"}`, token).refused(429, authcore.RateLimited)
}

func TestB04_FormsSayWhereTheyComeFrom(t *testing.T) {
	t.Parallel()
	o := must(httpapi.NewOrigins([]string{"https://spa.example.com"}))(t)
	for _, c := range []struct {
		origin, site string
		https, good  bool
	}{
		{"", "", true, false}, {"", "same-origin", true, true}, {"", "none", true, true}, {"https://" + host, "", true, true},
		{"http://" + host, "", false, true}, {"http://" + host, "", true, false}, {"https://" + host, "", false, false},
		{"null", "", true, false}, {"null", "same-origin", true, true}, {"https://evil.test", "", true, false},
		{"https://spa.example.com", "cross-site", true, true}, {"https://" + host, "cross-site", true, false}, {"", "same-site", true, false},
	} {
		r := httptest.NewRequest(http.MethodPost, "/auth/login", nil)
		r.Host = host
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		if err := o.CheckForm(r, c.https); (err == nil) != c.good {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestKeepsakes(t *testing.T) {
	t.Parallel()
	for _, k := range []httpapi.Keepsake{httpapi.KeptRegistration, httpapi.KeptLink, httpapi.KeptPending, httpapi.KeptSent} {
		h, jar := http.Header{}, httpapi.NewJar("", true)
		check(t, k.Set(h, jar, "value"))
		c := (&http.Response{Header: h}).Cookies()[0]
		if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Name[:16] != "__Host-gatehouse" || c.MaxAge < 1 {
			t.Errorf("got %v", c)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", c.Name+"=value; other=x")
		if k.Read(r, jar) != "value" || k.Read(r, httpapi.NewJar("", false)) != "" {
			t.Errorf("%s is read as %q and %q", c.Name, k.Read(r, jar), k.Read(r, httpapi.NewJar("", false)))
		}
		if jar.Strip(r.Header, noToken); r.Header.Get("Cookie") != "other=x" {
			t.Errorf("an upstream sees %q", r.Header.Get("Cookie"))
		}
		k.Clear(h, jar)
		if got := (&http.Response{Header: h}).Cookies(); len(got) != 1 || got[0].MaxAge >= 0 {
			t.Errorf("got %v", got)
		}
		if k.Set(h, jar, string(make([]byte, 5000))) == nil {
			t.Error("a cookie that no browser keeps is set")
		}
	}
}

func TestWantsHTML(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "text/html": true, "TEXT/HTML;q=0.5": true, "text/html;q=0": false, "text/html; q=0.0": false,
		"application/json, text/html;q=0.1": true, "text/*": false, "application/json": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept", accept)
		if got := httpapi.WantsHTML(r); got != want {
			t.Errorf("%q: %v", accept, got)
		}
	}
}
