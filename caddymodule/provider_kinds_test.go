package caddymodule

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/internal/testidp"
)

const kindCallback = "https://auth.example.com/auth/social/x/callback"

// kindFrom returns what `provider <kind>` with a block amounts to, or why it is refused. <secret> in a line is a file with the client's secret.
func kindFrom(t *testing.T, kind string, lines ...string) (federated.Settings, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(testidp.ClientSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	block := "provider " + kind + " {\n" + strings.ReplaceAll(strings.Join(lines, "\n"), "<secret>", "{file."+file+"}") + "\n}"
	d := caddyfile.NewTestDispenser(block)
	d.Next()
	s := &Settings{}
	if err := parseProvider(d, s); err != nil {
		return federated.Settings{}, err
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	loaded, err := s.loadProviders(ctx)
	if err != nil {
		return federated.Settings{}, err
	}
	return loaded[0].IdentityProvider(func(string, time.Duration, bool) {})
}

func mustKind(t *testing.T, kind string, lines ...string) federated.Settings {
	t.Helper()
	s, err := kindFrom(t, kind, lines...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// goes returns where a browser is sent.
func goes(t *testing.T, s federated.Settings) *url.URL {
	t.Helper()
	to, err := s.AuthURL(t.Context(), idp.AuthRequest{State: "s", Nonce: "n", Verifier: secret.Token(), RedirectURI: kindCallback})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Each kind has a name, a title, and a default of whose addresses are proven by its word.
func TestKinds_Defaults(t *testing.T) {
	t.Parallel()
	key := appleKey(t, testidp.StartApple(t, time.Now))
	for kind, c := range map[string]struct {
		lines   []string
		title   string
		trusted federated.Trust
		hosted  bool
	}{
		"google":   {[]string{"client_id c", "client_secret <secret>"}, "Google", federated.Trust{Domains: []string{"gmail.com", "googlemail.com"}, Hosted: true}, true},
		"apple":    {[]string{"client_id c", "team_id t", "key_id k", key}, "Apple", federated.Trust{All: true}, false},
		"facebook": {[]string{"client_id c", "client_secret <secret>"}, "Facebook", federated.Trust{}, false},
		"github":   {[]string{"client_id c", "client_secret <secret>"}, "GitHub", federated.Trust{}, false},
	} {
		s := mustKind(t, kind, c.lines...)
		if s.Name != kind || s.Title != c.title || s.Trust.All != c.trusted.All || s.Trust.Hosted != c.trusted.Hosted || len(s.Trust.Domains) != len(c.trusted.Domains) ||
			s.DomainsHosted != c.hosted || !s.SignUp {
			t.Errorf("%s: %+v", kind, s)
		}
		if s = mustKind(t, kind, append(c.lines, `title "Other"`, "trust_email acme.com")...); s.Title != "Other" || s.Trust.All || s.Trust.Hosted || s.Trust.Domains[0] != "acme.com" {
			t.Errorf("%s: %+v", kind, s)
		}
	}
}

// What is missing, or would do nothing, is said.
func TestKinds_Refused(t *testing.T) {
	t.Parallel()
	key := appleKey(t, testidp.StartApple(t, time.Now))
	apple := []string{"client_id c", "team_id t", "key_id k", key}
	plain := []string{"client_id c", "client_secret <secret>"}
	for name, c := range map[string]struct {
		kind  string
		lines []string
		says  string
	}{
		"no client_id":            {"google", plain[1:], "client_id is required"},
		"no client_secret":        {"google", plain[:1], "client_secret is required"},
		"no client_secret either": {"github", plain[:1], "client_secret is required"},
		"nor here":                {"facebook", plain[:1], "client_secret is required"},
		"a secret in plain text":  {"github", []string{"client_id c", "client_secret s3cret"}, "not as plain text"},
		"a secret of Apple":       {"apple", append(apple, "client_secret <secret>"), "client_secret"},
		"no team":                 {"apple", []string{apple[0], apple[2], apple[3]}, "team_id is required"},
		"no key id":               {"apple", []string{apple[0], apple[1], apple[3]}, "key_id is required"},
		"no key":                  {"apple", apple[:3], "private_key is required"},
		"a key in plain text":     {"apple", append(apple[:3:3], "private_key MIG"), "not as plain text"},
		"a key that is none":      {"apple", append(apple[:3:3], "private_key <secret>"), "it is not PEM"},
		"a name":                  {"google mine", plain, "takes no name"},
		"plain http":              {"github", append(plain, "base_url http://github.example"), "it must be https"},
		"a query":                 {"github", append(plain, "base_url https://github.example/?x"), "without a query"},
		"apps of facebook":        {"facebook", append(plain, "native_clients other"), "native_clients"},
		"apps of github":          {"github", append(plain, "native_clients other"), "native_clients"},
		"mfa of github":           {"github", append(plain, "trust_mfa"), "trust_mfa"},
		"mfa of facebook":         {"facebook", append(plain, "trust_mfa"), "trust_mfa"},
		"groups of github":        {"github", append(plain, "groups teams"), "groups"},
		"domains of facebook":     {"facebook", append(plain, "domains acme.com"), "domains: Facebook verifies no address"},
		"groups of facebook":      {"facebook", append(plain, "groups teams"), "groups: Facebook tells no groups"},
		"people of facebook":      {"facebook", append(plain, "allow_groups acme"), "allow_groups: Facebook tells no groups"},
		"roles of facebook":       {"facebook", append(plain, "role acme ops"), "role: Facebook tells no groups"},
		"groups of Apple":         {"apple", append(apple[:4:4], "groups teams"), "groups: Apple tells no groups"},
		"people of Apple":         {"apple", append(apple[:4:4], "allow_groups acme"), "allow_groups: Apple tells no groups"},
		"roles of Apple":          {"apple", append(apple[:4:4], "role acme ops"), "role: Apple tells no groups"},
		"an administrator":        {"github", append(plain, "role acme/ops admin"), "no provider gives the role admin"},
		"an issuer":               {"google", append(plain, "issuer https://x.example"), "issuer"},
	} {
		if _, err := kindFrom(t, c.kind, c.lines...); err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), testidp.ClientSecret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOption_provider_base_url: the provider is where it says; its own host may be in a private network.
func TestOption_provider_base_url(t *testing.T) {
	t.Parallel()
	google, github, facebook := testidp.StartGoogle(t, time.Now), testidp.StartGitHub(t), testidp.StartFacebook(t, time.Now)
	google.User = map[string]any{"sub": "1"}
	github.User = map[string]any{"id": 1}
	facebook.User = map[string]any{"id": "1"}
	for kind, fake := range map[string]struct {
		at     string
		answer func(string) string
	}{"google": {google.Issuer(), google.Answer}, "github": {github.URL(), github.Answer}, "facebook": {facebook.URL(), facebook.Answer}} {
		s := mustKind(t, kind, "client_id "+testidp.ClientID, "client_secret <secret>", "base_url "+fake.at)
		verifier := secret.Token()
		to, err := s.AuthURL(t.Context(), idp.AuthRequest{State: "s", Nonce: "n", Verifier: verifier, RedirectURI: kindCallback})
		if err != nil || !strings.HasPrefix(to, fake.at+"/") {
			t.Fatal(kind, to, err)
		}
		back, _ := url.Parse(fake.answer(to))
		id, err := s.Exchange(t.Context(), idp.Code{Code: back.Query().Get("code"), Verifier: verifier, Nonce: "n", RedirectURI: kindCallback})
		if err != nil || id.Subject != "1" || id.Issuer != fake.at {
			t.Errorf("%s: %+v %v", kind, id, err)
		}
	}
	for kind, host := range map[string]string{"github": "github.com", "facebook": "www.facebook.com"} {
		if to := goes(t, mustKind(t, kind, "client_id c", "client_secret <secret>")); to.Scheme != "https" || to.Host != host {
			t.Errorf("%s: %s", kind, to)
		}
	}
}

// GitHub is asked for organisations only where they are read, and Google shows the accounts of one organisation alone.
func TestKinds_Asked(t *testing.T) {
	t.Parallel()
	plain := []string{"client_id c", "client_secret <secret>"}
	for line, want := range map[string]bool{"title X": false, "allow_groups acme": true, "role acme/ops ops": true} {
		if got := strings.Contains(goes(t, mustKind(t, "github", append(plain, line)...)).Query().Get("scope"), "read:org"); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
	fake := testidp.StartGoogle(t, time.Now)
	if to := goes(t, mustKind(t, "google", append(plain, "base_url "+fake.Issuer(), "domains acme.com")...)); to.Query().Get("hd") != "acme.com" {
		t.Error(to)
	}
}

// appleKey is the option with the key of a client of a fake.
func appleKey(t *testing.T, fake *testidp.Apple) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key.p8")
	if err := os.WriteFile(file, []byte(fake.PrivateKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	return "private_key {file." + file + "}"
}

// toApple signs in at Apple by a block, whose ids may be others than Apple knows.
func toApple(t *testing.T, team, keyID string, otherKey bool) error {
	t.Helper()
	fake := testidp.StartApple(t, time.Now)
	fake.User = map[string]any{"sub": "1", "email": "ada@example.com", "email_verified": "true"}
	key := appleKey(t, fake)
	if otherKey {
		key = appleKey(t, testidp.StartApple(t, time.Now))
	}
	s := mustKind(t, "apple", "client_id "+testidp.AppleClientID, "team_id "+team, "key_id "+keyID, key, "base_url "+fake.Issuer())
	verifier := secret.Token()
	to, err := s.AuthURL(t.Context(), idp.AuthRequest{State: "s", Nonce: "n", Verifier: verifier, RedirectURI: kindCallback})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Exchange(t.Context(), idp.Code{Code: fake.Form(to).Get("code"), Verifier: verifier, Nonce: "n", RedirectURI: kindCallback})
	return err
}

func TestOption_provider_team_id(t *testing.T) {
	t.Parallel()
	if err := toApple(t, testidp.AppleTeamID, testidp.AppleKeyID, false); err != nil {
		t.Error(err)
	}
	if err := toApple(t, "another", testidp.AppleKeyID, false); !errors.Is(err, idp.ErrAnswer) {
		t.Error(err)
	}
}

func TestOption_provider_key_id(t *testing.T) {
	t.Parallel()
	if err := toApple(t, testidp.AppleTeamID, "another", false); !errors.Is(err, idp.ErrAnswer) {
		t.Error(err)
	}
}

func TestOption_provider_private_key(t *testing.T) {
	t.Parallel()
	if err := toApple(t, testidp.AppleTeamID, testidp.AppleKeyID, true); !errors.Is(err, idp.ErrAnswer) {
		t.Error(err)
	}
}
