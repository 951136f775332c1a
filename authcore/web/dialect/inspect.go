package dialect

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
)

// Inspect returns what a token of the dialect says while its session lives, as the API answers it (RFC 7662); nil for any other. It changes
// nothing.
func (s *Site) Inspect(ctx context.Context, raw string) (map[string]any, error) {
	if s.Settings.Keys == nil {
		return nil, nil // the tokens are those of the dialect that it borrows from
	}
	t, err := s.Open(raw)
	if err == nil && t.Use == jwtkeys.ForeignAccess {
		return s.inspectAccess(raw, t)
	}
	p, err := s.Presented(raw)
	if err != nil {
		return nil, nil
	}
	sess, account, end, err := s.liveSession(ctx, p, t)
	switch {
	case errors.Is(err, authcore.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return map[string]any{"active": true, "token_type": "refresh_token", "dialect": s.Dialect.Name, "user_id": s.UserIDOf(account),
		"sid": sess.ID.String(), "exp": end.Unix()}, nil
}

func (s *Site) inspectAccess(raw string, t jwtkeys.ForeignToken) (map[string]any, error) {
	switch _, err := s.Flows.Auth.AuthenticateDialect(raw, s.Settings.Keys.Has); {
	case authcore.CodeOf(err) == authcore.InvalidToken:
		return nil, nil
	case err != nil:
		return nil, err
	}
	says := map[string]any{}
	for name, value := range t.Members {
		says[name] = value
	}
	says["active"], says["token_type"], says["dialect"] = true, "access_token", s.Dialect.Name
	return says, nil
}

// liveSession returns the session of a refresh token that can still be used, and until when it can. t is the token where it has claims.
// ErrNotFound.
func (s *Site) liveSession(ctx context.Context, p session.Presented, t jwtkeys.ForeignToken) (sess authcore.Session, a authcore.Account, end time.Time, err error) {
	if s.Dialect.Form.Stays {
		sess, a, err = s.Flows.Dialects.Look(ctx, p.Session)
		return sess, a, t.Claims.ExpiresAt, err
	}
	sess, a, err = s.Flows.Dialects.Inspect(ctx, p)
	return sess, a, sess.RefreshExpiresAt, err
}
