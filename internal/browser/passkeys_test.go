package browser

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// withAuthenticator gives the browser an authenticator of its own that verifies its user, as phones have.
func (p *tab) withAuthenticator() {
	p.t.Helper()
	p.do("adding an authenticator", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		if _, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return err
		}
		_, err := chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		}})
		return err
	}))
}

// TestPasskeys: a passkey is added, is the second factor, and signs in by autofill, in browsers with and without it.
func TestPasskeys(t *testing.T) {
	t.Parallel()
	g, address := shared(t), newAddress()
	p := open(t, way{})
	p.withAuthenticator()
	p.join(g, g.origin(), address)
	p.visit(g.origin() + "/auth/account/factors")
	p.press("add-passkey", "name", "This computer")
	p.at("/auth/account/factors/confirm", "A passkey")
	p.press("confirm-form")
	p.at("/auth/account/factors", "Second factors")
	p.see("This computer")

	// The virtual authenticator takes the offer of autofill by itself.
	p.visit(g.origin() + "/auth/logout")
	p.press("logout-form")
	p.visit(g.origin() + "/auth/login")
	eventually(t, p.address, func() bool { return strings.HasSuffix(p.address(), "/auth/account") })
	p.see("Your account")

	without := open(t, way{noScript: true})
	without.visit(g.origin() + "/auth/login")
	without.signIn(address, password)
	without.at("/auth/login/mfa", "Confirm that it is you")
	without.see("Your browser must run scripts for this.")
}
