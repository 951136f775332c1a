package e2e

import "testing"

// TestOption_passkeys: the domain of passkeys is that of the option, else the issuer's host.
func TestOption_passkeys(t *testing.T) {
	t.Parallel()
	const issuer = "\t\tissuer https://auth.example.com\n"
	g := start(t, plan{global: issuer})
	domain := func() any {
		options, _ := g.api(t, "POST", "/passkeys/options", object{}).must(t, 200, "").json(t)["options"].(map[string]any)
		if inner, nested := options["publicKey"].(map[string]any); nested {
			options = inner
		}
		return options["rpId"]
	}
	if got := domain(); got != "auth.example.com" {
		t.Errorf("without the option: %v", got)
	}
	g.restartWith(t, plan{global: issuer + "\t\tpasskeys {\n\t\t\trp_id example.com\n\t\t\torigins https://app.example.com\n\t\t}"})
	if got := domain(); got != "example.com" {
		t.Errorf("with it: %v", got)
	}
}
