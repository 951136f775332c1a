package attempt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Attempts is where tries are asked for and reported. It is safe for concurrent use.
type Attempts struct {
	Lockouts Lockouts
	Store    Store
	Owners   Owners
}

// Shown is the device that whoever tries a password of an account shows.
type Shown struct {
	Account uuid.UUID     // that the name is of; zero for none
	Device  secret.Digest // of the device token; zero for none
}

// Owners are told of what happens to their accounts.
type Owners interface {
	// Locked appends the mail about the lock e to fx. account is nil where there is none: then one to nobody.
	Locked(ctx context.Context, fx *authcore.Effects, account *authcore.Account, e authcore.Event, c authcore.Client) error
}

// Store is the history. As with every port of a store: a method is one whole change, of which on an error nothing is done, and may
// be called concurrently, also from several processes; it may return an error wrapping [authcore.ErrUnavailable]; a cancelled ctx
// returns promptly.
type Store interface {
	// Record writes events and mails that belong to no other change.
	Record(ctx context.Context, fx authcore.Effects) error
	// DeviceByToken returns the id of the device of an account whose token has the digest. ErrNotFound: the account knows none.
	DeviceByToken(ctx context.Context, account uuid.UUID, token secret.Digest) (uuid.UUID, error)
}

// Lockouts counts failed sign-ins by normalised identifier, existing or not.
type Lockouts interface {
	// Begin asks to try a password. While as many tries run as failures are left it waits (ctx, at most 2 s), and in the end returns
	// ErrFull; when the identifier is locked, wait says for how long and attempt is nil.
	Begin(ctx context.Context, key string) (attempt Attempt, wait time.Duration, err error)
	// BeginOn is Begin for whoever shows that they have signed in before, on the device of an id; "" is Begin. Each device of a key has a
	// budget of its own: no lock of others holds it up, and how its tries end changes nothing for others.
	BeginOn(ctx context.Context, key, device string) (attempt Attempt, wait time.Duration, err error)
	// Fail counts a failure of a password that was tried elsewhere, without a place among those that run. A name that is locked stays
	// so for as long as it was.
	Fail(ctx context.Context, key string) (locked bool, err error)
	// Reset forgets failures and lock, those of devices too, after the owner has verified the account otherwise.
	Reset(ctx context.Context, key string) error
}

// Attempt is one running try. Exactly one method must be called, once.
type Attempt interface {
	// Succeeded forgets the failures of the identifier, and a lock that others caused meanwhile. It does not fail: what cannot
	// be stored or told to other nodes is logged, and the sign-in stands.
	Succeeded(ctx context.Context)
	// Failed counts the failure and reports whether it locked the identifier.
	Failed(ctx context.Context) (locked bool)
	// Cancel gives the try back: it ended without a result (busy, cancelled).
	Cancel()
}

// ErrFull says that as many tries at the password run as may, and have done so for too long to wait for one of them. Nothing is locked.
var ErrFull = errors.New("too many tries run at once")

// Begin asks to try a password under key.
//
// Strangers can lock a key by guessing at it. Its owner signs in all the same from a device that the account knows (L09): tries from there
// are counted apart. A token that is forged, another account's, or of a device that was forgotten is a stranger's. Whether the key is of
// an account changes nothing in what is asked of the store (L02).
//
// It refuses with [authcore.AccountLocked] and RetryAfter, and with [authcore.RateLimited]
// whoever only waited too long: a burst of right passwords locks nothing (S12). Of the attempt exactly one method must be called, or
// [Attempts.Failed] in its place.
func (d Attempts) Begin(ctx context.Context, key string, shown Shown) (Attempt, error) {
	device, err := d.known(ctx, shown)
	if err != nil {
		return nil, err
	}
	attempt, wait, err := d.Lockouts.BeginOn(ctx, key, device)
	if errors.Is(err, ErrFull) {
		return nil, authcore.RefuseFor(authcore.RateLimited, "Too many sign-ins at once. Try again in a moment.", time.Second)
	}
	if err != nil {
		return nil, fmt.Errorf("begin try at a password: %w", err)
	}
	if attempt == nil {
		return nil, authcore.RefuseFor(authcore.AccountLocked,
			"Too many failed sign-ins. Try again later or reset the password.", max(wait, time.Second))
	}
	return attempt, nil
}

// known returns the id of the device that is shown; "" where the account knows none such.
func (d Attempts) known(ctx context.Context, shown Shown) (string, error) {
	if shown.Device.IsZero() {
		return "", nil
	}
	id, err := d.Store.DeviceByToken(ctx, shown.Account, shown.Device)
	switch {
	case errors.Is(err, authcore.ErrNotFound):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("look for the device of a sign-in: %w", err)
	}
	return id.String(), nil
}

// Failed counts a wrong password and records failure, for accounts that do not exist too: else the write would tell them
// apart. A lock that comes of it is recorded with it, and told to the owner of account, which is nil for none. A client that hangs up
// does not undo it.
func (d Attempts) Failed(ctx context.Context, attempt Attempt, account *authcore.Account, failure authcore.Event, c authcore.Client) error {
	ctx = context.WithoutCancel(ctx)
	return d.record(ctx, attempt.Failed(ctx), account, failure, c)
}

// Count is [Attempts.Failed] for a wrong password that was tried without asking, under key: it counts for those who ask.
func (d Attempts) Count(ctx context.Context, key string, account *authcore.Account, failure authcore.Event, c authcore.Client) error {
	ctx = context.WithoutCancel(ctx)
	locked, err := d.Lockouts.Fail(ctx, key)
	if err != nil {
		return fmt.Errorf("count wrong password: %w", err)
	}
	return d.record(ctx, locked, account, failure, c)
}

func (d Attempts) record(ctx context.Context, locked bool, account *authcore.Account, failure authcore.Event, c authcore.Client) error {
	fx := authcore.Effects{Events: []authcore.Event{failure}}
	if locked {
		lock := audit.Failure(authcore.EventAccountLocked, failure.AccountID, c, authcore.AccountLocked, failure.At)
		fx.Events = append(fx.Events, lock)
		if err := d.Owners.Locked(ctx, &fx, account, lock, c); err != nil {
			return fmt.Errorf("tell of a lock: %w", err)
		}
	}
	if err := d.Store.Record(ctx, fx); err != nil {
		return fmt.Errorf("record wrong password: %w", err)
	}
	return nil
}
