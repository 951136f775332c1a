package caddymodule

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/constancejwt"
)

func init() { caddy.RegisterModule(new(ConstanceJWT)) }

// ConstanceJWT is the API of a Django app with django-constance: access tokens of seconds, and refresh tokens that are UUIDs.
type ConstanceJWT struct {
	DialectSettings
	// A path that leads to the console, such as /admin/. Default: none.
	Admin string `json:"admin,omitempty"`
}

// CaddyModule returns the module's description.
func (*ConstanceJWT) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: dialectsNamespace + ".constance_jwt", New: func() caddy.Module { return new(ConstanceJWT) }}
}

// Dialect implements DialectModule.
func (m *ConstanceJWT) Dialect() (dialect.Dialect, error) {
	return constancejwt.New(strings.TrimSuffix(m.Admin, "/")), checkAll(constanceOptions, &m)
}

var constanceOptions = dialectOptions(option[*ConstanceJWT]{
	name:  "admin",
	parse: readText(func(m **ConstanceJWT) *string { return &(*m).Admin }),
	check: func(m **ConstanceJWT) error {
		if v := (*m).Admin; v != "" && (!strings.HasPrefix(v, "/") || checkDialectPath(v) != nil) {
			return fmt.Errorf("%q is no path from the root, such as /admin/", v)
		}
		return nil
	},
})

// UnmarshalCaddyfile reads `constance_jwt [<prefix>] { … }`.
func (m *ConstanceJWT) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return unmarshalDialect(d, constanceOptions, m)
}

// Interface guards
var (
	_ DialectModule         = (*ConstanceJWT)(nil)
	_ caddyfile.Unmarshaler = (*ConstanceJWT)(nil)
)
