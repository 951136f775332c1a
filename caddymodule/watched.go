package caddymodule

import (
	"context"
	"log/slog"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
)

// watched is the store that every capability works with. It tells the log what may be an attack, for who watches that (fail2ban
// and its like), and counts what becomes of refresh tokens. A line holds no more of a person than the client's address; what was
// typed as a login, which now and then is a password, never stands in one. Rate limits bound how many there are.
type watched struct {
	*sqlstore.Store
	logger *slog.Logger
}

// Record implements authcore.EventStore.
func (s watched) Record(ctx context.Context, fx authcore.Effects) error {
	for _, e := range fx.Events {
		switch e.Kind {
		case authcore.EventSignInFailed:
			s.logger.LogAttrs(ctx, slog.LevelInfo, "sign-in failed", about(e)...)
		case authcore.EventPasswordChanged: // those that go through are recorded with what they change
			if e.Result != audit.Success {
				s.logger.LogAttrs(ctx, slog.LevelInfo, "wrong password of a session", about(e)...)
			}
		case authcore.EventAccountLocked:
			s.logger.LogAttrs(ctx, slog.LevelWarn, "sign-ins locked after failures", about(e)...)
		}
	}
	return s.Store.Record(ctx, fx)
}

// RotateRefresh implements authcore.SessionStore.
func (s watched) RotateRefresh(ctx context.Context, r authcore.Rotation) (authcore.RotationResult, error) {
	res, err := s.Store.RotateRefresh(ctx, r)
	if err != nil {
		return res, err
	}
	switch res.Outcome {
	case authcore.Repeated:
		refreshesRepeated.Inc()
	case authcore.Replayed: // somebody else may hold the session's tokens
		e := r.Replay
		e.AccountID = res.Account.ID
		s.logger.LogAttrs(ctx, slog.LevelWarn, "refresh token replayed; the session is ended",
			append(about(e), slog.String("session", r.SessionID.String()))...)
	}
	return res, nil
}

// about returns the fields that tell of a failure. The account stands last: it is not always known.
func about(e authcore.Event) []slog.Attr {
	fields := []slog.Attr{slog.String("result", e.Result), slog.String("client_ip", e.Addr)}
	if e.AccountID != uuid.Nil {
		fields = append(fields, slog.String("account", e.AccountID.String()))
	}
	return fields
}

// Interface guard
var _ authcore.Store = watched{}
