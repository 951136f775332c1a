package testidp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The client that the provider knows.
const (
	ClientID     = "gatehouse"
	ClientSecret = "a-secret-of-the-client-that-is-long-enough"
)

// Provider is an OpenID provider. Its exported fields may be changed under Lock by a test, between requests.
type Provider struct {
	sync.Mutex
	// User are the claims of who signs in next; `sub` is required.
	User map[string]any
	// OnlyUserInfo are the claims that the userinfo endpoint alone tells.
	OnlyUserInfo map[string]any
	// Token changes the claims of the next id_tokens; nil leaves them.
	Token func(claims map[string]any)
	// Algorithm signs id_tokens: RS256, ES256, HS256 by the client's secret, or none.
	Algorithm string
	// IssParameter says whether answers carry `iss` (RFC 9207), and the document announces it; Iss is what they carry where it is not "".
	IssParameter bool
	Iss          string
	// Fault answers in place of an endpoint, by the step of the call; nil or false: none.
	Fault func(step string, w http.ResponseWriter, r *http.Request) bool
	// KeysMaxAge is how long keys may be kept; 0 says nothing.
	KeysMaxAge time.Duration
	// Document changes the discovery document; nil leaves it.
	Document func(document map[string]any)

	handed
	server *httptest.Server
	mux    *http.ServeMux
	// client reports whether the token endpoint knows the client, and more what it answers besides; nil: nothing.
	client func(r *http.Request) bool
	more   func(g grant) map[string]any
	now    func() time.Time
	keyID  int
	rsa    *rsa.PrivateKey
	ec     *ecdsa.PrivateKey
	codes  map[string]grant
	access map[string]map[string]any
	calls  map[string]int
}

// grant is what a code stands for.
type grant struct {
	challenge, nonce, redirect string
	user                       map[string]any
}

// Start starts a provider that ends with the test. now is its clock.
func Start(t testing.TB, now func() time.Time) *Provider {
	t.Helper()
	p := &Provider{now: now, Algorithm: "RS256", codes: map[string]grant{}, access: map[string]map[string]any{}, calls: map[string]int{}}
	p.rotate(t)
	p.mux, p.client = http.NewServeMux(), func(r *http.Request) bool {
		id, password, _ := r.BasicAuth()
		return id == ClientID && password == ClientSecret
	}
	for path, serve := range map[string]struct {
		step string
		do   http.HandlerFunc
	}{
		"/.well-known/openid-configuration": {"discovery", p.discovery}, "/keys": {"keys", p.keys}, "/token": {"token", p.token},
		"/userinfo": {"userinfo", p.userinfo}, "/authorize": {"authorize", p.authorize},
	} {
		p.handle(path, serve.step, serve.do)
	}
	p.server = httptest.NewServer(p.mux)
	t.Cleanup(p.server.Close)
	return p
}

// handle serves an endpoint, counts its calls and falls sick where a test says so.
func (p *Provider) handle(path, step string, do http.HandlerFunc) {
	p.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		p.Lock()
		p.calls[step]++
		fault := p.Fault
		p.Unlock()
		if fault == nil || !fault(step, w, r) {
			do(w, r)
		}
	})
}

// Issuer returns the provider's issuer.
func (p *Provider) Issuer() string { return p.server.URL }

// Calls returns how often each endpoint was called: discovery, keys, token, userinfo, authorize.
func (p *Provider) Calls() map[string]int {
	p.Lock()
	defer p.Unlock()
	return maps.Clone(p.calls)
}

// Rotate gives the provider new keys; the old ones are gone.
func (p *Provider) Rotate(t testing.TB) {
	t.Helper()
	p.Lock()
	defer p.Unlock()
	p.rotate(t)
}

