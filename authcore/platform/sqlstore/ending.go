package sqlstore

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const (
	raiseEpoch        = "update users set epoch = epoch + 1 where id = $1 returning " + accountColumns
	countLiveSessions = `select count(*) from sessions where account_id = $1 and revoked_at is null
		and (refresh_expires_at > $2 or access_until > $2)`
)

// EndAccount implements operator.Store.
func (s *Store) EndAccount(ctx context.Context, account uuid.UUID, now time.Time, fx authcore.Effects) (rev authcore.Revocation, sessions int, err error) {
	err = s.change(ctx, "end sessions of account", func(ctx context.Context, q *tx) error {
		a, err := sqldb.One(ctx, q, scanAccount, raiseEpoch, account)
		if err != nil {
			return err
		}
		live, err := sqldb.One(ctx, q, sqldb.ScanInt, countLiveSessions, account, micros(now))
		if err != nil {
			return err
		}
		if rev, err = s.endSessions(ctx, q, a, now); err != nil {
			return err
		}
		sessions = int(live)
		return record(ctx, q, fx)
	})
	if err != nil {
		return authcore.Revocation{}, 0, err
	}
	return rev, sessions, nil
}

// endPage is how many rows of sessions are looked at in one transaction: few enough that a refresh that waits for one of
// them does not wait long.
const endPage = 500

// The rows are locked in the order of their ids, as everywhere. A session ends here for what can still use it; the rest
// has ended by itself.
const endRange = `update sessions set revoked_at = $3, successor = null
		where revoked_at is null and id in (select id from sessions
		where id > $1 and id <= $2 and revoked_at is null and (refresh_expires_at > $3 or access_until > $3) order by id`

// EndNext implements session.EveryoneStore.
func (s *Store) EndNext(ctx context.Context, after uuid.UUID, now time.Time, told session.Told) (ended []authcore.Revocation, next uuid.UUID, err error) {
	const step = "end sessions"
	to := uuid.Max
	err = s.Read(ctx, step, func(ctx context.Context, q sqldb.Querier) error {
		end, err := sqldb.One(ctx, q, scanID, endOfPage, after, endPage-1)
		if errors.Is(err, authcore.ErrNotFound) {
			return nil
		}
		to = end
		return err
	})
	if err != nil {
		return nil, uuid.Nil, err
	}
	err = s.change(ctx, step, func(ctx context.Context, q *tx) error {
		ended, err = sqldb.All(ctx, q, scanEnded, endRange+s.Dialect().ForUpdate+")"+whatEnded, after, to, micros(now))
		if err == nil && to == uuid.Max {
			// A hand-over that held on to its parent has committed by now: this statement sees its child session.
			var late []authcore.Revocation
			late, err = sqldb.All(ctx, q, scanEnded, endRange+s.Dialect().ForUpdate+")"+whatEnded, after, to, micros(now))
			ended = append(ended, late...)
		}
		if err != nil || len(ended) == 0 {
			return err
		}
		if err := revokeRange(ctx, q, after, to, now, ended); err != nil {
			return err
		}
		return record(ctx, q, told(ended))
	})
	if err != nil {
		return nil, uuid.Nil, err
	}
	return ended, to, nil
}

// voidCodes leaves the attempts that were spent, so that nobody gets new ones by it. Zero is past by every node's clock.
const voidCodes = `update challenges set expires_at = 0 where id in
	(select id from challenges where expires_at > $1 order by id limit $2`

// VoidChallenges implements operator.Store.
func (s *Store) VoidChallenges(ctx context.Context, now time.Time) (voided int, err error) {
	for {
		var n int64
		err := s.Single(ctx, "void codes", func(ctx context.Context, q sqldb.Querier) (err error) {
			n, err = sqldb.Exec(ctx, q, voidCodes+s.Dialect().ForUpdate+")", micros(now), sweepBatch)
			return err
		})
		voided += int(n)
		if err != nil || n < sweepBatch {
			return voided, err
		}
	}
}
