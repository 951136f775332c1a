package sqlstore

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// OpenSession implements session.Store.
func (s *Store) OpenSession(ctx context.Context, o authcore.SessionOpening) (opened authcore.Session, err error) {
	err = s.change(ctx, "open session", func(ctx context.Context, q *tx) error {
		opened, err = s.open(ctx, q, o)
		return err
	})
	if err != nil {
		return authcore.Session{}, err
	}
	return opened, nil
}

// open writes a session and all that belongs to its sign-in. ErrNotFound where the account is disabled or past the session's epoch.
//
// The account's row is locked from the first statement on. So whoever raises the epoch waits, and their revocation covers this
// session's tokens too; sign-ins of one account come one after the other, and each counts the sessions of those before it (S12); and a
// device is not forgotten while a session is opened on it.
func (s *Store) open(ctx context.Context, q *tx, o authcore.SessionOpening) (authcore.Session, error) {
	sess := o.Session
	if err := endPending(ctx, q, o.Pending, o.Session); err != nil {
		return sess, err
	}
	expected, err := s.insertOpening(ctx, q, o)
	if err != nil {
		return sess, err
	}
	if err := endChallenge(ctx, q, o.Challenge, sess.AccountID, sess.CreatedAt); err != nil {
		return sess, err
	}
	if err := openedBy(ctx, q, o); err != nil {
		return sess, err
	}
	if o.Lookup {
		if err := noteToken(ctx, q, sess.RefreshDigest, sess.ID, sess.AccountID, sess.RefreshExpiresAt); err != nil {
			return sess, err
		}
	}
	met, err := s.meetDevice(ctx, q, o)
	if err != nil {
		return sess, err
	}
	if sess.DeviceID = met.id; met.id != expected { // another sign-in of the same device came between
		if _, err := sqldb.Exec(ctx, q, setDevice, sess.ID, orNull(met.id)); err != nil {
			return sess, err
		}
	}
	fx, err := met.effects(ctx, q, o)
	if err != nil {
		return sess, err
	}
	if over := met.devices + 1 - int64(o.MaxDevices); o.MaxDevices > 0 && over > 0 && !met.known && met.id != uuid.Nil {
		forgotten, err := forgetOldest(ctx, q, o, met.id, over)
		if err != nil {
			return sess, err
		}
		fx.Events = append(fx.Events, forgotten...)
	}
	trusted, err := afterSecondStep(ctx, q, o, met.id)
	if err != nil {
		return sess, err
	}
	fx.Events = append(fx.Events, trusted...)
	if over := met.sessions + 1 - int64(o.MaxSessions); o.MaxSessions > 0 && over > 0 {
		ended, err := s.endOldest(ctx, q, o, over)
		if err != nil {
			return sess, err
		}
		fx.Events = append(fx.Events, ended...)
	}
	return sess, record(ctx, q, fx)
}

const setDevice = "update sessions set device_id = $2 where id = $1"

// setSignIns writes down when the account $1 was signed in to, at $5.
const setSignIns = "update users set first_sign_in_at = coalesce(first_sign_in_at, $5), last_sign_in_at = $5 where id = $1"

// insertIntoSessions gives device_id the id of the device that the account knows by the digest $21, else $19.
var insertIntoSessions = "insert into sessions (" + sessionColumns + ") select " + parameters(ownColumns) + `,
		coalesce((select d.id from devices d where d.account_id = $2 and d.token_digest = $21), $19), $20
	from users where id = $2 and epoch = $3 and disabled_at is null`

// insertOpening stores the session if its account is still enabled and at its epoch, and returns its device.
func (s *Store) insertOpening(ctx context.Context, q *tx, o authcore.SessionOpening) (device uuid.UUID, err error) {
	sess, fresh := o.Session, any(nil)
	if o.Keep && !o.Device.TokenDigest.IsZero() {
		fresh = o.Device.ID
	}
	args := append(ownValues(sess), fresh, sess.ShortLived, digestOrNull(o.Device.TokenDigest))
	return sqldb.One(ctx, q, scanMaybeID, insertIntoSessions+s.Dialect().ForUpdate+" returning device_id", args...)
}

// met is what a sign-in finds.
type met struct {
	id       uuid.UUID // of the device; zero where none is known and none becomes known
	known    bool      // before
	sessions int64     // live ones of the account but this one, child sessions apart
	first    bool      // nobody has signed in to the account before
	links    int64     // open ones of changes of address or number
	devices  int64     // that the account knows besides
}

func scanMet(r sqldb.Row) (m met, err error) {
	return m, r.Scan(&optional{&m.id}, &m.sessions, &m.first, &m.links, &m.devices)
}

