package caddymodule

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// issuing is the store that every capability works with, while this node can issue tokens. With a wrong clock, and without keys, it
// opens no session and renews none: what would be written and signed holds by that clock, or could not be signed. It changes nothing
// then, so that whoever comes back later, or to another node, is served.
type issuing struct {
	watched
	clock *nodeClock
	signs func() bool
}

// issueRetry is what a client is told to wait: to set a clock or a secret takes a person, but another node may answer.
const issueRetry = 10 * time.Second

func (s issuing) check() error {
	switch {
	case s.clock.wrong():
		return authcore.RefuseFor(authcore.Unavailable, "This cannot be answered right now: the clock of this node is wrong. "+
			"Try again in a moment. Nobody has been signed out.", issueRetry)
	case !s.signs():
		return authcore.RefuseFor(authcore.Unavailable, "This cannot be answered right now: this node has no keys to sign with. "+
			"Try again in a moment.", issueRetry)
	}
	return nil
}

// CreateSession implements authcore.SessionStore.
func (s issuing) CreateSession(ctx context.Context, sess authcore.Session, fx authcore.Effects) error {
	if err := s.check(); err != nil {
		return err
	}
	return s.watched.CreateSession(ctx, sess, fx)
}

// RotateRefresh implements authcore.SessionStore.
func (s issuing) RotateRefresh(ctx context.Context, r authcore.Rotation) (authcore.RotationResult, error) {
	if err := s.check(); err != nil {
		return authcore.RotationResult{}, err
	}
	return s.watched.RotateRefresh(ctx, r)
}

// OpenBranch implements authcore.SessionStore.
func (s issuing) OpenBranch(ctx context.Context, b authcore.Branching) (authcore.Session, authcore.Account, error) {
	if err := s.check(); err != nil {
		return authcore.Session{}, authcore.Account{}, err
	}
	return s.watched.OpenBranch(ctx, b)
}

// Enrol implements authcore.ChallengeStore.
func (s issuing) Enrol(ctx context.Context, e authcore.Enrolment) (authcore.Account, authcore.Session, authcore.Revocation, error) {
	if err := s.check(); err != nil {
		return authcore.Account{}, authcore.Session{}, authcore.Revocation{}, err
	}
	return s.watched.Enrol(ctx, e)
}

// Interface guard
var _ authcore.Store = issuing{}
