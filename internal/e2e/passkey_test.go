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

// TestO20_PasskeysOverTwoNodes: options of one node are taken at the other, once on both together, whether they register a passkey, sign in by
// it, or ask for it as second factor; a counter that one node has seen is not taken by the other, and a removed key by neither.
func TestO20_PasskeysOverTwoNodes(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{global: "\t\tpasskeys {\n\t\t\trp_id example.com\n\t\t\torigins https://auth.example.com\n\t\t}\n\t\trate_limit passkey 10000/1m"})
	u := c.a.newUser(t)
	as := call{bearer: u.access}
	keys := map[string]*testwebauthn.Authenticator{}
	ids := map[string]string{}
	for _, kind := range []string{"passkey", "security_key"} {
		key := testwebauthn.New("https://auth.example.com")
		key.Unverified = kind == "security_key"
		added := c.a.api(t, "POST", "/factors", object{"type": kind}, as).must(t, 201, "")
		body := object{"credential": key.Create(t, passkeyOptions(t, added.json(t)["options"]))}
		c.b.api(t, "POST", "/factors/"+added.text("id")+"/confirm", body, as).must(t, 200, "")
		c.a.api(t, "POST", "/factors/"+added.text("id")+"/confirm", body, as).must(t, 400, "invalid_code") // it is confirmed
		keys[kind], ids[kind] = key, added.text("id")
	}
	key := keys["passkey"]
	passkey(t, key, c.a, c.b).pair(t, false)
	passkey(t, key, c.b, c.a).pair(t, false)
	options := c.a.api(t, "POST", "/passkeys/options", object{}).must(t, 200, "").json(t)["options"]
	shown := key.Get(t, passkeyOptions(t, options))
	got := tally(c.overBoth(t, race, func(int) call {
		return call{method: "POST", path: "/auth/passkeys/verify", body: object{"credential": shown}}
	}))
	if got["200"] != 1 || got["400 invalid_passkey"] != race-1 {
		t.Errorf("with one response: %v", got)
	}
	key.Counter -= 2 // a copy that was made before
	passkey(t, key, c.a, c.b).want(t, 400, "invalid_passkey")
	if c.a.ofKind(t, u.email, "clone_suspected").token == "" {
		t.Error("the mail has no link")
	}
	key.Counter += 10
	passkey(t, key, c.b, c.a).pair(t, false)

	c.b.api(t, "PUT", "/2fa", nil, as).must(t, 200, "")
	for kind, key := range keys {
		waits := c.a.api(t, "POST", "/login", object{"login": u.email, "password": u.password}).must(t, 200, "").json(t)
		for _, m := range waits["methods"].([]any) {
			if m := m.(map[string]any); m["method"] == kind {
				body := object{"mfa_token": waits["mfa_token"], "method": kind, "credential": key.Get(t, passkeyOptions(t, m["options"]))}
				c.b.api(t, "POST", "/login/mfa", body).pair(t, false)
				c.a.api(t, "POST", "/login/mfa", body).want(t, 401, "invalid_mfa_token")
			}
		}
	}
	passkey(t, keys["security_key"], c.a, c.b).want(t, 400, "invalid_passkey") // a second factor only
	in := passkey(t, key, c.a, c.b)
	c.b.api(t, "DELETE", "/factors/"+ids["passkey"], nil, call{bearer: in.text("access_token")}).must(t, 204, "")
	passkey(t, key, c.b, c.a).want(t, 400, "unknown_passkey")
}
