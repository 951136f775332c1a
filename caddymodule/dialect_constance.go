package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/constancejwt"
)

func init() { caddy.RegisterModule(new(ConstanceJWT)) }

// ConstanceJWT is the API of a Django app with django-constance: access tokens of seconds, and refresh tokens that are UUIDs.
type ConstanceJWT struct{ DialectSettings }

// CaddyModule returns the module's description.
func (*ConstanceJWT) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: dialectsNamespace + ".constance_jwt", New: func() caddy.Module { return new(ConstanceJWT) }}
}

// Dialect implements DialectModule.
func (m *ConstanceJWT) Dialect() (dialect.Dialect, error) {
	return constancejwt.New(), checkAll(constanceOptions, &m)
}

var constanceOptions = dialectOptions[*ConstanceJWT]()

// UnmarshalCaddyfile reads `constance_jwt [<prefix>] { … }`.
func (m *ConstanceJWT) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return unmarshalDialect(d, constanceOptions, m)
}

// Interface guards
var (
	_ DialectModule         = (*ConstanceJWT)(nil)
	_ caddyfile.Unmarshaler = (*ConstanceJWT)(nil)
)
