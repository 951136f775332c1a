package sqlstore

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const insertToken = "insert into dialect_tokens (digest, session_id, account_id, expires_at) values ($1, $2, $3, $4)"

// noteToken notes whose a refresh token is that does not say so itself.
func noteToken(ctx context.Context, q sqldb.Querier, token secret.Digest, session, account uuid.UUID, until time.Time) error {
	_, err := sqldb.Exec(ctx, q, insertToken, token.Bytes(), session, account, micros(until))
	return err
}

const selectTokenSession = "select session_id from dialect_tokens where digest = $1 and expires_at > $2"

// SessionOfToken implements session.DialectStore.
func (s *Store) SessionOfToken(ctx context.Context, token secret.Digest, now time.Time) (session uuid.UUID, err error) {
	err = s.Read(ctx, "find session of refresh token", func(ctx context.Context, q sqldb.Querier) error {
		session, err = sqldb.One(ctx, q, scanID, selectTokenSession, token.Bytes(), micros(now))
		return err
	})
	return session, err
}

// selectDialectSession reads what a renewal returns, and what it would write.
func selectDialectSession(object string) string {
	return "select s.refresh_digest, s.refresh_expires_at, " + of("s", rotatedSession) + ", " + of("u", rotatedAccount) + ", " + seldom(object) + `, u.number,
			s.access_until, s.last_seen_at, s.addr, s.user_agent
		from sessions s join users u on u.id = s.account_id
		where s.id = $1 and s.mode = $3 and ` + live("s", "$2") + ` and u.disabled_at is null and u.epoch = s.account_epoch`
}

var dialectSessionJoined, dialectSessionNested = selectDialectSession("json_build_object"), selectDialectSession("json_object")

// DialectSession implements session.DialectStore.
func (s *Store) DialectSession(ctx context.Context, id uuid.UUID, now time.Time) (authcore.Session, authcore.Account, error) {
	text := dialectSessionJoined
	if s.Dialect().Name == sqldb.SQLite {
		text = dialectSessionNested
	}
	var found signedIn
	err := s.Read(ctx, "find session of dialect", func(ctx context.Context, q sqldb.Querier) (err error) {
		found, err = sqldb.One(ctx, q, scanDialectSession, text, id, micros(now), string(authcore.ModeDialect))
		return err
	})
	if err != nil {
		return authcore.Session{}, authcore.Account{}, err
	}
	found.session.ID, found.session.Mode = id, authcore.ModeDialect
	found.account.ID, found.account.Epoch = found.session.AccountID, found.session.AccountEpoch
	return found.session, found.account, nil
}

func scanDialectSession(row sqldb.Row) (r signedIn, err error) {
	into := append([]any{&digest{&r.session.RefreshDigest}, &stamp{&r.session.RefreshExpiresAt}}, r.rotatedInto()...)
	return r, row.Scan(append(into, &r.account.Number, &stamp{&r.session.AccessUntil}, &stamp{&r.session.LastSeenAt}, &r.session.Addr, &r.session.UserAgent)...)
}

// renewal is a rotation that leaves the tokens: everything that makes a session live is in its condition.
const renewal = `update sessions set last_seen_at = $2,
		refresh_expires_at = case when $3 > refresh_expires_at then (case when $3 < expires_at then $3 else expires_at end) else refresh_expires_at end,
		refresh_digest = coalesce($8, refresh_digest),
		access_until = case when access_until is null or $4 > access_until then $4 else access_until end, addr = $5, user_agent = $6
	%s sessions.id = $1 and mode = $7 and revoked_at is null and refresh_expires_at > $2 and expires_at > $2
		and %s u.id = sessions.account_id and u.disabled_at is null and u.epoch = sessions.account_epoch%s
	returning refresh_digest, refresh_expires_at, %s, %s`

