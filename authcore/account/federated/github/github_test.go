package github_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/github"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/internal/testidp"
)

func pair(t *testing.T, change func(*github.Config)) (*testidp.GitHub, *github.Provider) {
	t.Helper()
	fake := testidp.StartGitHub(t)
	fake.User = map[string]any{"id": 583231, "login": "ada", "name": "Ada Lovelace", "email": "public@example.com"}
	fake.Emails = []map[string]any{{"email": "old@example.com", "primary": false, "verified": true}, {"email": "ada@example.com", "primary": true, "verified": true}}
	cfg := github.Config{BaseURL: fake.URL() + "/", ClientID: testidp.ClientID, ClientSecret: secret.FromString(testidp.ClientSecret), Now: time.Now}
	if change != nil {
		change(&cfg)
	}
	p, err := github.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return fake, p
}

func signIn(t *testing.T, fake *testidp.GitHub, p *github.Provider, change func(*idp.Code)) (idp.Identity, error) {
	t.Helper()
	return testidp.SignIn(t, p, func(to string) url.Values {
		back := testidp.Query(t, fake.Answer(to))
		if issuer, announced, err := p.Issuer(t.Context()); err != nil || announced || back.Get("iss") != issuer {
			t.Errorf("iss is %q, want %q", back.Get("iss"), issuer)
		}
		return back
	}, change)
}

// The id is who it is, whatever the name; the primary address is the address, whatever the profile shows.
func TestExchange(t *testing.T) {
	t.Parallel()
	fake, p := pair(t, nil)
	id, err := signIn(t, fake, p, nil)
	if err != nil || id.Issuer != fake.URL() || id.Subject != "583231" || id.Email != "ada@example.com" || !id.EmailVerified || id.Text("name") != "Ada Lovelace" {
		t.Errorf("%+v %v", id, err)
	}
	if got := fmt.Sprint(fake.Calls()); got != "map[/api/v3/user:1 /api/v3/user/emails:1 /login/oauth/access_token:1]" {
		t.Error(got)
	}
	fake.User["login"] = "countess"
	if id, err = signIn(t, fake, p, nil); err != nil || id.Subject != "583231" {
		t.Errorf("%+v %v", id, err)
	}
}

// Errors of the token endpoint come with status 200.
func TestC02_Refused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*idp.Code){
		"verifier": func(c *idp.Code) { c.Verifier = secret.Token() }, "code": func(c *idp.Code) { c.Code = "expired" },
		"redirect": func(c *idp.Code) { c.RedirectURI = "https://evil.example/" },
	} {
		fake, p := pair(t, nil)
		if id, err := signIn(t, fake, p, change); !errors.Is(err, idp.ErrAnswer) || id.Subject != "" || fake.Calls()["/api/v3/user"] != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// C10: proven is the primary address alone, and where GitHub says so.
func TestC10_Addresses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		emails   []map[string]any
		email    string
		verified bool
	}{
		"not verified":       {[]map[string]any{{"email": "a@x.example", "primary": true, "verified": false}, {"email": "b@x.example", "verified": true}}, "a@x.example", false},
		"text":               {[]map[string]any{{"email": "a@x.example", "primary": true, "verified": "true"}}, "a@x.example", false},
		"not said":           {[]map[string]any{{"email": "a@x.example", "primary": true}}, "a@x.example", false},
		"none is primary":    {[]map[string]any{{"email": "a@x.example", "primary": false, "verified": true}}, "", false},
		"none":               {nil, "", false},
		"it is an empty one": {[]map[string]any{{"email": "", "primary": true, "verified": true}}, "", false},
	} {
		fake, p := pair(t, nil)
		fake.Emails = c.emails
		if id, err := signIn(t, fake, p, nil); err != nil || id.Email != c.email || id.EmailVerified != c.verified || id.Text("email") != c.email {
			t.Errorf("%s: %+v %v", name, id, err)
		}
	}
	fake, p := pair(t, nil)
	fake.Fault = func(path string, w http.ResponseWriter) bool {
		if path == "/api/v3/user/emails" {
			w.WriteHeader(http.StatusNotFound)
		}
		return path == "/api/v3/user/emails"
	}
	if id, err := signIn(t, fake, p, nil); err != nil || id.Email != "" {
		t.Errorf("addresses are not told: %+v %v", id, err)
	}
}

