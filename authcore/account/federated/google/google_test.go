package google_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/google"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/internal/testidp"
)

func pair(t *testing.T, change func(*google.Config)) (*testidp.Google, *google.Provider) {
	t.Helper()
	fake := testidp.StartGoogle(t, time.Now)
	fake.User = map[string]any{"sub": "1084", "email": "ada@corp.example", "email_verified": true, "hd": "Corp.example"}
	cfg := google.Config{BaseURL: fake.Issuer(), ClientID: testidp.ClientID, ClientSecret: secret.FromString(testidp.ClientSecret), Now: time.Now}
	if change != nil {
		change(&cfg)
	}
	p, err := google.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return fake, p
}

func signIn(t *testing.T, fake *testidp.Google, p *google.Provider) (idp.Identity, error) {
	t.Helper()
	return testidp.SignIn(t, p, func(to string) url.Values { return testidp.Query(t, fake.Answer(to)) }, nil)
}

// Google calls itself by two names. Whoever signs in is one person by both.
func TestIssuers(t *testing.T) {
	t.Parallel()
	fake, p := pair(t, nil)
	host := strings.TrimPrefix(fake.Issuer(), "http://")
	for name, taken := range map[string]bool{
		"https://accounts.google.com": true, "accounts.google.com": true, host: true, fake.Issuer(): true,
		"https://accounts.google.com/": false, "http://accounts.google.com": false, "accounts.google.com.evil.example": false, "https://login.evil.example": false, "": false,
	} {
		fake.Token = func(c map[string]any) { c["iss"] = name }
		id, err := signIn(t, fake, p)
		if taken && (err != nil || id.Issuer != fake.Issuer() || id.Subject != "1084") || !taken && !errors.Is(err, idp.ErrAnswer) {
			t.Errorf("%q: %+v %v", name, id, err)
		}
	}
}

// The document may carry the real name, and the answer then carries the same one.
func TestIssuer_OfDocument(t *testing.T) {
	t.Parallel()
	fake, p := pair(t, nil)
	fake.Document = func(d map[string]any) { d["issuer"] = "https://accounts.google.com" }
	if issuer, _, err := p.Issuer(t.Context()); err != nil || issuer != "https://accounts.google.com" {
		t.Error(issuer, err)
	}
	fake, p = pair(t, nil)
	fake.Document = func(d map[string]any) { d["issuer"] = "https://id.evil.example" }
	if _, _, err := p.Issuer(t.Context()); !errors.Is(err, idp.ErrUnavailable) {
		t.Error(err)
	}
}

// hd is there for accounts of organisations alone.
func TestHostedDomain(t *testing.T) {
	t.Parallel()
	fake, p := pair(t, nil)
	if id, err := signIn(t, fake, p); err != nil || id.HostedDomain != "corp.example" || !id.EmailVerified {
		t.Errorf("%+v %v", id, err)
	}
	delete(fake.User, "hd")
	if id, err := signIn(t, fake, p); err != nil || id.HostedDomain != "" {
		t.Errorf("%+v %v", id, err)
	}
	for _, hd := range []any{true, []string{"corp.example"}, map[string]any{"corp.example": 1}} {
		fake.User["hd"] = hd
		if id, err := signIn(t, fake, p); err != nil || id.HostedDomain != "" {
			t.Errorf("%v: %+v %v", hd, id, err)
		}
	}
}

// Of one organisation alone Google shows its own accounts only; of several it cannot.
func TestAuthURL_Domains(t *testing.T) {
	t.Parallel()
	for want, domains := range map[string][]string{"corp.example": {"corp.example"}, "": {"corp.example", "b.example"}} {
		_, p := pair(t, func(c *google.Config) { c.Domains = domains })
		to, err := p.AuthURL(t.Context(), idp.AuthRequest{State: "s", Nonce: "n", Verifier: secret.Token(), RedirectURI: testidp.Callback})
		if u, _ := url.Parse(to); err != nil || u.Query().Get("hd") != want {
			t.Errorf("%q: %s %v", want, to, err)
		}
	}
}

