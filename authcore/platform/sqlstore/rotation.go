package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// rotation is a refresh: one conditional update of one row, found by its primary key, that also brings the account.
// Everything that makes a session live is in its condition.
const rotation = `update sessions set
		previous_digest = refresh_digest, refresh_digest = $3, successor = $4, rotated_at = $5, last_seen_at = $5,
		refresh_expires_at = case when $6 < expires_at then $6 else expires_at end,
		access_until = case when access_until is null or $7 > access_until then $7 else access_until end,
		mode = $8, addr = $9, user_agent = $10
	%s sessions.id = $1 and refresh_digest = $2 and revoked_at is null and refresh_expires_at > $5 and expires_at > $5
		and (host is null or host = $11 and mode = $8) and %s u.id = sessions.account_id and u.disabled_at is null and u.epoch = sessions.account_epoch%s
	returning %s, %s`

// rotateJoined reads the account's row once. SQLite's `returning` may only name the table that is updated: there each
// column of the account is a select of its own, which costs less than a second statement.
var (
	rotateJoined = fmt.Sprintf(rotation, "from users u where", "", "", of("sessions", rotatedSession), of("u", rotatedAccount))
	rotateNested = fmt.Sprintf(rotation, "where", "exists (select 1 from users u where", ")", rotatedSession,
		each(rotatedAccount, func(column string) string {
			return "(select u." + column + " from users u where u.id = sessions.account_id)"
		}))
)

// rotate replaces a refresh token.
func (s *Store) rotate() string {
	if s.Dialect().Name == sqldb.SQLite {
		return rotateNested
	}
	return rotateJoined
}

// What a rotation returns: what is neither in the request nor in the statement's condition, and is needed (authcore.RotationResult).
const (
	rotatedSession = "account_id, account_epoch, amr, auth_time, expires_at, host"
	rotatedAccount = "email, email_verified_at, username, phone, first_name, last_name, avatar_url, roles, roles_version, created_at"
)

func scanRotated(row sqldb.Row) (r signedIn, err error) {
	s, a := &r.session, &r.account
	return r, row.Scan(&s.AccountID, &s.AccountEpoch, &jsonList[string]{&s.AMR}, &stamp{&s.AuthTime}, &stamp{&s.ExpiresAt}, &maybeText{&s.Origin},
		&a.Email, &stamp{&a.EmailVerifiedAt}, &a.Username, &a.Phone, &a.FirstName, &a.LastName, &a.AvatarURL, &jsonList[string]{&a.Roles},
		&a.RolesVersion, &stamp{&a.CreatedAt})
}

// complete adds what the rotation itself has set or made sure of.
func (s *signedIn) complete(r authcore.Rotation) {
	s.account.ID, s.account.Epoch = s.session.AccountID, s.session.AccountEpoch
	s.session.ID, s.session.Mode, s.session.Addr, s.session.UserAgent = r.SessionID, r.Mode, r.Addr, r.UserAgent
	s.session.LastSeenAt, s.session.RefreshDigest, s.session.RefreshExpiresAt = r.Now, r.Next, r.RefreshExpiresAt
	if s.session.ExpiresAt.Before(r.RefreshExpiresAt) {
		s.session.RefreshExpiresAt = s.session.ExpiresAt
	}
}

// missTries: a miss is looked at after the update, and what it sees may already be a newer state.
const missTries = 3

// RotateRefresh implements session.Store. Of many that replay a dead token at once, one gets Replayed; for the
// connections the session is revoked already, so ErrNotFound.
func (s *Store) RotateRefresh(ctx context.Context, r authcore.Rotation) (authcore.RotationResult, error) {
	for range missTries {
		var won signedIn
		err := s.Single(ctx, "rotate refresh token", func(ctx context.Context, q sqldb.Querier) (err error) {
			won, err = sqldb.One(ctx, q, scanRotated, s.rotate(), r.SessionID, r.Presented.Bytes(), r.Next.Bytes(), r.SealedSuccessor,
				micros(r.Now), micros(r.RefreshExpiresAt), micros(r.AccessUntil), string(r.Mode), r.Addr, r.UserAgent, r.Origin)
			return err
		})
		if err == nil {
			won.complete(r)
			s.erase.later(r.SessionID, r.Now, max(r.Leeway, r.Keep))
			return authcore.RotationResult{Outcome: authcore.Rotated, Session: won.session, Account: won.account}, nil
		}
		if !errors.Is(err, authcore.ErrNotFound) {
			return authcore.RotationResult{}, err
		}
		result, again, err := s.explainMiss(ctx, r)
		if err != nil || !again {
			return result, err
		}
	}
	return authcore.RotationResult{}, fmt.Errorf("rotate refresh token: %w: the session keeps changing", authcore.ErrUnavailable)
}

