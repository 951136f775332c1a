package sqlstore

import (
	"context"
	"encoding/json"
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
	rotateJoined = fmt.Sprintf(rotation, "from users u where", "", "", of("sessions", rotatedSession),
		of("u", rotatedAccount)+", "+seldom("json_build_object"))
	rotateNested = fmt.Sprintf(rotation, "where", "exists (select 1 from users u where", ")", rotatedSession,
		each(rotatedAccount, nested)+", "+nested(seldom("json_object")))
)

func nested(column string) string {
	return "(select " + column + " from users u where u.id = sessions.account_id)"
}

// rotate replaces a refresh token. The tokens of dialects name accounts by number; those of the API do not, and are not to pay for it.
func (s *Store) rotate(mode authcore.Mode) string {
	nested, joined := rotateNested, rotateJoined
	if mode == authcore.ModeDialect {
		nested, joined = rotateNested+", "+nestedNumber, rotateJoined+", u.number"
	}
	if s.Dialect().Name == sqldb.SQLite {
		return nested
	}
	return joined
}

var nestedNumber = nested("number")

// What a rotation returns: what is neither in the request nor in the statement's condition, and is needed (authcore.RotationResult).
const (
	rotatedSession = "account_id, account_epoch, amr, auth_time, expires_at, host, short_lived"
	rotatedAccount = "email, email_verified_at, username, phone, first_name, last_name, avatar_url, roles, roles_version, created_at"
)

// seldom is an expression for the columns that most accounts leave as they were made: null for those, else one JSON object.
// Read one by one, they would cost each refresh of everybody a tenth more.
func seldom(object string) string {
	return `case when u.phone_verified_at is null and u.locale = '' and u.fields = '{}' and u.pending_email = '' and u.pending_phone = ''
			and u.invited_by is null and not u.email_reused and u.email_verified_by = '' and u.password_hash <> '' then null
		else cast(` + object + `('phone_verified_at', u.phone_verified_at, 'locale', u.locale, 'fields', u.fields,
			'pending_email', u.pending_email, 'pending_email_until', u.pending_email_until,
			'pending_phone', u.pending_phone, 'pending_phone_until', u.pending_phone_until, 'invited_by', u.invited_by, 'email_verified_by', u.email_verified_by,
			'email_reused', case when u.email_reused then 1 else 0 end, 'password_set', case when u.password_hash = '' then 0 else 1 end) as text) end`
}

// seldomSet scans what [seldom] returns. Of the password hash of all others it says that there is one.
type seldomSet struct{ into *authcore.Account }

// Scan implements sql.Scanner.
func (s seldomSet) Scan(src any) error {
	a := s.into
	if src == nil {
		a.PasswordHash = hashNotRead
		return nil
	}
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("columns of an account came as %T", src)
	}
	var is struct {
		PhoneVerifiedAt   *int64 `json:"phone_verified_at"`
		Locale            string
		Fields            string
		PendingEmail      string     `json:"pending_email"`
		PendingEmailUntil *int64     `json:"pending_email_until"`
		PendingPhone      string     `json:"pending_phone"`
		PendingPhoneUntil *int64     `json:"pending_phone_until"`
		InvitedBy         *uuid.UUID `json:"invited_by"`
		EmailVerifiedBy   string     `json:"email_verified_by"`
		EmailReused       int        `json:"email_reused"`
		PasswordSet       int        `json:"password_set"`
	}
	if err := json.Unmarshal([]byte(text), &is); err != nil {
		return fmt.Errorf("columns of an account: %w", err)
	}
	for into, at := range map[*time.Time]*int64{
		&a.PhoneVerifiedAt: is.PhoneVerifiedAt, &a.PendingEmailUntil: is.PendingEmailUntil, &a.PendingPhoneUntil: is.PendingPhoneUntil,
	} {
		if at != nil {
			*into = time.UnixMicro(*at).UTC()
		}
	}
	if is.InvitedBy != nil {
		a.InvitedBy = *is.InvitedBy
	}
	a.Locale, a.PendingEmail, a.PendingPhone, a.EmailReused, a.EmailVerifiedBy = is.Locale, is.PendingEmail, is.PendingPhone, is.EmailReused == 1, is.EmailVerifiedBy
	if is.PasswordSet == 1 {
		a.PasswordHash = hashNotRead
	}
	return (&jsonObject{&a.Fields}).Scan(is.Fields)
}

// hashNotRead stands for the password hash of an account that has one: nothing verifies against it.
const hashNotRead = "not read"

func scanRotated(mode authcore.Mode) func(sqldb.Row) (signedIn, error) {
	if mode == authcore.ModeDialect {
		return func(row sqldb.Row) (r signedIn, err error) {
			return r, row.Scan(append(r.rotatedInto(), &r.account.Number)...)
		}
	}
	return func(row sqldb.Row) (r signedIn, err error) { return r, row.Scan(r.rotatedInto()...) }
}

