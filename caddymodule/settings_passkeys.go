package caddymodule

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/webauthn"
)

// PasskeySettings say for which domain passkeys and security keys are, and from where else they are taken.
type PasskeySettings struct {
	// The domain that passkeys are for, such as example.com. Default: the host of the issuer. Whoever changes it later makes every
	// passkey useless.
	RPID string `json:"rp_id,omitempty"`
	// Origins from which passkeys are taken besides the issuer: https://app.example.com, or android:apk-key-hash:… of an app.
	Origins []string `json:"origins,omitempty"`
	// Where the block, or its line with origins, stands, as file:line. It is for messages alone and need not be given.
	Source string `json:"source,omitempty"`
}

// appOrigin begins the origin of an Android app (https://developer.android.com/identity/sign-in/credential-manager).
const appOrigin = "android:apk-key-hash:"

var passkeyOptions = []option[PasskeySettings]{
	{
		name:  "rp_id",
		parse: readText(func(s *PasskeySettings) *string { return &s.RPID }),
		check: func(s *PasskeySettings) error {
			if s.RPID == "" || webauthn.CheckID(s.RPID) == nil {
				return nil
			}
			return fmt.Errorf("%q is not a domain name in lower case, such as example.com", s.RPID)
		},
	},
	{
		name: "origins",
		parse: func(d *caddyfile.Dispenser, s *PasskeySettings) error {
			s.Source = placeOf(d)
			return readWords(func(s *PasskeySettings) *[]string { return &s.Origins })(d, s)
		},
		check: func(s *PasskeySettings) error { return each(s.Origins, checkPasskeyOrigin) },
	},
}

var passkeysOption = option[Settings]{
	name: "passkeys",
	parse: func(d *caddyfile.Dispenser, s *Settings) error {
		at := placeOf(d)
		err := readBlock("passkeys", passkeyOptions, func(s *Settings) **PasskeySettings { return &s.Passkeys })(d, s)
		if err == nil {
			s.Passkeys.Source = cmp.Or(s.Passkeys.Source, at)
		}
		return err
	},
	check: func(s *Settings) error { return checkBlock(passkeyOptions, s.Passkeys) },
}

func checkPasskeyOrigin(v string) error {
	if hash, app := strings.CutPrefix(v, appOrigin); app {
		if hash == "" {
			return fmt.Errorf("%q has no hash of the app's key", v)
		}
		return nil
	}
	return checkTrustedOrigin(v)
}

func (s *Settings) passkeys() webauthn.Parties {
	if s.Passkeys == nil {
		return webauthn.Parties{}
	}
	origins := slices.Clone(s.Passkeys.Origins)
	for i, o := range origins {
		if u, err := parseOrigin(o); err == nil { // not one of an app
			origins[i] = canonicalOrigin(u).String()
		}
	}
	return webauthn.Parties{ID: s.Passkeys.RPID, Origins: origins}
}

// passkeysAsked returns which option asks for passkeys or security keys in so many words; "" where none does.
func (s *Settings) passkeysAsked() string {
	named := func(words []string, t authcore.FactorType) bool { return slices.Contains(words, string(t)) }
	switch {
	case s.Passkeys != nil:
		return s.Passkeys.at() + "option passkeys"
	case slices.Contains(s.SignIn, signInPasskey):
		return "option sign_in"
	case named(s.Factors, authcore.FactorPasskey), named(s.Factors, authcore.FactorSecurityKey):
		return "option factors"
	}
	return ""
}

// at is where the block stands, to begin a message with.
func (s *PasskeySettings) at() string {
	if s.Source == "" {
		return ""
	}
	return s.Source + ": "
}

// warnOfPasskeys tells, where the configuration asks for passkeys, that browsers have none at the site.
func (p *Portal) warnOfPasskeys(ctx caddy.Context, at *site) {
	asked := p.app.passkeysAsked()
	if asked == "" {
		return
	}
	origins, _ := at.origins() // those that are not written out have an issuer that is
	if p.app.cfg.issuer != nil {
		origins = []string{p.app.cfg.issuer.String()}
	}
	possible := func(origin string) bool { _, err := p.app.cfg.passkeys.For(origin); return err == nil }
	if len(origins) == 0 || slices.ContainsFunc(origins, possible) {
		return
	}
	ctx.Slogger().Warn(asked + ": browsers have no passkeys at the issuer " + strings.Join(origins, ", ") + ", so none are offered there; the issuer " +
		"must be a domain name (or localhost), and rp_id that name or a domain above it")
}

// warnOfRelated tells that pages of a guarded service may ask for passkeys: with what they get they can sign in as whoever visits them.
func (g *Guard) warnOfRelated(ctx caddy.Context, at *site) {
	for _, origin := range g.app.cfg.passkeys.Origins {
		u, err := url.Parse(origin)
		if err != nil || u.Hostname() == "" || !at.names()(strings.ToLower(u.Hostname())) || slices.Contains(g.app.sites.related.All(), origin) {
			continue
		}
		g.app.sites.related.Add([]string{origin})
		ctx.Slogger().Warn(g.app.Passkeys.at() + "option passkeys: origins: " + origin + " is a site with gatehouse_guard: whoever controls the service " +
			"there can ask visitors for their passkeys and sign in as them; name only origins that you trust as the issuer")
	}
}
