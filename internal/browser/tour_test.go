package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/internal/testotp"
)

// tour leads through every page in every state that it can be in, and stops at each.
func tour(p *tab, g *gateway, stop func(name string)) {
	p.t.Helper()
	address, origin := newAddress(), g.origin()
	p.visit(origin + "/tour")
	p.at("/auth/login", "Sign in")
	stop("login")
	p.press("login-form", "login", "nobody@example.com", "password", "wrong")
	p.see("The username or password is wrong.")
	stop("login-refused")
	p.visit(origin + "/auth/register")
	stop("register")
	p.press("register-form", "first_name", "Ada", "last_name", "Lovelace", "username", "a", "email", "ada", "password", "short")
	p.see("Please correct this:")
	stop("register-refused")
	p.visit(origin + "/auth/register")
	m := p.register(g, address)
	stop("verify")
	p.press("verify-form", "otp", "000000")
	p.see("The code or link is wrong")
	stop("verify-refused")
	p.visit(origin + "/auth/login")
	p.signIn(address, password)
	p.see("not confirmed yet")
	stop("login-unverified")
	p.visit(origin + "/auth/verify/resend")
	stop("resend")

	q := open(p.t, way{}) // the link is opened in another browser, whose pages are then looked at in this one
	q.visit(m.link)
	q.at("/auth/verify", "Confirm your e-mail address")
	p.visit(m.link)
	p.see("One more step.")
	stop("verify-link")
	p.press("verify-form")
	p.at("/auth/account", "Your account")
	p.visit(origin + "/")
	p.see("Hello, ")
	stop("demo")
	p.follow("Your account")
	p.at("/auth/account", "Your account")
	stop("account")
	p.follow("Profile")
	stop("account-profile")
	p.press("profile-form", "username", "a")
	p.see("Please correct this:")
	stop("account-profile-refused")
	p.press("profile-form", "first_name", "Augusta Ada", "username", "")
	p.see("Your profile has been saved.")
	stop("account-saved")
	p.follow("Password")
	stop("account-password")
	p.press("password-form", "current_password", "wrong", "new_password", "short")
	p.see("Please correct this:")
	stop("account-password-refused")
	q.visit(origin + "/auth/login")
	q.signIn(address, password)
	q.at("/auth/account", "Your account")
	p.visit(origin + "/auth/account/sessions")
	p.see("Sign out everywhere else")
	stop("account-sessions")
	p.click(".entries li:has(.badge) a")
	p.see("Give it a name")
	stop("account-session-name")
	p.press("rename-form", "name", "Kitchen")
	p.see("The name was saved.", "Kitchen")
	p.visit(origin + "/auth/account/devices")
	p.see("Forget all other devices")
	stop("account-devices")
	p.visit(origin + "/auth/account/history")
	p.see("Something strange?", "This session")
	stop("account-history")
	p.visit(origin + "/auth/account/notifications")
	p.see("New devices")
	stop("account-notifications")
	p.visit(origin + "/auth/nothing")
	p.at("/auth/nothing", "There is nothing here")
	stop("missing")
	p.visit(origin + "/auth/logout")
	stop("logout")
	p.press("logout-form")
	p.at("/auth/signed-out", "You are signed out")
	stop("signed-out")
	tourRecovery(p, g, address, stop)
}

func tourRecovery(p *tab, g *gateway, address string, stop func(name string)) {
	p.t.Helper()
	origin := g.origin()
	p.visit(origin + "/auth/password/forgot")
	stop("forgot")
	p.press("forgot-form", "login", address)
	p.at("/auth/password/reset", "Choose a new password")
	stop("reset")
	p.visit(g.mail(p.t, address, 2).link)
	p.see("You will then be signed out everywhere")
	stop("reset-link")
	p.press("reset-form", "new_password", otherPassword)
	p.see("Your password has been changed.")
	stop("login-reset")
	p.visit(g.notice(p.t, address, "password").link)
	p.at("/auth/secure", "This was not you?")
	stop("secure")
	p.press("secure-form")
	p.see("Your account is secured", "The one that was set no longer works.")
	stop("secured")
	p.visit(origin + "/auth/secure")
	p.see("Open the link “This was not me”")
	stop("secure-without-link")
	second := newAddress()
	open(p.t, way{}).begin(g, second)
	p.visit(g.mail(p.t, second, 1).link)
	p.see("You signed up in another browser.")
	stop("verify-elsewhere")
	p.follow("Choose a new password instead")
	stop("verify-elsewhere-new")
	p.plant(origin, "gatehouse_sent", fmt.Sprintf("2.0.%d.%s", time.Now().Unix(), httpauth.HashPath("/round")))
	p.visit(origin + "/round")
	p.at("/auth/login", "You keep being sent back here")
	stop("circle")
	tourFactors(p, g, stop)
}

