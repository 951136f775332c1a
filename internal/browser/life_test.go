package browser

import (
	"strings"
	"testing"
)

// TestLife: on a phone, without script, somebody comes by an invitation, changes their address, takes that back by the mail's link, and
// leaves.
func TestLife(t *testing.T) {
	t.Parallel()
	g, address, next := shared(t), newAddress(), newAddress()
	if _, errs, code := g.Command(t, "invite", "create", "--email", address, "--config", "Caddyfile"); code != 0 {
		t.Fatalf("invite create ends with %d: %s", code, errs)
	}
	p := open(t, way{phone: true, noScript: true})
	m := g.mail(t, address, 1)
	origin, _, _ := strings.Cut(m.link, "/auth/")
	p.visit(m.link)
	p.at("/auth/invitation", "You are invited to Gatehouse")
	checkNoTrace(t, p, m.token)
	p.press("invitation-form")
	p.at("/auth/register", "Create an account")
	p.press("register-form", "password", password)
	p.signIn(address, password)
	p.at("/auth/account", "Your account")

	p.visit(origin + "/auth/account/email")
	p.press("email-form", "email", next)
	p.see("We have sent a code", next)
	p.visit(g.mail(t, next, 1).link)
	p.at("/auth/me/email/confirm", "Confirm your address")
	p.press("confirm-form")
	p.see("Your address has been confirmed.", next)

	p.visit(g.notice(t, address, "address").link)
	p.press("secure-form")
	p.see("Your account is secured")
	p.press("reset-form", "new_password", otherPassword)
	p.signIn(address, otherPassword)
	p.at("/auth/account", "Your account")
	if text := p.text(); !strings.Contains(text, address) || strings.Contains(text, next) {
		t.Errorf("the account page says\n%s", text)
	}

	p.visit(origin + "/auth/account/delete")
	p.see("This cannot be undone.")
	p.press("delete-form")
	p.see("Your account has been deleted.")
	p.signIn(address, otherPassword)
	p.see("The username or password is wrong.")
}
