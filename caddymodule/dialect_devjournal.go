package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/devjournal"
)

func init() { caddy.RegisterModule(new(DevJournal)) }

// DevJournal is the API of Django apps whose clients register, confirm a mailed link and keep one token until they sign out.
type DevJournal struct{ DialectSettings }

// CaddyModule returns the module's description.
func (*DevJournal) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: dialectsNamespace + "." + devjournal.Name, New: func() caddy.Module { return new(DevJournal) }}
}

// Dialect implements DialectModule.
func (m *DevJournal) Dialect() (dialect.Dialect, error) {
	return devjournal.New(), checkAll(devJournalOptions, &m)
}

var devJournalOptions = dialectOptions[*DevJournal]()

// UnmarshalCaddyfile reads `dev_journal [<prefix>] { … }`.
func (m *DevJournal) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return unmarshalDialect(d, devJournalOptions, m)
}

// Interface guards
var (
	_ DialectModule         = (*DevJournal)(nil)
	_ caddyfile.Unmarshaler = (*DevJournal)(nil)
)
