package apple_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/apple"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/internal/testidp"
)

func pair(t *testing.T, change func(*apple.Config)) (*testidp.Apple, *apple.Provider) {
	t.Helper()
	fake := testidp.StartApple(t, time.Now)
	fake.User = map[string]any{"sub": "001.ab.2", "email": "x1@privaterelay.appleid.com", "email_verified": "true", "is_private_email": "true",
		"name": map[string]any{"firstName": "Ada", "lastName": "Lovelace"}}
	cfg := apple.Config{BaseURL: fake.Issuer(), ClientID: testidp.AppleClientID, TeamID: testidp.AppleTeamID, KeyID: testidp.AppleKeyID,
		PrivateKey: secret.FromString(fake.PrivateKey()), Audiences: []string{"com.example.app"}, Now: time.Now}
	if change != nil {
		change(&cfg)
	}
	p, err := apple.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return fake, p
}

func signIn(t *testing.T, fake *testidp.Apple, p *apple.Provider, change func(*idp.Code)) (idp.Identity, error) {
	t.Helper()
	return testidp.SignIn(t, p, fake.Form, change)
}

// The name comes beside the code, the first time alone; booleans are text; the secret is signed.
func TestExchange(t *testing.T) {
	t.Parallel()
	fake, p := pair(t, nil)
	id, err := signIn(t, fake, p, nil)
	if err != nil || id.Issuer != fake.Issuer() || id.Subject != "001.ab.2" || !id.EmailVerified || id.Text("given_name") != "Ada" ||
		id.Text("family_name") != "Lovelace" || id.Revoke.Empty() {
		t.Errorf("%+v %v", id, err)
	}
	if id, err = signIn(t, fake, p, nil); err != nil || id.Text("given_name") != "" || id.Email != "x1@privaterelay.appleid.com" {
		t.Errorf("the second time: %+v %v", id, err)
	}
}

// What comes beside the code has nobody signed: whoever sits at the browser can write there what they want.
func TestExchange_UserIsNoProof(t *testing.T) {
	t.Parallel()
	fake, p := pair(t, nil)
	for _, user := range []string{`{"email":"admin@example.com","email_verified":true,"sub":"2"}`, `{"name":"x"}`, `[`, strings.Repeat("[", 10000)} {
		id, err := signIn(t, fake, p, func(c *idp.Code) { c.User = user })
		if err != nil || id.Email != "x1@privaterelay.appleid.com" || id.Subject != "001.ab.2" {
			t.Errorf("%.40s: %+v %v", user, id, err)
		}
	}
	fake.User["given_name"] = "Augusta"
	if id, err := signIn(t, fake, p, func(c *idp.Code) { c.User = `{"name":{"firstName":"Eve"}}` }); err != nil || id.Text("given_name") != "Augusta" {
		t.Errorf("%+v %v", id, err)
	}
	delete(fake.User, "email")
	if id, err := signIn(t, fake, p, func(c *idp.Code) { c.User = `{"email":"admin@example.com"}` }); err != nil || id.Email != "" || id.EmailVerified {
		t.Errorf("%+v %v", id, err)
	}
}

// C10: proven is JSON true, or the text that Apple documents.
func TestC10_EmailVerified(t *testing.T) {
	t.Parallel()
	fake, p := pair(t, nil)
	for _, c := range []struct {
		said any
		want bool
	}{{true, true}, {"true", true}, {false, false}, {"false", false}, {"TRUE", false}, {"1", false}, {1, false}, {nil, false}, {[]string{"true"}, false}} {
		fake.User["email_verified"] = c.said
		if id, err := signIn(t, fake, p, nil); err != nil || id.EmailVerified != c.want {
			t.Errorf("%v: %+v %v", c.said, id, err)
		}
	}
}

// C03: a nonce is demanded whatever nonce_supported says.
func TestC03_Nonce(t *testing.T) {
	t.Parallel()
	fake, p := pair(t, nil)
	truth := fake.Token
	for name, lie := range map[string]func(c map[string]any){
		"not supported": func(c map[string]any) { delete(c, "nonce"); c["nonce_supported"] = false },
		"another":       func(c map[string]any) { c["nonce"] = "m" },
		"foreign aud":   func(c map[string]any) { c["aud"] = "com.evil.web" },
		"of the app":    func(c map[string]any) { c["aud"] = "com.example.app" },
		"iss":           func(c map[string]any) { c["iss"] = "https://appleid.apple.com/" },
	} {
		fake.Token = func(c map[string]any) { truth(c); lie(c) }
		if id, err := signIn(t, fake, p, nil); !errors.Is(err, idp.ErrAnswer) || id.Subject != "" {
			t.Errorf("%s: %+v %v", name, id, err)
		}
	}
}

