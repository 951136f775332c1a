package sqlstore

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const (
	ownColumns = "id, account_id, account_epoch, mode, amr, auth_time, created_at, last_seen_at, refresh_digest, " +
		"refresh_expires_at, expires_at, access_until, addr, user_agent, device_name, revoked_at, parent_id, host"
	sessionColumns = ownColumns + ", device_id, short_lived"
)

func sessionInto(s *authcore.Session) []any {
	return []any{&s.ID, &s.AccountID, &s.AccountEpoch, &s.Mode, &jsonList[string]{&s.AMR}, &stamp{&s.AuthTime},
		&stamp{&s.CreatedAt}, &stamp{&s.LastSeenAt}, &digest{&s.RefreshDigest}, &stamp{&s.RefreshExpiresAt},
		&stamp{&s.ExpiresAt}, &stamp{&s.AccessUntil}, &s.Addr, &s.UserAgent, &s.DeviceName, &stamp{&s.RevokedAt},
		&optional{&s.ParentID}, &maybeText{&s.Origin}, &optional{&s.DeviceID}, &s.ShortLived}
}

func scanSession(r sqldb.Row) (s authcore.Session, err error) { return s, r.Scan(sessionInto(&s)...) }

type signedIn struct {
	session authcore.Session
	account authcore.Account
}

func scanSignedIn(r sqldb.Row) (s signedIn, err error) {
	return s, r.Scan(append(sessionInto(&s.session), accountInto(&s.account)...)...)
}

var insertSession = "insert into sessions (" + sessionColumns + ") values (" + parameters(sessionColumns) + ")"

// ownValues are those of the ownColumns.
func ownValues(s authcore.Session) []any {
	return []any{s.ID, s.AccountID, s.AccountEpoch, string(s.Mode), jsonText(s.AMR),
		micros(s.AuthTime), micros(s.CreatedAt), micros(s.LastSeenAt), s.RefreshDigest.Bytes(), micros(s.RefreshExpiresAt),
		micros(s.ExpiresAt), micros(s.AccessUntil), s.Addr, s.UserAgent, s.DeviceName, micros(s.RevokedAt),
		orNull(s.ParentID), textOrNull(s.Origin)}
}

var selectByRefresh = "select " + of("s", sessionColumns) + ", " + of("u", accountColumns) + `
	from sessions s join users u on u.id = s.account_id
	where s.id = $1 and s.refresh_digest = $2 and s.revoked_at is null and s.refresh_expires_at > $3
		and s.expires_at > $3 and u.disabled_at is null and u.epoch = s.account_epoch`

// SessionByRefresh implements session.Store.
func (s *Store) SessionByRefresh(ctx context.Context, id uuid.UUID, refresh secret.Digest, now time.Time) (authcore.Session, authcore.Account, error) {
	var found signedIn
	err := s.Read(ctx, "find session", func(ctx context.Context, q sqldb.Querier) (err error) {
		found, err = sqldb.One(ctx, q, scanSignedIn, selectByRefresh, id, refresh.Bytes(), micros(now))
		return err
	})
	return found.session, found.account, err
}

// A session in place of another may have been replaced in its turn.
const selectSessionOwner = `with recursive heirs (id, account_id, next) as (
		select id, account_id, replaced_by from sessions where id = $1
		union all select s.id, s.account_id, s.replaced_by from sessions s join heirs h on s.id = h.next)
	select id, account_id from heirs where next is null`

// SessionOwner implements session.Store.
func (s *Store) SessionOwner(ctx context.Context, id uuid.UUID) (present, owner uuid.UUID, err error) {
	err = s.Read(ctx, "find session owner", func(ctx context.Context, q sqldb.Querier) error {
		present, err = sqldb.One(ctx, q, func(r sqldb.Row) (id uuid.UUID, err error) { return id, r.Scan(&id, &owner) }, selectSessionOwner, id)
		return err
	})
	return present, owner, err
}

// live is the condition that a row of sessions is one that can go on; now is the parameter with the time. Whether an account's epoch has
// ended it is asked besides.
func live(sessions, now string) string {
	return sessions + ".revoked_at is null and " + sessions + ".refresh_expires_at > " + now + " and " + sessions + ".expires_at > " + now
}

var selectSessions = "select " + of("s", sessionColumns) + `
	from sessions s join users u on u.id = s.account_id
	where s.account_id = $1 and ` + live("s", "$2") + `
		and u.epoch = s.account_epoch
	order by s.last_seen_at desc, s.id desc`

// Sessions implements session.Store.
func (s *Store) Sessions(ctx context.Context, account uuid.UUID, now time.Time) (list []authcore.Session, err error) {
	err = s.Read(ctx, "list sessions", func(ctx context.Context, q sqldb.Querier) error {
		list, err = sqldb.All(ctx, q, scanSession, selectSessions, account, micros(now))
		return err
	})
	return list, err
}

// The list and this name the same sessions.
var renameSession = `update sessions set device_name = $3
	where id = $2 and account_id = $1 and ` + live("sessions", "$4") + `
		and account_epoch = (select epoch from users where id = $1)
	returning ` + sessionColumns

// RenameSession implements session.Store.
func (s *Store) RenameSession(ctx context.Context, account, id uuid.UUID, name string, now time.Time, fx authcore.Effects) (sess authcore.Session, err error) {
	err = s.change(ctx, "rename session", func(ctx context.Context, q *tx) error {
		if sess, err = sqldb.One(ctx, q, scanSession, renameSession, account, id, name, micros(now)); err != nil {
			return err
		}
		return record(ctx, q, fx)
	})
	return sess, err
}

const selectLiveSessions = `select s.id, u.roles_version from sessions s join users u on u.id = s.account_id
	where s.revoked_at is null and (s.refresh_expires_at > $1 or s.access_until > $1)
		and u.disabled_at is null and u.epoch = s.account_epoch and s.id `

func scanLiveSession(r sqldb.Row) (l authcore.LiveSession, err error) {
	return l, r.Scan(&l.ID, &l.RolesVersion)
}

// LiveSessions implements liveconn.Sessions.
func (s *Store) LiveSessions(ctx context.Context, ids []uuid.UUID, now time.Time) (live []authcore.LiveSession, err error) {
	err = s.Read(ctx, "find live sessions", func(ctx context.Context, q sqldb.Querier) error {
		live, err = sqldb.All(ctx, q, scanLiveSession, selectLiveSessions+s.Dialect().AnyOf("$2"), micros(now), s.Dialect().List(ids))
		return err
	})
	return live, err
}
