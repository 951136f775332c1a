package browser

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const (
	password      = "winter granite lantern 7"
	otherPassword = "copper violin harbour 41"
)

var personNumber atomic.Int64

// newAddress is one that no other test uses.
func newAddress() string { return fmt.Sprintf("ada%d@example.com", personNumber.Add(1)) }

// register fills in the sign-up form that is open and reads the mail.
func (p *tab) register(g *gateway, address string) letter {
	p.t.Helper()
	p.press("register-form", "first_name", "Ada", "last_name", "Lovelace", "email", address, "password", password)
	p.at("/auth/verify", "Confirm your e-mail address")
	return g.mail(p.t, address, 1)
}

// join makes an account and is signed in at the account page.
func (p *tab) join(g *gateway, origin, address string) {
	p.t.Helper()
	p.visit(origin + "/auth/register")
	p.press("verify-form", "otp", p.register(g, address).code)
	p.at("/auth/account", "Your account")
}

// signIn fills in the sign-in form that is open.
func (p *tab) signIn(address, password string) {
	p.t.Helper()
	p.press("login-form", "login", address, "password", password)
}

// isOut checks that the browser is asked to sign in when it wants a guarded page.
func (p *tab) isOut(origin string) {
	p.t.Helper()
	p.visit(origin + "/out" + fmt.Sprint(personNumber.Add(1))) // a new path each time: it is no redirect loop
	p.at("/auth/login", "Sign in")
}

var ways = []way{{}, {phone: true}, {noScript: true}, {phone: true, noScript: true}}

// TestWalk: what a person does from the first visit to the end of the last session.
func TestWalk(t *testing.T) {
	t.Parallel()
	for i, w := range ways {
		t.Run(w.String(), func(t *testing.T) {
			t.Parallel()
			g := shared(t)
			address, wanted := newAddress(), g.origin()+"/reports/2026?month=7&q=a%20b"
			p := open(t, w)
			p.visit(wanted)
			p.at("/auth/login", "Sign in")
			if got := p.query("rd"); got != wanted {
				t.Errorf("rd is %q", got)
			}
			p.follow("Create an account")
			m := p.register(g, address)
			p.see("We have sent you a mail.")
			if i%2 == 0 {
				p.visit(m.link)
				p.at("/auth/verify", "Confirm your e-mail address")
				p.see("One more step.")
				if strings.Contains(p.address(), m.token) {
					t.Error("the token stands in the address bar")
				}
				p.press("verify-form")
			} else {
				p.press("verify-form", "otp", m.code)
			}
			p.see("Hello, Ada Lovelace", address)
			if got := p.address(); got != wanted {
				t.Errorf("landed at %q", got)
			}
			p.follow("Your account")
			p.at("/auth/account", "Your account")
			p.follow("Profile")
			p.at("/auth/account/profile", "Profile")
			p.press("profile-form", "last_name", "King")
			p.at("/auth/account", "Your account")
			p.see("Your profile has been saved.", "Ada King")
			endSessions(t, g, w, p, address)
			changePassword(t, g, w, p, address, wanted)
			if n := len(foreign(p.net.addresses(), g.origin())); n != 0 {
				t.Errorf("third parties were asked: %q", foreign(p.net.addresses(), g.origin()))
			}
		})
	}
}

// endSessions ends those of another browser, first one, then all others.
func endSessions(t *testing.T, g *gateway, w way, p *tab, address string) {
	t.Helper()
	q := open(t, w)
	q.visit(g.origin() + "/auth/login")
	q.signIn(strings.ToUpper(address), password)
	q.at("/auth/account", "Your account")
	p.visit(g.origin() + "/auth/account")
	p.see("2 sessions")
	p.follow("Where you are signed in")
	p.see("This browser")
	if got := p.ask(`String(document.querySelectorAll(".entries li").length)`); got != "2" {
		t.Fatalf("%s sessions are listed", got)
	}
	p.click(".entries li:not(:has(.badge)) button")
	p.see("The device has been signed out.")
	if got := p.ask(`String(document.querySelectorAll(".entries li").length)`); got != "1" {
		t.Errorf("%s sessions are listed", got)
	}
	q.isOut(g.origin())
	q.signIn(address, password)
	q.see("Hello, Ada King")
	p.visit(g.origin() + "/auth/account/sessions")
	p.press("end-others")
	p.see("The device has been signed out.")
	q.isOut(g.origin())
	p.visit(g.origin() + "/")
	p.see("Hello, Ada") // by the new name once this session is renewed
}

// changePassword signs out everywhere; with the new one somebody comes in again, and ends all sessions.
func changePassword(t *testing.T, g *gateway, w way, p *tab, address, wanted string) {
	t.Helper()
	q := open(t, w)
	q.visit(g.origin() + "/auth/login")
	q.signIn(address, password)
	q.at("/auth/account", "Your account")
	p.visit(g.origin() + "/auth/account/password")
	p.press("password-form", "current_password", "wrong "+password, "new_password", otherPassword)
	p.see("The current password is wrong.")
	p.press("password-form", "current_password", password, "new_password", otherPassword)
	p.at("/auth/login", "Sign in")
	p.see("you are signed out everywhere")
	q.isOut(g.origin())
	p.visit(wanted)
	p.at("/auth/login", "Sign in")
	p.signIn(address, password)
	p.see("The username or password is wrong.")
	p.press("login-form", "password", otherPassword) // the name has been kept
	p.see("Hello, Ada King")
	if got := p.address(); got != wanted {
		t.Errorf("landed at %q", got)
	}
	p.visit(g.origin() + "/auth/account/sessions")
	p.press("end-all")
	p.at("/auth/signed-out", "You are signed out")
	p.isOut(g.origin())
}

