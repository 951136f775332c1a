package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/simplejwt"
)

func init() { caddy.RegisterModule(new(SimpleJWT)) }

// SimpleJWT is the API of djangorestframework-simplejwt.
type SimpleJWT struct {
	DialectSettings

	// Whether a refresh also answers another refresh token (ROTATE_REFRESH_TOKENS). Default: false.
	Rotate bool `json:"rotate,omitempty"`
	// Whether the former refresh token is dead once it was rotated (BLACKLIST_AFTER_ROTATION). Default: false.
	Blacklist bool `json:"blacklist,omitempty"`
	// Whether tokens of before a change of the password are told so (CHECK_REVOKE_TOKEN); they are dead anyway. Default: false.
	RevokeOnPasswordChange bool `json:"revoke_on_password_change,omitempty"`
}

// CaddyModule returns the module's description.
func (*SimpleJWT) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: dialectsNamespace + "." + simplejwt.Name, New: func() caddy.Module { return new(SimpleJWT) }}
}

// Dialect implements DialectModule.
func (m *SimpleJWT) Dialect() (dialect.Dialect, error) {
	return simplejwt.New(simplejwt.Options{Rotate: m.Rotate, Blacklist: m.Blacklist, RevokeOnPasswordChange: m.RevokeOnPasswordChange}),
		checkAll(simplejwtOptions, &m)
}

var (
	ownSimplejwtOptions = []option[*SimpleJWT]{
		{name: "rotate", parse: readSwitch(func(m **SimpleJWT) *bool { return &(*m).Rotate })},
		{name: "blacklist", parse: readSwitch(func(m **SimpleJWT) *bool { return &(*m).Blacklist })},
		{name: "revoke_on_password_change", parse: readSwitch(func(m **SimpleJWT) *bool { return &(*m).RevokeOnPasswordChange })},
	}
	simplejwtOptions = dialectOptions(ownSimplejwtOptions...)
)

// UnmarshalCaddyfile reads `simplejwt [<prefix>] { … }`.
func (m *SimpleJWT) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return unmarshalDialect(d, simplejwtOptions, m)
}

// Interface guards
var (
	_ DialectModule         = (*SimpleJWT)(nil)
	_ caddyfile.Unmarshaler = (*SimpleJWT)(nil)
)
