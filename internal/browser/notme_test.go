package browser

import (
	"strings"
	"testing"
)

// notice waits for the last security mail to an address whose subject has the word.
func (g *gateway) notice(t testing.TB, address, word string) (found letter) {
	t.Helper()
	eventually(t, func() string { return "a security mail about the " + word + " to " + address }, func() bool {
		for _, l := range g.mails(t, address) {
			if strings.Contains(l.subject, word) && strings.Contains(l.link, "/secure?token=") {
				found = l
			}
		}
		return found.link != ""
	})
	return found
}

// TestThisWasNotMe: somebody in the account changes its password; the owner opens the link of the mail on a phone, without script,
// and is the only one in again.
func TestThisWasNotMe(t *testing.T) {
	t.Parallel()
	g, address := shared(t), newAddress()
	thief, p := open(t, way{}), open(t, way{phone: true, noScript: true})
	thief.join(g, g.origin(), address)
	thief.visit(g.origin() + "/auth/account/password")
	thief.press("password-form", "current_password", password, "new_password", otherPassword)
	thief.signIn(address, otherPassword)
	thief.at("/auth/account", "Your account")

	m := g.notice(t, address, "password")
	p.visit(m.link)
	p.at("/auth/secure", "This was not you?")
	checkNoTrace(t, p, m.token)
	p.press("secure-form")
	p.see("Your account is secured", "The one that was set no longer works.")
	thief.isOut(g.origin())
	thief.signIn(address, otherPassword)
	thief.see("The username or password is wrong.")
	p.press("reset-form", "new_password", password)
	p.see("Your password has been changed. Sign in with the new one.")
	p.signIn(address, password)
	p.at("/auth/account", "Your account")
}
