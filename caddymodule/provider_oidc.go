package caddymodule

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/oidc"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/nodeclock"
)

func init() { caddy.RegisterModule(OIDC{}) }

// OIDC is any identity provider with a discovery document (OpenID Connect Discovery 1.0).
type OIDC struct {
	ProviderSettings
	// The provider's issuer, to the letter as its discovery document has it. Required. May hold {env.*} and {file.*}.
	Issuer string `json:"issuer,omitempty"`

	ready oidc.Config
}

// CaddyModule returns the module's information.
func (OIDC) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providersNamespace + ".oidc", New: func() caddy.Module { return new(OIDC) }}
}

// oidcOptions is the block of `provider oidc`.
var oidcOptions = slices.Concat([]option[OIDC]{{
	name:  "issuer",
	parse: readText(func(p *OIDC) *string { return &p.Issuer }),
	check: func(p *OIDC) error { return checkProviderURL(p.Issuer) },
}}, providerOptions(func(p *OIDC) *ProviderSettings { return &p.ProviderSettings }))

// UnmarshalCaddyfile reads
//
//	provider oidc <name> {
//		<option> …
//	}
//
// whose options are those of oidcOptions.
func (p *OIDC) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the kind
	if !d.NextArg() || !providerName.MatchString(d.Val()) {
		return d.Err("provider oidc takes a name of 1 to 32 lower-case letters, digits and hyphens, and a block: provider oidc acme { … }")
	}
	p.Name = d.Val()
	if d.CountRemainingArgs() > 0 {
		return d.Err("provider oidc takes one name and a block: provider oidc acme { … }")
	}
	at := d.Token()
	if err := parseBlock(d, oidcOptions, p); err != nil {
		return fmt.Errorf("provider oidc %s: %w", p.Name, err)
	}
	if err := p.check(); err != nil {
		return errorAt(at, err)
	}
	return nil
}

// check judges what is known before the placeholders are read.
func (p *OIDC) check() error {
	return checkProvider("oidc "+p.Name, oidcOptions, p, needed{"issuer", p.Issuer}, needed{"client_id", p.ClientID})
}

// Provision reads the placeholders. It makes no call.
func (p *OIDC) Provision(caddy.Context) error {
	if p.Name == "" {
		return errors.New("provider oidc: name is required")
	}
	if err := p.check(); err != nil {
		return err
	}
	read, clientSecret := *p, ""
	err := readProvider("oidc "+p.Name, toRead{"issuer", p.Issuer, &read.Issuer}, toRead{"client_id", p.ClientID, &read.ClientID},
		toRead{"client_secret", p.ClientSecret, &clientSecret})
	if err != nil {
		return err
	}
	if err := read.check(); err != nil {
		return err
	}
	p.ready = oidc.Config{Issuer: read.Issuer, ClientID: read.ClientID, ClientSecret: secret.FromString(clientSecret), Scopes: p.Scopes,
		Audiences: p.NativeClients, Now: nodeclock.Now}
	return nil
}

// IdentityProvider returns the provider.
func (p *OIDC) IdentityProvider(observe func(step string, took time.Duration, ok bool)) (s federated.Settings, err error) {
	s = p.settings(p.Name, federated.Trust{})
	cfg := p.ready
	cfg.Observe, cfg.Reads = observe, s.Reads()
	if s.Provider, err = oidc.New(cfg); err != nil {
		return s, fmt.Errorf("provider oidc %s: %w", p.Name, err)
	}
	return s, nil
}

// Interface guards
var (
	_ IdentityProvider      = (*OIDC)(nil)
	_ caddyfile.Unmarshaler = (*OIDC)(nil)
	_ caddy.Provisioner     = (*OIDC)(nil)
)
