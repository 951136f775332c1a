package browser

import (
	"strings"
	"testing"
)

// TestInvitations: on a phone, without script, somebody invites a colleague, who makes an account; and takes a link back that was never used.
func TestInvitations(t *testing.T) {
	t.Parallel()
	text, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	g := start(t, strings.Replace(text, "gatehouse {", "gatehouse {\n\t\tinvitations users", 1))
	address, colleague := newAddress(), newAddress()
	p, q := open(t, way{phone: true, noScript: true}), open(t, way{phone: true, noScript: true})
	p.join(g, g.origin(), address)
	p.visit(g.origin() + "/auth/account")
	p.follow("Invitations")
	p.at("/auth/account/invitations", "Invitations")
	p.see("You have not invited anybody yet.")
	p.press("invite-form", "email", colleague)
	p.see("The invitation is on its way.", colleague, "Open", "Send again")
	p.press("invite-form")
	p.see("Copy it now", "Whoever has the link")
	p.visit(p.ask(`document.getElementById("made-link").value`))
	p.see("You are invited")
	p.visit(g.origin() + "/auth/account/invitations")
	p.click(".entries li:first-child button")
	p.see("The invitation can no longer be used.", "Revoked")

	q.visit(g.mail(t, colleague, 1).link)
	q.press("invitation-form")
	q.press("register-form", "password", password)
	q.see("Sign in")
	p.visit(g.origin() + "/auth/account/invitations")
	p.see("Used")
}
