package storetest

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/avatar"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/breach"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/closure"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/account/device"
	"github.com/gatehouse-auth/gatehouse/authcore/account/eventlog"
	"github.com/gatehouse-auth/gatehouse/authcore/account/export"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
	"github.com/gatehouse-auth/gatehouse/authcore/account/handover"
	"github.com/gatehouse-auth/gatehouse/authcore/account/history"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notification"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secure"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/setup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/stats"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/keyring"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/operator"
)

// Store is everything the database keeps: the ports of all who use it, and what only the node itself calls. Every method is one
// whole business change, atomic in itself: on an error nothing has changed, except where its comment says otherwise. A cancelled ctx
// returns promptly. Each may return an error wrapping [authcore.ErrUnavailable]. Methods may be called concurrently, also from
// several processes on one Postgres.
type Store interface {
	avatar.Store
	admin.Store
	admin.OptionStore
	admin.GateStore
	block.Store
	block.TrapStore
	admin.DirectoryStore
	admin.SessionStore
	admin.UserStore
	admin.RosterStore
	invite.Store
	challenge.Store
	notice.Store
	breach.Store
	notification.Store
	signup.Store
	closure.Store
	contact.Store
	device.Store
	export.Store
	factor.Store
	federated.Store
	federated.Transit
	federated.ConsentStore
	operator.GrantStore
	fresh.Store
	setup.Store
	setup.LinkStore
	handover.Store
	history.Store
	password.Store
	secondstep.Store
	secure.Store
	profile.Store
	session.Store
	session.DialectStore
	signin.Store
	tuning.Store
	eventlog.Store
	stats.Store
	stats.WorkerStore
	stats.NodeStore
	keyring.Store
	operator.Store
	operator.SeedStore

	// CreateAccount stores a new account and claims ids for it. *TakenError names the first that belongs to somebody else.
	CreateAccount(ctx context.Context, a authcore.Account, ids []authcore.Identifier, fx authcore.Effects) error
	// ChangeRoles gives and takes roles, and has access tokens renewed: those with the roles of before are not accepted any more.
	// ErrNotFound, ErrLastAdmin, ErrTooManyRoles.
	ChangeRoles(ctx context.Context, c authcore.RolesChange) (authcore.Account, error)
	// ChangeDisabled disables an account, which ends its sessions and what codes and links are out, or enables it.
	// ErrNotFound, ErrLastAdmin, ErrLeaving.
	ChangeDisabled(ctx context.Context, d authcore.Disabling) (authcore.Account, error)
	// DialectKey keeps the sealed key of a dialect: of several that are brought at once one is stored, and returned to all. sealed replaces a
	// stored one that is old; a nil old none.
	DialectKey(ctx context.Context, name string, old, sealed []byte) (stored []byte, err error)
	// ClaimMail, ClaimSMS, MailSent, MailFailed, OutboxDepth and SMSDepth are notify.Store.
	ClaimMail(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]authcore.Mail, error)
	ClaimSMS(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]authcore.Mail, error)
	MailSent(ctx context.Context, id uuid.UUID, now time.Time) error
	MailFailed(ctx context.Context, id uuid.UUID, next time.Time, drop bool) error
	OutboxDepth(ctx context.Context) (int, time.Time, error)
	SMSDepth(ctx context.Context) (int, time.Time, error)
	// Lockout, ChangeLockout and ClearLockout are lockout.Store.
	Lockout(ctx context.Context, key string) (authcore.Lockout, error)
	ChangeLockout(ctx context.Context, key string, old, next authcore.Lockout) (changed bool, err error)
	ClearLockout(ctx context.Context, key string) error
	// LiveSessions is liveconn.Sessions, LiveRevocations a revocation.Source.
	LiveSessions(ctx context.Context, ids []uuid.UUID, now time.Time) ([]authcore.LiveSession, error)
	LiveRevocations(ctx context.Context, after int64, now time.Time) ([]authcore.Revocation, error)
	// ClaimIdentifiers makes the identifiers that existing accounts hold in the given kinds claimable: called at start, since
	// the option `identities` may have changed. It returns how many could not be claimed since another account has them.
	ClaimIdentifiers(ctx context.Context, kinds []authcore.IdentifierKind, now time.Time) (conflicts int, err error)
	// ClaimedIdentifiers reports whether ClaimIdentifiers has come to its end with these very kinds, in any order, the last time that it did.
	ClaimedIdentifiers(ctx context.Context, kinds []authcore.IdentifierKind) (bool, error)
	// Sweep removes what has expired (registrations, challenges, sealed successors, dead sessions and revocations, sent mails);
	// what a clock that is ahead would take for expired too early, an hour later.
	Sweep(ctx context.Context, now time.Time) error
	// Ping reports whether the store can answer.
	Ping(ctx context.Context) error
	// Close waits for calls that run, which their own bounds end, and releases what the store holds. Calls after it, Close
	// itself apart, are ErrUnavailable.
	Close() error
}