// What else a sign-in has to know. The statement comes after the one that waited for the account's row, and so sees what those have
// written that it waited for.
var whatElse = `(select count(*) from sessions s where s.account_id = $1 and s.id <> $3 and s.parent_id is null and s.account_epoch = $4
		and ` + live("s", "$5") + `),
	(select u.first_sign_in_at is null from users u where u.id = $1),
	(select count(*) from security_links l where l.account_id = $1 and l.contact and l.used_at is null and l.expires_at > $5),
	(select count(*) from devices v where v.account_id = $1 and v.token_digest <> $2)`

var (
	upsertDevice = `insert into devices (account_id, token_digest, id, name, user_agent, addr, first_seen_at, last_seen_at)
		values ($1, $2, $6, $7, $8, $9, $5, $5)
		on conflict (account_id, token_digest) do update set last_seen_at = $5, user_agent = $8, addr = $9
		returning id, ` + whatElse
	selectDevice = `select d.id, ` + whatElse + `
		from (select 1 as one) as one left join devices d on d.account_id = $1 and d.token_digest = $2`
)

// meetDevice finds the device of a sign-in, or makes it known, and writes down when the account was signed in to. Postgres does both in one
// statement, each part of which sees what was before.
func (s *Store) meetDevice(ctx context.Context, q *tx, o authcore.SessionOpening) (m met, err error) {
	sess, d := o.Session, o.Device
	args := []any{sess.AccountID, digestOrNull(d.TokenDigest), sess.ID, sess.AccountEpoch, micros(sess.CreatedAt)}
	oneStatement, text := s.Dialect().ForUpdate != "", selectDevice
	keeps := o.Keep && !d.TokenDigest.IsZero()
	if keeps {
		text, args = upsertDevice, append(args, d.ID, d.Name, sess.UserAgent, sess.Addr)
	}
	if oneStatement {
		text = "with signed_in as (" + setSignIns + ") " + text
	}
	if m, err = sqldb.One(ctx, q, scanMet, text, args...); err != nil {
		return m, err
	}
	if m.known = m.id != uuid.Nil; keeps {
		m.known = m.id != d.ID
	}
	if !oneStatement {
		_, err = sqldb.Exec(ctx, q, strings.ReplaceAll(setSignIns, "$5", "$2"), sess.AccountID, micros(sess.CreatedAt))
	}
	return m, err
}

// effects returns what the sign-in writes besides its session.
func (m met) effects(ctx context.Context, q *tx, o authcore.SessionOpening) (fx authcore.Effects, err error) {
	fx = o.Effects
	fx.Events = slices.Clone(fx.Events)
	for i := range fx.Events {
		if fx.Events[i].SessionID == o.Session.ID {
			fx.Events[i].DeviceID = m.id
		}
	}
	if !m.known && m.id != uuid.Nil {
		seen := ofSession(o.Seen, o.Session)
		seen.DeviceID = m.id
		fx.Events = append(fx.Events, seen)
	}
	if m.known || m.first || o.NewDevice == nil {
		return fx, nil
	}
	var open []authcore.SecurityLink
	if m.links > 0 {
		if open, err = sqldb.All(ctx, q, scanLink, selectOpenContactLinks, o.Session.AccountID, micros(o.Session.CreatedAt)); err != nil {
			return fx, err
		}
	}
	more, err := o.NewDevice(open)
	return fx.And(more), err
}

// endOldestSessions ends with each parent its child sessions: no hand-over is under way, for it waits for the account's row.
var endOldestSessions = `update sessions set revoked_at = $2, successor = null where revoked_at is null and id in (
		select s.id from sessions s where s.account_id = $1 and s.revoked_at is null and coalesce(s.parent_id, s.id) in (
			select o.id from sessions o where o.account_id = $1 and o.id <> $3 and o.parent_id is null and o.account_epoch = $4
				and ` + live("o", "$2") + `
			order by o.last_seen_at, o.id limit $5)
		order by s.id`

// mostEnded is how many parents a sign-in ends at once: of an account that has far more than it may have since the limit was lowered,
// the next sign-ins end the rest.
const mostEnded = 100

// endOldest ends the n sessions of the account that were used longest ago, and returns the events that tell of them.
func (s *Store) endOldest(ctx context.Context, q *tx, o authcore.SessionOpening, n int64) ([]authcore.Event, error) {
	sess := o.Session
	lock := s.Dialect().ForUpdate
	if lock != "" {
		lock += " of s"
	}
	ended, err := revokeThose(ctx, q, endOldestSessions+lock+")"+whatEnded, sess.CreatedAt,
		sess.AccountID, micros(sess.CreatedAt), sess.ID, sess.AccountEpoch, min(n, mostEnded))
	if err != nil {
		return nil, err
	}
	events := make([]authcore.Event, len(ended))
	for i, r := range ended {
		events[i] = o.Ended
		events[i].ID, events[i].AccountID, events[i].SessionID = newID(), r.AccountID, r.SessionID
	}
	return events, nil
}
