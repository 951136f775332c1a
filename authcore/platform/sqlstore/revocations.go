package sqlstore

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// revocationKept is the least time a revocation can be read: connections that were opened with an access token outlive
// it, and other nodes must learn that they have to close them.
const revocationKept = time.Minute

const insertRevocation = `insert into revocations (session_id, account_id, epoch, roles_version, until)
	values ($1, $2, $3, $4, $5) returning seq`

// revoke stores a revocation and returns it with its number. Until is the last expiry of what it concerns.
func revoke(ctx context.Context, q *tx, r authcore.Revocation, now time.Time) (authcore.Revocation, error) {
	if least := now.Add(revocationKept); r.Until.Before(least) {
		r.Until = least
	}
	var err error
	r.Seq, err = sqldb.One(ctx, q, sqldb.ScanInt, insertRevocation, orNull(r.SessionID), r.AccountID, r.Epoch, r.RolesVersion, micros(r.Until))
	if err != nil {
		return authcore.Revocation{}, err
	}
	q.done.Revocations = append(q.done.Revocations, r)
	return r, nil
}

// Of the rows just ended: nobody else has ended one of them at the same microsecond, and if so, twice is once.
const insertRevocationsOf = `insert into revocations (session_id, account_id, epoch, roles_version, until)
	select id, account_id, 0, 0, case when access_until > $4 then access_until else $4 end from sessions
	where id > $1 and id <= $2 and revoked_at = $3 order by id`

// revokeRange does what revoke does, in one statement, for the sessions after one id up to another that have ended at now, which
// are those of ended.
func revokeRange(ctx context.Context, q *tx, after, to uuid.UUID, now time.Time, ended []authcore.Revocation) error {
	least := now.Add(revocationKept)
	if _, err := sqldb.Exec(ctx, q, insertRevocationsOf, after, to, micros(now), micros(least)); err != nil {
		return err
	}
	for i := range ended {
		if ended[i].Until.Before(least) {
			ended[i].Until = least
		}
	}
	q.done.Revocations = append(q.done.Revocations, ended...)
	return nil
}

// A session ends here for what can still use it: a refresh token, or an access token that has outlived it.
const revokeSessions = `update sessions set revoked_at = $2, successor = null
	where revoked_at is null and id in (select id from sessions
		where account_id = $1 and revoked_at is null and (refresh_expires_at > $2 or access_until > $2)`

const whatEnded = " returning id, account_id, access_until"

func scanEnded(r sqldb.Row) (rev authcore.Revocation, err error) {
	return rev, r.Scan(&rev.SessionID, &rev.AccountID, &stamp{&rev.Until})
}

// RevokeSessions implements session.Store.
func (s *Store) RevokeSessions(ctx context.Context, account uuid.UUID, ids []uuid.UUID, all bool, now time.Time,
	fx authcore.Effects) (ended []authcore.Revocation, err error) {
	those := " and id " + s.Dialect().AnyOf("$3")
	if all {
		those = " and not (id " + s.Dialect().AnyOf("$3") + `) and not (id in (select parent_id from sessions
			where account_id = $1 and parent_id is not null and id ` + s.Dialect().AnyOf("$3") + "))"
	}
	err = s.change(ctx, "revoke sessions", func(ctx context.Context, q *tx) error {
		ended, err = revokeThose(ctx, q, revokeSessions+those+" order by id"+s.Dialect().ForUpdate+")"+whatEnded, now, account, micros(now), s.Dialect().List(ids))
		if err != nil {
			return err
		}
		parents := ids
		if all {
			parents = sessionsOf(ended)
		}
		children, err := s.endChildren(ctx, q, account, parents, now)
		if err != nil {
			return err
		}
		if ended = append(ended, children...); len(ended) == 0 {
			return nil
		}
		return record(ctx, q, fx)
	})
	if err != nil {
		return nil, err
	}
	return ended, nil
}

func revokeThose(ctx context.Context, q *tx, text string, now time.Time, args ...any) ([]authcore.Revocation, error) {
	ended, err := sqldb.All(ctx, q, scanEnded, text, args...)
	if err != nil {
		return nil, err
	}
	for i := range ended {
		if ended[i], err = revoke(ctx, q, ended[i], now); err != nil {
			return nil, err
		}
	}
	return ended, nil
}

// revocationPage bounds what is read at once: after a night of revocations a million rows must neither meet the time-out of
// One statement nor lie in memory together.
const revocationPage = 5000

const selectRevocations = `select seq, session_id, account_id, epoch, roles_version, until
	from revocations where seq > $1 and (until > $2 or seq = $1 + 1 or seq = (select max(seq) from revocations))
	order by seq limit $3`

func scanRevocation(r sqldb.Row) (rev authcore.Revocation, err error) {
	return rev, r.Scan(&rev.Seq, &optional{&rev.SessionID}, &rev.AccountID, &rev.Epoch, &rev.RolesVersion, &stamp{&rev.Until})
}

// LiveRevocations implements revocation.Source.
func (s *Store) LiveRevocations(ctx context.Context, after int64, now time.Time) (page []authcore.Revocation, err error) {
	err = s.Read(ctx, "read revocations", func(ctx context.Context, q sqldb.Querier) (err error) {
		page, err = sqldb.All(ctx, q, scanRevocation, selectRevocations, after, micros(now), revocationPage)
		return err
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}
