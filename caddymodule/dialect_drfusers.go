package caddymodule

import (
	"fmt"
	"reflect"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/drfusers"
)

func init() { caddy.RegisterModule(new(DRFUsers)) }

// DRFUsers is the API of a viewset of users under a router of Django REST framework.
type DRFUsers struct {
	DialectSettings

	// The fields of a user, in this order: of id, username, email, first_name, last_name, is_active, is_staff, date_joined and last_login.
	// Default: id, username, email.
	Fields []string `json:"fields,omitempty"`
	// Who may read: admin (default) or users, which is everybody who is signed in. Changes are the administrators'.
	Access string `json:"access,omitempty"`
	// Whether lists are pages of 100. Default: false.
	Paginate bool `json:"paginate,omitempty"`
}

// CaddyModule returns the module's description.
func (*DRFUsers) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: dialectsNamespace + "." + drfusers.Name, New: func() caddy.Module { return new(DRFUsers) }}
}

// Dialect implements DialectModule.
func (m *DRFUsers) Dialect() (dialect.Dialect, error) {
	if only := (DialectSettings{Prefix: m.Prefix}); !reflect.DeepEqual(m.DialectSettings, only) {
		return dialect.Dialect{}, fmt.Errorf("%s issues no tokens: keys, lifetimes, words, fields and paths are those of simplejwt", drfusers.Name)
	}
	if err := checkAll(drfUsersOptions, &m); err != nil {
		return dialect.Dialect{}, err
	}
	return drfusers.New(drfusers.Options{Fields: m.Fields, Access: m.Access, Paginate: m.Paginate}), nil
}

var drfUsersOptions = []option[*DRFUsers]{
	{name: "fields", parse: readWords(func(m **DRFUsers) *[]string { return &(*m).Fields }),
		check: func(m **DRFUsers) error { return drfusers.Options{Fields: (*m).Fields}.Check() }},
	{name: "access", parse: readText(func(m **DRFUsers) *string { return &(*m).Access }),
		check: func(m **DRFUsers) error { return oneOf((*m).Access, drfusers.Admins, drfusers.Users) }},
	{name: "paginate", parse: readSwitch(func(m **DRFUsers) *bool { return &(*m).Paginate })},
}

// UnmarshalCaddyfile reads `drf_users <prefix> { … }`.
func (m *DRFUsers) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return unmarshalDialect(d, drfUsersOptions, m)
}

// Interface guards
var (
	_ DialectModule         = (*DRFUsers)(nil)
	_ caddyfile.Unmarshaler = (*DRFUsers)(nil)
)
