package browser

import (
	"strings"
	"testing"
)

// TestCodesAndLinks: with and without script, the link of a mail signs in the browser that asked for it, and another by the code of the same
// mail alone; what mail scanners do beforehand changes nothing, and the way somebody was on is kept.
func TestCodesAndLinks(t *testing.T) {
	t.Parallel()
	text, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	g := start(t, strings.Replace(text, noLimits, noLimits+"\t\trate_limit otp off\n\t\tsign_in password code link\n", 1))
	for _, w := range []way{{}, {phone: true, noScript: true}} {
		t.Run(w.String(), func(t *testing.T) {
			t.Parallel()
			address := newAddress()
			open(t, w).join(g, g.origin(), address)
			p, elsewhere := open(t, w), open(t, w)
			wanted := g.origin() + "/papers?n=1"
			p.visit(wanted)
			p.at("/auth/login", "Sign in")
			p.follow("Sign in with a link or code instead")
			p.press("otp-form", "login", address)
			p.at("/auth/otp/verify", "Sign in")
			p.see("If somebody signs in by that, a message is on its way.")
			m := g.mail(t, address, 2)
			elsewhere.visit(m.link)
			elsewhere.see("This is not the browser in which the link was asked for.")
			if strings.Contains(elsewhere.ask(`document.documentElement.outerHTML`), address) {
				t.Error("the page shows whose link it is")
			}
			p.visit(m.link)
			p.see("Press the button to sign in.")
			checkNoTrace(t, p, m.token)
			p.press("otp-verify-form")
			p.see("Hello, Ada Lovelace")
			if got := p.address(); got != wanted {
				t.Errorf("landed at %q", got)
			}
			elsewhere.visit(g.origin() + "/auth/otp")
			elsewhere.press("otp-form", "login", address)
			elsewhere.press("otp-verify-form", "otp", "999999")
			elsewhere.see("The code or link is wrong")
			elsewhere.press("otp-verify-form", "otp", g.mail(t, address, 3).code)
			elsewhere.at("/auth/account", "Your account")
		})
	}
}
