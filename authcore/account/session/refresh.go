package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// storeTimeout bounds a rotation that no longer hangs on one caller's request.
const storeTimeout = 3 * time.Second

// Refresh replaces a refresh token and issues a new access token. Callers that present one token at the same moment all
// get the same successor. Refusals: [authcore.InvalidRefreshToken]; [authcore.RefreshTokenReused], when a dead token came
// back and the session has been revoked for it.
func (s *Sessions) Refresh(ctx context.Context, token string, mode authcore.Mode, c authcore.Client) (Tokens, error) {
	return s.traced(ctx, token, mode, s.cfg.RefreshLeeway, c)
}

// Renew is Refresh for a browser in the middle of another request, which did not ask for it and cannot be told to wait.
func (s *Sessions) Renew(ctx context.Context, token string, c authcore.Client) (Tokens, error) {
	return s.traced(ctx, token, authcore.ModeCookie, max(s.cfg.RefreshLeeway, Leeway), c)
}

func (s *Sessions) traced(ctx context.Context, token string, mode authcore.Mode, leeway time.Duration, c authcore.Client) (Tokens, error) {
	ctx, done := s.cfg.Trace(ctx, "refresh")
	id, ok := s.mac().ParseToken(Prefix, token)
	if !ok {
		err := InvalidRefresh() // junk and forgeries cost no query
		done(err)
		return Tokens{}, err
	}
	tokens, err := s.refresh(ctx, presented{id: id, token: token, digest: secret.SumString(token)}, mode, leeway, c)
	done(err)
	return tokens, err
}

// presented is a refresh token that somebody brings.
type presented struct {
	id     uuid.UUID // of its session
	token  string
	digest secret.Digest // what is stored of it
	as     Format        // nil: it is of our own form
}

func (s *Sessions) refresh(ctx context.Context, p presented, mode authcore.Mode, leeway time.Duration, c authcore.Client) (Tokens, error) {
	if _, dead := s.dead.GetIfPresent(p.digest); dead {
		return Tokens{}, InvalidRefresh()
	}
	// Parallel requests of one browser share one rotation. It must not die with the first of them.
	key := string(p.digest[:]) + string(mode) + leeway.String() + "\x00" + c.Issuer + "\x00" + c.Origin + "\x00" + c.UserAgent
	got := s.refreshes.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
		defer cancel()
		return s.rotate(ctx, p, leeway, mode, c)
	})
	select {
	case <-ctx.Done():
		return Tokens{}, ctx.Err()
	case r := <-got:
		t, _ := r.Val.(Tokens)
		return t, r.Err
	}
}

func (s *Sessions) rotate(ctx context.Context, p presented, leeway time.Duration, mode authcore.Mode, c authcore.Client) (Tokens, error) {
	now := s.now()
	if err := s.cfg.MayIssue(); err != nil {
		return Tokens{}, err
	}
	next, nextDigest := newRefresh(s, p.id, p.as)
	lives := lifetimes(s, p.as)
	// The most, not this node's: another one, or this one after a reload, may repeat the answer as late.
	accessUntil := now.Add(lives.Access + MaxLeeway + issueSlack)
	res, err := s.cfg.Store.RotateRefresh(ctx, authcore.Rotation{
		SessionID: p.id, Token: p.digest, Origin: c.Origin, Next: nextDigest, SealedSuccessor: secret.SealFor(p.token, []byte(next)),
		Lookup: p.as != nil && p.as.Lookup(), Mode: mode, Addr: audit.Addr(c), UserAgent: audit.UserAgent(c),
		Now: now, Leeway: leeway, Keep: max(s.cfg.RefreshLeeway, Leeway), RefreshExpiresAt: now.Add(lives.Refresh),
		AccessUntil: accessUntil,
		Repeat:      audit.Event(authcore.EventRefreshRepeated, uuid.Nil, c, now),
		Replay:      audit.Failure(authcore.EventRefreshReplayed, uuid.Nil, c, authcore.RefreshTokenReused, now),
	})
	switch {
	case errors.Is(err, authcore.ErrOtherOrigin):
		return Tokens{}, ErrOtherOrigin
	case errors.Is(err, authcore.ErrNotFound):
		s.dead.Set(p.digest, struct{}{})
		return Tokens{}, InvalidRefresh()
	case err != nil:
		return Tokens{}, fmt.Errorf("rotate refresh token: %w", err)
	}
	switch res.Outcome {
	case authcore.Rotated:
		res.Session.AccessUntil = accessUntil
		return s.grant(res.Account, res.Session, next, p.as, c)
	case authcore.Repeated:
		plain, ok := secret.OpenWith(p.token, res.SealedSuccessor)
		if !ok {
			return Tokens{}, errors.New("open sealed successor: it was not sealed for the presented token")
		}
		return s.grant(res.Account, res.Session, string(plain), p.as, c)
	case authcore.Superseded:
		heir, err := openHeir(s.cfg.Keys, p.id, res)
		if err != nil {
			return Tokens{}, err
		}
		return s.Grant(res.Account, res.Session, heir, c)
	}
	s.warn(ctx, res, c)
	return Tokens{}, authcore.Refuse(authcore.RefreshTokenReused,
		"This refresh token has been used before, so the session has been ended. Sign in again.")
}

// warn tells the owner that somebody held a copy of their refresh token. The session is revoked already; what fails here
// is only the telling.
func (s *Sessions) warn(ctx context.Context, res authcore.RotationResult, c authcore.Client) {
	var fx authcore.Effects
	err := s.cfg.Notices.Security(ctx, &fx, notice.Notice{
		Kind: authcore.MailSessionRevoked, Event: audit.Event(authcore.EventRefreshReplayed, res.Account.ID, c, s.now()), Account: res.Account, Client: c,
	})
	if err != nil || len(fx.Mails) == 0 {
		return
	}
	_ = s.cfg.Store.Record(ctx, fx)
}

// InspectRefresh returns the session and account of a live refresh token and changes nothing. [authcore.ErrNotFound]
// for every other token.
func (s *Sessions) InspectRefresh(ctx context.Context, token string) (authcore.Session, authcore.Account, error) {
	id, ok := s.mac().ParseToken(Prefix, token)
	if !ok {
		return authcore.Session{}, authcore.Account{}, authcore.ErrNotFound
	}
	return s.cfg.Store.SessionByRefresh(ctx, uuid.UUID(id), secret.SumString(token), s.now())
}

// ErrOtherOrigin refuses a refresh token that is valid but was issued for another host, or for a browser. To a client
// it is as any other that is not valid; but it is not dead, and nobody is to forget it.
var ErrOtherOrigin = InvalidRefresh()

// InvalidRefresh is the refusal of every refresh token that is none, or dead: [authcore.InvalidRefreshToken].
func InvalidRefresh() error {
	return authcore.Refuse(authcore.InvalidRefreshToken, "The refresh token is invalid or has expired. Sign in again.")
}
