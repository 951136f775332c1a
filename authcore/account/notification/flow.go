package notification

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
)

// Store is what the flow reads and writes.
type Store interface {
	// AccountByID returns the account, disabled or not. ErrNotFound.
	AccountByID(ctx context.Context, id uuid.UUID) (authcore.Account, error)
	// ChangeMuted sets which kinds of mail the owner has switched off. ErrNotFound: the account is gone or disabled; [ErrChanged]: it
	// has others switched off than From; [ErrLimit]: they have changed Most times since.
	ChangeMuted(ctx context.Context, c Change) error
}

// What a store answers to a [Change].
var (
	ErrChanged = errors.New("the choice is another one by now")
	ErrLimit   = errors.New("the choice was changed too often")
)

// Change is a change of what is switched off.
type Change struct {
	AccountID uuid.UUID
	From, To  []string // in the order of their names
	Since     time.Time
	Most      int // how many changes there may have been since, this one not counted
	Now       time.Time
	Effects   authcore.Effects
}

// Each change sends a mail that no limit on mails holds up, so there are few of them.
const (
	changes = 10
	window  = time.Hour
)

// attempts is how often a change is tried while other requests change the choice: oftener than they can.
const attempts = changes + 2

// Config is what a Flow needs; all of it is required.
type Config struct {
	Store   Store
	Notices *notice.Notices
	Now     authcore.Clock
}

// Flow shows and changes what people are told of. It is safe for concurrent use.
type Flow struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Notices == nil || cfg.Now == nil {
		return nil, errors.New("notification: store, notices and clock are required")
	}
	return &Flow{cfg}, nil
}

// Choices are the kinds of security mail that an account gets.
type Choices struct {
	On     map[authcore.MailKind]bool // those that can be switched off, each with whether it is on
	Always []authcore.MailKind        // those that cannot
}

// Get returns the choices of the account. [authcore.InvalidToken] when it is gone; [authcore.Unavailable].
func (f *Flow) Get(ctx context.Context, account uuid.UUID) (Choices, error) {
	a, err := authcore.Owner(f.cfg.Store.AccountByID(ctx, account))
	if err != nil {
		return Choices{}, err
	}
	return choicesOf(a), nil
}

func choicesOf(a authcore.Account) Choices {
	c := Choices{On: map[authcore.MailKind]bool{}, Always: notice.Always()}
	for _, kind := range notice.Optional() {
		c.On[kind] = !slices.Contains(a.Muted, string(kind))
	}
	return c
}

// Input is a change as it was asked for.
type Input struct {
	AccountID uuid.UUID
	On        map[authcore.MailKind]bool // true to switch a kind on, false to switch it off; others stay as they are
	// NotFresh is why the sender is not taken for the owner at this moment; nil: they are. It matters where something is switched off:
	// a thief with a session that was left open would silence what tells the owner of them (R12).
	NotFresh error
	Client   authcore.Client
}

// Change switches mails on and off, and returns the choices as they are then. Refusals: [authcore.InvalidFields] for a kind that cannot
// be switched off, or is none; NotFresh; [authcore.RateLimited]; [authcore.InvalidToken]; [authcore.Unavailable].
func (f *Flow) Change(ctx context.Context, in Input) (Choices, error) {
	if err := check(in); err != nil {
		return Choices{}, err
	}
	for range attempts {
		a, err := authcore.Owner(f.cfg.Store.AccountByID(ctx, in.AccountID))
		if err != nil {
			return Choices{}, err
		}
		muted := mutedAfter(a, in.On)
		if slices.Equal(muted, a.Muted) {
			return choicesOf(a), nil
		}
		switch err := f.change(ctx, a, muted, in.Client); {
		case errors.Is(err, ErrChanged):
			continue
		case errors.Is(err, ErrLimit):
			return Choices{}, authcore.RefuseFor(authcore.RateLimited, "You have changed this many times. Try again later.", window)
		case err != nil:
			return Choices{}, authcore.OwnerGone("change notifications", err)
		}
		a.Muted = muted
		return choicesOf(a), nil
	}
	return Choices{}, fmt.Errorf("change notifications: %w", ErrChanged)
}

func check(in Input) error {
	off := false
	for _, kind := range slices.Sorted(maps.Keys(in.On)) {
		off = off || !in.On[kind]
		switch {
		case slices.Contains(notice.Always(), kind):
			return authcore.RefuseField(string(kind), authcore.NotificationAlways)
		case !slices.Contains(notice.Optional(), kind):
			return authcore.RefuseField(string(kind), authcore.NotificationUnknown)
		}
	}
	if off {
		return in.NotFresh
	}
	return nil
}

// mutedAfter returns what is switched off then, in the order of the names. What stands there and is no kind of this release stays.
func mutedAfter(a authcore.Account, on map[authcore.MailKind]bool) []string {
	muted := slices.DeleteFunc(slices.Clone(a.Muted), func(kind string) bool { return on[authcore.MailKind(kind)] })
	for kind, wanted := range on {
		if !wanted && !slices.Contains(muted, string(kind)) {
			muted = append(muted, string(kind))
		}
	}
	slices.Sort(muted)
	return muted
}

func (f *Flow) change(ctx context.Context, before authcore.Account, muted []string, c authcore.Client) error {
	now := f.cfg.Now.Now()
	event := audit.Event(authcore.EventNotifications, before.ID, c, now)
	fx := authcore.Effects{Events: []authcore.Event{event}}
	err := f.cfg.Notices.Security(ctx, &fx, notice.Notice{Kind: authcore.MailNotifications, Event: event, Account: before,
		Undo: notice.Undo{Muted: notice.FormerMuted(before)}, Client: c})
	if err != nil {
		return err
	}
	return f.cfg.Store.ChangeMuted(ctx, Change{AccountID: before.ID, From: before.Muted, To: muted, Since: now.Add(-window), Most: changes,
		Now: now, Effects: fx})
}
