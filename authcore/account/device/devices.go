package device

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

// Store is what devices are kept in.
type Store interface {
	// Devices returns the devices of an account, last seen first, without their tokens. session is the one that asks.
	Devices(ctx context.Context, account, session uuid.UUID, now time.Time) ([]authcore.Device, error)
	// RenameDevice names a device of the account and returns it as Devices does. ErrNotFound.
	RenameDevice(ctx context.Context, account, session, id uuid.UUID, name string, now time.Time) (authcore.Device, error)
	// ForgetDevices removes devices of the account, and with them their trust, and ends the sessions on them with their child
	// sessions. What is not there is passed over. ErrNotFound: there is no such account.
	ForgetDevices(ctx context.Context, f authcore.Forgetting) (authcore.Forgotten, error)
}

// Config is what Devices need; all of it is required.
type Config struct {
	Store Store
	Now   authcore.Clock
}

// Devices is what people do with the devices of their account. It is safe for concurrent use.
type Devices struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Devices, error) {
	if cfg.Store == nil || cfg.Now == nil {
		return nil, errors.New("device: store and clock are required")
	}
	return &Devices{cfg}, nil
}

// List returns the devices of the account of p, last seen first.
func (d *Devices) List(ctx context.Context, p *authcore.Principal) ([]authcore.Device, error) {
	list, err := d.cfg.Store.Devices(ctx, p.AccountID, p.SessionID, d.cfg.Now.Now())
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	return list, nil
}

// errNone: another account's device and none at all look alike (S06).
func errNone() error {
	return authcore.Refuse(authcore.NotFound, "You have no device with this id.")
}

// Rename gives a device of the account of p a name, "" for none, and returns it. Refusals: [authcore.InvalidFields] at name;
// [authcore.NotFound] for a device that is not of the account.
func (d *Devices) Rename(ctx context.Context, p *authcore.Principal, id uuid.UUID, name string) (authcore.Device, error) {
	name, err := identifier.DeviceName(name)
	if err != nil {
		var broken authcore.FieldErrors
		broken.AddError("name", err)
		return authcore.Device{}, broken.Refusal()
	}
	renamed, err := d.cfg.Store.RenameDevice(ctx, p.AccountID, p.SessionID, id, name, d.cfg.Now.Now())
	switch {
	case errors.Is(err, authcore.ErrNotFound):
		return authcore.Device{}, errNone()
	case err != nil:
		return authcore.Device{}, fmt.Errorf("rename device: %w", err)
	}
	return renamed, nil
}

// Which says which devices are forgotten: those of IDs, all, or all but the one that asks.
type Which struct {
	IDs         []uuid.UUID
	All, Others bool
}

// Gone is what has been forgotten. SignedOut: the session that asked has ended too.
type Gone struct {
	Devices   int
	SignedOut bool
}

// Forget removes devices of the account of p: the next sign-in from one comes from a new device. The sessions on them end with their
// child sessions, the one that asks too, before it returns. Devices of other accounts are never touched (S06).
// [authcore.InvalidToken] when the account is gone.
func (d *Devices) Forget(ctx context.Context, p *authcore.Principal, w Which, c authcore.Client) (Gone, error) {
	now := d.cfg.Now.Now()
	gone, err := d.cfg.Store.ForgetDevices(ctx, authcore.Forgetting{
		AccountID: p.AccountID, SessionID: p.SessionID, IDs: w.IDs, All: w.All, Others: w.Others, Now: now,
		Event: audit.Event(authcore.EventDeviceForgotten, p.AccountID, c, now),
	})
	if err != nil {
		return Gone{}, authcore.OwnerGone("forget devices", err)
	}
	return Gone{Devices: len(gone.Devices), SignedOut: slices.ContainsFunc(gone.Ended, func(r authcore.Revocation) bool {
		return r.SessionID == p.SessionID
	})}, nil
}

// ForgetOne is Forget for one device. [authcore.NotFound] where the account has none with this id.
func (d *Devices) ForgetOne(ctx context.Context, p *authcore.Principal, id uuid.UUID, c authcore.Client) (Gone, error) {
	gone, err := d.Forget(ctx, p, Which{IDs: []uuid.UUID{id}}, c)
	if err == nil && gone.Devices == 0 {
		err = errNone()
	}
	return gone, err
}
