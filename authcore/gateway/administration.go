package gateway

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/attempt"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/account/eventlog"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/stats"
)

// administrationStore is what the flows of the administration read and write.
type administrationStore interface {
	admin.GateStore
	stats.Store
}

// accountsStore is what administrators find and change accounts in.
type accountsStore interface {
	admin.DirectoryStore
	admin.UserStore
	admin.SessionStore
	admin.RosterStore
}

// Lockouts count the failed sign-ins of accounts, and know which are locked.
type Lockouts interface {
	attempt.Lockouts
	admin.Locks
}

// Administration is what administrators read and do.
type Administration struct {
	AdminGate *admin.Gate
	Directory *admin.Directory
	// AllSessions are those of everybody.
	AllSessions *admin.Sessions
	Users       *admin.Users
	Roster      *admin.Roster
	Newcomers   *admin.Newcomers
	Claims      *admin.Claims
	Unlocker    *admin.Unlocker
	EventLog    *eventlog.Flow
	EventLive   *eventlog.Live
	Stats       *stats.Flow
	// BlockRules are nil where the configuration of the flows has no Blocks.
	BlockRules *block.Manager
	Trap       *block.Trap // nil where there is none
}

// TrapSettings are those of a honey trap.
type TrapSettings struct {
	Lifetime time.Duration  // of its rules; 0: there is no trap
	Ignored  []netip.Prefix // addresses that it leaves alone
	Sprung   func()         // is told of each time; it may be nil
	Logger   *slog.Logger
}

// wireAdministration makes what administrators read and do.
func (f *Flows) wireAdministration(cfg Config) (err error) {
	f.AdminGate, err = admin.NewGate(admin.GateConfig{Store: cfg.Store, Admins: cfg.Settings.Admins, Ended: cfg.Traces.AdminCall, Now: cfg.Now})
	if err != nil {
		return err
	}
	if f.Directory, err = admin.NewDirectory(admin.DirectoryConfig{Store: cfg.Store, Locks: cfg.Lockouts, Cursors: f.cursors, Now: cfg.Now}); err != nil {
		return err
	}
	if f.AllSessions, err = admin.NewSessions(admin.SessionsConfig{Store: cfg.Store, Cursors: f.cursors, Now: cfg.Now}); err != nil {
		return err
	}
	f.Users, err = admin.NewUsers(admin.UsersConfig{Store: cfg.Store, Directory: f.Directory, Mailer: cfg.Mailer, Notices: f.Notices,
		Ways: factor.WaysIn{Factors: f.Factors}, Identities: cfg.Settings.Identities, Numbers: cfg.Settings.Numbers,
		Fields: cfg.Settings.UserFields, Admins: cfg.Settings.Admins, NoPassword: cfg.Settings.NoPassword, Now: cfg.Now})
	if err != nil {
		return err
	}
	f.Roster = admin.NewRoster(cfg.Store)
	f.Newcomers, err = admin.NewNewcomers(admin.NewcomersConfig{Users: f.Users, Hasher: cfg.Hasher, Policy: f.Policy, Confirm: f.confirm, Pending: contact.ClaimLifetime})
	if err != nil {
		return err
	}
	f.Claims = admin.NewClaims(f.Users, f.confirm)
	if f.Unlocker, err = admin.NewUnlocker(admin.UnlockerConfig{Store: cfg.Store, Locks: cfg.Lockouts, Now: cfg.Now}); err != nil {
		return err
	}
	if f.EventLog, err = eventlog.New(eventlog.Config{Store: cfg.Store, Cursors: f.cursors}); err != nil {
		return err
	}
	if f.EventLive, err = eventlog.NewLive(f.EventLog, cfg.Now); err != nil {
		return err
	}
	if cfg.Blocks != nil {
		if f.BlockRules, err = block.NewManager(cfg.Store, cfg.Blocks, f.cursors, cfg.Now); err != nil {
			return err
		}
		if err := f.wireTrap(cfg); err != nil {
			return err
		}
	}
	f.Stats, err = stats.New(stats.Config{Store: cfg.Store, Now: cfg.Now})
	return err
}

// wireTrap makes the honey trap, where there is one.
func (f *Flows) wireTrap(cfg Config) (err error) {
	t := cfg.Settings.Trap
	if t.Lifetime == 0 {
		return nil
	}
	f.Trap, err = block.NewTrap(block.TrapConfig{Store: cfg.Store, Blocks: cfg.Blocks, Lifetime: t.Lifetime, Ignored: t.Ignored, Count: t.Sprung, Logger: t.Logger, Now: cfg.Now})
	return err
}
