package sqlstore

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// retireSession ends a session for the one in its place, whose refresh token waits sealed. The token before its present one counts
// beside it for as long as a refresh would still forgive it: a request of the same browser may be under way with it.
var retireSession = `update sessions set revoked_at = $3, replaced_by = $4, successor = $5, rotated_at = $3,
		previous_digest = case when rotated_at > $6 then previous_digest end
	where id = $1 and account_id = $2 and parent_id is null and revoked_at is null and account_epoch = $7 and expires_at > $3
		and (refresh_expires_at > $3 or access_until > $3)
	returning ` + sessionColumns

// The rows are locked in the order of their ids, as everywhere. A hand-over that was under way has held the parent's row, and has
// committed its child session when this statement begins.
const adoptChildren = `update sessions set parent_id = $2 where id in (
	select id from sessions where parent_id = $1 and revoked_at is null order by id`

// ReplaceSession implements session.Store.
func (s *Store) ReplaceSession(ctx context.Context, r authcore.Replacement) (sess authcore.Session, err error) {
	err = s.change(ctx, "replace session", func(ctx context.Context, q *tx) error {
		sess, err = s.replace(ctx, q, r)
		return err
	})
	if err != nil {
		return authcore.Session{}, err
	}
	s.erasures.later(r.Old, r.Session.CreatedAt, r.Leeway)
	return sess, nil
}

func (s *Store) replace(ctx context.Context, q *tx, r authcore.Replacement) (sess authcore.Session, err error) {
	sess = r.Session
	now := sess.CreatedAt
	// As in open: whoever raises the epoch waits, so that their revocation covers this session too.
	a, err := sqldb.One(ctx, q, scanAccount, selectAccount+s.Dialect().ForShare, sess.AccountID)
	if err != nil {
		return sess, err
	}
	if a.Disabled() || a.Epoch != sess.AccountEpoch {
		return sess, authcore.ErrNotFound
	}
	if err := endPending(ctx, q, r.Pending, sess); err != nil {
		return sess, err
	}
	old, err := sqldb.One(ctx, q, scanSession, retireSession, r.Old, sess.AccountID, micros(now), sess.ID, r.Sealed,
		micros(now.Add(-r.Leeway)), sess.AccountEpoch)
	if err != nil {
		return sess, err
	}
	sess.DeviceName, sess.DeviceID, sess.ShortLived = old.DeviceName, old.DeviceID, old.ShortLived
	if sess.ShortLived {
		sess.ExpiresAt = earlier(sess.ExpiresAt, r.ShortEnd)
		sess.RefreshExpiresAt = earlier(sess.RefreshExpiresAt, sess.ExpiresAt)
	}
	if _, err := sqldb.Exec(ctx, q, insertSession, append(ownValues(sess), orNull(sess.DeviceID), sess.ShortLived)...); err != nil {
		return sess, err
	}
	if _, err := sqldb.Exec(ctx, q, adoptChildren+s.Dialect().ForUpdate+")", old.ID, sess.ID); err != nil {
		return sess, err
	}
	if r.ForgetReset {
		if _, err := sqldb.Exec(ctx, q, forgetReset, sess.AccountID); err != nil {
			return sess, err
		}
	}
	if _, err := sqldb.Exec(ctx, q, moveProviderSession, old.ID, sess.ID, micros(sess.ExpiresAt)); err != nil {
		return sess, err
	}
	ended := authcore.Revocation{SessionID: old.ID, AccountID: old.AccountID, RolesVersion: authcore.SessionReplaced, Until: old.AccessUntil}
	if _, err := revoke(ctx, q, ended, now); err != nil {
		return sess, err
	}
	fx := r.Effects
	fx.Events = slices.Clone(fx.Events)
	for i := range fx.Events {
		if fx.Events[i].SessionID == sess.ID {
			fx.Events[i].DeviceID = sess.DeviceID
		}
	}
	return sess, record(ctx, q, fx)
}

// superseded answers a refresh token of a session that a step-up has replaced: the one in its place, for the same kind of client,
// within the leeway. It is never a reuse that ends something: the browser that has proved itself again may have requests under way. Who
// else has such a token gets nothing by it.
func (s *Store) superseded(ctx context.Context, r authcore.Rotation, m missed) (result authcore.RotationResult, err error) {
	its := m.session.RefreshDigest.Equal(r.Token) || m.previous.Equal(r.Token)
	if !its || len(m.successor) == 0 || r.Now.Sub(m.rotatedAt) >= r.Leeway {
		return result, authcore.ErrNotFound
	}
	heir, err := s.missed(ctx, m.heir)
	if err != nil {
		return result, err
	}
	if !heir.live(r.Now) || heir.heir != uuid.Nil {
		return result, authcore.ErrNotFound
	}
	if heir.session.UserAgent != r.UserAgent || heir.session.Mode != r.Mode {
		return result, authcore.ErrOtherOrigin // a thief's try makes nobody forget the token: its owner may be under way with it
	}
	result = authcore.RotationResult{Outcome: authcore.Superseded, Session: heir.session, Account: heir.account, SealedSuccessor: m.successor}
	return result, s.Record(ctx, authcore.Effects{Events: []authcore.Event{ofSession(r.Repeat, heir.session)}})
}
