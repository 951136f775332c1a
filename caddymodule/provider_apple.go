package caddymodule

import (
	"fmt"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/apple"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/nodeclock"
)

func init() { caddy.RegisterModule(Apple{}) }

// Apple lets people sign in with their Apple Accounts. It has a key in place of a client_secret.
type Apple struct {
	KindSettings
	// The id of the team at Apple. Required. May hold {env.*} and {file.*}.
	TeamID string `json:"team_id,omitempty"`
	// The id of the key. Required. May hold {env.*} and {file.*}.
	KeyID string `json:"key_id,omitempty"`
	// The key, PKCS #8 in PEM, as one {env.*} or {file.*}. Required.
	PrivateKey string `json:"private_key,omitempty"`

	team, keyID string // without placeholders
	key         secret.Value
}

const kindApple = "apple"

// CaddyModule returns the module's information.
func (Apple) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providersNamespace + "." + kindApple, New: func() caddy.Module { return new(Apple) }}
}

var appleOptions = slices.Concat([]option[Apple]{
	{name: "team_id", parse: readText(func(p *Apple) *string { return &p.TeamID }), check: func(p *Apple) error { return checkPlaceholders(p.TeamID) }},
	{name: "key_id", parse: readText(func(p *Apple) *string { return &p.KeyID }), check: func(p *Apple) error { return checkPlaceholders(p.KeyID) }},
	{name: "private_key", parse: readText(func(p *Apple) *string { return &p.PrivateKey }), check: func(p *Apple) error { return checkSecret(p.PrivateKey) }},
}, refusing(kindOptions((*Apple).kind, "client_secret"), (*Apple).kind, "Apple tells no groups; remove the option", "groups", "allow_groups", "role"))

func (p *Apple) kind() *KindSettings { return &p.KindSettings }

// UnmarshalCaddyfile reads `provider apple { … }`, whose options are those of appleOptions.
func (p *Apple) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return parseKind(d, kindApple, appleOptions, p, p.check)
}

func (p *Apple) check() error {
	return checkKind(kindApple, &p.KindSettings, appleOptions, p, needed{"team_id", p.TeamID}, needed{"key_id", p.KeyID}, needed{"private_key", p.PrivateKey})
}

// Provision reads the placeholders and the key. It makes no call.
func (p *Apple) Provision(caddy.Context) error {
	if err := p.check(); err != nil {
		return err
	}
	if err := p.read(kindApple); err != nil {
		return err
	}
	text := ""
	err := readProvider(kindApple, toRead{"team_id", p.TeamID, &p.team}, toRead{"key_id", p.KeyID, &p.keyID}, toRead{"private_key", p.PrivateKey, &text})
	if err != nil {
		return err
	}
	p.key = secret.FromString(text)
	_, err = p.IdentityProvider(nil) // a key that is none is told at once
	return err
}

// IdentityProvider returns the provider. An Apple Account's address is confirmed, so Apple's word is taken for all.
func (p *Apple) IdentityProvider(observe func(step string, took time.Duration, ok bool)) (s federated.Settings, err error) {
	s = p.of(kindApple, "Apple", federated.Trust{All: true})
	s.Provider, err = apple.New(apple.Config{BaseURL: p.base, ClientID: p.clientID, TeamID: p.team, KeyID: p.keyID, PrivateKey: p.key, Scopes: p.Scopes,
		Audiences: p.NativeClients, Reads: s.Reads(), Observe: observe, Now: nodeclock.Now})
	if err != nil {
		return s, fmt.Errorf("provider %s: %w", kindApple, err)
	}
	return s, nil
}

// Interface guards
var (
	_ IdentityProvider      = (*Apple)(nil)
	_ caddyfile.Unmarshaler = (*Apple)(nil)
	_ caddy.Provisioner     = (*Apple)(nil)
)