// tourFactors leads through the pages of second factors.
func tourFactors(p *tab, g *gateway, stop func(name string)) {
	p.t.Helper()
	address, origin := newAddress(), g.origin()
	p.join(g, origin, address)
	p.follow("Second factors")
	p.see("You have none yet")
	stop("account-factors-none")
	p.press("add-security_key", "name", "Key")
	stop("account-factors-key")
	p.visit(origin + "/auth/account/factors")
	p.press("add-totp", "name", "The telephone with the cracked screen and a very long name")
	stop("account-factors-app")
	seed := strings.ReplaceAll(p.ask(`document.querySelector("#seed").value`), " ", "")
	p.press("confirm-form", "otp", testotp.Code(p.t, seed, time.Now()))
	p.see("10 recovery codes left", "The telephone")
	stop("account-factors-codes")
	p.follow("Remove")
	p.see("Remove “The telephone")
	stop("account-factors-remove")
	p.visit(origin + "/auth/account/2fa")
	p.see("It is on")
	stop("account-2fa")
	p.visit(origin + "/auth/account")
	p.see("1 set up")
	stop("account-protected")
	p.press("logout-form")
	p.visit(origin + "/auth/login")
	p.signIn(address, password)
	p.at("/auth/login/mfa", "Confirm that it is you")
	stop("mfa")
	p.press("mfa-form", "otp", "000000")
	p.see("is wrong")
	stop("mfa-refused")
	p.follow("Use a recovery code")
	stop("mfa-recovery")
}

// begin signs up and leaves the mail unopened.
func (p *tab) begin(g *gateway, address string) {
	p.t.Helper()
	p.visit(g.origin() + "/auth/register")
	p.register(g, address)
}

// TestPages: every page in both widths, light and dark, has nothing that axe finds, is not wider than the screen, and
// weighs under 60 KiB with all it needs; nobody but the gateway is asked for anything.
func TestPages(t *testing.T) {
	t.Parallel()
	for _, w := range []way{{}, {phone: true}} {
		t.Run(w.String(), func(t *testing.T) {
			t.Parallel()
			g, p := shared(t), open(t, w)
			p.withoutCache()
			icon := int64(len(get(t, g.origin()+"/auth/login", `rel="icon" href="`)))
			tour(p, g, func(name string) {
				if n := p.net.weigh() + icon; n > 60<<10 || n < 2<<10 {
					t.Errorf("%s weighs %d bytes", name, n)
				}
				p.looksRight(t, w, name)
			})
			if others := foreign(p.net.addresses(), g.origin()); len(others) != 0 {
				t.Errorf("third parties were asked: %q", others)
			}
		})
	}
}

// looksRight fails the test for a page that is wider than the screen or in which axe finds something, light and dark, and takes its pictures.
func (p *tab) looksRight(t *testing.T, w way, name string) {
	t.Helper()
	if got := p.ask(`String(document.documentElement.scrollWidth - document.documentElement.clientWidth)`); got != "0" {
		t.Errorf("%s is %s px too wide", name, got)
	}
	for _, f := range p.axe(everyRule) {
		t.Errorf("%s: %s", name, f)
	}
	p.picture(w, name)
	dark := w
	dark.dark = true
	p.do("going dark", dark.scheme())
	for _, f := range p.axe(colourRules) {
		t.Errorf("%s, dark: %s", name, f)
	}
	p.picture(dark, name)
	p.do("going light", w.scheme())
}

// picture leaves a picture of the whole page in the folder of -look.
func (p *tab) picture(w way, name string) {
	p.t.Helper()
	if *look == "" {
		return
	}
	width, colour := 1280, "light"
	if w.phone {
		width = 360
	}
	if w.dark {
		colour = "dark"
	}
	path := filepath.Join(*look, strings.Join([]string{name, strconv.Itoa(width), colour + ".png"}, "-"))
	if err := os.WriteFile(path, p.shoot(true), 0o600); err != nil {
		p.t.Fatal(err)
	}
}
