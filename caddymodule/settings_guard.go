package caddymodule

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/access"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/sanitize"
)

// GuardSettings is the configuration of the handler `gatehouse_guard`. The zero value admits every signed-in user and
// forwards the headers of the family `remote`.
type GuardSettings struct {
	// Which requests are guarded; without it all are. It is the guard's own and not the route's: on requests that it
	// leaves out, identity headers sent by the client are still removed.
	MatcherSetsRaw caddyhttp.RawMatcherSets `json:"match,omitempty" caddy:"namespace=http.matchers"`

	// Requests without a good credential pass as anonymous.
	Optional bool `json:"optional,omitempty"`

	// The guard refuses nobody: what it would refuse goes on without identity headers, is counted and logged.
	Shadow bool `json:"shadow,omitempty"`

	// Rules for the signed-in user; every one of them must hold.
	Require []Rule `json:"require,omitempty"`

	// Families of identity headers that are set: remote, x_auth, x_auth_request, x_forwarded, webauth; or none alone.
	// Default: remote. What a client sends under any of their names is always removed.
	Headers []string `json:"headers,omitempty"`

	// Further headers in this order, each with one placeholder as its value. What a client sends under their names is
	// always removed.
	Header []HeaderField `json:"header,omitempty"`

	// Identity headers of another gateway in front, such as X-Remote-User, that pass on requests which this guard takes. They
	// do so only from a peer that Caddy's trusted_proxies name.
	Keep []string `json:"keep,omitempty"`

	// By what requests are authenticated: cookie, bearer, dialect (access tokens of this configuration's dialects). What is not listed is
	// left alone and forwarded. Default: cookie bearer.
	Accept []string `json:"accept,omitempty"`

	// How text that is not ASCII stands in identity headers: percent (default) or utf8.
	HeaderEncoding string `json:"header_encoding,omitempty"`

	// Leaves the accepted Authorization header on the request.
	ForwardToken bool `json:"forward_token,omitempty"`

	// How old the snapshot of revocations may get for this guard, and what it does then: as the global options of the same
	// names, which are the defaults.
	MaxStaleness caddy.Duration `json:"max_staleness,omitempty"`
	OnStale      string         `json:"on_stale,omitempty"`

	// Where browsers without a session are sent: an absolute path or an http(s) URL. Default: <prefix>/login on the
	// request's host; must be given where the site has no `gatehouse`.
	LoginURL string `json:"login_url,omitempty"`

	// Where this guard and what rewrites paths in its site stand. It is for messages alone and need not be given.
	Rewrites *Rewrites `json:"rewrites,omitempty"`

	// Where login_url stands, as file:line. It is for messages alone and need not be given.
	Source string `json:"source,omitempty"`

	// Where the guard stands, as file:line. It is for messages alone and need not be given.
	At string `json:"at,omitempty"`
}

// Rule is one condition on the signed-in user; exactly one field is given.
type Rule struct {
	// The user has any of these roles.
	Role []string `json:"role,omitempty"`
	// The user's e-mail address is verified.
	Verified bool `json:"verified,omitempty"`
	// The user is any of these: ids or verified e-mail addresses.
	User []string `json:"user,omitempty"`
	// The user has signed in by two kinds of proof.
	MFA bool `json:"mfa,omitempty"`
	// The user has signed in, or proved who they are again, no longer ago than this.
	Fresh caddy.Duration `json:"fresh,omitempty"`
	// Where the rule stands, as file:line. It is for messages alone and need not be given.
	At string `json:"at,omitempty"`
}

// HeaderField is a request header for the upstream.
type HeaderField struct {
	Name string `json:"name"`
	// One placeholder with its braces, such as {http.auth.user.id}.
	Value string `json:"value"`
}

// PortalSettings is the configuration of the handler `gatehouse`.
type PortalSettings struct {
	// Path under which API and pages are served. Default: /auth.
	Prefix string `json:"prefix,omitempty"`
}

const defaultPrefix = "/auth"

