package caddymodule

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/google"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/nodeclock"
)

func init() { caddy.RegisterModule(Google{}) }

// Google lets people sign in with their Google Accounts.
type Google struct{ KindSettings }

const kindGoogle = "google"

// CaddyModule returns the module's information.
func (Google) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providersNamespace + "." + kindGoogle, New: func() caddy.Module { return new(Google) }}
}

var googleOptions = kindOptions(func(p *Google) *KindSettings { return &p.KindSettings })

// UnmarshalCaddyfile reads `provider google { … }`, whose options are those of googleOptions.
func (p *Google) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return parseKind(d, kindGoogle, googleOptions, p, p.check)
}

func (p *Google) check() error {
	return checkKind(kindGoogle, &p.KindSettings, googleOptions, p, needed{"client_secret", p.ClientSecret})
}

// Provision reads the placeholders. It makes no call.
func (p *Google) Provision(caddy.Context) error {
	if err := p.check(); err != nil {
		return err
	}
	return p.read(kindGoogle)
}

// IdentityProvider returns the provider. Its word is taken for the addresses that Google itself hands out, and domains are those of organisations.
func (p *Google) IdentityProvider(observe func(step string, took time.Duration, ok bool)) (s federated.Settings, err error) {
	s = p.of(kindGoogle, "Google", federated.Trust{Domains: google.TrustedDomains, Hosted: true})
	s.DomainsHosted = true
	s.Provider, err = google.New(google.Config{BaseURL: p.base, ClientID: p.clientID, ClientSecret: p.secret, Scopes: p.Scopes, Audiences: p.NativeClients,
		Domains: p.Domains, Reads: s.Reads(), Observe: observe, Now: nodeclock.Now})
	if err != nil {
		return s, fmt.Errorf("provider %s: %w", kindGoogle, err)
	}
	return s, nil
}

// Interface guards
var (
	_ IdentityProvider      = (*Google)(nil)
	_ caddyfile.Unmarshaler = (*Google)(nil)
	_ caddy.Provisioner     = (*Google)(nil)
)
