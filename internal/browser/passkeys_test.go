package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/gatehouse-auth/gatehouse/internal/testotp"
)

// authenticator is a virtual one of a tab.
type authenticator struct {
	*tab
	id webauthn.AuthenticatorID
}

// phone verifies its user and keeps passkeys.
var phone = webauthn.VirtualAuthenticatorOptions{
	Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
	HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
}

// token is a key that is touched, and knows nothing of its user.
var token = webauthn.VirtualAuthenticatorOptions{
	Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportUsb, AutomaticPresenceSimulation: true,
}

// with gives the browser an authenticator of its own.
func (p *tab) with(kind webauthn.VirtualAuthenticatorOptions) authenticator {
	p.t.Helper()
	a := authenticator{tab: p}
	p.do("adding an authenticator", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		if _, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return err
		}
		added, err := chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &kind})
		a.id = added.AuthenticatorID
		return err
	}))
	return a
}

// set changes the authenticator.
func (a authenticator) set(what string, change func(ctx context.Context) error) {
	a.t.Helper()
	a.do(what, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error { return change(ctx) }))
}

// touched says whether somebody touches it whenever it asks.
func (a authenticator) touched(is bool) {
	a.t.Helper()
	a.set("touching the authenticator", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, webauthn.SetAutomaticPresenceSimulation, webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: a.id, Enabled: is})
		return err
	})
}

func (a authenticator) keys() (all []*webauthn.Credential) {
	a.t.Helper()
	a.set("reading the authenticator", func(ctx context.Context) error {
		got, err := chromedp.Call(ctx, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: a.id})
		all = got.Credentials
		return err
	})
	return all
}

// counts makes the authenticator's only key one that was used so often.
func (a authenticator) counts(uses float64) {
	a.t.Helper()
	was := a.keys()[0]
	// The library's own type always says something of keys that this authenticator does not know.
	add := cdp.Command[map[string]any, cdp.Empty]{Method: webauthn.CommandAddCredential}
	k := map[string]any{"credentialId": was.CredentialID, "isResidentCredential": true, "rpId": was.RpID, "privateKey": was.PrivateKey,
		"userHandle": was.UserHandle, "signCount": uses}
	a.set("setting the counter", func(ctx context.Context) error {
		if _, err := chromedp.Call(ctx, webauthn.ClearCredentials, webauthn.ClearCredentialsParams{AuthenticatorID: a.id}); err != nil {
			return err
		}
		_, err := chromedp.Call(ctx, add, map[string]any{"authenticatorId": a.id, "credential": k})
		return err
	})
}

// run evaluates a script to its end, and returns the text that it comes to.
func (p *tab) run(script string) string {
	p.t.Helper()
	ctx, cancel := p.limited()
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("(async () => { "+script+" })()", chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v\n%s", script, err, p.describe())
	}
	return text
}

// begins is what the browser runs before the scripts of every page.
func (p *tab) begins(script string) {
	p.t.Helper()
	p.do("adding a script", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return err
	}))
}

// post is a call of the API by a program.
func (g *gateway) post(t testing.TB, path, body string) (status int, answer map[string]any) {
	t.Helper()
	resp, err := http.Post(g.origin()+"/auth"+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(raw, &answer)
	}
	if err != nil {
		t.Fatalf("%s: %s: %v", path, raw, err)
	}
	return resp.StatusCode, answer
}

// assertion is what the browser answers, on the page that is open, to options of a sign-in.
func (a authenticator) assertion(g *gateway) string {
	a.t.Helper()
	_, begun := g.post(a.t, "/passkeys/options", "{}")
	options, err := json.Marshal(begun["options"])
	if err != nil {
		a.t.Fatal(err)
	}
	return a.run(fmt.Sprintf(`return JSON.stringify(await navigator.credentials.get({publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(%s)}))`, options))
}

// gives sends an assertion, and wants the code of the refusal; "" for none.
func (g *gateway) gives(t testing.TB, what, credential, code string) {
	t.Helper()
	status, got := g.post(t, "/passkeys/verify", `{"credential":`+credential+`}`)
	if said, _ := got["code"].(string); said != code || (status == 200) != (code == "") {
		t.Errorf("%s: %d %v", what, status, got)
	}
}

