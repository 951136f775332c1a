package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testidp"
)

// providerSite is a sign-in page, and a guarded host that has none.
const providerSite = `http://127.0.0.1:<port> {
	gatehouse
	reverse_proxy <upstream>
}
http://app.localhost:<port> {
	@private path /private/*
	gatehouse_guard @private {
		login_url http://127.0.0.1:<port>/auth/login
	}
	reverse_proxy <upstream>
}
`

// answered goes to the provider and returns where it leads back to, as a path.
func answered(t testing.TB, idp interface{ Answer(to string) string }, to string) string {
	t.Helper()
	back, err := url.Parse(idp.Answer(to))
	if err != nil {
		t.Fatal(err)
	}
	return back.RequestURI()
}

// kindsOfProviders are the providers that have no document or keys of their own, and Google, each with somebody who signs in.
type kindsOfProviders map[string]struct {
	fake       interface{ Answer(to string) string }
	url, email string
}

func startKinds(t testing.TB) kindsOfProviders {
	google, facebook, github := testidp.StartGoogle(t, time.Now), testidp.StartFacebook(t, time.Now), testidp.StartGitHub(t)
	google.User = map[string]any{"sub": "1", "email": "google@gmail.com", "email_verified": true}
	facebook.User = map[string]any{"id": "2", "email": "facebook@example.com", "name": "Ada Lovelace", "first_name": "Ada", "last_name": "Lovelace"}
	github.User = map[string]any{"id": 3, "login": "ada"}
	github.Emails = []map[string]any{{"email": "github@example.com", "primary": true, "verified": true}}
	return kindsOfProviders{
		"google": {google, google.Issuer(), "google@gmail.com"}, "facebook": {facebook, facebook.URL(), "facebook@example.com"},
		"github": {github, github.URL(), "github@example.com"},
	}
}

func (k kindsOfProviders) caddyfile() (text string) {
	for name, p := range k {
		text += fmt.Sprintf("\t\tprovider %s {\n\t\t\tbase_url %s\n\t\t\tclient_id %s\n\t\t\tclient_secret {env.IDP_SECRET}\n\t\t\ttrust_email *\n\t\t}\n",
			name, p.url, testidp.ClientID)
	}
	return text
}

// signIn signs somebody in by each, begun on one node and finished on the other.
func (k kindsOfProviders) signIn(t *testing.T, c *cluster) {
	t.Helper()
	for name, p := range k {
		s := &surfer{c.a, "http", c.a.Host(), map[string]string{}}
		back := answered(t, p.fake, s.led(t, http.StatusSeeOther, "/auth/social/"+name+"/start?rd=/wanted"))
		s.g, s.host = c.b, c.b.Host()
		got := s.led(t, http.StatusSeeOther, back)
		if name == "facebook" && got == "/auth/social/complete" { // its addresses are nobody's word
			done := c.a.api(t, "POST", "/social/complete", object{"otp": c.a.ofKind(t, p.email, "provider_code").code},
				call{cookies: s.cookies, header: map[string]string{"Origin": c.a.url("")}}).must(t, 200, "")
			for name, set := range done.setCookies(t) {
				s.cookies[name] = set.Value
			}
			got = "/wanted"
		}
		if got != "/wanted" {
			t.Errorf("%s: arrived at %s", name, got)
		}
		if me := c.a.api(t, "GET", "/me", nil, call{cookies: s.cookies}); me.status != 200 || me.json(t)["email"] != p.email {
			t.Errorf("%s: %d %s", name, me.status, me.body)
		}
	}
}

