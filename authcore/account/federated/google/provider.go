// Package google is Google as an identity provider. It has a discovery document and stands on package oidc, but calls itself by two names, says
// by "hd" whose organisation an account belongs to, and takes access tokens from apps once its tokeninfo endpoint says that they are ours.
//
// https://developers.google.com/identity/openid-connect/openid-connect
package google

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/oidc"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

const (
	issuer = "https://accounts.google.com"
	// bare is what Google calls itself in some of its tokens.
	bare      = "accounts.google.com"
	tokenInfo = "https://oauth2.googleapis.com/tokeninfo"
)

// TrustedDomains are the domains of addresses that Google itself hands out, besides those of organisations.
var TrustedDomains = []string{"gmail.com", "googlemail.com"}

// Config is what a Provider needs.
type Config struct {
	// BaseURL is where Google is elsewhere: its discovery document is below it. "" is Google itself.
	BaseURL      string
	ClientID     string
	ClientSecret secret.Value
	Scopes       []string
	Audiences    []string // further clients whose tokens apps may bring
	Domains      []string // organisations that are let in; of one alone, Google shows its own accounts only
	Reads        []string // of [oidc.Config]
	Observe      func(step string, took time.Duration, ok bool)
	Now          func() time.Time
}

// Provider is an [idp.Provider]. It is safe for concurrent use.
type Provider struct {
	*oidc.Provider
	client    *idp.Client
	tokenInfo string
	audiences []string
}

// New checks cfg. It makes no call.
func New(cfg Config) (*Provider, error) {
	of := oidc.Config{Issuer: issuer, Names: []string{issuer, bare}, ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, Scopes: cfg.Scopes,
		Audiences: cfg.Audiences, Reads: cfg.Reads, Observe: cfg.Observe, Now: cfg.Now}
	info := tokenInfo
	if base := strings.TrimSuffix(cfg.BaseURL, "/"); base != "" {
		_, host, _ := strings.Cut(base, "://")
		of.Issuer, of.Names, info = base, append(of.Names, host), base+"/tokeninfo"
	}
	if len(cfg.Domains) == 1 {
		of.AuthParams = map[string]string{"hd": cfg.Domains[0]} // a hint: what comes back is checked all the same
	}
	p, err := oidc.New(of)
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(info)
	if err != nil {
		return nil, err
	}
	return &Provider{Provider: p, tokenInfo: info, audiences: append([]string{cfg.ClientID}, cfg.Audiences...),
		client: idp.NewClient(idp.ClientConfig{Own: at.Hostname(), Observe: cfg.Observe, Now: cfg.Now})}, nil
}

// Exchange implements [idp.Provider].
func (p *Provider) Exchange(ctx context.Context, c idp.Code) (idp.Identity, error) {
	return withDomain(p.Provider.Exchange(ctx, c))
}

// Native implements [idp.Provider]: it takes access tokens besides what package oidc takes.
func (p *Provider) Native(ctx context.Context, n idp.Native) (idp.Identity, error) {
	if n.AccessToken == "" {
		return withDomain(p.Provider.Native(ctx, n))
	}
	subject, err := p.giver(ctx, n.AccessToken)
	if err != nil {
		return idp.Identity{}, idp.AsAnswer("check access token", err)
	}
	return withDomain(p.ByAccessToken(ctx, n.AccessToken, subject))
}

func withDomain(id idp.Identity, err error) (idp.Identity, error) {
	id.HostedDomain = strings.ToLower(id.Text("hd"))
	return id, err
}

// giver returns who has given an access token to a client of ours. Any site that somebody signs in to by Google has an access token of theirs:
// without this check it could sign in here as they.
func (p *Provider) giver(ctx context.Context, access string) (subject string, err error) {
	a, err := p.client.Get(ctx, idp.StepToken, p.tokenInfo+"?"+url.Values{"access_token": {access}}.Encode(), "")
	if err != nil {
		return "", err
	}
	var info struct {
		Audience  string      `json:"aud"`
		Party     string      `json:"azp"`
		Subject   string      `json:"sub"`
		ExpiresIn json.Number `json:"expires_in"` // as a number or as text
	}
	if a.Status != http.StatusOK || a.Decode(&info) != nil {
		return "", fmt.Errorf("tokeninfo answers with status %d", a.Status)
	}
	left, err := info.ExpiresIn.Int64()
	switch {
	case !slices.Contains(p.audiences, info.Audience), info.Party != "" && !slices.Contains(p.audiences, info.Party):
		return "", errors.New("it was given to another client")
	case err != nil || left <= 0:
		return "", errors.New("it has expired")
	case !idp.UsableSubject(info.Subject):
		return "", errors.New("it does not say of whom it is")
	}
	return info.Subject, nil
}