// An id that is no number is nobody: a name can be somebody else's tomorrow.
func TestExchange_IDs(t *testing.T) {
	t.Parallel()
	fake, p := pair(t, nil)
	for _, id := range []any{nil, "583231", 1.5, 0, -1, true, []int{1}} {
		fake.User["id"] = id
		if got, err := signIn(t, fake, p, nil); !errors.Is(err, idp.ErrAnswer) || got.Subject != "" {
			t.Errorf("%v: %+v %v", id, got, err)
		}
	}
}

// C15: limits come as 403. Whoever comes next is told at once; any other 403 is no limit.
func TestC15_Limits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		header, value string
		want          error
	}{"secondary": {"Retry-After", "60", idp.ErrUnavailable}, "primary": {"X-RateLimit-Remaining", "0", idp.ErrUnavailable}, "forbidden": {"X-RateLimit-Remaining", "5", idp.ErrAnswer}} {
		fake, p := pair(t, nil)
		fake.Fault = func(path string, w http.ResponseWriter) bool {
			if path == "/api/v3/user" {
				w.Header().Set(c.header, c.value)
				w.WriteHeader(http.StatusForbidden)
			}
			return path == "/api/v3/user"
		}
		for range 2 {
			if _, err := signIn(t, fake, p, nil); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := fake.Calls()["/api/v3/user"]; errors.Is(c.want, idp.ErrUnavailable) && n != 1 {
			t.Errorf("%s: called %d times", name, n)
		}
	}
}

// Organisations and teams are groups, of more than one page too; they are asked for only where they are read.
func TestGroups(t *testing.T) {
	t.Parallel()
	fake, p := pair(t, func(c *github.Config) { c.Groups = true })
	for i := range 101 {
		fake.Organisations = append(fake.Organisations, map[string]any{"login": fmt.Sprint("org", i)})
	}
	fake.Teams = []map[string]any{{"slug": "ops", "name": "Operations", "organization": map[string]any{"login": "acme"}}, {"slug": "alone"}}
	fake.User["groups"] = []string{"admins"}
	id, err := signIn(t, fake, p, nil)
	got := id.Groups("groups")
	if err != nil || len(got) != 102 || !slices.Contains(got, "org100") || !slices.Contains(got, "acme/ops") {
		t.Errorf("%v %v", got, err)
	}
	to, err := p.AuthURL(t.Context(), idp.AuthRequest{State: "s", Verifier: secret.Token(), RedirectURI: testidp.Callback})
	if err != nil || !strings.Contains(to, url.QueryEscape("read:user user:email read:org")) {
		t.Error(to, err)
	}
	fake, p = pair(t, nil)
	fake.User["groups"] = []string{"admins"}
	if id, err = signIn(t, fake, p, nil); err != nil || id.Groups("groups") != nil || fake.Calls()["/api/v3/user/orgs"] != 0 {
		t.Errorf("%v %v", id, err)
	}
}

// An access token from an app counts once GitHub says that it was given to this client.
func TestNative_AccessTokenOfAnotherClient(t *testing.T) {
	t.Parallel()
	fake, p := pair(t, nil)
	id, err := p.Native(t.Context(), idp.Native{AccessToken: fake.AccessToken()})
	if err != nil || id.Subject != "583231" {
		t.Errorf("%+v %v", id, err)
	}
	for name, change := range map[string]func(said map[string]any){
		"of another client": func(s map[string]any) { s["app"] = map[string]any{"client_id": "another"} },
		"of no client":      func(s map[string]any) { delete(s, "app") },
		"of another person": func(s map[string]any) { s["user"] = map[string]any{"id": 2} },
		"of no person":      func(s map[string]any) { s["user"] = nil },
	} {
		fake.Check = change
		if id, err := p.Native(t.Context(), idp.Native{AccessToken: fake.AccessToken()}); !errors.Is(err, idp.ErrAnswer) || id.Subject != "" {
			t.Errorf("%s: %+v %v", name, id, err)
		}
	}
	fake.Check = nil
	if _, err := p.Native(t.Context(), idp.Native{AccessToken: "made-up"}); !errors.Is(err, idp.ErrAnswer) || fake.Calls()["/api/v3/user"] != 2 {
		t.Errorf("%v %v", err, fake.Calls())
	}
	if _, err := p.Native(t.Context(), idp.Native{IDToken: "x", Nonce: "n"}); !errors.Is(err, idp.ErrNotTaken) {
		t.Error(err)
	}
}
