package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testotp"
)

// everybodyNeedsOne asks everybody for a second factor that is no mailbox.
const everybodyNeedsOne = `{
	admin unix/.gatehouse.sock|0600
	skip_install_trust
	auto_https off
	gatehouse {
		data_dir .gatehouse
		factors totp passkey recovery
		mfa required
` + noLimits + `	}
}

http://localhost:<port> {
	bind 127.0.0.1
	gatehouse
	gatehouse_guard {
		require mfa
	}
	header Content-Type "text/html; charset=utf-8"
	respond "<!doctype html><html lang=en><title>Service</title><h1>Hello, {http.request.header.Remote-Email}</h1>"
}
`

// TestEnrol: who signs up where everybody needs a second factor adds one in the midst of the sign-in, keeps the recovery codes, and is where
// they wanted: with an app on a phone without script, in German, and with a passkey.
func TestEnrol(t *testing.T) {
	t.Parallel()
	g := start(t, everybodyNeedsOne)
	signUp := func(p *tab) (address string) {
		address = newAddress()
		p.visit(g.origin() + "/x?y=1")
		p.click(`a[href*="/auth/register"]`)
		p.press("register-form", "email", address, "password", password)
		p.press("verify-form", "otp", g.mail(t, address, 1).code)
		p.press("mfa-form", "password", password)
		return address
	}
	fits := func(p *tab, width int) {
		t.Helper()
		if got := p.ask(`String(document.documentElement.scrollWidth)`); got != fmt.Sprint(width) {
			t.Errorf("%s is %s px wide at %d", p.address(), got, width)
		}
		if width < 1280 { // it runs no scripts, and axe is one
			return
		}
		for _, broken := range p.axe(everyRule) {
			t.Errorf("%s: %s", p.address(), broken)
		}
	}

	p := open(t, way{phone: true, noScript: true, language: "de"})
	address := signUp(p)
	p.at("/auth/login/mfa", "Zweiten Faktor hinzufügen")
	p.see("Ihr Konto hat noch keinen", "Authenticator-App")
	fits(p, 360)
	p.press("add-totp", "name", "Handy")
	p.at("/auth/login/mfa", "Zweiten Faktor bestätigen")
	fits(p, 360)
	p.press("confirm-form", "otp", "000000")
	p.see("Scannen Sie dieses Bild")
	seed := strings.ReplaceAll(p.ask(`document.querySelector("#seed").value`), " ", "")
	p.press("confirm-form", "otp", testotp.Code(t, seed, time.Now()))
	p.at("/auth/login/mfa/codes", "Wiederherstellungscodes")
	if n := p.ask(`String(document.querySelectorAll(".codes li").length)`); n != "10" {
		t.Errorf("%s recovery codes", n)
	}
	fits(p, 360)
	p.follow("Weiter")
	p.at("/x", "Hello, "+address)
	if p.query("y") != "1" {
		t.Errorf("back at %s", p.address())
	}

	p = open(t, way{})
	p.with(phone)
	address = signUp(p)
	p.at("/auth/login/mfa", "Add a second factor")
	fits(p, 1280)
	p.press("add-passkey", "name", "This computer")
	p.at("/auth/login/mfa", "Passkey")
	p.press("confirm-form")
	p.at("/auth/login/mfa/codes", "Recovery codes")
	fits(p, 1280)
	p.follow("Continue")
	p.at("/x", "Hello, "+address)
}
