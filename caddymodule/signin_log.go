package caddymodule

import (
	"context"
	"log/slog"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/sqlstore"
)

// told is the store of the capabilities that try passwords. What of their events may be an attack is told to the log, for who
// watches it (fail2ban and its like). A line holds no more of a person than the client's address; what was typed as a login,
// which now and then is a password, never stands in one. Rate limits bound how many there are.
type told struct {
	*sqlstore.Store
	logger *slog.Logger
}

// Record implements authcore.EventStore.
func (s told) Record(ctx context.Context, fx authcore.Effects) error {
	for _, e := range fx.Events {
		switch e.Kind {
		case authcore.EventSignInFailed:
			s.logger.LogAttrs(ctx, slog.LevelInfo, "sign-in failed", about(e)...)
		case authcore.EventAccountLocked:
			s.logger.LogAttrs(ctx, slog.LevelWarn, "sign-ins locked after failures", about(e)...)
		}
	}
	return s.Store.Record(ctx, fx)
}

// about returns the fields that tell of a failure. The account stands last: it is not always known.
func about(e authcore.Event) []slog.Attr {
	fields := []slog.Attr{slog.String("result", e.Result), slog.String("client_ip", e.Addr)}
	if e.AccountID != uuid.Nil {
		fields = append(fields, slog.String("account", e.AccountID.String()))
	}
	return fields
}

// tellReplay tells of a refresh token that came back dead: somebody else may hold the session's tokens.
func tellReplay(ctx context.Context, logger *slog.Logger, r authcore.Rotation, res authcore.RotationResult) {
	e := r.Replay
	e.AccountID = res.Account.ID
	logger.LogAttrs(ctx, slog.LevelWarn, "refresh token replayed; the session is ended",
		append(about(e), slog.String("session", r.SessionID.String()))...)
}

// Interface guard
var _ authcore.EventStore = told{}
