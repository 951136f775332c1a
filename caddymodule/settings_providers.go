package caddymodule

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

// providersNamespace is where identity providers register: a module gatehouse.providers.x is configured by `provider x …`.
const providersNamespace = "gatehouse.providers"

// IdentityProvider is what a module of the namespace gatehouse.providers implements. To be configurable in a Caddyfile it is a
// [caddyfile.Unmarshaler] as well. Most embed [ProviderSettings], which all kinds have in common.
type IdentityProvider interface {
	caddy.Module
	// IdentityProvider returns the provider and what its word is worth. It is called once, when a configuration is about to serve and never
	// to validate one, and makes no call. observe is told of every call to the provider.
	IdentityProvider(observe func(step string, took time.Duration, ok bool)) (federated.Settings, error)
}

// ProviderSettings are the options that all kinds of provider have.
type ProviderSettings struct {
	// Names the provider in paths and in what is kept: lower-case letters, digits and hyphens. Only of oidc; default: the kind.
	Name string `json:"name,omitempty"`
	// The id of this client at the provider. Required.
	ClientID string `json:"client_id,omitempty"`
	// Its secret, as one {env.*} or {file.*}.
	ClientSecret string `json:"client_secret,omitempty"`
	// The text of the button. Default: the name.
	Title string `json:"title,omitempty"`
	// What is asked for at the provider. Default by kind.
	Scopes []string `json:"scopes,omitempty"`
	// The ids of apps of yours at the provider, whose id_tokens are taken as well.
	NativeClients []string `json:"native_clients,omitempty"`
	// Which claims fill which fields of the account, where those are empty: first_name, last_name, username, locale or fields.<name>.
	Map []ProviderMapping `json:"map,omitempty"`
	// The domains of addresses that are proven by the provider's word: a list, or * for all, or none. Default by kind.
	TrustEmail []string `json:"trust_email,omitempty"`
	// Only people with a proven address of one of these domains are let in. Default: all.
	Domains []string `json:"domains,omitempty"`
	// The claim with somebody's groups. Default: groups.
	Groups string `json:"groups,omitempty"`
	// Only people in one of these groups are let in. Default: all.
	AllowGroups []string `json:"allow_groups,omitempty"`
	// The roles that groups give. Never admin or auditor.
	Roles []ProviderRole `json:"roles,omitempty"`
	// Whether people whom nobody knows may sign up by it: on or off. Default: on, as the option signup says.
	SignUp string `json:"signup,omitempty"`
	// An amr with mfa in the id_token counts as the second factor, for connections that their owner made while signed in.
	TrustMFA bool `json:"trust_mfa,omitempty"`
}

// ProviderMapping fills a field with a claim.
type ProviderMapping struct {
	Claim string `json:"claim"`
	Field string `json:"field"`
}

// ProviderRole are the roles that a group gives.
type ProviderRole struct {
	Group string   `json:"group"`
	Roles []string `json:"roles"`
}

var providerName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// providerOptions is what the block of every kind of provider has, for a kind that keeps it in a field.
func providerOptions[T any](of func(*T) *ProviderSettings) []option[T] {
	text := func(field func(*ProviderSettings) *string) func(*caddyfile.Dispenser, *T) error {
		return readText(func(p *T) *string { return field(of(p)) })
	}
	words := func(field func(*ProviderSettings) *[]string) func(*caddyfile.Dispenser, *T) error {
		return readWords(func(p *T) *[]string { return field(of(p)) })
	}
	check := func(judge func(*ProviderSettings) error) func(*T) error {
		return func(p *T) error { return judge(of(p)) }
	}
	return []option[T]{
		{name: "client_id", parse: text(func(p *ProviderSettings) *string { return &p.ClientID }),
			check: check(func(p *ProviderSettings) error { return checkPlaceholders(p.ClientID) })},
		{name: "client_secret", parse: text(func(p *ProviderSettings) *string { return &p.ClientSecret }),
			check: check(func(p *ProviderSettings) error {
				if p.ClientSecret == "" {
					return nil
				}
				return checkSecret(p.ClientSecret)
			})},
		{name: "title", parse: text(func(p *ProviderSettings) *string { return &p.Title }), check: check(func(p *ProviderSettings) error { return checkBrand(p.Title) })},
		{name: "scopes", parse: words(func(p *ProviderSettings) *[]string { return &p.Scopes }), check: check(func(p *ProviderSettings) error { return each(p.Scopes, checkWord) })},
		{name: "native_clients", parse: words(func(p *ProviderSettings) *[]string { return &p.NativeClients }),
			check: check(func(p *ProviderSettings) error { return each(p.NativeClients, checkWord) })},
		{name: "map", repeat: true, parse: func(d *caddyfile.Dispenser, p *T) error { return parseMapping(d, of(p)) }, check: check((*ProviderSettings).checkMap)},
		{name: "trust_email", parse: words(func(p *ProviderSettings) *[]string { return &p.TrustEmail }), check: check((*ProviderSettings).checkTrust)},
		{name: "domains", parse: words(func(p *ProviderSettings) *[]string { return &p.Domains }), check: check(func(p *ProviderSettings) error { return each(p.Domains, checkDomain) })},
		{name: "groups", parse: text(func(p *ProviderSettings) *string { return &p.Groups }), check: check(func(p *ProviderSettings) error { return checkWordOrNone(p.Groups) })},
		{name: "allow_groups", parse: words(func(p *ProviderSettings) *[]string { return &p.AllowGroups }),
			check: check(func(p *ProviderSettings) error { return each(p.AllowGroups, checkText) })},
		{name: "role", repeat: true, parse: func(d *caddyfile.Dispenser, p *T) error { return parseProviderRole(d, of(p)) }, check: check((*ProviderSettings).checkRoles)},
		{name: "signup", parse: text(func(p *ProviderSettings) *string { return &p.SignUp }), check: check(func(p *ProviderSettings) error { return oneOf(p.SignUp, "on", "off") })},
		{name: "trust_mfa", parse: readFlag(func(p *T) *bool { return &of(p).TrustMFA })},
	}
}

