package federated

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// GrantPurpose is the purpose for which the token is sealed that revokes consent at a provider.
const GrantPurpose = "provider grant"

// grant returns what takes the consent of somebody back, sealed; nil where the provider has nothing such.
func (f *Flow) grant(id idp.Identity) ([]byte, error) {
	if id.Revoke.Empty() {
		return nil, nil
	}
	sealed, err := f.cfg.Sealer.Seal(GrantPurpose, id.Revoke.Reveal())
	if err != nil {
		return nil, fmt.Errorf("seal consent: %w", err)
	}
	return sealed, nil
}

// ConsentStore keeps what takes consent back, and ends connections that providers have ended.
type ConsentStore interface {
	// ClaimGrant returns one that is due, which is not due again before until: of several who claim at once each gets another one.
	// ErrNotFound: none is due.
	ClaimGrant(ctx context.Context, now, until time.Time) (authcore.Grant, error)
	// DelayGrant makes one due at a time.
	DelayGrant(ctx context.Context, id uuid.UUID, until time.Time) error
	// DropGrant removes one.
	DropGrant(ctx context.Context, id uuid.UUID) error
	// EndConnection ends a connection, the sessions that it has opened and its consent. A person who is not connected is no error. ErrUsed: the
	// message was taken before.
	EndConnection(ctx context.Context, e authcore.ConnectionEnding) error
}

// ConsentsConfig is what Consents need.
type ConsentsConfig struct {
	Store     ConsentStore
	Providers []Settings
	Sealer    *secret.Sealer
	Notices   *notice.Notices
	Now       authcore.Clock
}

// Consents looks after the consent that people have given at providers: it is taken back where a connection or an account ends here, and the
// connection ends where it is taken back there. It is safe for concurrent use.
type Consents struct{ cfg ConsentsConfig }

// NewConsents checks cfg.
func NewConsents(cfg ConsentsConfig) (*Consents, error) {
	if cfg.Store == nil || cfg.Sealer == nil || cfg.Notices == nil || cfg.Now == nil {
		return nil, errors.New("federated: store, sealer, notices and clock are required")
	}
	return &Consents{cfg: cfg}, nil
}

const (
	// look is how often it is looked whether consent is to be taken back.
	look = 5 * time.Second
	// lease is longer than a try takes: who has died meanwhile is replaced after it.
	lease = time.Minute
	// A try that failed is repeated after waits that grow from firstWait to longestWait, mostTries times: for about 30 days.
	firstWait, longestWait = time.Minute, 8 * time.Hour
	mostTries              = 100
)

// Run takes consent back that is no longer ours, until ctx ends. What a node has begun when it dies, another one does.
func (c *Consents) Run(ctx context.Context, log *slog.Logger) {
	if !slices.ContainsFunc(c.cfg.Providers, func(s Settings) bool { _, ok := s.Provider.(idp.Revoker); return ok }) {
		return
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		for ctx.Err() == nil {
			more, err := c.Next(ctx)
			if err != nil && ctx.Err() == nil {
				log.LogAttrs(ctx, slog.LevelWarn, "could not revoke consent at a provider", slog.String("error", err.Error()))
			}
			if !more {
				break
			}
		}
		timer.Reset(look)
	}
}

// Next takes one consent back that is due, and reports whether there was one. The error says what has failed; it is tried again by itself, unless
// it says otherwise.
func (c *Consents) Next(ctx context.Context) (more bool, err error) {
	now := c.cfg.Now.Now()
	g, err := c.cfg.Store.ClaimGrant(ctx, now, now.Add(lease))
	switch {
	case errors.Is(err, authcore.ErrNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("claim consent: %w", err)
	}
	err = c.takeBack(ctx, g)
	switch {
	case err == nil:
		return true, c.cfg.Store.DropGrant(ctx, g.ID)
	case errors.Is(err, idp.ErrAnswer), g.Tries >= mostTries:
		return true, errors.Join(fmt.Errorf("given up: %w", err), c.cfg.Store.DropGrant(ctx, g.ID))
	}
	wait := min(firstWait<<min(g.Tries-1, 16), longestWait)
	return true, errors.Join(err, c.cfg.Store.DelayGrant(ctx, g.ID, now.Add(wait)))
}

func (c *Consents) takeBack(ctx context.Context, g authcore.Grant) error {
	s, known := named(c.cfg.Providers, g.Provider)
	if !known {
		return fmt.Errorf("%s: the provider is none of the configuration", g.Provider)
	}
	revoker, ok := s.Provider.(idp.Revoker)
	if !ok {
		return fmt.Errorf("%s: %w", g.Provider, idp.ErrAnswer) // another kind of provider has taken the name
	}
	plain, err := c.cfg.Sealer.Open(GrantPurpose, g.Sealed)
	if err != nil {
		return fmt.Errorf("%s: %w", g.Provider, err)
	}
	calls, cancel := idp.Within(ctx)
	defer cancel()
	if err := revoker.Revoke(calls, secret.New(plain)); err != nil {
		return fmt.Errorf("%s: %w", g.Provider, err)
	}
	return nil
}

// Notify takes a provider's message that an account there has changed. Where consent was taken back, or the account is gone, the connection and
// the sessions that it has opened end, whatever other way in is left: nobody can come by it again. Any other change is none of ours. Refusals:
// [authcore.NotFound] where the provider sends none; [authcore.InvalidProviderAnswer], also for a message that was taken before;
// [authcore.ProviderUnavailable].
func (c *Consents) Notify(ctx context.Context, provider, payload string, client authcore.Client) (idp.Change, error) {
	s, known := named(c.cfg.Providers, provider)
	tells, ok := s.Provider.(idp.Notifications)
	if !known || !ok {
		return "", authcore.Refuse(authcore.NotFound, "No provider that sends notifications to this address is configured here.")
	}
	calls, cancel := idp.Within(ctx)
	defer cancel()
	n, err := tells.VerifyNotification(calls, payload)
	if err != nil {
		return "", failed(err)
	}
	if n.Change != idp.ConsentRevoked && n.Change != idp.AccountDeleted {
		return n.Change, nil
	}
	now := c.cfg.Now.Now()
	err = c.cfg.Store.EndConnection(ctx, authcore.ConnectionEnding{Issuer: n.Issuer, Subject: n.Subject, Once: n.Once, OnceUntil: n.OnceUntil, Now: now,
		Effects: removed(ctx, c.cfg.Notices, client, now)})
	if errors.Is(err, authcore.ErrUsed) {
		return "", invalidAnswer(err)
	}
	return n.Change, err
}
