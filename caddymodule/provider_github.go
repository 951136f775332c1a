package caddymodule

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/github"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/nodeclock"
)

func init() { caddy.RegisterModule(GitHub{}) }

// GitHub lets people sign in with GitHub, or with an Enterprise Server at base_url.
type GitHub struct{ KindSettings }

const kindGitHub = "github"

// CaddyModule returns the module's information.
func (GitHub) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providersNamespace + "." + kindGitHub, New: func() caddy.Module { return new(GitHub) }}
}

// There is no id_token, so it is for no other client and has no amr. Groups are organisations and teams, which no option can name otherwise.
var githubOptions = kindOptions(func(p *GitHub) *KindSettings { return &p.KindSettings }, "native_clients", "trust_mfa", "groups")

// UnmarshalCaddyfile reads `provider github { … }`, whose options are those of githubOptions.
func (p *GitHub) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return parseKind(d, kindGitHub, githubOptions, p, p.check)
}

func (p *GitHub) check() error {
	return checkKind(kindGitHub, &p.KindSettings, githubOptions, p, needed{"client_secret", p.ClientSecret})
}

// Provision reads the placeholders. It makes no call.
func (p *GitHub) Provision(caddy.Context) error {
	if err := p.check(); err != nil {
		return err
	}
	return p.read(kindGitHub)
}

// IdentityProvider returns the provider. Its word on addresses is taken only where trust_email says so.
func (p *GitHub) IdentityProvider(observe func(step string, took time.Duration, ok bool)) (s federated.Settings, err error) {
	s = p.of(kindGitHub, "GitHub", federated.Trust{})
	s.Provider, err = github.New(github.Config{BaseURL: p.base, ClientID: p.clientID, ClientSecret: p.secret, Scopes: p.Scopes,
		Groups: len(s.AllowGroups) > 0 || len(s.Roles) > 0, Observe: observe, Now: nodeclock.Now})
	if err != nil {
		return s, fmt.Errorf("provider %s: %w", kindGitHub, err)
	}
	return s, nil
}

// Interface guards
var (
	_ IdentityProvider      = (*GitHub)(nil)
	_ caddyfile.Unmarshaler = (*GitHub)(nil)
	_ caddy.Provisioner     = (*GitHub)(nil)
)
