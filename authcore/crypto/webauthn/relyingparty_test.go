package webauthn_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/webauthn"
	"github.com/gatehouse-auth/gatehouse/internal/testwebauthn"
)

const (
	rpID   = "example.com"
	origin = "https://auth.example.com"
)

var ada = webauthn.User{Handle: []byte("0123456789abcdef"), Name: "ada@example.com"}

func party(t *testing.T) *webauthn.RelyingParty {
	t.Helper()
	p, err := webauthn.New(rpID, "Acme", []string{origin, "android:apk-key-hash:4N1Z"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func register(t *testing.T, p *webauthn.RelyingParty, k webauthn.Kind, a *testwebauthn.Authenticator) (webauthn.Credential, error) {
	t.Helper()
	options, err := p.Creation(k, secret.Random(32), ada, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := webauthn.ReadRegistration(a.Create(t, options))
	if err != nil {
		t.Fatal(err)
	}
	return p.Register(k, ada, r)
}

func verify(t *testing.T, p *webauthn.RelyingParty, k webauthn.Kind, a *testwebauthn.Authenticator, c webauthn.Credential) (webauthn.Proof, error) {
	t.Helper()
	options, err := p.Request(k, secret.Random(32), []webauthn.Credential{c})
	if err != nil {
		t.Fatal(err)
	}
	shown, err := webauthn.ReadAssertion(a.Get(t, options))
	if err != nil {
		t.Fatal(err)
	}
	return p.Verify(k, ada.Handle, c, shown)
}

// wrongs are the ways in which a response is not one of ours (attack row O20, WebAuthn L3 §7.1 and §7.2).
var wrongs = map[string]func(*testwebauthn.Authenticator){
	"another origin":             func(a *testwebauthn.Authenticator) { a.Origin = "https://evil.example" },
	"an origin below ours":       func(a *testwebauthn.Authenticator) { a.Origin = "https://x.auth.example.com" },
	"the domain above":           func(a *testwebauthn.Authenticator) { a.Origin = "https://example.com" },
	"another scheme":             func(a *testwebauthn.Authenticator) { a.Origin = "http://auth.example.com" },
	"another port":               func(a *testwebauthn.Authenticator) { a.Origin = "https://auth.example.com:8443" },
	"an origin that ours begins": func(a *testwebauthn.Authenticator) { a.Origin = "https://auth.example.com.evil.example" },
	"another app":                func(a *testwebauthn.Authenticator) { a.Origin = "android:apk-key-hash:4n1z" },
	"rpIdHash of another":        func(a *testwebauthn.Authenticator) { a.RPID = "evil.example" },
	"rpIdHash of a sub-domain":   func(a *testwebauthn.Authenticator) { a.RPID = "auth.example.com" },
	"another ceremony":           func(a *testwebauthn.Authenticator) { a.Type = "payment.get" },
	"nobody present":             func(a *testwebauthn.Authenticator) { a.NotPresent = true },
	"nobody verified":            func(a *testwebauthn.Authenticator) { a.Unverified = true },
}

func TestO20_Registration(t *testing.T) {
	t.Parallel()
	for name, spoil := range wrongs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := testwebauthn.New(origin)
			spoil(a)
			if _, err := register(t, party(t), webauthn.Passkey, a); !errors.Is(err, webauthn.ErrInvalid) {
				t.Errorf("registered: %v", err)
			}
		})
	}
}

func TestO20_Assertion(t *testing.T) {
	t.Parallel()
	for name, spoil := range wrongs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, p := testwebauthn.New(origin), party(t)
			c, err := register(t, p, webauthn.Passkey, a)
			if err != nil {
				t.Fatal(err)
			}
			spoil(a)
			if _, err := verify(t, p, webauthn.Passkey, a, c); !errors.Is(err, webauthn.ErrInvalid) {
				t.Errorf("taken: %v", err)
			}
		})
	}
}