var (
	renewJoined = fmt.Sprintf(renewal, "from users u where", "", "", of("sessions", rotatedSession), of("u", rotatedAccount)+", "+seldom("json_build_object")+", u.number")
	renewNested = fmt.Sprintf(renewal, "where", "exists (select 1 from users u where", ")", rotatedSession, each(rotatedAccount, nested)+", "+nested(seldom("json_object"))+", "+nestedNumber)
)

// RenewSession implements session.DialectStore.
func (s *Store) RenewSession(ctx context.Context, r authcore.Renewal) (authcore.Session, authcore.Account, error) {
	text := renewJoined
	if s.Dialect().Name == sqldb.SQLite {
		text = renewNested
	}
	until := int64(0)
	if !r.RefreshExpiresAt.IsZero() {
		until = r.RefreshExpiresAt.UnixMicro()
	}
	var next any
	if !r.Next.IsZero() {
		next = r.Next.Bytes()
	}
	var found signedIn
	err := s.Single(ctx, "renew session", func(ctx context.Context, q sqldb.Querier) (err error) {
		found, err = sqldb.One(ctx, q, scanRenewed, text, r.SessionID, micros(r.Now), until, micros(r.AccessUntil), r.Addr, r.UserAgent, string(authcore.ModeDialect), next)
		return err
	})
	if err != nil {
		return authcore.Session{}, authcore.Account{}, err
	}
	sess, a := &found.session, &found.account
	a.ID, a.Epoch = sess.AccountID, sess.AccountEpoch
	sess.ID, sess.Mode, sess.Addr, sess.UserAgent, sess.LastSeenAt = r.SessionID, authcore.ModeDialect, r.Addr, r.UserAgent, r.Now
	return found.session, found.account, nil
}

func scanRenewed(row sqldb.Row) (r signedIn, err error) {
	into := append([]any{&digest{&r.session.RefreshDigest}, &stamp{&r.session.RefreshExpiresAt}}, r.rotatedInto()...)
	return r, row.Scan(append(into, &r.account.Number)...)
}

const (
	insertDialectKey  = "insert into settings (name, value) values ($1, $2) on conflict (name) do nothing"
	replaceDialectKey = "update settings set value = $3 where name = $1 and value = $2"
)

// DialectKey returns the sealed key of a name: of several nodes that bring one at once all get the same. old is a stored one that is of no use
// any more and that sealed replaces; nil for none.
func (s *Store) DialectKey(ctx context.Context, name string, old, sealed []byte) (stored []byte, err error) {
	name = "dialect_key." + name
	err = s.Write(ctx, "keep key of dialect", func(ctx context.Context, q sqldb.Querier) error {
		if old != nil {
			if _, err := sqldb.Exec(ctx, q, replaceDialectKey, name, base64.StdEncoding.EncodeToString(old), base64.StdEncoding.EncodeToString(sealed)); err != nil {
				return err
			}
		}
		if _, err := sqldb.Exec(ctx, q, insertDialectKey, name, base64.StdEncoding.EncodeToString(sealed)); err != nil {
			return err
		}
		text, err := sqldb.One(ctx, q, sqldb.ScanText, "select value from settings where name = $1", name)
		if err != nil {
			return err
		}
		stored, err = base64.StdEncoding.DecodeString(text)
		return err
	})
	return stored, err
}

// The next number of an account. Postgres gives what its identity would; SQLite counts on as the trigger of users does.
const (
	nextNumber     = "select nextval(pg_get_serial_sequence('users', 'number'))"
	nextNumberLite = "update settings set value = cast(cast(value as integer) + 1 as text) where name = 'last_users_number' returning cast(value as integer)"
)

// ReserveNumber implements dialect.Accounts.
func (s *Store) ReserveNumber(ctx context.Context) (n int64, err error) {
	text := nextNumber
	if s.Dialect().Name == sqldb.SQLite {
		text = nextNumberLite
	}
	err = s.Single(ctx, "reserve number of account", func(ctx context.Context, q sqldb.Querier) error {
		n, err = sqldb.One(ctx, q, sqldb.ScanInt, text)
		return err
	})
	return n, err
}