type missed struct {
	signedIn
	previous  secret.Digest
	successor []byte
	rotatedAt time.Time
}

func scanMissed(r sqldb.Row) (m missed, err error) {
	into := append(sessionInto(&m.session), accountInto(&m.account)...)
	return m, r.Scan(append(into, &digest{&m.previous}, &m.successor, &stamp{&m.rotatedAt})...)
}

var selectMissed = "select " + of("s", sessionColumns) + ", " + of("u", accountColumns) + `,
		s.previous_digest, s.successor, s.rotated_at
	from sessions s join users u on u.id = s.account_id where s.id = $1`

// explainMiss says what a token is that is not the live one. again: it has become the live one.
func (s *Store) explainMiss(ctx context.Context, r authcore.Rotation) (result authcore.RotationResult, again bool, err error) {
	var m missed
	err = s.Read(ctx, "find session of refresh token", func(ctx context.Context, q sqldb.Querier) error {
		m, err = sqldb.One(ctx, q, scanMissed, selectMissed, r.SessionID)
		return err
	})
	switch {
	case err != nil:
		return result, false, err
	case !m.live(r.Now):
		return result, false, authcore.ErrNotFound
	case m.session.RefreshDigest.Equal(r.Presented) && !m.at(r):
		return result, false, authcore.ErrOtherOrigin
	case m.session.RefreshDigest.Equal(r.Presented):
		return result, true, nil
	case m.withinLeeway(r):
		result = authcore.RotationResult{Outcome: authcore.Repeated, Session: m.session, Account: m.account,
			SealedSuccessor: m.successor}
		return result, false, s.Record(ctx, authcore.Effects{Events: []authcore.Event{
			ofSession(r.Repeat, m.session)}})
	}
	result, err = s.replayed(ctx, r, m)
	return result, false, err
}

func (m missed) live(now time.Time) bool {
	s := m.session
	return s.RevokedAt.IsZero() && s.RefreshExpiresAt.After(now) && s.ExpiresAt.After(now) &&
		!m.account.Disabled() && m.account.Epoch == s.AccountEpoch
}

// at reports whether the token is good where it was sent to: a child session's at its own host alone, and as a browser's. A program's
// bearer token would open whatever takes those (S04).
func (m missed) at(r authcore.Rotation) bool {
	return m.session.Origin == "" || m.session.Origin == r.Origin && m.session.Mode == r.Mode
}

// withinLeeway: the same kind of client comes again with the token that was rotated just now, since it lost the answer
// or has a second tab. Once the successor is used the presented token is no longer the previous one; another kind of
// client, however early, is somebody else with a stolen token (RFC 9700 §4.14.2).
func (m missed) withinLeeway(r authcore.Rotation) bool {
	return m.previous.Equal(r.Presented) && len(m.successor) > 0 && m.at(r) && r.Now.Sub(m.rotatedAt) < r.Leeway &&
		m.session.UserAgent == r.UserAgent && m.session.Mode == r.Mode
}

// Of many replays at once the first revokes; the condition keeps the others from doing it again.
const revokeReplayed = `update sessions set revoked_at = $2, successor = null
	where id = $1 and revoked_at is null and refresh_digest <> $3` + whatEnded

// replayed ends the session of a stolen token. It is committed, although the caller is refused.
func (s *Store) replayed(ctx context.Context, r authcore.Rotation, m missed) (authcore.RotationResult, error) {
	result := authcore.RotationResult{Outcome: authcore.Replayed, Session: m.session, Account: m.account}
	err := s.change(ctx, "revoke session of replayed token", func(ctx context.Context, q *tx) error {
		ended, err := revokeThose(ctx, q, revokeReplayed, r.Now, r.SessionID, micros(r.Now), r.Presented.Bytes())
		if err != nil {
			return err
		}
		if len(ended) == 0 {
			return authcore.ErrNotFound
		}
		children, err := s.endChildren(ctx, q, m.account.ID, []uuid.UUID{r.SessionID}, r.Now)
		if err != nil {
			return err
		}
		result.Revocations = append(ended, children...)
		return record(ctx, q, authcore.Effects{Events: []authcore.Event{
			ofSession(r.Replay, m.session)}})
	})
	if err != nil {
		return authcore.RotationResult{}, err
	}
	result.Session.RevokedAt = r.Now
	return result, nil
}

func ofSession(e authcore.Event, s authcore.Session) authcore.Event {
	e.AccountID, e.SessionID = s.AccountID, s.ID
	return e
}

// newID returns an id that sorts by time; never the zero one.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
