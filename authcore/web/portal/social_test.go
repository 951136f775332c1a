package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// back is the way that the provider leads to, below the prefix.
func (h *house) back(a *answer) string {
	h.Helper()
	to, err := url.Parse(h.idp.Answer(a.header.Get("Location")))
	if err != nil {
		h.Fatal(err)
	}
	return strings.TrimPrefix(to.Path, "/auth") + "?" + to.RawQuery
}

func TestSocial_SignsIn(t *testing.T) {
	h := open(t, plan{provider: true})
	b := h.browser()
	b.get("/login?rd=/wanted").want(200).says("Continue with Acme", "/auth/social/acme/start?rd=%2Fwanted")
	b.get("/register").want(200).says("Continue with Acme")
	to := b.get("/social/acme/start?rd=/wanted").want(303)
	at, _ := url.Parse(to.header.Get("Location"))
	q := at.Query()
	if !strings.HasPrefix(at.String(), h.idp.Issuer()) || q.Get("state") == "" || q.Get("nonce") == "" || q.Get("code_challenge_method") != "S256" ||
		q.Get("redirect_uri") != origin+"/auth/social/acme/callback" {
		t.Error(at)
	}
	back := h.back(to)
	h.browser().get(back).want(400).says("Begin again") // C01: another browser
	b.get(back).leads("/wanted")
	if b.cookies["__Host-gatehouse"] == "" {
		t.Errorf("%v", b.cookies)
	}
	for name := range b.cookies { // C19, and nothing is left over
		if strings.Contains(name, "_social") && b.cookies[name] != "" {
			t.Errorf("%s is left", name)
		}
	}
	b.get(back).want(400)
}

// C01: an answer that somebody else has made up, and that a page of theirs sends a browser to, ends nothing that the browser is on: neither a start
// of which it names the cookie, nor a sign-in that lacks something.
func TestC01_MadeUpAnswers(t *testing.T) {
	h := open(t, plan{provider: true})
	b := h.browser()
	h.idp.User = map[string]any{"sub": "1"}
	b.get(h.back(b.get("/social/acme/start").want(303))).leads("/auth/social/complete")
	back := h.back(b.get("/social/acme/start").want(303))
	values, _ := url.ParseQuery(strings.SplitN(back, "?", 2)[1])
	slot, _, _ := strings.Cut(values.Get("state"), ".")
	for _, state := range []string{slot + ".made-up", "0.made-up", "00.made-up", "", ".", "17.x", "-1.x", "+1.x"} {
		b.get("/social/acme/callback?code=x&state=" + url.QueryEscape(state)).want(400)
	}
	b.get("/social/complete").want(200)
	b.get(back).leads("/auth/social/complete")
}

// Another site, and who is signed in, are asked first.
func TestC11_StartIsAsked(t *testing.T) {
	h := open(t, plan{provider: true})
	b := h.browser()
	page := b.get("/social/acme/start?rd=/wanted", header("Sec-Fetch-Site", "cross-site")).want(200).says("Sign in with Acme")
	if !strings.Contains(page.header.Get("Content-Security-Policy"), "form-action 'self' "+h.idp.Issuer()) || page.field("rd") != "/wanted" {
		t.Errorf("%v", page.header)
	}
	b.post("/social/acme/start", []string{"rd", "/wanted"}, header("Sec-Fetch-Site", "cross-site")).want(403)
	to := b.post("/social/acme/start", []string{"rd", "/wanted"}).want(303)
	b.get(h.back(to)).leads("/wanted")
	b.get("/social/acme/start").want(200).says("You are signed in already")
	h.browser().get("/social/gone/start").want(404)
}

// C13: where to go afterwards is checked, whichever way the answer takes: signed in, declined and then signed in, or with something to complete.
func TestC13_SocialReturn(t *testing.T) {
	h := open(t, plan{provider: true, rates: map[string]ratelimit.Rate{string(authcore.LimitSocial): {Count: 1000, Window: time.Minute}}})
	for _, evil := range []string{"https://evil.example", "//evil.example", "javascript:alert(1)", "data:text/html,x", "/\\evil.example", "https:evil.example",
		"/\t/evil.example", "https://" + host + "@evil.example", "https://" + host + ".evil.example", "/auth/social/acme/start", "/\r\nLocation: https://evil.example"} {
		begin := func(b *browser) string {
			return h.back(b.get("/social/acme/start?rd=" + url.QueryEscape(evil)).want(303))
		}
		b := h.browser()
		b.get(begin(b)).leads("/auth/account")

		b = h.browser()
		values, _ := url.ParseQuery(strings.SplitN(begin(b), "?", 2)[1])
		declined := b.get("/social/acme/callback?error=access_denied&state=" + values.Get("state")).want(303).header.Get("Location")
		if !strings.HasPrefix(declined, "/auth/login?") {
			t.Errorf("%q leads to %s", evil, declined)
		}
		if page := b.get(strings.TrimPrefix(declined, "/auth")).want(200); strings.Contains(page.body, "evil.example") || strings.Contains(page.body, "rd=") {
			t.Errorf("%q is on the page of %s", evil, declined)
		}
	}
	h.idp.User = map[string]any{"sub": "2"} // without an address
	b := h.browser()
	b.get(h.back(b.get("/social/acme/start?rd=" + url.QueryEscape("//evil.example")).want(303))).leads("/auth/social/complete")
	b.post("/social/complete", []string{"email", "new@example.com"}).want(303)
	b.post("/social/complete", []string{"otp", h.Mail(t, "new@example.com", authcore.MailProviderCode).Code}).leads("/auth/account")
}