// adds makes a passkey or takes a security key on the page of factors. on says that it switches two-factor authentication on.
func (p *tab) adds(g *gateway, kind string, on bool) {
	p.t.Helper()
	p.visit(g.origin() + "/auth/account/factors")
	p.press("add-"+kind, "name", "My "+kind)
	p.at("/auth/account/factors/confirm", map[string]string{"passkey": "Passkey", "security_key": "Security key"}[kind])
	if !on {
		p.do("leaving it off", chromedp.Click(chromedp.CSS("#confirm-form [name=enable_2fa]")))
	}
	p.press("confirm-form")
	p.at("/auth/account/factors", "Second factors")
	p.see("My " + kind)
}

// leave signs out and opens the sign-in page.
func (p *tab) leave(g *gateway) {
	p.t.Helper()
	p.visit(g.origin() + "/auth/logout")
	p.press("logout-form")
	p.visit(g.origin() + "/auth/login")
}

// TestPasskeys: a passkey is added, signs in by autofill, and is the second factor of who signs in with a password, in browsers with and
// without it.
func TestPasskeys(t *testing.T) {
	t.Parallel()
	g, address := shared(t), newAddress()
	p := open(t, way{})
	a := p.with(phone)
	p.join(g, g.origin(), address)
	p.adds(g, "passkey", true)

	p.leave(g) // the virtual authenticator takes the offer of autofill by itself
	eventually(t, p.address, func() bool { return strings.HasSuffix(p.address(), "/auth/account") })
	p.see("Your account")

	p.leaveUntouched(g, a)
	p.signIn(address, password)
	p.at("/auth/login/mfa", "Confirm that it is you")
	a.touched(true)
	p.press("mfa-form")
	p.at("/auth/account", "Your account")

	without := open(t, way{noScript: true})
	without.visit(g.origin() + "/auth/login")
	without.signIn(address, password)
	without.at("/auth/login/mfa", "Confirm that it is you")
	without.see("Your browser must run scripts for this.")
}

// leaveUntouched is leave with an authenticator that waits for its user.
func (p *tab) leaveUntouched(g *gateway, a authenticator) {
	p.t.Helper()
	a.touched(false)
	p.leave(g)
}

// TestSecurityKey: a key that is touched is the second factor, and signs nobody in by itself.
func TestSecurityKey(t *testing.T) {
	t.Parallel()
	g, address := shared(t), newAddress()
	p := open(t, way{phone: true})
	p.with(token)
	p.join(g, g.origin(), address)
	p.adds(g, "security_key", true)
	p.leave(g)
	p.signIn(address, password)
	p.at("/auth/login/mfa", "Confirm that it is you")
	p.press("mfa-form")
	p.at("/auth/account", "Your account")
	other := open(t, way{})
	other.visit(g.origin() + "/auth/login")
	other.signIn(address, password)
	other.at("/auth/login/mfa", "Confirm that it is you")
	other.with(token) // another one
	other.do("pressing the button", chromedp.Click(chromedp.CSS("#mfa-form button")))
	other.at("/auth/login/mfa", "Confirm that it is you")
}

