package caddymodule

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// guardOptions is the block of the directive `gatehouse_guard`.
var guardOptions = []option[GuardSettings]{
	{
		name:  "optional",
		parse: readFlag(func(g *GuardSettings) *bool { return &g.Optional }),
	},
	{
		name:  "shadow",
		parse: readFlag(func(g *GuardSettings) *bool { return &g.Shadow }),
	},
	{
		name:   "require",
		repeat: true,
		parse:  parseRule,
		check:  func(g *GuardSettings) error { return checkRules(g.Require) },
	},
	{
		name:  "headers",
		parse: readWords(func(g *GuardSettings) *[]string { return &g.Headers }),
		check: func(g *GuardSettings) error { return checkFamilies(g.Headers) },
	},
	{
		name:   "header",
		repeat: true,
		parse:  parseField,
		check:  func(g *GuardSettings) error { return checkFields(g.Header) },
	},
	{
		name:  "keep",
		parse: readWords(func(g *GuardSettings) *[]string { return &g.Keep }),
		check: checkKept,
	},
	{
		name:  "accept",
		parse: readWords(func(g *GuardSettings) *[]string { return &g.Accept }),
		check: func(g *GuardSettings) error { return distinctOf(g.Accept, acceptWords...) },
	},
	{
		name:  "header_encoding",
		parse: readText(func(g *GuardSettings) *string { return &g.HeaderEncoding }),
		check: func(g *GuardSettings) error { return checkHeaderEncoding(g.HeaderEncoding) },
	},
	{
		name:  "forward_token",
		parse: readFlag(func(g *GuardSettings) *bool { return &g.ForwardToken }),
	},
	{
		name:  "max_staleness",
		parse: readDuration(func(g *GuardSettings) *caddy.Duration { return &g.MaxStaleness }),
		check: func(g *GuardSettings) error { return checkStaleness(g.MaxStaleness) },
	},
	{
		name:  "on_stale",
		parse: readText(func(g *GuardSettings) *string { return &g.OnStale }),
		check: func(g *GuardSettings) error { return checkOnStale(g.OnStale) },
	},
	{
		name:  "login_url",
		parse: parseLoginURL,
		check: func(g *GuardSettings) error { return checkLoginURL(g.LoginURL) },
	},
}

// guardOptionsUnder are guardOptions with what a guard may only say under some global options, which stand before all sites.
func guardOptionsUnder(global, servers any) []option[GuardSettings] {
	var s Settings
	if app, ok := global.(httpcaddyfile.App); ok && json.Unmarshal(app.Value, &s) != nil {
		return guardOptions
	}
	options := slices.Clone(guardOptions)
	for i, o := range options {
		switch o.name {
		case "max_staleness", "on_stale":
			options[i].check = func(g *GuardSettings) error { return cmp.Or(o.check(g), needsPostgres(&s)) }
		case "keep":
			options[i].check = func(g *GuardSettings) error { return cmp.Or(o.check(g), needsTrusted(trustsIn(servers))) }
		}
	}
	return options
}

// parseGuard reads the site directive
//
//	gatehouse_guard [<matcher>] {
//		<option> …
//	}
//
// whose options are those of guardOptions. The matcher becomes the guard's own and not the route's: were it the
// route's, a request it leaves out would take a client's identity headers to the upstream.
func parseGuard(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // the directive's name
	at := h.Token()
	matchers, err := h.ExtractMatcherSet() // rewinds
	if err != nil {
		return nil, errorAt(at, err)
	}
	h.Next()
	if args := h.RemainingArgs(); len(args) > 0 {
		return nil, h.Errf("%q is no matcher; it takes a path such as /app/*, a name such as @app or a block", args[0])
	}
	g := GuardSettings{At: placeOf(h.Dispenser)}
	if matchers != nil {
		g.MatcherSetsRaw = caddyhttp.RawMatcherSets{caddy.ModuleMap(matchers)}
	}
	if err := parseBlock(h.Dispenser, guardOptionsUnder(h.Option("gatehouse"), h.Option("servers")), &g); err != nil {
		return nil, err
	}
	if g.readsPath() {
		g.Rewrites = rewritesIn(h, at)
	}
	return h.NewRoute(nil, &Guard{GuardSettings: g}), nil
}

// parseRule reads `require role <role…> | verified | user <id|email…> | mfa | fresh <duration>`.
func parseRule(d *caddyfile.Dispenser, g *GuardSettings) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Err("require takes a rule: require role admin")
	}
	kind, values := args[0], args[1:]
	if !slices.Contains(ruleKinds, kind) {
		return d.Errf("require: %s", unknownWord("a rule", kind, ruleKinds))
	}
	var r Rule
	switch {
	case (kind == "verified" || kind == "mfa") && len(values) > 0:
		return d.Errf("require: %s takes no value", kind)
	case kind == "verified":
		r.Verified = true
	case kind == "mfa":
		r.MFA = true
	case kind == "fresh" && len(values) != 1:
		return d.Err("require: fresh takes one duration: require fresh 10m")
	case kind == "fresh":
		n, err := caddy.ParseDuration(values[0])
		if err != nil || n <= 0 {
			return d.Errf("require: fresh: %q is not a positive duration; %s", values[0], durationHint(values[0]))
		}
		r.Fresh = caddy.Duration(n)
	case len(values) == 0:
		return d.Errf("require: %s takes at least one value", kind)
	case kind == "role":
		r.Role = values
	default:
		r.User = values
	}
	if err := r.check(); err != nil { // here, since require stands on several lines and the error names one
		return d.Errf("require: %v", err)
	}
	r.At = placeOf(d)
	g.Require = append(g.Require, r)
	return nil
}

// parseLoginURL reads `login_url <url>`. Whether a guard can send browsers there is known only when its site is put together,
// so it takes its place in the file along.
func parseLoginURL(d *caddyfile.Dispenser, g *GuardSettings) (err error) {
	at := placeOf(d)
	if g.LoginURL, err = oneValue(d); err == nil {
		g.Source = at
	}
	return err
}

// parseField reads `header <Name> <placeholder>`.
func parseField(d *caddyfile.Dispenser, g *GuardSettings) error {
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.Err("header takes a name and a placeholder: header X-User-Id {http.auth.user.id}")
	}
	g.Header = append(g.Header, HeaderField{Name: args[0], Value: args[1]})
	if err := checkFields(g.Header); err != nil {
		return d.Errf("header: %v", err)
	}
	return nil
}
