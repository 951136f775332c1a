package admin

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// DirectoryStore is what a Directory reads.
type DirectoryStore interface {
	// ManagedAccount returns an account with what administrators see of it besides. ErrNotFound.
	ManagedAccount(ctx context.Context, id uuid.UUID) (authcore.ManagedAccount, error)
}

// DirectoryConfig is what a Directory needs; all of it is required.
type DirectoryConfig struct {
	Store DirectoryStore
}

// Directory finds accounts for whoever administers them. It is safe for concurrent use.
type Directory struct{ cfg DirectoryConfig }

// NewDirectory checks cfg.
func NewDirectory(cfg DirectoryConfig) (*Directory, error) {
	if cfg.Store == nil {
		return nil, errors.New("admin: a store is required")
	}
	return &Directory{cfg}, nil
}

// Get returns the account with an id. Refusals: [authcore.NotFound]; [authcore.Unavailable].
func (d *Directory) Get(ctx context.Context, id uuid.UUID) (authcore.ManagedAccount, error) {
	a, err := d.cfg.Store.ManagedAccount(ctx, id)
	if errors.Is(err, authcore.ErrNotFound) {
		return a, authcore.Refuse(authcore.NotFound, "There is no such account.")
	}
	if err != nil {
		return a, fmt.Errorf("read account: %w", err)
	}
	authcore.AdminCallOf(ctx).About(a.ID)
	return a, nil
}