func (p *Provider) rotate(t testing.TB) {
	t.Helper()
	var err error
	if p.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	if p.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	p.keyID++
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	p.Lock()
	defer p.Unlock()
	document := map[string]any{
		"issuer": p.server.URL, "authorization_endpoint": p.server.URL + "/authorize", "token_endpoint": p.server.URL + "/token",
		"userinfo_endpoint": p.server.URL + "/userinfo", "jwks_uri": p.server.URL + "/keys", "response_types_supported": []string{"code"},
		"id_token_signing_alg_values_supported": []string{"RS256", "ES256", "HS256", "none"}, "subject_types_supported": []string{"public"},
		"authorization_response_iss_parameter_supported": p.IssParameter,
	}
	if p.Document != nil {
		p.Document(document)
	}
	answer(w, document)
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	p.Lock()
	defer p.Unlock()
	if p.KeysMaxAge > 0 {
		w.Header().Set("Cache-Control", fmt.Sprintf("max-age=%d", int(p.KeysMaxAge/time.Second)))
	}
	answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: p.rsa.Public(), KeyID: p.kid("rs"), Algorithm: "RS256", Use: "sig"}, {Key: p.ec.Public(), KeyID: p.kid("es"), Algorithm: "ES256", Use: "sig"},
	}})
}

func (p *Provider) kid(kind string) string { return fmt.Sprint(kind, p.keyID) }

// authorize signs User in at once and leads back.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, p.Answer(r.URL.String()), http.StatusFound)
}

// Answer returns where a browser is led back to that was sent to a URL of the provider, with User signed in.
func (p *Provider) Answer(authURL string) string {
	u, err := url.Parse(authURL)
	if err != nil {
		panic(err)
	}
	p.Lock()
	defer p.Unlock()
	q := u.Query()
	code := p.grant(q)
	back := url.Values{"code": {code}, "state": {q.Get("state")}}
	if p.IssParameter {
		back.Set("iss", p.server.URL)
	}
	if p.Iss != "" {
		back.Set("iss", p.Iss)
	}
	return q.Get("redirect_uri") + "?" + back.Encode()
}

// grant returns a code for what a browser has asked.
func (p *Provider) grant(q url.Values) (code string) {
	code = p.out(random())
	p.codes[code] = grant{q.Get("code_challenge"), q.Get("nonce"), q.Get("redirect_uri"), maps.Clone(p.User)}
	return code
}

func random() string {
	b := make([]byte, 24)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// token redeems a code: once, by the client's secret, the verifier and the very redirect URI.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	p.Lock()
	defer p.Unlock()
	g, known := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !p.client(r) || !known || base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge ||
		r.PostFormValue("redirect_uri") != g.redirect {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_grant"})
		return
	}
	access := p.out(random())
	p.access[access] = g.user
	body := map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": p.out(p.idToken(g.user, g.nonce)), "refresh_token": p.out(random())}
	if p.more != nil {
		maps.Copy(body, p.more(g))
	}
	answer(w, body)
}

func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	p.Lock()
	defer p.Unlock()
	user, known := p.access[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if !known {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	all := maps.Clone(user)
	maps.Copy(all, p.OnlyUserInfo)
	answer(w, all)
}

// IDToken returns an id_token of User with a nonce, as an app gets it.
func (p *Provider) IDToken(nonce string) string {
	p.Lock()
	defer p.Unlock()
	return p.idToken(p.User, nonce)
}

func (p *Provider) idToken(user map[string]any, nonce string) string {
	now := p.now()
	claims := map[string]any{"iss": p.server.URL, "aud": ClientID, "exp": now.Add(5 * time.Minute).Unix(), "iat": now.Unix()}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	maps.Copy(claims, user)
	if p.Token != nil {
		p.Token(claims)
	}
	return p.sign(claims, p.Algorithm)
}

// LogoutToken returns a logout token with these claims besides iss, aud, exp, iat, jti and events; a nil value removes one.
func (p *Provider) LogoutToken(more map[string]any) string {
	p.Lock()
	defer p.Unlock()
	now := p.now()
	claims := map[string]any{"iss": p.server.URL, "aud": ClientID, "exp": now.Add(2 * time.Minute).Unix(), "iat": now.Unix(), "jti": random(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}
	for name, value := range more {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return p.sign(claims, p.Algorithm)
}

// sign signs by an algorithm. By none there is no signature, and HS256 takes the client's secret for a key.
func (p *Provider) sign(claims map[string]any, algorithm string) string {
	payload, _ := json.Marshal(claims)
	if algorithm == "none" {
		head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
		return head + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
	}
	key := jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: p.rsa, KeyID: p.kid("rs")}}
	switch algorithm {
	case "ES256":
		key = jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.ec, KeyID: p.kid("es")}}
	case "HS256":
		key = jose.SigningKey{Algorithm: jose.HS256, Key: []byte(ClientSecret)}
	}
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		panic(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		panic(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return text
}
