package testoidc

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/testproc"
)

// TestSignIn: somebody who names themselves at the provider comes back with a code and the state.
func TestSignIn(t *testing.T) {
	back := "http://127.0.0.1:1/auth/social/acme/callback"
	port, err := testproc.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	p := Start(t, port, Client{ID: "gatehouse", Secret: "secret of a test", RedirectURIs: []string{back}})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	at, err := p.SignIn(browser, p.Issuer+"/auth?"+url.Values{
		"client_id": {"gatehouse"}, "response_type": {"code"}, "scope": {"openid email"}, "redirect_uri": {back}, "state": {"of a test"},
		"nonce": {"n"}, "code_challenge": {strings.Repeat("a", 43)}, "code_challenge_method": {"S256"},
	}.Encode(), "alice.engineers")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := url.Parse(at)
	if err != nil || !strings.HasPrefix(at, back+"?") || answer.Query().Get("code") == "" || answer.Query().Get("state") != "of a test" ||
		answer.Query().Get("iss") != p.Issuer {
		t.Errorf("came back to %s, %v", at, err)
	}
}