func (s *signedIn) rotatedInto() []any {
	sess, a := &s.session, &s.account
	return []any{&sess.AccountID, &sess.AccountEpoch, &jsonList[string]{&sess.AMR}, &stamp{&sess.AuthTime}, &stamp{&sess.ExpiresAt}, &maybeText{&sess.Origin},
		&sess.ShortLived, &a.Email, &stamp{&a.EmailVerifiedAt}, &a.Username, &a.Phone, &a.FirstName, &a.LastName, &a.AvatarURL,
		&jsonList[string]{&a.Roles}, &a.RolesVersion, &stamp{&a.CreatedAt}, seldomSet{a}}
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
		won, err := s.rotateOnce(ctx, r)
		if err == nil {
			won.complete(r)
			s.erasures.later(r.SessionID, r.Now, max(r.Leeway, r.Keep))
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

func (s *Store) rotateOnce(ctx context.Context, r authcore.Rotation) (won signedIn, err error) {
	within := s.Single
	if r.Lookup { // two statements
		within = s.Write
	}
	err = within(ctx, "rotate refresh token", func(ctx context.Context, q sqldb.Querier) (err error) {
		won, err = sqldb.One(ctx, q, scanRotated(r.Mode), s.rotate(r.Mode), r.SessionID, r.Token.Bytes(), r.Next.Bytes(), r.SealedSuccessor,
			micros(r.Now), micros(r.RefreshExpiresAt), micros(r.AccessUntil), string(r.Mode), r.Addr, r.UserAgent, r.Origin)
		if err == nil && r.Lookup {
			err = noteToken(ctx, q, r.Next, r.SessionID, won.session.AccountID, r.RefreshExpiresAt)
		}
		return err
	})
	return won, err
}

type missed struct {
	signedIn
	previous  secret.Digest
	successor []byte
	rotatedAt time.Time
	heir      uuid.UUID // that a step-up has put in its place
}

func scanMissed(r sqldb.Row) (m missed, err error) {
	into := append(sessionInto(&m.session), accountInto(&m.account)...)
	return m, r.Scan(append(into, &digest{&m.previous}, &m.successor, &stamp{&m.rotatedAt}, &optional{&m.heir})...)
}

var selectMissed = "select " + of("s", sessionColumns) + ", " + of("u", accountColumns) + `,
		s.previous_digest, s.successor, s.rotated_at, s.replaced_by
	from sessions s join users u on u.id = s.account_id where s.id = $1`

// explainMiss says what a token is that is not the live one. again: it has become the live one.
func (s *Store) explainMiss(ctx context.Context, r authcore.Rotation) (result authcore.RotationResult, again bool, err error) {
	m, err := s.missed(ctx, r.SessionID)
	switch {
	case err != nil:
		return result, false, err
	case m.heir != uuid.Nil:
		result, err = s.superseded(ctx, r, m)
		return result, false, err
	case !m.live(r.Now):
		return result, false, authcore.ErrNotFound
	case m.session.RefreshDigest.Equal(r.Token) && !m.at(r):
		return result, false, authcore.ErrOtherOrigin
	case m.session.RefreshDigest.Equal(r.Token):
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

func (s *Store) missed(ctx context.Context, session uuid.UUID) (m missed, err error) {
	err = s.Read(ctx, "find session of refresh token", func(ctx context.Context, q sqldb.Querier) error {
		m, err = sqldb.One(ctx, q, scanMissed, selectMissed, session)
		return err
	})
	return m, err
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
	return m.previous.Equal(r.Token) && len(m.successor) > 0 && m.at(r) && r.Now.Sub(m.rotatedAt) < r.Leeway &&
		m.session.UserAgent == r.UserAgent && m.session.Mode == r.Mode
}

// Of many replays at once the first revokes; the condition keeps the others from doing it again.
const revokeReplayed = `update sessions set revoked_at = $2, successor = null
	where id = $1 and revoked_at is null and refresh_digest <> $3` + whatEnded

// replayed ends the session of a stolen token. It is committed, although the caller is refused.
func (s *Store) replayed(ctx context.Context, r authcore.Rotation, m missed) (authcore.RotationResult, error) {
	result := authcore.RotationResult{Outcome: authcore.Replayed, Session: m.session, Account: m.account}
	err := s.change(ctx, "revoke session of replayed token", func(ctx context.Context, q *tx) error {
		ended, err := revokeThose(ctx, q, revokeReplayed, r.Now, r.SessionID, micros(r.Now), r.Token.Bytes())
		if err != nil {
			return err
		}
		if len(ended) == 0 {
			return authcore.ErrNotFound
		}
		if _, err := s.endChildren(ctx, q, m.account.ID, []uuid.UUID{r.SessionID}, r.Now); err != nil {
			return err
		}
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