func checkText(v string) error {
	if v == "" || hasPlaceholder(v) || len(v) > 256 || strings.ContainsAny(v, "\x00\r\n") {
		return fmt.Errorf("%q is not a plain text of at most 256 bytes", v)
	}
	return nil
}

// checkWord takes one word: it stands in lists that are separated by blanks.
func checkWord(v string) error {
	if strings.ContainsAny(v, " \t\"\\") {
		return fmt.Errorf("%q is not one word", v)
	}
	return checkText(v)
}

func checkWordOrNone(v string) error {
	if v == "" {
		return nil
	}
	return checkWord(v)
}

func checkDomain(v string) error {
	if strings.ContainsAny(v, "@:/*") || v != strings.ToLower(v) || checkHost(v) != nil || !strings.Contains(v, ".") {
		return fmt.Errorf("%q is not the domain of addresses; write what follows the @, such as example.com, in lower case", v)
	}
	return nil
}

func parseMapping(d *caddyfile.Dispenser, p *ProviderSettings) error {
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.Err("map takes a claim and a field: map nickname username")
	}
	p.Map = append(p.Map, ProviderMapping{Claim: args[0], Field: args[1]})
	return nil
}

func (p *ProviderSettings) checkMap() error {
	var fields []string
	for _, m := range p.Map {
		if err := checkText(m.Claim); err != nil {
			return err
		}
		own, isOwn := strings.CutPrefix(m.Field, "fields.")
		if !isOwn && !slices.Contains([]string{"first_name", "last_name", "username", "locale"}, m.Field) || isOwn && own == "" {
			return fmt.Errorf("%q cannot be filled; use first_name, last_name, username, locale, or fields. and the name of a user_field", m.Field)
		}
		if slices.Contains(fields, m.Field) {
			return fmt.Errorf("%s is filled by two claims; keep one", m.Field)
		}
		fields = append(fields, m.Field)
	}
	return nil
}

func (p *ProviderSettings) checkTrust() error {
	if len(p.TrustEmail) == 1 && (p.TrustEmail[0] == "*" || p.TrustEmail[0] == "none") {
		return nil
	}
	return each(p.TrustEmail, checkDomain)
}

// trust returns what the option says; kind is its default.
func (p *ProviderSettings) trust(kind federated.Trust) federated.Trust {
	switch {
	case len(p.TrustEmail) == 0:
		return kind
	case p.TrustEmail[0] == "none":
		return federated.Trust{}
	case p.TrustEmail[0] == "*":
		return federated.Trust{All: true}
	}
	return federated.Trust{Domains: p.TrustEmail}
}

func parseProviderRole(d *caddyfile.Dispenser, p *ProviderSettings) error {
	args := d.RemainingArgs()
	if len(args) < 2 {
		return d.Err("role takes a group of the provider and the roles that it gives: role engineering deploy")
	}
	p.Roles = append(p.Roles, ProviderRole{Group: args[0], Roles: args[1:]})
	return nil
}