func TestSocial_Posted(t *testing.T) {
	h := open(t, plan{provider: true})
	b := h.browser()
	back, query, _ := strings.Cut(h.back(b.get("/social/acme/start").want(303)), "?")
	values, _ := url.ParseQuery(query)
	got := h.browser().post(back, []string{"code", values.Get("code"), "state", values.Get("state")}, header("Sec-Fetch-Site", "cross-site"), header("Origin", h.idp.Issuer())).want(303)
	b.get(strings.TrimPrefix(got.header.Get("Location"), "/auth")).leads("/auth/account")
}

func TestSocial_Declined(t *testing.T) {
	h := open(t, plan{provider: true})
	b := h.browser()
	back := h.back(b.get("/social/acme/start?rd=/wanted").want(303))
	values, _ := url.ParseQuery(strings.SplitN(back, "?", 2)[1])
	b.get("/social/acme/callback?error=access_denied&state=" + values.Get("state")).leads("/auth/login?done=provider_declined&rd=%2Fwanted")
	b.get("/login?done=provider_declined&rd=/wanted").want(200).says("nothing has changed")
}

func TestSocial_Sick(t *testing.T) {
	h := open(t, plan{provider: true})
	h.idp.Fault = func(_ string, w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusBadGateway)
		return true
	}
	h.browser().get("/social/acme/start").want(503).says("does not answer", "/auth/login")
}

// What is missing is asked for on a page: the code, then consent.
func TestSocial_Complete(t *testing.T) {
	h := open(t, plan{provider: true})
	h.Person(t, signup.RegisterInput{Email: email})
	h.idp.User["email_verified"] = "true"
	b := h.browser()
	b.get(h.back(b.get("/social/acme/start?rd=/wanted").want(303))).leads("/auth/social/complete")
	b.get("/social/complete").want(200).says("enter the code that was sent to " + email)
	b.post("/social/complete", []string{"otp", "000000"}).want(400)
	b.post("/social/complete", []string{"otp", h.Mail(t, email, authcore.MailProviderCode).Code}).leads("/auth/social/complete")
	b.get("/social/complete").want(200).says("a***@example.com").noField("otp")
	b.post("/social/complete", []string{"connect", "true"}).leads("/wanted")
	b.get("/social/complete").leads("/auth/login")
}

func TestSocial_CompleteAddress(t *testing.T) {
	h := open(t, plan{provider: true})
	h.idp.User = map[string]any{"sub": "1"}
	b := h.browser()
	b.get(h.back(b.get("/social/acme/start").want(303))).leads("/auth/social/complete")
	b.get("/social/complete").want(200).says("does not tell your e-mail address")
	b.post("/social/complete", []string{"email", email}).leads("/auth/social/complete?done=code_asked")
	b.get("/social/complete").want(200)
	b.post("/social/complete", []string{"otp", h.Mail(t, email, authcore.MailProviderCode).Code}).leads("/auth/account")
}

// Who signs out leaves no sign-in behind that the next person at the browser could go on with.
func TestSignOut_SignInsThatWait(t *testing.T) {
	h := open(t, plan{provider: true})
	h.idp.User = map[string]any{"sub": "1"}
	a := h.Person(t, signup.RegisterInput{Email: email})
	b := h.browser()
	b.get(h.back(b.get("/social/acme/start").want(303))).leads("/auth/social/complete")
	b.signIn()
	b.get("/social/complete").want(200)
	h.EmailFactor(t, a.Account.ID)
	b.post("/login", []string{"login", email, "password", testflow.Password}).leads("/auth/login/mfa")
	b.post("/logout", nil).leads("/auth/signed-out")
	b.get("/social/complete").leads("/auth/login")
	b.get("/login/mfa").leads("/auth/login")
}

func TestConnectionsPage(t *testing.T) {
	h := open(t, plan{provider: true})
	h.Person(t, signup.RegisterInput{Email: email})
	b := h.browser()
	b.signIn()
	b.get("/account/connections").want(200).says("No account elsewhere is connected", "Connect Acme")
	to := b.post("/account/connections", []string{"connect", "acme"}).want(303)
	back := h.back(to)
	other := h.browser()
	h.Person(t, signup.RegisterInput{Email: "bob@example.com"})
	other.post("/login", []string{"login", "bob@example.com", "password", testflow.Password}).leads("/auth/account")
	other.get(back).want(400)
	b.get(back).leads("/auth/account/connections?done=connected")
	page := b.get("/account/connections").want(200).says("Acme", email, "Disconnect")
	b.post("/account/connections", []string{"end", page.field("end")}).leads("/auth/account/connections?done=disconnected")
	b.get("/account/connections").want(200).says("No account elsewhere is connected")
}
