// Package apple is Sign in with Apple. It has a discovery document and stands on package oidc, but answers by a form when a name or an address
// is asked for, tells the name once beside the code, takes a signed token for the client's secret, and writes booleans as text.
//
// https://developer.apple.com/documentation/signinwithapple
package apple

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/oidc"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

const (
	issuer = "https://appleid.apple.com"
	// secretFor is how long a client's secret is good: Apple takes up to six months.
	secretFor = 5 * time.Minute
)

// DefaultScopes are asked for where the configuration says nothing.
var DefaultScopes = []string{"name", "email"}

// Config is what a Provider needs.
type Config struct {
	// BaseURL is where Apple is elsewhere: its discovery document is below it. "" is Apple itself.
	BaseURL    string
	ClientID   string // the Services ID
	TeamID     string
	KeyID      string
	PrivateKey secret.Value // PKCS #8 in PEM, as Apple's console hands it out
	Scopes     []string
	Audiences  []string // bundle ids of apps
	Reads      []string // of [oidc.Config]
	Observe    func(step string, took time.Duration, ok bool)
	Now        func() time.Time
}

// Provider is an [idp.Provider]. It is safe for concurrent use.
type Provider struct {
	*oidc.Provider
	cfg    Config
	base   string
	signer jose.Signer
	client *idp.Client
}

// New checks cfg. It makes no call.
func New(cfg Config) (*Provider, error) {
	if cfg.TeamID == "" || cfg.KeyID == "" {
		return nil, errors.New("apple: a team id and a key id are required")
	}
	key, err := parseKey(cfg.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("apple: private key: %w", err)
	}
	if len(cfg.Scopes) == 0 {
		cfg.Scopes = DefaultScopes
	}
	p := &Provider{cfg: cfg, base: issuer}
	p.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: cfg.KeyID}}, nil)
	if err != nil {
		return nil, fmt.Errorf("apple: private key: %w", err)
	}
	of := oidc.Config{Issuer: issuer, ClientID: cfg.ClientID, MakeSecret: p.clientSecret, Scopes: cfg.Scopes, Audiences: cfg.Audiences,
		Revokes: true, Reads: cfg.Reads, Observe: cfg.Observe, Now: cfg.Now}
	if base := strings.TrimSuffix(cfg.BaseURL, "/"); base != "" {
		p.base, of.Issuer, of.Names = base, base, []string{issuer}
	}
	if slices.Contains(cfg.Scopes, "name") || slices.Contains(cfg.Scopes, "email") {
		of.AuthParams = map[string]string{"response_mode": "form_post"}
	}
	if p.Provider, err = oidc.New(of); err != nil {
		return nil, err
	}
	at, err := url.Parse(p.base)
	if err != nil {
		return nil, err
	}
	p.client = idp.NewClient(idp.ClientConfig{Own: at.Hostname(), Observe: cfg.Observe, Now: cfg.Now})
	return p, nil
}

func parseKey(text secret.Value) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text.RevealString()))
	if block == nil {
		return nil, errors.New("it is not PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("it is not PKCS #8")
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("it is not an elliptic curve key on P-256")
	}
	return key, nil
}

// clientSecret is a token that we sign in place of a secret that both know.
func (p *Provider) clientSecret() (secret.Value, error) {
	now := p.cfg.Now()
	claims, err := json.Marshal(map[string]any{"iss": p.cfg.TeamID, "sub": p.cfg.ClientID, "aud": issuer, "iat": now.Unix(), "exp": now.Add(secretFor).Unix()})
	if err != nil {
		return secret.Value{}, err
	}
	signed, err := p.signer.Sign(claims)
	if err != nil {
		return secret.Value{}, err
	}
	text, err := signed.CompactSerialize()
	return secret.FromString(text), err
}

// Exchange implements [idp.Provider]. Of what came beside the code the name alone is read: nobody has signed it, and an address in it proves
// nothing and is not even Apple's.
func (p *Provider) Exchange(ctx context.Context, c idp.Code) (idp.Identity, error) {
	id, err := verified(p.Provider.Exchange(ctx, c))
	if err != nil {
		return id, err
	}
	var user struct {
		Name struct {
			First string `json:"firstName"`
			Last  string `json:"lastName"`
		} `json:"name"`
	}
	if json.Unmarshal([]byte(c.User), &user) == nil { // a name is no reason to refuse somebody
		for claim, said := range map[string]string{"given_name": user.Name.First, "family_name": user.Name.Last} {
			if id.Text(claim) == "" && said != "" {
				id.Claims[claim] = said
			}
		}
	}
	return id, nil
}

// Native implements [idp.Provider].
func (p *Provider) Native(ctx context.Context, n idp.Native) (idp.Identity, error) {
	return verified(p.Provider.Native(ctx, n))
}

// verified reads email_verified, which Apple documents as a boolean or as text.
func verified(id idp.Identity, err error) (idp.Identity, error) {
	id.EmailVerified = id.EmailVerified || id.Email != "" && id.Text("email_verified") == "true"
	return id, err
}

// Revoke implements [idp.Revoker].
func (p *Provider) Revoke(ctx context.Context, token secret.Value) error {
	at, err := p.Revocation(ctx)
	if err != nil {
		return err
	}
	if at == "" {
		at = p.base + "/auth/revoke"
	}
	made, err := p.clientSecret()
	if err != nil {
		return fmt.Errorf("make client secret: %w", err)
	}
	form := url.Values{"client_id": {p.cfg.ClientID}, "client_secret": {made.RevealString()}, "token": {token.RevealString()}, "token_type_hint": {"refresh_token"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at, strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("revoke: its address cannot be read: %w", idp.ErrUnavailable)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a, err := p.client.Call(idp.StepToken, r)
	if err != nil || a.Status == http.StatusOK {
		return err
	}
	var refusal struct {
		Error string `json:"error"`
	}
	_ = a.Decode(&refusal)
	kind := idp.ErrAnswer
	if refusal.Error == "invalid_client" || refusal.Error == "unauthorized_client" { // our configuration is wrong, not the token
		kind = idp.ErrUnavailable
	}
	return fmt.Errorf("revoke: refused with status %d and error %q: %w", a.Status, idp.ErrorCode(refusal.Error), kind)
}
