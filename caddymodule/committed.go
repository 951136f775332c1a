package caddymodule

import (
	"context"
	"log/slog"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
)

// announce is the hook of every change of this database that this process commits: what it revokes is refused here before
// whoever asked for it has the answer, and other nodes are told.
func (n *node) announce(ctx context.Context, done sqlstore.Commit) {
	n.revoker.Announce(ctx, done.Revocations...)
	revocationsMade.Add(float64(len(done.Revocations)))
}

// committed is the hook of the changes that one configuration commits.
func (c *core) committed(ctx context.Context, done sqlstore.Commit) {
	if done.Mails > 0 {
		c.notifier.Nudge()
	}
	for _, kind := range done.Kinds {
		countNotification(kind)
	}
	for _, e := range done.Events {
		tell(ctx, c.logger, e)
	}
}

// tell counts what becomes of refresh tokens, and tells the log what may be an attack, for who watches that (fail2ban and its
// like). A line holds no more of a person than the client's address; what was typed as a login, which now and then is a
// password, never stands in one. Rate limits bound how many there are.
func tell(ctx context.Context, logger *slog.Logger, e authcore.Event) {
	switch e.Kind {
	case authcore.EventSignInFailed:
		logger.LogAttrs(ctx, slog.LevelInfo, "sign-in failed", about(e)...)
	case authcore.EventPasswordChanged:
		if e.Result != audit.Success {
			logger.LogAttrs(ctx, slog.LevelInfo, "wrong password of a session", about(e)...)
		}
	case authcore.EventBlockHit:
		logger.LogAttrs(ctx, slog.LevelInfo, "blocked", about(e)...)
	case authcore.EventAccountLocked:
		logger.LogAttrs(ctx, slog.LevelWarn, "sign-ins locked after failures", about(e)...)
	case authcore.EventAccountSecured: // somebody had taken over an account, or was about to
		accountsSecured.Inc()
		logger.LogAttrs(ctx, slog.LevelWarn, "account secured by its owner", about(e)...)
	case authcore.EventAccountDeleted:
		accountsDeleted.Inc()
	case authcore.EventInvitationCreated:
		invitations.WithLabelValues("created").Inc()
	case authcore.EventInvitationUsed:
		invitations.WithLabelValues("used").Inc()
	case authcore.EventInvitationRevoked:
		invitations.WithLabelValues("revoked").Inc()
	case authcore.EventRefreshRepeated:
		refreshesRepeated.Inc()
	case authcore.EventRefreshReplayed: // somebody else may hold the session's tokens
		logger.LogAttrs(ctx, slog.LevelWarn, "refresh token replayed; the session is ended",
			append(about(e), slog.String("session", e.SessionID.String()))...)
	}
}

// about returns the fields that tell of a failure. The account stands last: it is not always known.
func about(e authcore.Event) []slog.Attr {
	fields := []slog.Attr{slog.String("result", e.Result), slog.String("client_ip", e.Addr)}
	if e.AccountID != uuid.Nil {
		fields = append(fields, slog.String("account", e.AccountID.String()))
	}
	return fields
}
