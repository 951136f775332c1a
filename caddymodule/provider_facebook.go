package caddymodule

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/facebook"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/nodeclock"
)

func init() { caddy.RegisterModule(Facebook{}) }

// Facebook lets people sign in with Facebook.
type Facebook struct{ KindSettings }

const kindFacebook = "facebook"

// CaddyModule returns the module's information.
func (Facebook) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providersNamespace + "." + kindFacebook, New: func() caddy.Module { return new(Facebook) }}
}

func (p *Facebook) kind() *KindSettings { return &p.KindSettings }

// There is no id_token, so it is for no other client and has no amr.
var facebookOptions = refusing(refusing(kindOptions((*Facebook).kind, "native_clients", "trust_mfa"),
	(*Facebook).kind, "Facebook verifies no address; remove the option", "domains"),
	(*Facebook).kind, "Facebook tells no groups; remove the option", "groups", "allow_groups", "role")

// UnmarshalCaddyfile reads `provider facebook { … }`, whose options are those of facebookOptions.
func (p *Facebook) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return parseKind(d, kindFacebook, facebookOptions, p, p.check)
}

func (p *Facebook) check() error {
	return checkKind(kindFacebook, &p.KindSettings, facebookOptions, p, needed{"client_secret", p.ClientSecret})
}

// Provision reads the placeholders. It makes no call.
func (p *Facebook) Provision(caddy.Context) error {
	if err := p.check(); err != nil {
		return err
	}
	return p.read(kindFacebook)
}

// IdentityProvider returns the provider. Facebook says of no address that it is proven.
func (p *Facebook) IdentityProvider(observe func(step string, took time.Duration, ok bool)) (s federated.Settings, err error) {
	s = p.of(kindFacebook, "Facebook", federated.Trust{})
	s.Provider, err = facebook.New(facebook.Config{BaseURL: p.base, ClientID: p.clientID, ClientSecret: p.secret, Scopes: p.Scopes, Reads: s.Reads(),
		Observe: observe, Now: nodeclock.Now})
	if err != nil {
		return s, fmt.Errorf("provider %s: %w", kindFacebook, err)
	}
	return s, nil
}

// Interface guards
var (
	_ IdentityProvider      = (*Facebook)(nil)
	_ caddyfile.Unmarshaler = (*Facebook)(nil)
	_ caddy.Provisioner     = (*Facebook)(nil)
)
