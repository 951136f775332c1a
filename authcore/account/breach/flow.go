package breach

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
)

// AtLogin is what happens to a sign-in with a breached password.
type AtLogin string

// The values of AtLogin. Any other is Off.
const (
	Off    AtLogin = "off"
	Notify AtLogin = "notify" // the owner is told, once for a password
	Reset  AtLogin = "reset"  // it is refused, and a reset goes to the owner
)

// Store is what the flow writes.
type Store interface {
	// Record writes events and mails that belong to no other change.
	Record(ctx context.Context, fx authcore.Effects) error
	// TellBreach notes that the owner of the account was told of the password with this hash, and writes the effects. Of several callers
	// one succeeds; the others get ErrNotFound: told already, or the password was changed.
	TellBreach(ctx context.Context, account uuid.UUID, hash string, at time.Time, fx authcore.Effects) error
}

// Resetter sends a reset to the owner of an account, together with events; sent is false when none went out: nothing was written then.
type Resetter interface {
	SendReset(ctx context.Context, a authcore.Account, c authcore.Client, events ...authcore.Event) (sent bool, err error)
	// CanReset reports whether a reset can reach the owner at all.
	CanReset(a authcore.Account) bool
}

// Config is what a Flow needs. All but AtLogin and Has are required.
type Config struct {
	Store   Store
	Resets  Resetter
	Notices *notice.Notices
	// Has reports whether a password, in its normal form, is of a known breach. Nil: none is.
	Has func(password string) bool
	// AtLogin is asked at every sign-in, since it may change while the gateway runs. Nil: Off.
	AtLogin func() AtLogin
	Now     authcore.Clock
}

// Flow looks at the passwords of sign-ins. It is safe for concurrent use.
type Flow struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Resets == nil || cfg.Notices == nil || cfg.Now == nil {
		return nil, errors.New("breach: store, resets, notices and clock are required")
	}
	if cfg.AtLogin == nil {
		cfg.AtLogin = func() AtLogin { return Off }
	}
	return &Flow{cfg: cfg}, nil
}

// SignIn looks at the password of a sign-in, in its normal form, once it has proved right and before anything else is asked for. With
// Reset the refusal is [authcore.PasswordResetRequired]: whoever knows only what a breach has told does not get in. Each such try is an
// event; the mails of it count as those of a forgotten password do. An account that no reset can reach gets in, for nobody could ever let
// it in again, and is told of as with Notify.
func (f *Flow) SignIn(ctx context.Context, a authcore.Account, password string, c authcore.Client) error {
	at := f.cfg.AtLogin()
	if at != Notify && at != Reset || f.cfg.Has == nil {
		return nil
	}
	if at == Notify && !a.BreachToldAt.IsZero() || !f.cfg.Has(password) {
		return nil
	}
	if at == Reset && f.cfg.Resets.CanReset(a) {
		return f.reset(ctx, a, c)
	}
	return f.tell(ctx, a, c)
}

func (f *Flow) reset(ctx context.Context, a authcore.Account, c authcore.Client) error {
	event := audit.Failure(authcore.EventPasswordBreached, a.ID, c, authcore.PasswordResetRequired, f.cfg.Now.Now())
	sent, err := f.cfg.Resets.SendReset(ctx, a, c, event)
	if err == nil && !sent { // it has had its share of mails
		err = f.cfg.Store.Record(ctx, authcore.Effects{Events: []authcore.Event{event}})
	}
	if err != nil {
		return fmt.Errorf("reset a breached password: %w", err)
	}
	return authcore.Refuse(authcore.PasswordResetRequired,
		"This password is in a list of stolen passwords. Choose a new one: we have sent you a message that says how.")
}

// tell writes to the verified address; without one, the event alone is left for the owner to read.
func (f *Flow) tell(ctx context.Context, a authcore.Account, c authcore.Client) error {
	if !a.BreachToldAt.IsZero() {
		return nil
	}
	event := audit.Event(authcore.EventPasswordBreached, a.ID, c, f.cfg.Now.Now())
	fx := authcore.Effects{Events: []authcore.Event{event}}
	if to := a.VerifiedEmail(); to != "" {
		x := notice.Notice{Kind: authcore.MailPasswordBreached, Event: event, Account: a, Client: c}
		if err := f.cfg.Notices.Tell(&fx, x, challenge.Recipient{Address: to, Name: a.Name(), Lang: a.Locale}); err != nil {
			return err
		}
	}
	err := f.cfg.Store.TellBreach(ctx, a.ID, a.PasswordHash, event.At, fx)
	if err != nil && !errors.Is(err, authcore.ErrNotFound) {
		return fmt.Errorf("tell of a breached password: %w", err)
	}
	return nil
}
