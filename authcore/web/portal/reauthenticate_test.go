package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Who comes from a guard that asks for a recent sign-in gives the password and goes back, in another session.
func TestReauthenticate_AsksForWhatIsMissing(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	const rd = origin + "/app/admin?x=1"
	from := "/auth/login?rd=" + url.QueryEscape(rd) + "&max_age=600"
	to := b.open(from).to()
	if !strings.HasPrefix(to, "/auth/reauthenticate?") {
		t.Fatalf("leads to %s", to)
	}
	b.open(to).leads(rd) // the sign-in is recent enough
	h.Clock.Advance(11 * time.Minute)
	before := b.cookies[accessOf]
	path := strings.TrimPrefix(to, "/auth")
	b.get(path).want(http.StatusOK).says("Confirm that it is you", "Ada Lovelace")
	b.post(path, []string{"password", "wrong"}).want(http.StatusUnauthorized).says("The current password is wrong.")
	b.post(path, []string{"password", ""}).want(http.StatusUnprocessableEntity)
	b.post(path, []string{"password", testflow.Password}).leads(rd)
	if after := b.cookies[accessOf]; after == before || after == "" {
		t.Error("the cookies are those of before")
	}
	b.open(to).leads(rd)
	b.open("/auth/login?acr_values=mfa&rd=" + url.QueryEscape(rd)).leads("/auth/reauthenticate?acr_values=mfa&rd=" + url.QueryEscape(rd))
	b.get("/reauthenticate?acr_values=mfa").want(http.StatusOK).says("Use a code sent to a***@example.com").noField("password")
	h.browser().get("/reauthenticate?max_age=1").want(http.StatusSeeOther)
}

// A guarded host says in its own session when its user proved themselves: after a step-up it is handed over to again.
func TestReauthenticate_HandsOverAgain(t *testing.T) {
	h := apps(t)
	a, b := h.browser().person(), h.app()
	const wanted = app + "/admin"
	b.open(a.code(b.begin(wanted))).leads(wanted)
	first := b.cookies[refreshOf]
	h.Clock.Advance(11 * time.Minute)
	to := a.post("/reauthenticate?max_age=600&rd="+url.QueryEscape(wanted), []string{"password", testflow.Password}).to()
	if !strings.HasPrefix(to, app+"/.gatehouse/handover?again=1&rd=") {
		t.Fatalf("leads to %s", to)
	}
	code := a.code(b.open(to).to())
	b.open(code).leads(wanted)
	if b.cookies[refreshOf] == first || b.cookies[refreshOf] == "" {
		t.Error("the host has its session of before")
	}
	b.open(code).leads(wanted) // shown again, it changes nothing
	account, err := h.Store.AccountByIdentifier(t.Context(), authcore.Identifier{Kind: authcore.KindEmail, Value: email})
	if err != nil {
		t.Fatal(err)
	}
	list, err := h.Store.Sessions(t.Context(), account.ID, h.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	recent := 0
	for _, s := range list {
		if h.Clock.Now().Sub(s.AuthTime) < time.Minute {
			recent++
		}
	}
	if recent != 2 || len(list) != 3 { // and that of the sign-up, which has nothing to do with it
		t.Errorf("%d of %d sessions say that their user was proved just now, want the new one and the host's, and nothing of before", recent, len(list))
	}
}

// Whoever has codes gives one beside the password where a page asks for a second factor.
func TestReauthenticate_AsksForACode(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	b.get("/account/2fa").want(http.StatusOK).says("Show that the address is yours", "we send a code to ada@example.com").silent("Switch on")
	b.post("/account/2fa", []string{"do", "on"}).want(http.StatusForbidden).says("we send a code to ada@example.com")
	b.mailed()
	b.post("/account/2fa", []string{"do", "on"}).leads("/auth/account/2fa?done=mfa_on")
	code := recoveryCode.FindString(b.get("/account/2fa?done=mfa_on").want(http.StatusOK).body)
	code = strings.TrimSuffix(strings.TrimPrefix(code, "<code>"), "</code>")
	b.get("/reauthenticate?acr_values=mfa").want(http.StatusOK).says("Enter your password", "Use a recovery code").silent("Use a code sent to")
	b.get("/reauthenticate").want(http.StatusOK).says("Code of your app, or recovery code", "Use a code sent to", "Use a recovery code")
	on := b.post("/reauthenticate", []string{"password", testflow.Password, "otp", ""})
	if to := on.to(); !strings.HasPrefix(to, "/auth/login/mfa?done=code_sent&use=") {
		t.Errorf("leads to %s", to)
	}
	b.post("/reauthenticate", []string{"password", testflow.Password, "otp", "abcde-fghjk"}).want(http.StatusBadRequest)
	b.post("/reauthenticate", []string{"password", testflow.Password, "otp", code}).leads("/auth/account")
	b.post("/account/2fa", []string{"do", "off"}).leads("/auth/account/2fa?done=mfa_off")
}

// Who has second factors gives what the page asks for and the sign-in lacks, by any of them, and is back at the guarded host.
func TestReauthenticate_ByAnotherWay(t *testing.T) {
	h := apps(t)
	a, b := h.browser().person(), h.app()
	const wanted = app + "/admin"
	b.open(a.code(b.begin(wanted))).leads(wanted)
	a.get("/reauthenticate").want(http.StatusOK).says("Enter your password", "Use a code sent to a***@example.com").silent("authenticator app")
	h.Clock.Advance(11 * time.Minute)
	a.post("/reauthenticate/begin", []string{"rd", wanted, "max_age", "600", "use", "email"}).leads("/auth/login/mfa?done=code_sent&use=email")
	before := a.cookies[accessOf]
	a.get("/login/mfa?done=code_sent&use=email").want(http.StatusOK).says("We have sent a code to a***@example.com", "Send another code", "Use your password", "Your account").
		silent("Sign in as someone else").noField("trust_device")
	a.post("/login/mfa", []string{"use", "email", "otp", "000000x"}).want(http.StatusBadRequest)
	to := a.post("/login/mfa", []string{"use", "email", "otp", h.Mail(t, email, authcore.MailSecondFactorCode).Code}).to()
	if !strings.HasPrefix(to, app+"/.gatehouse/handover?again=1&rd=") {
		t.Fatalf("leads to %s", to)
	}
	if a.cookies[accessOf] == before {
		t.Error("the cookies are those of before")
	}
	b.open(a.code(b.open(to).to())).leads(wanted)
	a.get("/account").want(http.StatusOK)
	a.get("/login/mfa").leads("/auth/login")
}
