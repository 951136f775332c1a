package browser

import (
	"fmt"
	"strings"
	"testing"
)

// TestUserFields: on a phone, somebody signs up with fields of the operator's own, corrects one, changes them in the profile, and chooses
// German.
func TestUserFields(t *testing.T) {
	t.Parallel()
	caddyfile, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	g := start(t, strings.Replace(caddyfile, noLimits, noLimits+"\t\tuser_field home_town text {\n\t\t\trequired\n\t\t}\n"+
		"\t\tuser_field size choice {\n\t\t\tvalues small large\n\t\t}\n\t\tuser_field born date\n\t\tuser_field news boolean\n", 1))
	p, address := open(t, way{phone: true}), newAddress()
	choose := func(form, name, value string) {
		t.Helper()
		p.ask(fmt.Sprintf(`document.querySelector("#%s [name='%s']").value = %q`, form, name, value))
	}
	sound := func(where string) {
		t.Helper()
		for _, f := range p.axe(everyRule) {
			t.Errorf("%s: %s", where, f)
		}
		if got := p.ask(`String(document.documentElement.scrollWidth - document.documentElement.clientWidth)`); got != "0" {
			t.Errorf("%s is %s px too wide", where, got)
		}
	}
	p.visit(g.origin() + "/auth/register")
	sound("sign-up")
	choose("register-form", "fields.size", "large")
	p.press("register-form", "email", address, "password", password)
	p.see("Home town: Please fill this in.")
	sound("sign-up refused")
	p.press("register-form", "password", password, "fields.home_town", "Linz")
	p.at("/auth/verify", "Confirm your e-mail address")
	p.press("verify-form", "otp", g.mail(t, address, 1).code)
	p.at("/auth/account", "Your account")
	p.visit(g.origin() + "/auth/account/profile")
	sound("profile")
	if got := p.ask(`["fields.home_town", "fields.size", "fields.news"].map(n => document.getElementsByName(n)[0].value).join()`); got != "Linz,large," {
		t.Errorf("the profile has %q", got)
	}
	choose("profile-form", "fields.news", "false")
	choose("profile-form", "fields.born", "1990-12-31")
	choose("profile-form", "locale", "de")
	p.press("profile-form", "fields.home_town", "Wien")
	p.at("/auth/account", "Ihr Konto")
	p.visit(g.origin() + "/auth/account/profile")
	p.see("Sprache der Seiten und Mails")
	if got := p.ask(`["fields.home_town", "fields.born", "fields.news"].map(n => document.getElementsByName(n)[0].value).join()`); got != "Wien,1990-12-31,false" {
		t.Errorf("the profile has %q", got)
	}
}
