package browser

import "testing"

// TestDevices: on a phone, without script, somebody names their browser, finds a stranger's and forgets it.
func TestDevices(t *testing.T) {
	t.Parallel()
	g, address := shared(t), newAddress()
	p, stranger := open(t, way{phone: true, noScript: true}), open(t, way{})
	p.join(g, g.origin(), address)
	stranger.visit(g.origin() + "/auth/login")
	stranger.signIn(address, password)
	stranger.at("/auth/account", "Your account")
	p.visit(g.origin() + "/auth/account")
	p.see("2 devices")
	p.follow("Devices")
	p.at("/auth/account/devices", "Devices")
	p.click(".entries li:has(.badge) a")
	p.see("Give it a name")
	p.press("rename-form", "name", "My phone")
	p.see("The name was saved.", "My phone", "This browser")
	p.click(".entries li:not(:has(.badge)) button")
	p.see("The device was forgotten.")
	if got := p.ask(`String(document.querySelectorAll(".entries li").length)`); got != "1" {
		t.Errorf("%s devices are listed", got)
	}
	stranger.isOut(g.origin())
}