// foreign returns the addresses that are not of an origin.
func foreign(addresses []string, origin string) []string {
	var out []string
	for _, a := range addresses {
		if !strings.HasPrefix(a, origin+"/") {
			out = append(out, a)
		}
	}
	return out
}

// B10: after signing out the back button shows nothing of the account, nor does the forward button, and the old cookies
// are gone.
func TestB10_BackAfterSigningOut(t *testing.T) {
	t.Parallel()
	for _, w := range []way{{}, {noScript: true}} {
		t.Run(w.String(), func(t *testing.T) {
			t.Parallel()
			g, p, address := shared(t), open(t, w), newAddress()
			p.join(g, g.origin(), address)
			p.visit(g.origin() + "/")
			p.see("Hello, Ada Lovelace")
			p.visit(g.origin() + "/auth/account")
			p.see(address)
			p.press("logout-form")
			p.at("/auth/signed-out", "You are signed out")
			for range 2 { // the account page, then the service
				p.back()
				p.at("/auth/login", "Sign in")
				if page := p.ask(`document.documentElement.outerHTML`); page == "" || strings.Contains(page, address) || strings.Contains(page, "Ada") {
					t.Errorf("there is %s", page)
				}
			}
			for name := range p.cookies(g.origin() + "/") {
				if name == "gatehouse" || name == "gatehouse_refresh" {
					t.Errorf("%s is still there", name)
				}
			}
		})
	}
}

// TestGerman: the same way in German, the mail too.
func TestGerman(t *testing.T) {
	t.Parallel()
	g, address := shared(t), newAddress()
	p := open(t, way{language: "de-AT,de;q=0.9,en;q=0.5"})
	p.visit(g.origin() + "/x")
	p.at("/auth/login", "Anmelden")
	if got := p.ask(`document.documentElement.lang`); got != "de" {
		t.Errorf("lang is %q", got)
	}
	p.follow("Konto anlegen")
	p.at("/auth/register", "Konto anlegen")
	p.press("register-form", "email", address, "password", "kurz")
	p.see("Nehmen Sie mindestens 12 Zeichen.")
	p.press("register-form", "first_name", "Ada", "password", password)
	p.see("Bestätigen")
	m := g.mail(t, address, 1)
	if !strings.Contains(m.text, "Code") || !strings.Contains(m.text, "Sie ") {
		t.Errorf("the mail says\n%s", m.text)
	}
	p.press("verify-form", "otp", m.code)
	p.see("Hello, Ada")
	p.visit(g.origin() + "/auth/account")
	p.at("/auth/account", "Ihr Konto")
	p.follow("Wo Sie angemeldet sind")
	p.press("end-all")
	p.at("/auth/signed-out", "Sie sind abgemeldet")
}

// TestKeyboard: signing in needs no mouse. The first field has the focus, Tab leads on, Enter sends; and where a form was
// refused the field to mend has the focus.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	g, address := shared(t), newAddress()
	open(t, way{}).join(g, g.origin(), address)
	p := open(t, way{})
	focus := func(field string) { // a browser gives it a moment after the page is there
		t.Helper()
		eventually(t, func() string { return "focus on " + field }, func() bool { return p.ask(`String(document.activeElement.name)`) == field })
	}
	p.visit(g.origin() + "/auth/login")
	focus("login")
	p.load("typing", chromedp.KeyEvent(address+kb.Tab+"not the password"+kb.Enter))
	p.see("The username or password is wrong.")
	focus("password")
	p.load("typing", chromedp.KeyEvent(password+kb.Enter))
	p.at("/auth/account", "Your account")
}

// TestNarrow: nothing is cut off or has to be scrolled sideways on a small phone, nor at 200 % text.
func TestNarrow(t *testing.T) {
	t.Parallel()
	g, address := shared(t), newAddress()
	p := open(t, way{phone: true})
	p.join(g, g.origin(), address)
	p.visit(g.origin() + "/auth/account/profile")
	p.press("profile-form", "first_name", strings.Repeat("Wolfeschlegel", 7), "last_name", "")
	p.visit(g.origin() + "/auth/logout")
	p.press("logout-form")
	p.visit(g.origin() + "/auth/login")
	p.signIn(address, password) // services hear of the new name from now on
	p.visit(g.origin() + "/")
	p.see("Hello, WolfeschlegelWolfeschlegel")
	for _, width := range []int64{360, 320} {
		p.do("resizing", chromedp.EmulateViewport(width, 640, chromedp.EmulateMobile))
		for _, path := range []string{"/auth/account", "/auth/account/profile", "/auth/account/sessions", "/auth/account/devices", "/auth/login", "/auth/register", "/auth/nothing", "/"} {
			p.visit(g.origin() + path)
			if got := p.ask(`String(document.documentElement.scrollWidth)`); got != fmt.Sprint(width) {
				t.Errorf("%s is %s px wide at %d", path, got, width)
			}
		}
	}
}