func TestO20_AnotherKey(t *testing.T) {
	t.Parallel()
	a, b, p := testwebauthn.New(origin), testwebauthn.New(origin), party(t)
	mine, err := register(t, p, webauthn.Passkey, a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := register(t, p, webauthn.Passkey, b); err != nil {
		t.Fatal(err)
	}
	b.ID = mine.ID // its own key, in the name of Ada's
	if _, err := verify(t, p, webauthn.Passkey, b, mine); !errors.Is(err, webauthn.ErrInvalid) {
		t.Errorf("a signature by another key: %v", err)
	}
	a.Handle = []byte("somebody else's.")
	if _, err := verify(t, p, webauthn.Passkey, a, mine); !errors.Is(err, webauthn.ErrInvalid) {
		t.Errorf("the handle of somebody else: %v", err)
	}
}

func TestRegisterAndVerify(t *testing.T) {
	t.Parallel()
	a, p := testwebauthn.New(origin), party(t)
	a.Synced = true
	c, err := register(t, p, webauthn.Passkey, a)
	if err != nil {
		t.Fatal(err)
	}
	if d := webauthn.Describe(c.Record); d.RPID != rpID || !d.Synced || c.SignCount != 1 {
		t.Errorf("%+v, count %d", d, c.SignCount)
	}
	proof, err := verify(t, p, webauthn.Passkey, a, c)
	if err != nil || proof.SignCount != 2 || !proof.Synced {
		t.Errorf("%+v (%v)", proof, err)
	}
	a.Origin = "android:apk-key-hash:4N1Z"
	if _, err := verify(t, p, webauthn.Passkey, a, c); err != nil {
		t.Errorf("from the app: %v", err)
	}
	other, err := webauthn.New("example.org", "Acme", []string{origin})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify(t, other, webauthn.Passkey, a, c); !errors.Is(err, webauthn.ErrInvalid) {
		t.Errorf("at another relying party: %v", err)
	}
}

// A security key needs nobody verified, but present.
func TestSecurityKey(t *testing.T) {
	t.Parallel()
	a, p := testwebauthn.New(origin), party(t)
	a.Unverified = true
	c, err := register(t, p, webauthn.SecurityKey, a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify(t, p, webauthn.SecurityKey, a, c); err != nil {
		t.Error(err)
	}
	a.NotPresent = true
	if _, err := verify(t, p, webauthn.SecurityKey, a, c); !errors.Is(err, webauthn.ErrInvalid) {
		t.Errorf("nobody present: %v", err)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	a, p := testwebauthn.New(origin), party(t)
	c, err := register(t, p, webauthn.Passkey, a)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct {
		kind webauthn.Kind
		want []string
	}{
		{webauthn.Passkey, []string{`"residentKey":"required"`, `"userVerification":"required"`}},
		{webauthn.SecurityKey, []string{`"residentKey":"discouraged"`, `"userVerification":"discouraged"`, `"hints":["security-key"]`}},
	} {
		options, err := p.Creation(k.kind, secret.Random(32), ada, []webauthn.Credential{c})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range append(k.want, `"attestation":"none"`, `"excludeCredentials":[{`, `"timeout":300000`) {
			if !strings.Contains(string(options), want) {
				t.Errorf("no %s in %s", want, options)
			}
		}
	}
	options, err := p.Request(webauthn.Passkey, secret.Random(32), nil)
	if err != nil {
		t.Fatal(err)
	}
	var asked map[string]any
	if err := json.Unmarshal(options, &asked); err != nil || asked["allowCredentials"] == nil || asked["rpId"] != rpID || asked["userVerification"] != "required" {
		t.Errorf("%s (%v)", options, err)
	}
}

func TestCheckID(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "127.0.0.1", "::1", "[::1]", "https://example.com", "example.com:443", "Example.com", "a b"} {
		if err := webauthn.CheckID(id); err == nil {
			t.Errorf("%q is taken", id)
		}
	}
	for _, id := range []string{"localhost", "example.com", "auth.example.com"} {
		if err := webauthn.CheckID(id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestRises(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		before, now uint32
		want        bool
	}{{0, 0, true}, {0, 1, true}, {5, 6, true}, {5, 5, false}, {5, 4, false}, {5, 0, false}} {
		if got := webauthn.Rises(c.before, c.now); got != c.want {
			t.Errorf("%d after %d: %v", c.now, c.before, got)
		}
	}
}

func FuzzReadAssertion(f *testing.F) {
	f.Add([]byte(`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := webauthn.ReadAssertion(raw); err != nil && !errors.Is(err, webauthn.ErrInvalid) {
			t.Error(err)
		}
		if _, err := webauthn.ReadRegistration(raw); err != nil && !errors.Is(err, webauthn.ErrInvalid) {
			t.Error(err)
		}
	})
}
