package avatar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Store keeps pictures.
type Store interface {
	// SetAvatar puts the pictures, all of one name, in the place of those that the account has, and returns it as it is then; no
	// pictures and name "" leave it without. ErrNotFound: there is no such account.
	SetAvatar(ctx context.Context, account uuid.UUID, name string, pictures []authcore.Picture, now time.Time, fx authcore.Effects) (authcore.Account, error)
	// Avatar returns a picture. ErrNotFound.
	Avatar(ctx context.Context, name string, size int) (authcore.Picture, error)
}

// Config is what Avatars need; all of it is required.
type Config struct {
	Store Store
	Now   authcore.Clock
}

// renderTime is how long one upload may wait for its turn and then compute.
const renderTime = 10 * time.Second

// Avatars sets and shows the pictures of accounts. It is safe for concurrent use. It works on one upload at a time: the largest takes
// some hundred MB of memory.
type Avatars struct {
	cfg  Config
	turn chan struct{}
}

// New checks cfg.
func New(cfg Config) (*Avatars, error) {
	if cfg.Store == nil || cfg.Now == nil {
		return nil, errors.New("avatar: store and clock are required")
	}
	return &Avatars{cfg: cfg, turn: make(chan struct{}, 1)}, nil
}

// Set makes what body holds the picture of an account, under a new name: caches and whoever knew the old name do not see the new picture,
// and the old one is gone. Refusals: [authcore.RequestTooLarge] over [MaxBytes]; [authcore.InvalidFields] for what [Render] refuses; [authcore.InvalidToken] when the account is gone. While others
// are rendered for too long it is an error that wraps [authcore.ErrUnavailable].
func (a *Avatars) Set(ctx context.Context, account uuid.UUID, body io.Reader, c authcore.Client) (authcore.Account, error) {
	data, err := io.ReadAll(io.LimitReader(body, MaxBytes+1))
	if err != nil {
		return authcore.Account{}, authcore.Refuse(authcore.InvalidRequest, "The body is incomplete.").Because(err)
	}
	if len(data) > MaxBytes {
		return authcore.Account{}, authcore.Refuse(authcore.RequestTooLarge, "The picture is larger than 8 MiB.")
	}
	pictures, err := a.render(ctx, data)
	if err != nil {
		return authcore.Account{}, err
	}
	name := secret.Token()
	for i := range pictures {
		pictures[i].Name = name
	}
	return a.save(ctx, account, name, pictures, c)
}

// Remove leaves an account without a picture. [authcore.InvalidToken] when the account is gone.
func (a *Avatars) Remove(ctx context.Context, account uuid.UUID, c authcore.Client) (authcore.Account, error) {
	return a.save(ctx, account, "", nil, c)
}

func (a *Avatars) save(ctx context.Context, account uuid.UUID, name string, pictures []authcore.Picture, c authcore.Client) (authcore.Account, error) {
	now := a.cfg.Now.Now()
	fx := authcore.Effects{Events: []authcore.Event{audit.Event(authcore.EventProfileChanged, account, c, now)}}
	changed, err := a.cfg.Store.SetAvatar(ctx, account, name, pictures, now, fx)
	return changed, authcore.OwnerGone("save avatar", err)
}

// render renders one upload at a time.
func (a *Avatars) render(ctx context.Context, data []byte) ([]authcore.Picture, error) {
	ctx, cancel := context.WithTimeout(ctx, renderTime)
	defer cancel()
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to render a picture: %w", authcore.ErrUnavailable)
	}
	return Render(ctx, data)
}

// Get returns a picture by its name and one of [Sizes]. [authcore.NotFound] where there is none.
func (a *Avatars) Get(ctx context.Context, name string, size int) (authcore.Picture, error) {
	if !slices.Contains(Sizes, size) || len(name) > 64 {
		return authcore.Picture{}, errNone()
	}
	p, err := a.cfg.Store.Avatar(ctx, name, size)
	switch {
	case errors.Is(err, authcore.ErrNotFound):
		return authcore.Picture{}, errNone()
	case err != nil:
		return authcore.Picture{}, fmt.Errorf("read avatar: %w", err)
	}
	return p, nil
}

func errNone() error { return authcore.Refuse(authcore.NotFound, "There is no such picture.") }
