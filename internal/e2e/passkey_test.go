package e2e

import (
	"encoding/json"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/testwebauthn"
)

// passkeyOptions are those of an answer.
func passkeyOptions(t testing.TB, from any) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// passkey gives a credential to sign in with, for options of one node at another.
func passkey(t testing.TB, key *testwebauthn.Authenticator, from, at *gateway) answer {
	t.Helper()
	options := from.api(t, "POST", "/passkeys/options", object{}).must(t, 200, "").json(t)["options"]
	return at.api(t, "POST", "/passkeys/verify", object{"credential": key.Get(t, passkeyOptions(t, options))})
}

const passkeySite = `http://:<port> {
	gatehouse
	gatehouse_guard
	reverse_proxy <upstream>
}
http://service.example.com:<port> {
	reverse_proxy <upstream>
}
`

// TestOption_passkeys: without it passkeys are for the issuer's host and taken from there alone; with it they are for its domain and taken from
// its origins too, which that domain lists. At an issuer that is an address there are none.
func TestOption_passkeys(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	offer := g.api(t, "GET", "/config", nil).must(t, 200, "").json(t)
	if ways, kinds := offer["sign_in"].([]any), offer["factors"].([]any); len(ways) != 1 || len(kinds) != 3 || kinds[1] != "totp" {
		t.Errorf("at an address: %v, %v", ways, kinds)
	}
	g.api(t, "POST", "/passkeys/options", object{}).want(t, 404, "not_found")
	g.api(t, "POST", "/factors", object{"type": "passkey"}, call{bearer: g.newUser(t).access}).want(t, 422, "invalid_fields")

	const issuer = "\t\tissuer https://auth.example.com\n"
	g.restartWith(t, plan{global: issuer, site: passkeySite})
	u := g.newUser(t)
	as := call{bearer: u.access}
	adds := func(origin, domain string, confirmed int) *testwebauthn.Authenticator {
		t.Helper()
		key := testwebauthn.New(origin)
		added := g.api(t, "POST", "/factors", object{"type": "passkey"}, as, call{}).must(t, 201, "")
		options := added.json(t)["options"].(map[string]any)
		if id := options["rp"].(map[string]any)["id"]; id != domain {
			t.Errorf("for %v, want %s", id, domain)
		}
		code := ""
		if confirmed == 400 {
			code = "invalid_passkey"
		}
		g.api(t, "POST", "/factors/"+added.text("id")+"/confirm", object{"credential": key.Create(t, passkeyOptions(t, options))}, as).must(t, confirmed, code)
		return key
	}
	adds("https://app.example.com", "auth.example.com", 400)
	own := adds("https://auth.example.com", "auth.example.com", 200)
	passkey(t, own, g, g).pair(t, false)
	known := func(host, path string) answer {
		t.Helper()
		return g.do(t, call{path: "/.well-known/" + path, host: host})
	}
	// What is not ours to answer is the site's: here its guard's.
	known("auth.example.com", "webauthn").must(t, 401, "authentication_required")
	if got := known("auth.example.com", "passkey-endpoints").must(t, 200, ""); got.text("enroll") != "https://auth.example.com/auth/account/factors" || got.text("manage") != got.text("enroll") {
		t.Errorf("got %s", got.body)
	}
	if got := known("auth.example.com", "change-password").must(t, 302, ""); got.header.Get("Location") != "/auth/account/password" {
		t.Errorf("got %v", got.header)
	}
	g.do(t, call{method: "POST", path: "/.well-known/change-password", host: "auth.example.com"}).want(t, 405, "method_not_allowed")

	g.restartWith(t, plan{global: issuer + "\t\tpasskeys {\n\t\t\trp_id example.com\n\t\t\torigins https://app.example.org android:apk-key-hash:4N1Z\n\t\t}", site: passkeySite})
	passkey(t, own, g, g).want(t, 400, "invalid_passkey") // of another domain
	for _, origin := range []string{"https://auth.example.com", "https://app.example.org", "android:apk-key-hash:4N1Z"} {
		passkey(t, adds(origin, "example.com", 200), g, g).pair(t, false)
	}
	adds("https://app.example.com", "example.com", 400)
	adds("https://x.app.example.org", "example.com", 400)
	if got := known("example.com", "webauthn").must(t, 200, ""); string(got.body) != `{"origins":["https://app.example.org","android:apk-key-hash:4N1Z"]}` ||
		got.header.Get("Content-Type") != "application/json" {
		t.Errorf("got %s %v", got.body, got.header)
	}
	known("auth.example.com", "webauthn").must(t, 401, "authentication_required") // the domain alone lists them
	for _, path := range []string{"webauthn", "passkey-endpoints", "change-password"} {
		if got := known("service.example.com", path).must(t, 200, "").echo(t); got.Target != "/.well-known/"+path {
			t.Errorf("a site without pages: %+v", got)
		}
	}
}
