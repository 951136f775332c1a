package browser

import (
	"fmt"
	"html/template"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/gatehouse-auth/gatehouse/internal/testidp"
)

// idpPage is where a provider asks somebody: it posts its answer, as Apple does, or leads back.
var idpPage = template.Must(template.New("").Parse(`<!doctype html><html lang=en><title>Provider</title><h1>{{.Name}}: continue?</h1>
{{if .Form}}<form id=yes method=post action="{{.Back}}">{{range $k, $v := .Form}}<input type=hidden name="{{$k}}" value="{{index $v 0}}">{{end}}<button>Yes</button></form>
{{else}}<a href="{{.Back}}">Yes</a> <a href="{{.No}}">No</a>{{end}}`))

// asks gives a provider a page, with a button that leads back, and lets its token endpoint be sick.
func asks(t *testing.T, name string, p *testidp.Provider, apple *testidp.Apple) (sick func(bool)) {
	t.Helper()
	p.Lock()
	defer p.Unlock()
	broken := false
	p.Fault = func(step string, w http.ResponseWriter, r *http.Request) bool {
		p.Lock()
		ill := broken
		p.Unlock()
		if step == "token" && ill {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}
		if step != "authorize" {
			return false
		}
		q := r.URL.Query()
		view := map[string]any{"Name": name, "No": q.Get("redirect_uri") + "?error=access_denied&state=" + q.Get("state")}
		if apple != nil {
			view["Back"], view["Form"] = q.Get("redirect_uri"), apple.Form(r.URL.String())
		} else {
			view["Back"] = p.Answer(r.URL.String())
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if err := idpPage.Execute(w, view); err != nil {
			t.Error(err)
		}
		return true
	}
	return func(ill bool) {
		p.Lock()
		defer p.Unlock()
		broken = ill
	}
}

// onBoth looks at the page that is open on a desktop and on a telephone.
func (p *tab) onBoth(name string) {
	p.t.Helper()
	for _, f := range p.axe(everyRule) {
		p.t.Errorf("%s: %s", name, f)
	}
	for _, w := range []way{{phone: true}, {}} {
		width, height, options := int64(1280), int64(800), []chromedp.EmulateViewportOption{}
		if w.phone {
			width, height, options = 360, 740, append(options, chromedp.EmulateMobile)
		}
		p.do("resizing", chromedp.EmulateViewport(width, height, options...))
		if got := p.ask(`String(document.documentElement.scrollWidth)`); got != fmt.Sprint(width) {
			p.t.Errorf("%s is %s px wide at %d", name, got, width)
		}
		p.picture(w, name)
	}
}

// as says who signs in next at a provider.
func as(p *testidp.Provider, subject, email string, verified any) {
	p.Lock()
	defer p.Unlock()
	p.User = map[string]any{"sub": subject, "email": email, "email_verified": verified, "name": map[string]string{"firstName": "Ada", "lastName": "Lovelace"}}
}

// socialSite is the shipped Caddyfile with two providers, and a field that every account must have.
func socialSite(t *testing.T, acme *testidp.Provider, apple *testidp.Apple) *gateway {
	t.Helper()
	folder := t.TempDir()
	for name, content := range map[string]string{"secret": testidp.ClientSecret, "key": apple.PrivateKey()} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	caddyfile, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	return start(t, strings.Replace(caddyfile, noLimits, noLimits+fmt.Sprintf(`		rate_limit social off
		fresh_for 1s
		user_field home_town text {
			required
		}
		provider oidc acme {
			issuer %s
			client_id %s
			client_secret {file.%s/secret}
			title Acme
		}
		provider apple {
			client_id %s
			team_id %s
			key_id %s
			private_key {file.%s/key}
			base_url %s
		}
`, acme.Issuer(), testidp.ClientID, folder, testidp.AppleClientID, testidp.AppleTeamID, testidp.AppleKeyID, folder, apple.Issuer()), 1))
}

// TestSocial: people sign in and up by providers that have pages of their own, on another site: what is missing is asked for, an account is
// connected once its owner has said so, an answer that is posted arrives, and what goes wrong has a page with a way on.
func TestSocial(t *testing.T) {
	t.Parallel()
	acme, apple := testidp.Start(t, time.Now), testidp.StartApple(t, time.Now)
	sick := asks(t, "Acme", acme, nil)
	asks(t, "Apple", apple.Provider, apple)
	g := socialSite(t, acme, apple)
	ada, bob := newAddress(), newAddress()
	as(acme, "ada at acme", ada, false)
	as(apple.Provider, "ada at apple", ada, "false")

	p := open(t, way{})
	p.visit(g.origin() + "/auth/login?rd=/wanted")
	p.see("Continue with Acme", "Continue with Apple")
	if got := p.ask(`String(document.querySelectorAll("a[href*='/social/']").length)`); got != "2" {
		t.Errorf("%s providers are offered", got)
	}
	p.onBoth("social-login")
	p.tabTo(`document.activeElement.innerText === "Continue with Acme"`) // no mouse
	p.load("going to the provider", chromedp.KeyEvent(kb.Enter))
	p.at("/authorize", "Acme: continue?")
	p.follow("No")
	p.at("/auth/login", "Sign in")
	p.see("nothing has changed")
	p.onBoth("social-declined")
	p.follow("Continue with Acme")
	p.follow("Yes")
	p.at("/auth/social/complete", "Almost there")
	p.onBoth("social-complete")
	code := g.mail(t, ada, 1).code
	p.press("social-complete-form", "otp", code)
	p.see("Home town: Please fill this in.")
	p.onBoth("social-complete-refused")
	p.press("social-complete-form", "fields.home_town", "Linz")
	p.at("/wanted", "Hello, "+ada)
	apples(t, g, p, apple, ada)
	connections(t, g, acme, bob, sick)
}

// apples signs in by answers that are posted from another site: the browser sends no cookie with them. The first one asks the owner of the
// account; p is signed in to it.
func apples(t *testing.T, g *gateway, p *tab, apple *testidp.Apple, ada string) {
	t.Helper()
	q := open(t, way{noScript: true})
	q.visit(g.origin() + "/auth/login")
	q.follow("Continue with Apple")
	q.press("yes")
	q.at("/auth/social/complete", "Almost there")
	q.press("social-complete-form", "otp", g.mail(t, ada, 2).code)
	q.see("Connect")
	p.visit(g.origin() + "/auth/account/connections")
	p.see("Acme", "Connect Apple")
	q.press("social-complete-form")
	q.at("/auth/account", "Your account")
	q.visit(g.origin() + "/auth/logout")
	q.press("logout-form")
	q.visit(g.origin() + "/auth/login?rd=/wanted")
	q.follow("Continue with Apple")
	q.press("yes")
	q.at("/wanted", "Hello, "+ada)
	p.visit(g.origin() + "/auth/account/connections")
	p.see("Acme", "Apple")
	p.onBoth("account-connections")
}

// connections are made and taken away by who has a password; what is another's is refused, and so is what comes from a provider that is sick.
func connections(t *testing.T, g *gateway, acme *testidp.Provider, bob string, sick func(bool)) {
	t.Helper()
	p := open(t, way{})
	p.visit(g.origin() + "/auth/register")
	p.fill("register-form", "fields.home_town", "Wien")
	p.press("verify-form", "otp", p.register(g, bob).code)
	p.at("/auth/account", "Your account")
	begun := time.Now()
	p.visit(g.origin() + "/auth/account/connections")
	p.onBoth("account-connections-none")
	eventually(t, p.describe, func() bool { return time.Since(begun) > 2*time.Second }) // the sign-in is no longer fresh
	p.press("connect-acme")
	p.at("/auth/account/connections", "Connect Acme")
	p.onBoth("account-connections-proof")
	p.press("connect-acme", "password", "not the password")
	p.see("The current password is wrong.")
	p.press("connect-acme", "password", password)
	p.at("/authorize", "Acme: continue?")
	p.follow("Yes")
	p.see("connected with another account")
	p.onBoth("social-conflict")

	sick(true)
	p.visit(g.origin() + "/auth/account/connections")
	p.press("connect-acme")
	p.press("connect-acme", "password", password)
	p.follow("Yes")
	p.see("does not answer")
	p.onBoth("social-failed")
	sick(false)
	as(acme, "bob at acme", bob, true)
	p.visit(g.origin() + "/auth/account/connections")
	p.press("connect-acme")
	p.press("connect-acme", "password", password)
	p.follow("Yes")
	p.at("/auth/account/connections", "Connected accounts")
	p.see("Not used yet")
	p.click(".entries button")
	p.at("/auth/account/connections", "Disconnect Acme")
	p.press(p.ask(`document.querySelector("main form").id`), "password", password)
	p.see("No account elsewhere is connected")
}
