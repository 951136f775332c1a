package caddymodule

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/authcore/web/portal"
)

// dialectTokens is what a doctor finds of the tokens of dialects in a configuration.
type dialectTokens struct {
	dialects, at []string // that issue tokens, and where the first stands
	accepting    []string // guards that accept them
	guards       bool     // whether there is any guard
}

// issued notes the directive of a dialect.
func (t *dialectTokens) issued(name, at string) {
	if !slices.Contains(t.dialects, name) && issuesTokens(name) {
		t.dialects, t.at = append(t.dialects, name), append(t.at, "gatehouse_dialect "+name)
		if at != "" {
			t.at[len(t.at)-1] = shortPlace(at)
		}
	}
}

// guarded notes a guard with its option accept.
func (t *dialectTokens) guarded(accept []string, at string) {
	t.guards = true
	if slices.Contains(accept, "dialect") {
		t.accepting = append(t.accepting, cmpPlace(at))
	}
}

// issuesTokens reports whether a dialect has tokens of its own.
func issuesTokens(name string) bool {
	info, err := caddy.GetModule(dialectsNamespace + "." + name)
	if err != nil {
		return false
	}
	module, ok := info.New().(DialectModule)
	if !ok {
		return false
	}
	module.Common().Prefix = "/api" // some have none of their own
	is, err := module.Dialect()
	return err == nil && is.Borrows == ""
}

// dialects looks whether tokens of dialects and guards fit together.
func (f *findings) dialects(t dialectTokens) {
	switch {
	case t.guards && len(t.dialects) > 0 && len(t.accepting) == 0:
		f.add("dialect_tokens.refused", portal.FindingWarning, t.at[0], "Dialects", strings.Join(t.dialects, ", "))
	case len(t.dialects) == 0 && len(t.accepting) > 0:
		f.add("dialect_tokens.none", portal.FindingWarning, t.accepting[0])
	}
}