// TestO20_Chromium: what a browser answers is taken once, from our origin alone, by somebody who was verified, with a counter that rises; a key
// that was removed is forgotten by the browser too.
func TestO20_Chromium(t *testing.T) {
	t.Parallel()
	g, address := shared(t), newAddress()
	p := open(t, way{})
	a := p.with(phone)
	p.join(g, g.origin(), address)
	p.adds(g, "passkey", false)
	right := a.assertion(g)
	g.gives(t, "a right one", right, "")
	g.gives(t, "the same again", right, "invalid_passkey")

	bad := true
	a.set("not verifying", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, webauthn.SetResponseOverrideBits, webauthn.SetResponseOverrideBitsParams{AuthenticatorID: a.id, IsBadUV: &bad})
		return err
	})
	g.gives(t, "nobody verified", a.assertion(g), "invalid_passkey")
	a.set("verifying", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, webauthn.SetResponseOverrideBits, webauthn.SetResponseOverrideBitsParams{AuthenticatorID: a.id})
		return err
	})

	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>Evil</title>")
	}))
	defer evil.Close()
	p.visit(strings.Replace(evil.URL, "127.0.0.1", "localhost", 1)) // passkeys are for localhost, and the port is another
	g.gives(t, "another origin", a.assertion(g), "invalid_passkey")
	p.visit(g.origin() + "/auth/account")
	g.gives(t, "our origin", a.assertion(g), "")

	before := len(g.mails(t, address))
	a.counts(0)
	g.gives(t, "a falling counter", a.assertion(g), "invalid_passkey")
	if m := g.mail(t, address, before+1); !strings.Contains(m.subject, "a copy of a passkey") {
		t.Errorf("the owner is told %q: %s", m.subject, m.text)
	}
	a.counts(1000)
	g.gives(t, "a higher counter", a.assertion(g), "")

	if said := p.run(`const {factors} = await (await fetch("/auth/factors")).json();
		return String((await fetch("/auth/factors/" + factors[0].id, {method: "DELETE"})).status)`); said != "204" {
		t.Fatalf("removing it: %s", said)
	}
	g.gives(t, "a removed key", a.assertion(g), "unknown_passkey")
	p.leave(g)
	p.see("No account has this passkey")
	eventually(t, func() string { return fmt.Sprint("the browser forgets the key: ", len(a.keys())) }, func() bool { return len(a.keys()) == 0 })
}

// TestPasskeyOffer: on the way on after a sign-in with a password a browser that can makes a passkey by itself, and one that cannot is led on all
// the same. No browser does so for who has not filled in a password from its store just now, so the test stands in for that.
func TestPasskeyOffer(t *testing.T) {
	t.Parallel()
	g, address := shared(t), newAddress()
	p := open(t, way{})
	a := p.with(phone)
	p.join(g, g.origin(), address)
	p.visit(g.origin() + "/auth/account/factors")
	p.press("add-totp", "name", "My app")
	seed := strings.ReplaceAll(p.ask(`document.querySelector("#seed").value`), " ", "")
	p.press("confirm-form", "otp", testotp.Code(t, seed, time.Now()))
	p.see("My app")
	codes := strings.Fields(p.ask(`[...document.querySelectorAll(".codes li")].map(c => c.innerText).join(" ")`))
	signsIn := func() {
		t.Helper()
		p.visit(g.origin() + "/auth/logout")
		p.press("logout-form")
		p.visit(g.origin() + "/papers")
		p.signIn(address, password)
		p.at("/auth/login/mfa", "Confirm that it is you")
		p.follow("Use a recovery code")
		p.press("mfa-form", "otp", codes[0])
		codes = codes[1:]
		p.see("Hello, Ada Lovelace")
		if got := p.address(); got != g.origin()+"/papers" {
			t.Errorf("led to %s", got)
		}
	}
	const create = `{ const make = CredentialsContainer.prototype.create;
		CredentialsContainer.prototype.create = function({mediation, ...more}) { if (mediation) sessionStorage.asked = mediation; return make.call(this, more); };
		PublicKeyCredential.getClientCapabilities = async () => ({conditionalCreate: `
	p.begins(create + `false}); }`)
	signsIn()
	if n := len(a.keys()); n != 0 || p.ask(`sessionStorage.asked ?? ""`) != "" {
		t.Errorf("%d keys are made where the browser cannot", n)
	}
	p.begins(create + `true}); }`)
	signsIn()
	if how := p.ask(`sessionStorage.asked`); how != "conditional" {
		t.Errorf("asked %q", how)
	}
	if keys := a.keys(); len(keys) != 1 || keys[0].UserName != address {
		t.Fatalf("made %v", keys)
	}
	p.visit(g.origin() + "/auth/account/factors")
	p.see("My app")
	if n := p.ask(`String(document.querySelectorAll(".entries li").length)`); n != "3" { // and recovery codes
		t.Errorf("%s factors\n%s", n, p.text())
	}
}
