package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// DefaultScopes are asked for where the configuration says nothing.
var DefaultScopes = []string{"openid", "email", "profile"}

// Config is what a Provider needs.
type Config struct {
	// Issuer is the provider's, as its discovery document and its tokens have it to the letter.
	Issuer string
	// Names are what the provider calls itself besides, in its document and its tokens, where it does not keep to one name. Whoever signs in is
	// of Issuer all the same.
	Names        []string
	ClientID     string
	ClientSecret secret.Value // empty for a public client
	Scopes       []string
	// MakeSecret makes the client's secret for one request, in place of ClientSecret, for providers that want a signed one; it may be nil.
	MakeSecret func() (secret.Value, error)
	// AuthParams are further parameters of the request that goes along with a browser.
	AuthParams map[string]string
	// Revokes says that the refresh token is handed on as Identity.Revoke; else it is dropped.
	Revokes   bool
	Audiences []string // further clients whose id_tokens apps may bring
	// Reads are the claims that the configuration reads: where the id_token lacks one, the userinfo endpoint is asked.
	Reads   []string
	Observe func(step string, took time.Duration, ok bool) // of [idp.ClientConfig]
	Now     func() time.Time
}

// Provider is an [idp.Provider]. It is safe for concurrent use.
type Provider struct {
	cfg    Config
	client *idp.Client
	meta   *fetched[metadata]
	keys   *keySet
}

// New checks cfg. It makes no call.
func New(cfg Config) (*Provider, error) {
	u, err := url.Parse(cfg.Issuer)
	if err == nil {
		err = idp.CheckURL(u)
	}
	if err != nil || cfg.ClientID == "" || cfg.Now == nil {
		return nil, errors.New("oidc: an issuer with https (or http on loopback), a client id and a clock are required")
	}
	if len(cfg.Scopes) == 0 {
		cfg.Scopes = DefaultScopes
	}
	cfg.Scopes = slices.Clone(cfg.Scopes)
	if !slices.Contains(cfg.Scopes, oidc.ScopeOpenID) {
		cfg.Scopes = append([]string{oidc.ScopeOpenID}, cfg.Scopes...)
	}
	p := &Provider{cfg: cfg, client: idp.NewClient(idp.ClientConfig{Own: u.Hostname(), Observe: cfg.Observe, Now: cfg.Now})}
	p.meta = &fetched[metadata]{client: p.client, step: idp.StepDiscovery, now: cfg.Now, parse: parseMetadata(append([]string{cfg.Issuer}, cfg.Names...))}
	p.keys = &keySet{now: cfg.Now, at: func(ctx context.Context) (string, []string, error) {
		m, err := p.metadata(ctx)
		return m.Keys, m.Algorithms, err
	}}
	p.keys.keys = &fetched[[]jose.JSONWebKey]{client: p.client, step: idp.StepKeys, now: cfg.Now, parse: parseKeys}
	return p, nil
}

// document is where the discovery document is (OpenID Connect Discovery 1.0 §4).
func (p *Provider) document() string {
	return strings.TrimSuffix(p.cfg.Issuer, "/") + "/.well-known/openid-configuration"
}

func (p *Provider) metadata(ctx context.Context) (metadata, error) {
	return p.meta.get(ctx, p.document())
}

// Run keeps discovery document and keys fresh until ctx ends.
func (p *Provider) Run(ctx context.Context) {
	for ctx.Err() == nil {
		p.refresh(ctx)
		next := min(p.meta.due(), p.keys.keys.due())
		timer := time.NewTimer(max(next, 10*time.Second)) // also after a failure
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// refresh fetches what is no longer fresh. What fails is tried again, and by whoever needs it.
func (p *Provider) refresh(ctx context.Context) {
	if p.meta.due() == 0 {
		if _, err := p.meta.fetch(ctx, p.document()); err != nil {
			return
		}
	}
	if m, err := p.metadata(ctx); err == nil && p.keys.keys.due() == 0 {
		_, _ = p.keys.keys.fetch(ctx, m.Keys)
	}
}

func (p *Provider) oauth(m metadata, redirect string) (*oauth2.Config, error) {
	c := &oauth2.Config{ClientID: p.cfg.ClientID, ClientSecret: p.cfg.ClientSecret.RevealString(), RedirectURL: redirect, Scopes: p.cfg.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: m.Authorization, TokenURL: m.Token, AuthStyle: m.authStyle()}}
	if p.cfg.MakeSecret != nil {
		made, err := p.cfg.MakeSecret()
		if err != nil {
			return nil, fmt.Errorf("make client secret: %w", err)
		}
		c.ClientSecret, c.Endpoint.AuthStyle = made.RevealString(), oauth2.AuthStyleInParams
	}
	return c, nil
}

// AuthURL implements [idp.Provider].
func (p *Provider) AuthURL(ctx context.Context, r idp.AuthRequest) (string, error) {
	m, err := p.metadata(ctx)
	if err != nil {
		return "", err
	}
	client, err := p.oauth(m, r.RedirectURI)
	if err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(r.Nonce), oauth2.S256ChallengeOption(r.Verifier)}
	for name, value := range p.cfg.AuthParams {
		options = append(options, oauth2.SetAuthURLParam(name, value))
	}
	return client.AuthCodeURL(r.State, options...), nil
}

