package caddymodule

import (
	"slices"
	"strings"
	"testing"
)

// TestPasskeys_Warnings: validating tells, with its line, of an origin of passkeys that is guarded, and of passkeys that are asked for where
// browsers have none.
func TestPasskeys_Warnings(t *testing.T) {
	const guarded, none = "is a site with gatehouse_guard", "browsers have no passkeys"
	const related = "passkeys {\norigins https://app.example.com android:apk-key-hash:4N1Z\n}"
	for name, c := range map[string]struct{ option, site, block, want, at string }{
		"a guarded origin":         {related, "app.example.com", "gatehouse_guard", guarded, "Caddyfile:11: option passkeys: origins: https://app.example.com"},
		"by a wildcard":            {related, "*.example.com", "gatehouse_guard", guarded, "Caddyfile:11: "},
		"in a block":               {related, "app.example.com", "handle /x/* {\ngatehouse_guard\n}", guarded, "Caddyfile:11: "},
		"by two guards":            {related, "app.example.com", "gatehouse_guard /a\ngatehouse_guard /b", guarded, "Caddyfile:11: "},
		"a guard elsewhere":        {related, "other.example.com", "gatehouse_guard", "", ""},
		"no guard":                 {related, "app.example.com", "", "", ""},
		"another domain":           {"passkeys {\nrp_id example.org\n}", "app.example.com", "", none, "Caddyfile:10: option passkeys: browsers have no passkeys at the issuer https://auth.example.net"},
		"the domain above":         {"passkeys {\nrp_id example.net\n}", "app.example.com", "", "", ""},
		"a part of a name":         {"passkeys {\nrp_id mple.net\n}", "app.example.com", "", none, "Caddyfile:10: "},
		"another, and its origins": {"passkeys {\nrp_id example.org\norigins https://auth.example.net\n}", "app.example.com", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			said := validateTells(t, c.option, c.site, c.block)
			for _, warning := range []string{guarded, none} {
				n := strings.Count(said, warning)
				if warning == c.want && (n != 1 || !strings.Contains(said, c.at)) || warning != c.want && n > 0 {
					t.Errorf("%q is told %d times: %s", warning, n, said)
				}
			}
		})
	}
}

// TestPasskeys_AtAnAddress: who asks for passkeys at an issuer that is an IP address is told; who does not ask is not.
func TestPasskeys_AtAnAddress(t *testing.T) {
	for option, want := range map[string]string{
		"":                                 "",
		"sign_in password passkey":         "option sign_in: browsers have no passkeys at the issuer https://192.0.2.7",
		"factors totp security_key":        "option factors: browsers have no",
		"passkeys {\nrp_id example.com\n}": "Caddyfile:9: option passkeys: browsers have no",
		"factors totp\nsign_in password":   "",
	} {
		said := validateTells(t, option+"\nissuer https://192.0.2.7", "app.example.com", "")
		if want == "" && strings.Contains(said, "browsers have no") || !strings.Contains(said, want) {
			t.Errorf("%s: %s", option, said)
		}
	}
}

// Origins are those that browsers name.
func TestPasskeys_OriginsAsBrowsersWriteThem(t *testing.T) {
	cfg, err := settingsFrom(t, "passkeys {\norigins https://App.Example.com:443 android:apk-key-hash:4N1Z\n}").resolve()
	if want := []string{"https://app.example.com", "android:apk-key-hash:4N1Z"}; err != nil || !slices.Equal(cfg.passkeys.Origins, want) {
		t.Errorf("%v (%v)", cfg.passkeys.Origins, err)
	}
}