// An access token from an app counts once Google says that it was given to a client of ours: any site has one of whoever signs in to it.
func TestNative_AccessTokenOfAnotherClient(t *testing.T) {
	t.Parallel()
	fake, p := pair(t, func(c *google.Config) { c.Audiences = []string{"the-app"} })
	take := func(change func(info map[string]any)) (idp.Identity, error) {
		fake.Lock()
		fake.TokenInfo = change
		fake.Unlock()
		return p.Native(t.Context(), idp.Native{AccessToken: fake.AccessToken()})
	}
	for name, change := range map[string]func(info map[string]any){
		"ours": nil, "of the app": func(i map[string]any) { i["aud"], i["azp"] = "the-app", "the-app" },
		"a number": func(i map[string]any) { i["expires_in"] = 3599 }, "no azp": func(i map[string]any) { delete(i, "azp") },
	} {
		if id, err := take(change); err != nil || id.Subject != "1084" || id.Issuer != fake.Issuer() || id.HostedDomain != "corp.example" || !id.EmailVerified {
			t.Errorf("%s: %+v %v", name, id, err)
		}
	}
	for name, change := range map[string]func(info map[string]any){
		"of another client":   func(i map[string]any) { i["aud"], i["azp"] = "another", "another" },
		"of another party":    func(i map[string]any) { i["azp"] = "another" },
		"for nobody":          func(i map[string]any) { delete(i, "aud"); delete(i, "azp") },
		"expired":             func(i map[string]any) { i["expires_in"] = "0" },
		"no expiry":           func(i map[string]any) { delete(i, "expires_in") },
		"of another person":   func(i map[string]any) { i["sub"] = "2" },
		"of no person":        func(i map[string]any) { delete(i, "sub") },
		"audience is a list":  func(i map[string]any) { i["aud"] = []string{testidp.ClientID} },
		"subject is a number": func(i map[string]any) { i["sub"] = 1084 },
	} {
		if id, err := take(change); !errors.Is(err, idp.ErrAnswer) || id.Subject != "" {
			t.Errorf("%s: %+v %v", name, id, err)
		}
	}
	delete(fake.User, "sub")
	if id, err := take(nil); !errors.Is(err, idp.ErrAnswer) {
		t.Errorf("nobody: %+v %v", id, err)
	}
	if _, err := p.Native(t.Context(), idp.Native{AccessToken: "x"}); !errors.Is(err, idp.ErrAnswer) || strings.Contains(err.Error(), "access_token") {
		t.Errorf("made up: %v", err)
	}
}

// What apps bring besides, as package oidc takes it; and the word of Google that somebody has signed out.
func TestNative_IDToken(t *testing.T) {
	t.Parallel()
	fake, p := pair(t, nil)
	fake.Token = func(c map[string]any) { c["iss"] = "accounts.google.com" }
	if id, err := p.Native(t.Context(), idp.Native{IDToken: fake.IDToken("n"), Nonce: "n"}); err != nil || id.HostedDomain != "corp.example" {
		t.Errorf("%+v %v", id, err)
	}
	out, err := p.VerifyLogout(t.Context(), fake.LogoutToken(map[string]any{"sub": "1084", "iss": "https://accounts.google.com"}))
	if err != nil || out.Issuer != fake.Issuer() {
		t.Errorf("%+v %v", out, err)
	}
}

// Without a base URL it is Google.
func TestNew_Google(t *testing.T) {
	t.Parallel()
	if _, err := google.New(google.Config{ClientID: "c", Now: time.Now}); err != nil {
		t.Error(err)
	}
	for _, base := range []string{"http://google.example", "ftp://x", "://"} {
		if _, err := google.New(google.Config{BaseURL: base, ClientID: "c", Now: time.Now}); err == nil {
			t.Errorf("%s is taken", base)
		}
	}
}