// Issuer implements [idp.Provider].
func (p *Provider) Issuer(ctx context.Context) (string, bool, error) {
	m, err := p.metadata(ctx)
	return m.Issuer, m.SendsIssuer, err
}

// Exchange implements [idp.Provider].
func (p *Provider) Exchange(ctx context.Context, c idp.Code) (idp.Identity, error) {
	m, err := p.metadata(ctx)
	if err != nil {
		return idp.Identity{}, err
	}
	client, err := p.oauth(m, c.RedirectURI)
	if err != nil {
		return idp.Identity{}, err
	}
	token, err := p.client.Redeem(ctx, client, c)
	if err != nil {
		return idp.Identity{}, err
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return idp.Identity{}, fmt.Errorf("redeem code: there is no id_token: %w", idp.ErrAnswer)
	}
	id, checked, err := p.verify(ctx, raw, []string{p.cfg.ClientID}, c.Nonce)
	if err != nil {
		return id, err
	}
	if checked.AccessTokenHash != "" && checked.VerifyAccessToken(token.AccessToken) != nil {
		return id, fmt.Errorf("the access token is not that of the id_token: %w", idp.ErrAnswer)
	}
	if p.cfg.Revokes {
		id.Revoke = secret.FromString(token.RefreshToken)
	}
	return p.complete(ctx, id, m, token.AccessToken)
}

// Native implements [idp.Provider]: it takes id_tokens with their nonce, and codes with their verifier.
func (p *Provider) Native(ctx context.Context, n idp.Native) (idp.Identity, error) {
	switch {
	case n.Code != "":
		return p.Exchange(ctx, idp.Code{Code: n.Code, Verifier: n.Verifier, Nonce: n.Nonce, RedirectURI: n.RedirectURI})
	case n.IDToken != "" && n.Nonce == "" && !n.NoNonce:
		return idp.Identity{}, fmt.Errorf("an id_token comes without its nonce: %w", idp.ErrAnswer)
	case n.IDToken != "":
		id, _, err := p.verify(ctx, n.IDToken, p.audiences(), n.Nonce)
		return id, err
	}
	return idp.Identity{}, idp.ErrNotTaken
}

// complete adds what the id_token does not say and the configuration reads, from the userinfo endpoint (OpenID Connect Core §5.3): that must
// be of the same subject.
func (p *Provider) complete(ctx context.Context, id idp.Identity, m metadata, access string) (idp.Identity, error) {
	lacks := slices.ContainsFunc(p.cfg.Reads, func(claim string) bool { return id.Claim(claim) == nil })
	if m.UserInfo == "" || access == "" || !lacks {
		return id, nil
	}
	more, err := p.userInfo(ctx, m, access, id.Subject)
	if err != nil {
		return id, err
	}
	// An address and its proof are said in one breath: a proof that is said of one address proves no other.
	if id.Claims["email"] != nil && id.Claims["email"] != more["email"] {
		delete(more, "email_verified")
	}
	if id.Claims["email"] == nil {
		delete(id.Claims, "email_verified")
	}
	for name, value := range more {
		if id.Claims[name] == nil {
			id.Claims[name] = value
		}
	}
	return withEmail(id), nil
}

// userInfo asks the userinfo endpoint of the access token, which must be of that subject.
func (p *Provider) userInfo(ctx context.Context, m metadata, access, subject string) (map[string]any, error) {
	a, err := p.client.Get(ctx, idp.StepUserInfo, m.UserInfo, access)
	if err == nil && a.Status != http.StatusOK {
		err = fmt.Errorf("status %d: %w", a.Status, idp.ErrUnavailable)
	}
	if err != nil {
		return nil, fmt.Errorf("userinfo: %w", err)
	}
	claims := map[string]any{}
	if err := a.Decode(&claims); err != nil {
		return nil, idp.AsAnswer("userinfo", err)
	}
	if sub, _ := claims["sub"].(string); sub != subject {
		return nil, fmt.Errorf("userinfo is of another subject: %w", idp.ErrAnswer)
	}
	return claims, nil
}

// ByAccessToken returns who the userinfo endpoint says has given the access token, who must be that subject. Whom the token was given for,
// the caller has checked: an access token says nothing of that by itself. ErrAnswer, ErrUnavailable.
func (p *Provider) ByAccessToken(ctx context.Context, access, subject string) (idp.Identity, error) {
	m, err := p.metadata(ctx)
	if err != nil {
		return idp.Identity{}, err
	}
	claims, err := p.userInfo(ctx, m, access, subject)
	if err != nil {
		return idp.Identity{}, err
	}
	return withEmail(idp.Identity{Issuer: p.cfg.Issuer, Subject: subject, Claims: claims}), nil
}

// Revocation returns the revocation endpoint that the discovery document names (RFC 8414 §2), "" for none. ErrUnavailable.
func (p *Provider) Revocation(ctx context.Context) (string, error) {
	m, err := p.metadata(ctx)
	return m.Revocation, err
}

// withEmail reads the address. Proven is what is JSON true, and nothing that looks like it (C10).
func withEmail(id idp.Identity) idp.Identity {
	id.Email, _ = id.Claims["email"].(string)
	id.EmailVerified = id.Claims["email_verified"] == true && id.Email != ""
	return id
}
