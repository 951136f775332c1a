package browser

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// TestHistory: on a phone, without script, somebody sees that a stranger has failed to sign in, and switches the mail about new devices off.
func TestHistory(t *testing.T) {
	t.Parallel()
	g, address := shared(t), newAddress()
	p, stranger := open(t, way{phone: true, noScript: true}), open(t, way{})
	p.join(g, g.origin(), address)
	stranger.visit(g.origin() + "/auth/login")
	stranger.press("login-form", "login", address, "password", "wrong")
	stranger.see("The username or password is wrong.")
	p.visit(g.origin() + "/auth/account")
	p.follow("Sign-in history")
	p.at("/auth/account/history", "Sign-in history")
	p.see("With the password", "This session", "Something strange?")
	p.follow("Failed")
	p.see("The username or password is wrong.")
	if got := p.ask(`String(document.querySelectorAll(".entries li").length)`); got != "1" {
		t.Errorf("%s failures are listed", got)
	}
	p.follow("Your account")
	p.follow("Notifications")
	p.at("/auth/account/notifications", "Notifications")
	p.do("switching it off", chromedp.Click(chromedp.CSS("#new_device")))
	p.press("notifications-form")
	p.see("Your notifications have been saved.")
	p.visit(g.origin() + "/auth/account")
	p.see("1 off")
}
