package browser

import (
	"strings"
	"testing"
)

// TestRecovery: a forgotten password, by link and by code, with and without script; the way somebody was on is kept, every
// session ends, and what mail scanners do beforehand changes nothing.
func TestRecovery(t *testing.T) {
	t.Parallel()
	for i, w := range []way{{}, {phone: true, noScript: true}} {
		t.Run(w.String(), func(t *testing.T) {
			t.Parallel()
			g, address := shared(t), newAddress()
			p, q := open(t, w), open(t, w)
			q.join(g, g.origin(), address)
			wanted := g.origin() + "/papers?n=1"
			p.visit(wanted)
			p.at("/auth/login", "Sign in")
			p.follow("Forgot your password?")
			p.press("forgot-form", "login", address)
			p.at("/auth/password/reset", "Choose a new password")
			p.see("If there is an account with this address or name")
			m := g.mail(t, address, 2)
			if i == 0 {
				for range 2 { // R07: a scanner opens the link first, with script and all
					s := open(t, way{})
					s.visit(m.link)
					s.see("Choose a new password")
				}
				p.visit(m.link)
				p.see("You will then be signed out everywhere. Sign in again with the new password.")
				checkNoTrace(t, p, m.token)
				p.press("reset-form", "new_password", otherPassword)
			} else {
				p.press("reset-form", "otp", "999999", "new_password", otherPassword)
				p.see("The code or link is wrong")
				p.press("reset-form", "otp", m.code, "new_password", otherPassword)
			}
			p.see("Your password has been changed. Sign in with the new one.")
			q.isOut(g.origin())
			p.signIn(address, otherPassword)
			p.see("Hello, Ada Lovelace")
			if got := p.address(); got != wanted {
				t.Errorf("landed at %q", got)
			}
		})
	}
}

// checkNoTrace checks that the token of a link stands in no place that others may read (R09).
func checkNoTrace(t *testing.T, p *tab, token string) {
	t.Helper()
	for what, text := range map[string]string{
		"the address bar": p.address(), "the page": p.ask(`document.documentElement.outerHTML`), "the referrer": p.ask(`document.referrer`),
		"what scripts see of cookies": p.ask(`document.cookie`), "the history": strings.Join(p.history(), " "),
	} {
		if strings.Contains(text, token) {
			t.Errorf("the token stands in %s", what)
		}
	}
}

// TestElsewhere: the link of a sign-up opened in a browser that did not sign up asks for the password chosen there, or for
// a new one, which drops what was entered besides.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	t.Run("password", func(t *testing.T) {
		t.Parallel()
		g, address := shared(t), newAddress()
		open(t, way{}).begin(g, address)
		p := open(t, way{phone: true})
		p.visit(g.mail(t, address, 1).link)
		p.at("/auth/verify", "Confirm your e-mail address")
		p.see("You signed up in another browser.")
		p.press("verify-form", "password", "not "+password)
		p.at("/auth/verify", "Confirm your e-mail address")
		p.press("verify-form", "password", password)
		p.at("/auth/account", "Your account")
		p.see("Ada Lovelace", address)
	})
	t.Run("new password", func(t *testing.T) {
		t.Parallel()
		g, address := shared(t), newAddress()
		open(t, way{}).begin(g, address)
		p := open(t, way{noScript: true})
		p.visit(g.mail(t, address, 1).link)
		p.see("You signed up in another browser.")
		p.follow("Choose a new password instead")
		p.see("will be discarded")
		p.press("verify-form", "new_password", otherPassword)
		p.at("/auth/account", "Your account")
		p.see(address)
		if strings.Contains(p.text(), "Lovelace") || strings.Contains(p.ask(`document.documentElement.outerHTML`), "Lovelace") {
			t.Error("what a stranger may have entered is still there")
		}
		p.visit(g.origin() + "/auth/logout")
		p.press("logout-form")
		p.isOut(g.origin())
		p.signIn(address, password)
		p.see("The username or password is wrong.")
		p.press("login-form", "password", otherPassword)
		p.see("Hello, "+address, "Remote-Email")
	})
}