// checkRoles: a provider's administrators are not ours.
func (p *ProviderSettings) checkRoles() error {
	for _, r := range p.Roles {
		if err := checkText(r.Group); err != nil {
			return err
		}
		if _, broken := identifier.Roles(r.Roles); len(broken) > 0 {
			return fmt.Errorf("%s: a role has 1 to %d of the characters a-z 0-9 . _ : -, and there are at most %d", strings.Join(r.Roles, " "), identifier.MaxRole, authcore.MaxRoles)
		}
		for _, role := range []string{authcore.RoleAdmin, authcore.RoleAuditor} {
			if slices.Contains(r.Roles, role) {
				return fmt.Errorf("no provider gives the role %s: give it with the option admins, or with gatehouse user role add", role)
			}
		}
	}
	return nil
}

// settings are those that the kind does not add to. trust is the kind's default.
func (p *ProviderSettings) settings(name string, trust federated.Trust) federated.Settings {
	s := federated.Settings{Name: name, Title: cmp.Or(p.Title, name), Trust: p.trust(trust), Domains: p.Domains, Groups: cmp.Or(p.Groups, "groups"),
		AllowGroups: p.AllowGroups, SignUp: p.SignUp != "off", TrustMFA: p.TrustMFA}
	for _, m := range p.Map {
		s.Map = append(s.Map, federated.Mapping{Claim: m.Claim, Field: m.Field})
	}
	for _, r := range p.Roles {
		s.Roles = append(s.Roles, federated.GroupRoles{Group: r.Group, Roles: r.Roles})
	}
	return s
}

// parseProvider reads `provider <kind> …`; what follows the kind is the kind's own.
func parseProvider(d *caddyfile.Dispenser, s *Settings) error {
	if !d.NextArg() {
		return d.Err("provider takes a kind of provider: provider oidc acme { … }")
	}
	var kinds []string
	for _, m := range caddy.GetModules(providersNamespace) {
		kinds = append(kinds, strings.TrimPrefix(string(m.ID), providersNamespace+"."))
	}
	kind := d.Val()
	if !slices.Contains(kinds, kind) {
		return d.Errf("provider: %s", unknownWord("a kind of provider of this build", kind, kinds))
	}
	mod, err := caddyfile.UnmarshalModule(d, providersNamespace+"."+kind)
	if err != nil {
		return err
	}
	if _, ok := mod.(IdentityProvider); !ok {
		return d.Errf("provider: %T is not an identity provider", mod)
	}
	s.ProvidersRaw = append(s.ProvidersRaw, caddyconfig.JSONModuleObject(mod, "kind", kind, nil))
	return nil
}

// checkProviders checks what they are called, and that the user fields that they fill are there.
func checkProviders(s *Settings) error {
	var names []string
	for _, raw := range s.ProvidersRaw {
		var is struct{ Kind, Name string }
		if err := json.Unmarshal(raw, &is); err != nil {
			return errors.New("it is not a JSON object with a kind")
		}
		name := cmp.Or(is.Name, is.Kind)
		if !providerName.MatchString(name) {
			return fmt.Errorf("%q is not a name of 1 to 32 lower-case letters, digits and hyphens", name)
		}
		if slices.Contains(names, name) {
			return fmt.Errorf("%s is configured twice", name)
		}
		names = append(names, name)
		if err := s.checkFilled(raw); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// checkFilled checks that a field of the operator's own, which a provider fills, is one of the configuration.
func (s *Settings) checkFilled(provider json.RawMessage) error {
	var is struct{ Map []ProviderMapping }
	if json.Unmarshal(provider, &is) != nil {
		return nil // another's provider, whose map is something else
	}
	for _, m := range is.Map {
		own, isOwn := strings.CutPrefix(m.Field, "fields.")
		if isOwn && !slices.ContainsFunc(s.UserFields, func(f UserFieldSettings) bool { return f.Name == own }) {
			return fmt.Errorf("map: there is no user_field %s; add the option user_field, or map to another field", own)
		}
	}
	return nil
}

// loadProviders loads the configured modules.
func (s *Settings) loadProviders(ctx caddy.Context) (all []IdentityProvider, err error) {
	if len(s.ProvidersRaw) == 0 {
		return nil, nil
	}
	mods, err := ctx.LoadModule(s, "ProvidersRaw")
	if err != nil {
		return nil, fmt.Errorf("loading the provider: %w", err)
	}
	for _, mod := range mods.([]any) {
		p, ok := mod.(IdentityProvider)
		if !ok {
			return nil, fmt.Errorf("%T is not an identity provider", mod)
		}
		all = append(all, p)
	}
	return all, nil
}

// readyProviders returns the providers of the configuration.
func (a *App) readyProviders() (all []federated.Settings, err error) {
	for _, p := range a.providers {
		name := ""
		s, err := p.IdentityProvider(func(step string, took time.Duration, ok bool) { observeProvider(name, step, took, ok) })
		if err != nil {
			return nil, err
		}
		name = s.Name
		expectProvider(name)
		all = append(all, s)
	}
	return all, nil
}
