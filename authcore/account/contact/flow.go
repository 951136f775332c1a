package contact

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Store is what the flow reads and writes.
type Store interface {
	// RemoveContact empties the address or number, unless Prepare refuses. ErrNotFound.
	RemoveContact(ctx context.Context, r Removal) (authcore.Account, error)
}

// Removal asks to empty an address or number of an account.
type Removal struct {
	AccountID uuid.UUID
	Channel   authcore.Channel
	// Prepare is asked with the account as it is, held against changes until the removal is committed. An error refuses it. It may
	// be called several times and must not wait.
	Prepare func(authcore.Account) (authcore.Effects, error)
	Now     time.Time
}

// Config is what a Flow needs.
type Config struct {
	Store Store
	Now   authcore.Clock
}

// Flow changes addresses and numbers. It is safe for concurrent use.
type Flow struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Now == nil {
		return nil, errors.New("contact: store and clock are required")
	}
	return &Flow{cfg: cfg}, nil
}

func (f *Flow) now() time.Time { return f.cfg.Now.Now() }

func gone(err error, step string) error {
	var refusal *authcore.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal):
		return err
	case errors.Is(err, authcore.ErrNotFound):
		return authcore.Refuse(authcore.InvalidToken, "This account no longer exists.")
	}
	return fmt.Errorf("%s: %w", step, err)
}