var (
	headerFamilies = []string{"remote", "x_auth", "x_auth_request", "x_forwarded", "webauth", "none"}
	acceptWords    = []string{"cookie", "bearer", "dialect"}
	ruleKinds      = []string{"role", "verified", "user", "mfa", "fresh"}
	encodings      = []string{"percent", "utf8"}
	userFields     = []string{"id", "email", "username", "name", "roles", "session_id", "acr", "amr", "auth_time"}

	roleName    = regexp.MustCompile(`^[a-z0-9._:-]{1,64}$`)
	prefixShape = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`)
	fieldName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
	oneField    = regexp.MustCompile(`^\{[^{}\s]+\}$`)
)

// reservedHeaders may not be set: they frame the message, name its target or its client's address, or are what the
// guard itself decides by (removing a client's Origin would turn the cross-origin check off).
var reservedHeaders = []string{
	"host", "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect",
	"content-length", "content-type", "content-encoding", "authorization", "proxy-authorization", "cookie", "set-cookie",
	"origin", "accept", "gatehouse-assertion", "forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
}

// check tells what is wrong with a guard's configuration, whatever its source.
func (g *GuardSettings) check() error { return checkAll(guardOptions, g) }

// check tells what is wrong with the prefix.
func (p *PortalSettings) check() error {
	switch {
	case p.Prefix == "":
		return nil
	case !strings.HasPrefix(p.Prefix, "/"):
		return fmt.Errorf("prefix %q must begin with a slash; write for example %s", p.Prefix, defaultPrefix)
	case strings.Contains(p.Prefix, "*"):
		return fmt.Errorf("prefix %q is a path, not a matcher; remove the asterisk", p.Prefix)
	case strings.HasSuffix(p.Prefix, "/"):
		return fmt.Errorf("prefix %q must not end with a slash or be the root; write for example %s", p.Prefix, defaultPrefix)
	case len(p.Prefix) > 128 || !prefixShape.MatchString(p.Prefix):
		return fmt.Errorf("prefix %q must be a plain path: segments of letters, digits and . _ ~ -, none beginning with a dot", p.Prefix)
	}
	return nil
}

// prefix returns the path with its default.
func (p *PortalSettings) prefix() string {
	if p.Prefix == "" {
		return defaultPrefix
	}
	return p.Prefix
}

func checkRules(rules []Rule) error {
	for i, r := range rules {
		if err := r.check(); err != nil {
			return err
		}
		for kind, is := range map[string]func(Rule) bool{
			"verified": func(o Rule) bool { return o.Verified },
			"mfa":      func(o Rule) bool { return o.MFA },
			"fresh":    func(o Rule) bool { return o.Fresh != 0 },
		} {
			if is(r) && slices.ContainsFunc(rules[:i], is) {
				return errors.New(kind + " is given twice")
			}
		}
	}
	return nil
}

// chooses reports whether the rule chooses among users: each of them can do what the others ask for.
func (r Rule) chooses() bool { return len(r.Role) > 0 || r.Verified || len(r.User) > 0 }

// apply adds the rule to a policy.
func (r Rule) apply(p *access.Policy) {
	switch {
	case r.MFA:
		p.MFA = true
	case r.Fresh != 0:
		p.Fresh = time.Duration(r.Fresh)
	default:
		p.Rules = append(p.Rules, r.policy())
	}
}

// policy is the rule in the form requests are checked against. Users are told apart without regard to case.
func (r Rule) policy() access.Rule {
	rule := access.Rule{Roles: r.Role, Verified: r.Verified}
	for _, u := range r.User {
		rule.Users = append(rule.Users, strings.ToLower(u))
	}
	return rule
}

func (r Rule) check() error {
	given := 0
	for _, is := range []bool{len(r.Role) > 0, r.Verified, len(r.User) > 0, r.MFA, r.Fresh != 0} {
		if is {
			given++
		}
	}
	if given != 1 {
		return fmt.Errorf("each rule must have exactly one of: %s", strings.Join(ruleKinds, ", "))
	}
	if d := time.Duration(r.Fresh); d < 0 || d%time.Second != 0 {
		return fmt.Errorf("fresh: %s must be whole seconds, at least 1s: tokens say when somebody signed in to the second", durationText(d))
	}
	if err := each(r.Role, checkRole); err != nil {
		return fmt.Errorf("role: %w", err)
	}
	if err := each(r.User, checkUser); err != nil {
		return fmt.Errorf("user: %w", err)
	}
	return nil
}

func checkRole(v string) error {
	if !roleName.MatchString(v) {
		return fmt.Errorf("%q is not a valid role; use 1 to 64 of a-z 0-9 . _ : -", v)
	}
	return nil
}

// checkUser refuses spellings that no account has, for such a rule would never admit the person it names.
func checkUser(v string) error {
	if id, err := uuid.Parse(v); err == nil {
		if id.String() != v {
			return fmt.Errorf("%q is not the normal form of an id; write %s", v, id)
		}
		return nil
	}
	normal, err := identifier.Email(v)
	if err != nil {
		return fmt.Errorf("%q must be an account's id or an e-mail address", v)
	}
	if normal != v {
		return fmt.Errorf("%q is not in normal form; write %s", v, normal)
	}
	return nil
}

func checkFamilies(families []string) error {
	if err := distinctOf(families, headerFamilies...); err != nil {
		return err
	}
	if len(families) > 1 && slices.Contains(families, "none") {
		return errors.New("none cannot be combined with other families")
	}
	return nil
}

func checkFields(fields []HeaderField) error {
	for i, f := range fields {
		if err := checkField(f); err != nil {
			return err
		}
		same := func(o HeaderField) bool { return sanitize.Fold(o.Name) == sanitize.Fold(f.Name) }
		if slices.ContainsFunc(fields[:i], same) {
			return fmt.Errorf("%s is given twice", f.Name)
		}
	}
	return nil
}

func checkField(f HeaderField) error {
	if !fieldName.MatchString(f.Name) {
		return fmt.Errorf("%q is not a valid header name; use letters, digits and - _ ., beginning with a letter or digit", f.Name)
	}
	if folded := sanitize.Fold(f.Name); slices.Contains(reservedHeaders, folded) || strings.HasPrefix(folded, "sec-") {
		return fmt.Errorf("%s cannot be set, because it belongs to the connection or to the guard's own decisions; choose another name, such as X-User-Id", f.Name)
	}
	if !oneField.MatchString(f.Value) {
		return fmt.Errorf("the value of %s must be exactly one placeholder, such as {http.auth.user.id}", f.Name)
	}
	field, ok := strings.CutPrefix(strings.Trim(f.Value, "{}"), "http.auth.user.")
	if own, isOwn := strings.CutPrefix(field, ownField); isOwn && userFieldName.MatchString(own) {
		return nil // which there are, the global options say
	}
	if ok && !slices.Contains(userFields, field) {
		return fmt.Errorf("the value of %s: %s", f.Name, unknownWord("a field of http.auth.user", field, append(slices.Clone(userFields), ownField+"<name>")))
	}
	return nil
}

// ownField begins the name of a field of the option user_field in {http.auth.user.…}.
const ownField = "fields."

// checkOwnFields demands of a `header` line that tokens have the field that it names.
func checkOwnFields(headers []HeaderField, fields userfield.Set) error {
	for _, h := range headers {
		own, ok := strings.CutPrefix(strings.Trim(h.Value, "{}"), "http.auth.user."+ownField)
		if ok && !fields.InTokens(own) {
			return fmt.Errorf("header %s: there is no global option `user_field %s …` with `claim`, so tokens do not have it", h.Name, own)
		}
	}
	return nil
}

// checkKept takes names that are another gateway's and that nothing here sets: of a header that has the guard's word for it, no
// part may be somebody else's.
func checkKept(g *GuardSettings) error {
	for i, name := range g.Keep {
		folded := sanitize.Fold(name)
		same := func(other string) bool { return sanitize.Fold(other) == folded }
		switch {
		case !fieldName.MatchString(name):
			return fmt.Errorf("%q is not a valid header name; use letters, digits and - _ ., beginning with a letter or digit", name)
		case slices.ContainsFunc(g.Header, func(f HeaderField) bool { return same(f.Name) }):
			return fmt.Errorf("%s is also set by this guard's `header` line; remove one of the two", name)
		case sanitize.IsOwn(name):
			return fmt.Errorf("%s is one of Gatehouse's own headers, which no gateway in front may set; keep takes headers of other gateways, "+
				"such as X-Remote-User or X-Authentik-Username", name)
		case !sanitize.IsForeign(name):
			return fmt.Errorf("%s is not an identity header of another gateway; it is never removed, so you need not keep it", name)
		case slices.ContainsFunc(g.Keep[:i], same):
			return fmt.Errorf("%s is given twice", name)
		}
	}
	return nil
}

func checkHeaderEncoding(v string) error { return oneOf(v, encodings...) }

// checkLoginURL takes an absolute path on the request's host or an http(s) URL.
func checkLoginURL(v string) error {
	if v == "" {
		return nil
	}
	wrong := fmt.Errorf("%s must be an absolute path or an http(s) URL, such as /auth/login or https://auth.example.com/auth/login", shown(v))
	u, err := url.Parse(v)
	odd := strings.IndexFunc(v, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' || r == '{' || r == '}' }) >= 0
	if err != nil || odd || strings.HasPrefix(v, "//") {
		return wrong
	}
	if strings.Contains(v, "#") || u.Query().Has("rd") {
		return fmt.Errorf("%s must not have a fragment or a parameter rd: the guard adds rd itself, the address to return to", shown(v))
	}
	if u.Scheme == "" && u.Host == "" && strings.HasPrefix(u.Path, "/") {
		return nil
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || checkHost(u.Host) != nil {
		return wrong
	}
	return nil
}