// TestOption_provider: a sign-in by a provider over two nodes: begun on one, finished on the other, and handed over to another guarded host.
// What is missing is completed on either. A logout at the provider ends the session on both within a second. A provider that is sick keeps
// nobody from another way in, and nothing of its tokens is kept.
func TestOption_provider(t *testing.T) {
	t.Parallel()
	idp := testidp.Start(t, time.Now)
	idp.User = map[string]any{"sub": "ada-1", "sid": "s1", "email": "ada@example.com", "email_verified": true}
	kinds := startKinds(t)
	c := startCluster(t, plan{site: providerSite, env: []string{"IDP_SECRET=" + testidp.ClientSecret}, global: "\t\trate_limit social off\n\t\tprovider oidc acme {\n\t\t\tissuer " + idp.Issuer() +
		"\n\t\t\tclient_id " + testidp.ClientID + "\n\t\t\tclient_secret {env.IDP_SECRET}\n\t\t\ttitle Acme\n\t\t\ttrust_email example.com\n\t\t}\n" + kinds.caddyfile()})
	app := &surfer{c.b, "http", fmt.Sprintf("app.localhost:%d", c.b.Port), map[string]string{}}
	login := &surfer{c.a, "http", c.a.Host(), map[string]string{}}

	wanted := app.origin() + fresh()
	back := answered(t, idp, login.led(t, http.StatusSeeOther, "/auth/social/acme/start?rd="+url.QueryEscape(wanted)))
	login.g, login.host = c.b, c.b.Host()
	stranger := &surfer{c.b, "http", c.b.Host(), map[string]string{}}
	if a := stranger.open(t, back); a.status != http.StatusBadRequest {
		t.Errorf("another browser: %d", a.status)
	}
	if got := login.led(t, http.StatusSeeOther, back); got != wanted {
		t.Fatalf("arrived at %s, want %s", got, wanted)
	}
	app.arrive(t, login)
	if !app.in(t) {
		t.Error("not signed in at the other host")
	}
	if a := login.open(t, back); a.status != http.StatusBadRequest {
		t.Errorf("a used answer: %d", a.status)
	}

	kinds.signIn(t, c)

	// By the API, each step on the other node.
	idp.User = map[string]any{"sub": "bob-1", "sid": "s2"}
	started := c.a.api(t, "POST", "/social/acme/token", object{"id_token": idp.IDToken("n"), "nonce": "n"}).must(t, 200, "")
	token := started.text("social_token")
	c.b.api(t, "POST", "/social/complete", object{"social_token": token, "email": "bob@example.com"}).must(t, 202, "")
	code := c.a.ofKind(t, "bob@example.com", "provider_code").code
	got := tally(c.overBoth(t, race, func(int) call {
		return call{method: "POST", path: "/auth/social/complete", body: object{"social_token": token, "otp": code}}
	}))
	if got["200"] != 1 {
		t.Errorf("accounts by one code: %v", got)
	}

	logout := func(g *gateway, claims map[string]any, want int) {
		t.Helper()
		a := g.do(t, call{method: "POST", path: "/auth/social/acme/backchannel-logout", body: "logout_token=" + idp.LogoutToken(claims),
			header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}})
		if a.status != want {
			t.Errorf("logout: %d, want %d: %s", a.status, want, a.body)
		}
	}
	logout(c.a, map[string]any{"sid": "nobody's"}, 200)
	logout(c.a, map[string]any{"sid": "s1"}, 200)
	inTime(t, time.Second, "the session has ended on the other node", func() bool { return !app.in(t) })

	// C15: a sick provider. C19: none of its tokens is kept.
	u := c.a.newUser(t)
	idp.Lock()
	idp.Fault = func(step string, w http.ResponseWriter, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body)
		if step == "token" {
			<-r.Context().Done()
		}
		return step == "token"
	}
	idp.Unlock()
	back = answered(t, idp, login.led(t, http.StatusSeeOther, "/auth/social/acme/start"))
	begun := time.Now()
	if a := login.open(t, back); a.status != http.StatusServiceUnavailable || time.Since(begun) > 6*time.Second {
		t.Errorf("%d after %s", a.status, time.Since(begun))
	}
	c.b.signIn(t, u, false)
	for _, g := range []*gateway{c.a, c.b} {
		for _, secret := range []string{testidp.ClientSecret, "access_token=", "eyJhbGciOiJSUzI1NiIsImtpZCI6InJz"} {
			if strings.Contains(g.logs(), secret) {
				t.Errorf("%s is in the log", secret)
			}
		}
	}
	if n := c.a.metric(t, `gatehouse_provider_logins_total{outcome="success",provider="acme"}`) + c.b.metric(t, `gatehouse_provider_logins_total{outcome="success",provider="acme"}`); n < 2 {
		t.Errorf("%v sign-ins were counted", n)
	}
}
