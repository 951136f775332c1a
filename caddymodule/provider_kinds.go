package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// KindSettings are the options of a provider of which there is one, and whose kind is its name: Google, Apple, Facebook and GitHub.
type KindSettings struct {
	ProviderSettings
	// Where the provider is elsewhere: an Enterprise Server of GitHub, or one for tests. May hold {env.*} and {file.*}. Default: the provider itself.
	BaseURL string `json:"base_url,omitempty"`

	base, clientID string // without placeholders
	secret         secret.Value
}

// kindOptions is what the block of such a provider has, without some options that would do nothing there.
func kindOptions[T any](of func(*T) *KindSettings, without ...string) []option[T] {
	all := append([]option[T]{{
		name:  "base_url",
		parse: readText(func(p *T) *string { return &of(p).BaseURL }),
		check: func(p *T) error { return checkBaseURL(of(p).BaseURL) },
	}}, providerOptions(func(p *T) *ProviderSettings { return &of(p).ProviderSettings })...)
	return slices.DeleteFunc(all, func(o option[T]) bool { return slices.Contains(without, o.name) })
}

// refusing makes some options errors, with why a provider of the kind gives nothing for them: nobody would get in, or nothing would come of it.
func refusing[T any](options []option[T], of func(*T) *KindSettings, why string, names ...string) []option[T] {
	for i, o := range options {
		if slices.Contains(names, o.name) {
			options[i].check = func(p *T) error {
				if of(p).asks(o.name) {
					return errors.New(why)
				}
				return nil
			}
		}
	}
	return options
}

// asks reports whether an option asks for something that only some kinds of provider tell.
func (p *ProviderSettings) asks(option string) bool {
	switch option {
	case "domains":
		return len(p.Domains) > 0
	case "groups":
		return p.Groups != ""
	case "allow_groups":
		return len(p.AllowGroups) > 0
	case "role":
		return len(p.Roles) > 0
	}
	return false
}

func checkBaseURL(v string) error {
	err := checkProviderURL(v)
	if err == nil && !hasPlaceholder(v) && strings.Contains(v, "?") {
		err = errors.New("it must be a URL without a query")
	}
	return err
}

// checkProviderURL takes the address of a provider. One with placeholders is judged once they are read.
func checkProviderURL(v string) error {
	if v == "" {
		return nil
	}
	u, err := checkCallURL(v)
	if err == nil && u != nil && idp.CheckURL(u) != nil {
		err = errors.New("it must be https; plain http is allowed on loopback only")
	}
	return err
}

// parseKind reads
//
//	provider <kind> {
//		<option> …
//	}
func parseKind[T any](d *caddyfile.Dispenser, kind string, options []option[T], p *T, check func() error) error {
	d.Next() // the kind
	at := d.Token()
	if d.CountRemainingArgs() > 0 {
		return d.Errf("provider %s takes no name, only a block: provider %s { … }", kind, kind)
	}
	if err := parseBlock(d, options, p); err != nil {
		return fmt.Errorf("provider %s: %w", kind, err)
	}
	if err := check(); err != nil {
		return errorAt(at, err)
	}
	return nil
}

// needed is an option without which a provider cannot work.
type needed struct{ option, value string }

// checkKind judges what is known before the placeholders are read.
func checkKind[T any](kind string, k *KindSettings, options []option[T], p *T, all ...needed) error {
	if k.Name != "" && k.Name != kind {
		return fmt.Errorf("provider %s: it is called by its kind and takes no name", kind)
	}
	return checkProvider(kind, options, p, append([]needed{{"client_id", k.ClientID}}, all...)...)
}

// checkProvider judges the options of a provider of any kind; what says which one it is.
func checkProvider[T any](what string, options []option[T], p *T, all ...needed) error {
	for _, n := range all {
		if n.value == "" {
			return fmt.Errorf("provider %s: %s is required", what, n.option)
		}
	}
	if err := checkAll(options, p); err != nil {
		return fmt.Errorf("provider %s: %w", what, err)
	}
	return nil
}

// toRead is an option whose placeholders are read, and where its value goes.
type toRead struct {
	option, value string
	into          *string
}

// readProvider reads the placeholders of options. Their values are in no message.
func readProvider(what string, all ...toRead) (err error) {
	for _, r := range all {
		if *r.into, err = readPlaceholders(r.value); err != nil {
			return fmt.Errorf("provider %s: %s: %w", what, r.option, err)
		}
	}
	return nil
}

func (k *KindSettings) read(kind string) error {
	text := ""
	err := readProvider(kind, toRead{"base_url", k.BaseURL, &k.base}, toRead{"client_id", k.ClientID, &k.clientID}, toRead{"client_secret", k.ClientSecret, &text})
	if err != nil {
		return err
	}
	k.secret = secret.FromString(text)
	if err := checkBaseURL(k.base); err != nil {
		return fmt.Errorf("provider %s: base_url: %w", kind, err)
	}
	return nil
}

// of returns the settings of a kind, with its title and its default of trust_email.
func (k *KindSettings) of(kind, title string, trust federated.Trust) federated.Settings {
	s := k.settings(kind, trust)
	s.Title = cmp.Or(k.Title, title)
	return s
}