// Apple answers by a form where a name or an address is asked for.
func TestAuthURL_ResponseMode(t *testing.T) {
	t.Parallel()
	for want, scopes := range map[string][]string{"form_post": nil, "": {"openid"}} {
		_, p := pair(t, func(c *apple.Config) { c.Scopes = scopes })
		to, err := p.AuthURL(t.Context(), idp.AuthRequest{State: "s", Nonce: "n", Verifier: secret.Token(), RedirectURI: testidp.Callback})
		if u, _ := url.Parse(to); err != nil || u.Query().Get("response_mode") != want {
			t.Errorf("%q: %s %v", want, to, err)
		}
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	fake, p := pair(t, nil)
	id, err := signIn(t, fake, p, nil)
	if err != nil || fake.Good() != 1 {
		t.Fatal(fake.Good(), err)
	}
	for range 2 { // what is revoked already is no error
		if err := p.Revoke(t.Context(), id.Revoke); err != nil || fake.Good() != 0 {
			t.Error(fake.Good(), err)
		}
	}
	fake.Lock()
	fake.Fault = func(step string, w http.ResponseWriter, _ *http.Request) bool {
		if step == "revoke" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return step == "revoke"
	}
	fake.Unlock()
	if err := p.Revoke(t.Context(), id.Revoke); !errors.Is(err, idp.ErrUnavailable) || strings.Contains(err.Error(), id.Revoke.RevealString()) {
		t.Error(err)
	}
	_, stranger := pair(t, func(c *apple.Config) { c.TeamID, c.BaseURL = "ANOTHER", fake.Issuer() })
	fake.Lock()
	fake.Fault = nil
	fake.Unlock()
	if err := stranger.Revoke(t.Context(), id.Revoke); !errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("with a wrong configuration: %v", err)
	}
}

func event(kind string) string {
	return `{"type":"` + kind + `","sub":"001.ab.2","email":"x1@privaterelay.appleid.com","is_private_email":"true","event_time":1508184845000}`
}

// A notification is taken only of Apple, for us, now, and of an event that says whom it is about.
func TestVerifyNotification(t *testing.T) {
	t.Parallel()
	fake, p := pair(t, nil)
	for _, change := range []idp.Change{idp.ConsentRevoked, idp.AccountDeleted, idp.EmailDisabled, idp.EmailEnabled, "something-new"} {
		for name, more := range map[string]map[string]any{"web": nil, "app": {"aud": "com.example.app"}, "no exp": {"exp": nil}} {
			n, err := p.VerifyNotification(t.Context(), fake.Notification(event(string(change)), more))
			if err != nil || n.Change != change || n.Subject != "001.ab.2" || n.Issuer != fake.Issuer() || n.Once.IsZero() || !n.OnceUntil.After(time.Now()) {
				t.Errorf("%s, %s: %+v %v", change, name, n, err)
			}
		}
	}
	day := 24 * time.Hour
	for name, payload := range map[string]string{
		"another aud": fake.Notification(event("account-delete"), map[string]any{"aud": "com.evil.web"}),
		"another iss": fake.Notification(event("account-delete"), map[string]any{"iss": "https://evil.example"}),
		"expired":     fake.Notification(event("account-delete"), map[string]any{"exp": time.Now().Add(-2 * time.Minute).Unix()}),
		"old":         fake.Notification(event("account-delete"), map[string]any{"exp": time.Now().Add(day).Unix(), "iat": time.Now().Add(-8 * day).Unix()}),
		"future":      fake.Notification(event("account-delete"), map[string]any{"iat": time.Now().Add(2 * time.Minute).Unix()}),
		"no iat":      fake.Notification(event("account-delete"), map[string]any{"iat": nil}),
		"no jti":      fake.Notification(event("account-delete"), map[string]any{"jti": nil}),
		"no events":   fake.Notification(event("account-delete"), map[string]any{"events": nil}),
		"an object":   fake.Notification("", map[string]any{"events": map[string]any{"type": "account-delete", "sub": "001.ab.2"}}),
		"no JSON":     fake.Notification("account-delete", nil),
		"no sub":      fake.Notification(`{"type":"account-delete"}`, nil),
		"no type":     fake.Notification(`{"sub":"001.ab.2"}`, nil),
		"an id_token": fake.IDToken("n"),
		"long":        fake.Notification(event("account-delete"), map[string]any{"x": strings.Repeat("x", 16<<10)}),
		"nonsense":    "x.y.z",
		"empty":       "",
	} {
		if n, err := p.VerifyNotification(t.Context(), payload); !errors.Is(err, idp.ErrAnswer) || n.Subject != "" {
			t.Errorf("%s: %+v %v", name, n, err)
		}
	}
	for _, algorithm := range []string{"none", "HS256"} {
		fake.Algorithm = algorithm
		if _, err := p.VerifyNotification(t.Context(), fake.Notification(event("account-delete"), nil)); !errors.Is(err, idp.ErrAnswer) {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}

func TestNew_Keys(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"none": "", "no PEM": "MIG", "P-384": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"no key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		if _, err := apple.New(apple.Config{ClientID: "c", TeamID: "t", KeyID: "k", PrivateKey: secret.FromString(text), Now: time.Now}); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
