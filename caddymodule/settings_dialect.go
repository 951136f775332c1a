package caddymodule

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
)

// dialectsNamespace is where dialects register: a module gatehouse.dialects.x is configured by `gatehouse_dialect x …`.
const dialectsNamespace = "gatehouse.dialects"

// DialectModule is what a module of the namespace gatehouse.dialects implements. To be configurable in a Caddyfile it is a
// [caddyfile.Unmarshaler] as well. All embed [DialectSettings].
type DialectModule interface {
	caddy.Module
	// Dialect returns the dialect as its options have it, or what is wrong with them. It does no I/O.
	Dialect() (dialect.Dialect, error)
	// Common returns the options that all dialects have.
	Common() *DialectSettings
}

// fitting is a [DialectModule] that needs something of the global options.
type fitting interface {
	// Fits returns what the global options lack for the dialect.
	Fits(s *Settings) error
}

// DialectSettings are the options that all dialects have.
type DialectSettings struct {
	// Where the calls are. Default: as the dialect has it.
	Prefix string `json:"prefix,omitempty"`
	// What signs and checks the JWTs of clients, each as one {env.*} or {file.*} of at least 32 bytes: the first signs. Of HS256 alone.
	// Default: a key of the gateway's own.
	Key []string `json:"key,omitempty"`
	// The algorithm of the JWTs: HS256 (default), RS256, ES256 or EdDSA.
	Algorithm string `json:"algorithm,omitempty"`
	// How long what is issued lives. Default: as the dialect has it.
	AccessLifetime  caddy.Duration `json:"access_lifetime,omitempty"`
	RefreshLifetime caddy.Duration `json:"refresh_lifetime,omitempty"`
	// That of the token of a dialect that has only one kind.
	TokenLifetime caddy.Duration `json:"token_lifetime,omitempty"`
	// More paths of calls, by their names: below the prefix, or from the root with a leading slash.
	Path map[string][]string `json:"path,omitempty"`
	// The words in front of a token. Default: as the dialect has it.
	Schemes []string `json:"schemes,omitempty"`
	// What the claim user_id is: string, int or uuid. Default: as the dialect has it.
	UserID string `json:"user_id,omitempty"`
	// The name of the field with what somebody signs in with: username or email. Default: as the dialect has it.
	LoginField string `json:"login_field,omitempty"`
}

// Common implements DialectModule.
func (s *DialectSettings) Common() *DialectSettings { return s }

