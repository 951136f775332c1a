package caddymodule

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testidp"
)

// byProvider is a gateway with a provider that is configured by a block, and the provider.
type byProvider struct {
	*testflow.Env
	idp      *testidp.Provider
	settings federated.Settings
}

// providerFrom returns what `provider oidc acme` with more options amounts to. A line of them that names an option of the block itself goes
// before that one.
func providerFrom(t *testing.T, lines ...string) *byProvider {
	t.Helper()
	p := &byProvider{}
	p.idp = testidp.Start(t, time.Now)
	p.idp.User = map[string]any{"sub": "1", "email": "ada@acme.com", "email_verified": true}
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(testidp.ClientSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	block := "provider oidc acme {\n"
	for _, given := range append(lines, "issuer "+p.idp.Issuer(), "client_id "+testidp.ClientID, "client_secret {file."+file+"}") {
		if name, _, _ := strings.Cut(given, " "); name == "role" || name == "map" || !strings.Contains(block, "\n"+name+" ") {
			block += given + "\n"
		}
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	loaded, err := settingsFrom(t, block+"}").loadProviders(ctx)
	if err != nil || len(loaded) != 1 {
		t.Fatal(loaded, err)
	}
	if p.settings, err = loaded[0].IdentityProvider(func(string, time.Duration, bool) {}); err != nil {
		t.Fatal(err)
	}
	p.Env = testflow.New(t, testflow.Options{Providers: []federated.Settings{p.settings}})
	return p
}

// signIn is a sign-in by an app.
func (p *byProvider) signIn(t *testing.T) (federated.Result, error) {
	t.Helper()
	nonce := secret.Token()
	return p.Federated.Token(t.Context(), federated.TokenInput{Provider: "acme", Native: idp.Native{IDToken: p.idp.IDToken(nonce), Nonce: nonce}, Request: testflow.Request()})
}

func (p *byProvider) account(t *testing.T) authcore.Account {
	t.Helper()
	res, err := p.signIn(t)
	if err != nil || res.Outcome == nil || res.Outcome.Pending != nil {
		t.Fatalf("%+v %v", res, err)
	}
	return res.Outcome.Tokens.Account
}

// asked returns what a browser is sent to the provider with.
func (p *byProvider) asked(t *testing.T) *url.URL {
	t.Helper()
	begun, err := p.Federated.Start(t.Context(), federated.StartInput{Provider: "acme", Slot: "1", Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(begun.URL)
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func TestOption_provider_issuer(t *testing.T) {
	t.Parallel()
	p := providerFrom(t)
	if to := p.asked(t); !strings.HasPrefix(to.String(), p.idp.Issuer()+"/") {
		t.Error(to)
	}
	p = providerFrom(t, "issuer "+p.idp.Issuer()+"/") // to the letter: the document names another
	_, err := p.Federated.Start(t.Context(), federated.StartInput{Provider: "acme", Slot: "1", Client: testflow.Client()})
	testflow.WantCode(t, err, authcore.ProviderUnavailable)
}

func TestOption_provider_client_id(t *testing.T) {
	t.Parallel()
	p := providerFrom(t, "client_id another")
	if got := p.asked(t).Query().Get("client_id"); got != "another" {
		t.Error(got)
	}
	_, err := p.signIn(t)
	testflow.WantCode(t, err, authcore.InvalidProviderAnswer)
}

func TestOption_provider_client_secret(t *testing.T) {
	t.Parallel()
	wrong := filepath.Join(t.TempDir(), "wrong")
	if err := os.WriteFile(wrong, []byte("another secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		lines []string
		want  error
	}{{nil, nil}, {[]string{"client_secret {file." + wrong + "}"}, idp.ErrAnswer}} {
		p := providerFrom(t, c.lines...)
		verifier := secret.Token()
		to, err := p.settings.AuthURL(t.Context(), idp.AuthRequest{State: "s", Nonce: "n", Verifier: verifier, RedirectURI: "https://auth.example.com/cb"})
		if err != nil {
			t.Fatal(err)
		}
		back, _ := url.Parse(p.idp.Answer(to))
		_, err = p.settings.Exchange(t.Context(), idp.Code{Code: back.Query().Get("code"), Verifier: verifier, Nonce: "n", RedirectURI: "https://auth.example.com/cb"})
		if !errors.Is(err, c.want) {
			t.Errorf("%v: %v", c.lines, err)
		}
	}
}

func TestOption_provider_title(t *testing.T) {
	t.Parallel()
	if got := providerFrom(t, `title "Acme Inc."`).Federated.Offered(); got[0].Title != "Acme Inc." {
		t.Error(got)
	}
	if got := providerFrom(t).Federated.Offered(); got[0].Title != "acme" {
		t.Error(got)
	}
}

func TestOption_provider_scopes(t *testing.T) {
	t.Parallel()
	if got := providerFrom(t).asked(t).Query().Get("scope"); got != "openid email profile" {
		t.Error(got)
	}
	if got := providerFrom(t, "scopes email groups").asked(t).Query().Get("scope"); got != "openid email groups" {
		t.Error(got)
	}
}

func TestOption_provider_native_clients(t *testing.T) {
	t.Parallel()
	for _, lines := range [][]string{nil, {"native_clients other-app the-app"}} {
		p := providerFrom(t, lines...)
		p.idp.Token = func(c map[string]any) { c["aud"] = "the-app" }
		_, err := p.signIn(t)
		if (err == nil) != (lines != nil) {
			t.Errorf("%v: %v", lines, err)
		}
	}
}

func TestOption_provider_map(t *testing.T) {
	t.Parallel()
	p := providerFrom(t, "map nickname username", "map profile.first first_name", "trust_email *")
	p.idp.User["nickname"], p.idp.User["profile"], p.idp.User["given_name"], p.idp.User["family_name"] = "ada", map[string]any{"first": "Ada"}, "Other", "Lovelace"
	if a := p.account(t); a.Username != "ada" || a.FirstName != "Ada" || a.LastName != "Lovelace" {
		t.Errorf("%+v", a)
	}
}

func TestOption_provider_trust_email(t *testing.T) {
	t.Parallel()
	for line, trusted := range map[string]bool{"": false, "trust_email none": false, "trust_email acme.com": true, "trust_email other.com": false, "trust_email *": true} {
		lines := []string{line}
		if line == "" {
			lines = nil
		}
		p := providerFrom(t, lines...)
		res, err := p.signIn(t)
		if err != nil || (res.Outcome != nil) != trusted {
			t.Errorf("%q: %+v %v", line, res, err)
		}
	}
}

func TestOption_provider_domains(t *testing.T) {
	t.Parallel()
	p := providerFrom(t, "domains acme.com", "trust_email *")
	p.account(t)
	p.idp.User["email"] = "ada@acme.com.evil"
	_, err := p.signIn(t)
	testflow.WantCode(t, err, authcore.ProviderDenied)
}

func TestOption_provider_groups(t *testing.T) {
	t.Parallel()
	p := providerFrom(t, "groups realm.roles", "role ops deploy", "trust_email *")
	p.idp.User["realm"] = map[string]any{"roles": []string{"ops"}}
	if a := p.account(t); !slices.Equal(a.Roles, []string{"deploy"}) {
		t.Error(a.Roles)
	}
}

func TestOption_provider_allow_groups(t *testing.T) {
	t.Parallel()
	p := providerFrom(t, "allow_groups staff admins", "trust_email *")
	_, err := p.signIn(t)
	testflow.WantCode(t, err, authcore.ProviderDenied)
	p.idp.User["groups"] = "staff"
	p.account(t)
}

func TestOption_provider_role(t *testing.T) {
	t.Parallel()
	p := providerFrom(t, "role ops deploy restart", "role dev read", "trust_email *")
	p.idp.User["groups"] = []string{"ops", "dev"}
	if a := p.account(t); !slices.Equal(a.Roles, []string{"deploy", "restart", "read"}) {
		t.Error(a.Roles)
	}
}

func TestOption_provider_signup(t *testing.T) {
	t.Parallel()
	_, err := providerFrom(t, "signup off", "trust_email *").signIn(t)
	testflow.WantCode(t, err, authcore.SignupClosed)
	providerFrom(t, "signup on", "trust_email *").account(t)
}

func TestOption_provider_trust_mfa(t *testing.T) {
	t.Parallel()
	for _, lines := range [][]string{nil, {"trust_mfa"}} {
		p := providerFrom(t, lines...)
		owner := p.Person(t, signup.RegisterInput{Email: "ada@acme.com"})
		nonce := secret.Token()
		if _, err := p.Federated.ConnectNative(t.Context(), owner.Account.ID, "acme", idp.Native{IDToken: p.idp.IDToken(nonce), Nonce: nonce}, testflow.Client()); err != nil {
			t.Fatal(err)
		}
		p.EmailFactor(t, owner.Account.ID)
		p.idp.User["amr"] = []string{"mfa"}
		res, err := p.signIn(t)
		if err != nil || (res.Outcome.Pending == nil) != (lines != nil) {
			t.Errorf("%v: %+v %v", lines, res, err)
		}
	}
}