var (
	dialectPath   = regexp.MustCompile(`^/?([A-Za-z0-9._~-]+/)*[A-Za-z0-9._~-]+/?$`)
	dialectScheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,31}$`)
)

// dialectOptions is the block of the directive for any dialect, and more for one that has options of its own.
func dialectOptions[T interface{ Common() *DialectSettings }](more ...option[T]) []option[T] {
	check := func(judge func(*DialectSettings) error) func(*T) error {
		return func(m *T) error { return judge((*m).Common()) }
	}
	duration := func(field func(*DialectSettings) *caddy.Duration) func(*caddyfile.Dispenser, *T) error {
		return readDuration(func(m *T) *caddy.Duration { return field((*m).Common()) })
	}
	text := func(field func(*DialectSettings) *string) func(*caddyfile.Dispenser, *T) error {
		return readText(func(m *T) *string { return field((*m).Common()) })
	}
	return append([]option[T]{
		{name: "key", parse: readWords(func(m *T) *[]string { return &(*m).Common().Key }), check: check((*DialectSettings).checkKey)},
		{name: "algorithm", parse: text(func(s *DialectSettings) *string { return &s.Algorithm }), check: check((*DialectSettings).checkAlgorithm)},
		{name: "access_lifetime", parse: duration(func(s *DialectSettings) *caddy.Duration { return &s.AccessLifetime }),
			check: check(func(s *DialectSettings) error { return within(s.AccessLifetime, shortest, longestLife) })},
		{name: "refresh_lifetime", parse: duration(func(s *DialectSettings) *caddy.Duration { return &s.RefreshLifetime }),
			check: check(func(s *DialectSettings) error { return within(s.RefreshLifetime, shortest, longestLife) })},
		{name: "token_lifetime", parse: duration(func(s *DialectSettings) *caddy.Duration { return &s.TokenLifetime }),
			check: check(func(s *DialectSettings) error { return within(s.TokenLifetime, shortest, longestLife) })},
		{name: "path", repeat: true, parse: func(d *caddyfile.Dispenser, m *T) error { return parseDialectPath(d, (*m).Common()) }, check: check((*DialectSettings).checkPaths)},
		{name: "schemes", parse: readWords(func(m *T) *[]string { return &(*m).Common().Schemes }), check: check((*DialectSettings).checkSchemes)},
		{name: "user_id", parse: text(func(s *DialectSettings) *string { return &s.UserID }),
			check: check(func(s *DialectSettings) error {
				return oneOf(s.UserID, string(dialect.UserIDText), string(dialect.UserIDNumber), string(dialect.UserIDUUID))
			})},
		{name: "login_field", parse: text(func(s *DialectSettings) *string { return &s.LoginField }),
			check: check(func(s *DialectSettings) error { return oneOf(s.LoginField, "username", "email") })},
	}, more...)
}

func parseDialectPath(d *caddyfile.Dispenser, s *DialectSettings) error {
	args := d.RemainingArgs()
	if len(args) < 2 {
		return d.Err("path takes the name of a call and at least one path: path obtain /token/")
	}
	if s.Path == nil {
		s.Path = map[string][]string{}
	}
	s.Path[args[0]] = append(s.Path[args[0]], args[1:]...)
	return nil
}

func (s *DialectSettings) checkKey() error {
	for _, k := range s.Key {
		if err := checkSecret(k); err != nil {
			return err
		}
	}
	if len(s.Key) > 0 && s.Algorithm != "" && s.Algorithm != string(jwtkeys.HS256) {
		return fmt.Errorf("it is for HS256; with %s the gateway makes a key of its own", s.Algorithm)
	}
	return nil
}

func (s *DialectSettings) checkAlgorithm() error {
	return oneOf(s.Algorithm, string(jwtkeys.HS256), string(jwtkeys.RS256), string(jwtkeys.ES256), string(jwtkeys.EdDSA))
}

func (s *DialectSettings) checkPaths() error {
	for _, paths := range s.Path {
		for _, path := range paths {
			if err := checkDialectPath(path); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkDialectPath(path string) error {
	segments := strings.Split(path, "/")
	if !dialectPath.MatchString(path) || len(path) > 128 || slices.Contains(segments, "..") || slices.Contains(segments, ".") {
		return fmt.Errorf("%q is no path such as /token/ or login/", path)
	}
	for _, reserved := range []string{"/.well-known", httpauth.HostPrefix} {
		if httpauth.HasPrefix(reserved, strings.ToLower(path)) {
			return fmt.Errorf("%q is reserved: nothing at or below %s can be a call", path, reserved)
		}
	}
	return nil
}

func (s *DialectSettings) checkSchemes() error {
	for _, w := range s.Schemes {
		if !dialectScheme.MatchString(w) || strings.EqualFold(w, "basic") {
			return fmt.Errorf("%q is no word such as Bearer or JWT", w)
		}
	}
	return nil
}

// unmarshalDialect reads `<name> [<prefix>] { <option> … }`.
func unmarshalDialect[T interface{ Common() *DialectSettings }](d *caddyfile.Dispenser, options []option[T], m T) error {
	d.Next() // the name
	name := d.Val()
	switch args := d.RemainingArgs(); {
	case len(args) > 1, len(args) == 1 && args[0] == "":
		return d.Errf("gatehouse_dialect %s takes at most one value more, the prefix: gatehouse_dialect %s /api", name, name)
	case len(args) == 1:
		m.Common().Prefix = args[0]
	}
	return parseBlock(d, options, &m)
}

// checkDialect judges a dialect with its options, and returns it with the table of its calls.
func checkDialect(m DialectModule) (d dialect.Dialect, table dialect.Table, at string, err error) {
	if d, err = m.Dialect(); err != nil {
		return d, table, "", err
	}
	if at = cmp.Or(m.Common().Prefix, d.Prefix); at == "" {
		return d, table, at, fmt.Errorf("%s takes a prefix: gatehouse_dialect %s /student/authentication", d.Name, d.Name)
	}
	if err = (&PortalSettings{Prefix: at}).check(); err != nil {
		return d, table, at, err
	}
	if err = m.Common().checkFor(d); err != nil {
		return d, table, at, err
	}
	table, err = dialect.NewTable(d, at, m.Common().Path)
	return d, table, at, err
}

// checkFor judges the options that only some dialects have a use for.
func (s *DialectSettings) checkFor(d dialect.Dialect) error {
	by := d.Form.Lifetimes
	single := by.Single > 0
	switch {
	case single && (s.AccessLifetime != 0 || s.RefreshLifetime != 0):
		return fmt.Errorf("%s issues one token: its life is token_lifetime", d.Name)
	case !single && s.TokenLifetime != 0:
		return fmt.Errorf("%s issues access and refresh tokens: their lives are access_lifetime and refresh_lifetime", d.Name)
	case d.LoginField == "" && s.LoginField != "":
		return fmt.Errorf("%s has no call that login_field would name a field of", d.Name)
	}
	if !single && by.Access > 0 {
		if access, refresh := orDefault(s.AccessLifetime, by.Access), orDefault(s.RefreshLifetime, by.Refresh); access >= refresh {
			return fmt.Errorf("access_lifetime (%s) must be shorter than refresh_lifetime (%s)", durationText(access), durationText(refresh))
		}
	}
	return nil
}

// parseDialect reads the site directive
//
//	gatehouse_dialect <name> [<prefix>] {
//		<option> …
//	}
func parseDialect(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // the directive's name
	at := h.Token()
	if !h.NextArg() {
		return nil, h.Err("gatehouse_dialect takes the name of a dialect: gatehouse_dialect simplejwt")
	}
	name := h.Val()
	if !slices.Contains(dialectNames(), name) {
		return nil, h.Errf("gatehouse_dialect: %s", unknownWord("a dialect of this build", name, dialectNames()))
	}
	mod, err := caddyfile.UnmarshalModule(h.Dispenser, dialectsNamespace+"."+name)
	if err != nil {
		return nil, err
	}
	m, ok := mod.(DialectModule)
	if !ok {
		return nil, h.Errf("gatehouse_dialect: %T is not a dialect", mod)
	}
	_, table, under, err := checkDialect(m)
	if err != nil {
		return nil, errorAt(at, fmt.Errorf("gatehouse_dialect %s: %w", name, err))
	}
	if f, ok := mod.(fitting); ok {
		if err := f.Fits(globalSettings(h)); err != nil {
			return nil, errorAt(at, fmt.Errorf("gatehouse_dialect %s: %w", name, err))
		}
	}
	if err := claimPaths(h, at, pathClaim{by: "gatehouse_dialect " + name, prefix: under, paths: table.Paths()}); err != nil {
		return nil, errorAt(at, err)
	}
	return h.NewRoute(nil, &Dialect{DialectRaw: caddyconfig.JSONModuleObject(mod, "name", name, nil), At: place(at)}), nil
}

// globalSettings are the global options of a Caddyfile, whose checks come later.
func globalSettings(h httpcaddyfile.Helper) *Settings {
	s := new(Settings)
	if given, ok := h.Option("gatehouse").(httpcaddyfile.App); ok {
		if json.Unmarshal(given.Value, s) != nil { // unreachable: it was written just now
			return new(Settings)
		}
	}
	return s
}

// dialectNames are those of this build.
func dialectNames() (names []string) {
	for _, m := range caddy.GetModules(dialectsNamespace) {
		names = append(names, strings.TrimPrefix(string(m.ID), dialectsNamespace+"."))
	}
	return names
}
