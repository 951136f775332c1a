package sqlstore

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const grantColumns = "id, provider, sealed, tries"

func scanGrant(r sqldb.Row) (g authcore.Grant, err error) {
	return g, r.Scan(&g.ID, &g.Provider, &g.Sealed, &g.Tries)
}

const (
	insertGrant = `insert into provider_grants (id, connection_id, account_id, provider, sealed) values ($1, $2, $3, $4, $5)
		on conflict (connection_id) do update set provider = excluded.provider, sealed = excluded.sealed`
	endGrant = "update provider_grants set connection_id = null, account_id = null, due_at = $2 where connection_id = $1"
	// Of all nodes that look at once one gets it: the row is due again only when the claim has run out.
	claimGrant = `update provider_grants set due_at = $2, tries = tries + 1 where due_at <= $1 and id = (
		select id from provider_grants where due_at <= $1 order by due_at, id limit 1) returning ` + grantColumns
	delayGrant         = "update provider_grants set due_at = $2 where id = $1"
	dropGrant          = "delete from provider_grants where id = $1"
	selectSealedGrants = "select " + grantColumns + " from provider_grants where id > $1 order by id limit $2"
	resealGrant        = "update provider_grants set sealed = $3 where id = $1 and sealed = $2"
)

// keepGrant keeps what takes consent back, in place of what was kept for the connection; nothing where it is nil.
func keepGrant(ctx context.Context, q sqldb.Querier, c authcore.Connection, sealed []byte) error {
	if len(sealed) == 0 {
		return nil
	}
	_, err := sqldb.Exec(ctx, q, insertGrant, newID(), c.ID, c.AccountID, c.Provider, sealed)
	return err
}

// ClaimGrant implements federated.ConsentStore.
func (s *Store) ClaimGrant(ctx context.Context, now, until time.Time) (g authcore.Grant, err error) {
	var due int64
	err = s.Read(ctx, "look for consent to take back", func(ctx context.Context, q sqldb.Querier) error {
		due, err = sqldb.One(ctx, q, sqldb.ScanInt, some("provider_grants where due_at <= $1"), micros(now))
		return err
	})
	if err == nil && due == 0 {
		err = authcore.ErrNotFound
	}
	if err != nil {
		return g, err
	}
	err = s.Single(ctx, "claim consent to take back", func(ctx context.Context, q sqldb.Querier) error {
		g, err = sqldb.One(ctx, q, scanGrant, claimGrant, micros(now), micros(until))
		return err
	})
	return g, err
}

// DelayGrant implements federated.ConsentStore.
func (s *Store) DelayGrant(ctx context.Context, id uuid.UUID, until time.Time) error {
	return s.grant(ctx, "delay consent to take back", delayGrant, id, micros(until))
}

// DropGrant implements federated.ConsentStore and operator.GrantStore.
func (s *Store) DropGrant(ctx context.Context, id uuid.UUID) error {
	return s.grant(ctx, "drop consent", dropGrant, id)
}

// SealedGrants implements operator.GrantStore.
func (s *Store) SealedGrants(ctx context.Context, after uuid.UUID, limit int) (all []authcore.Grant, err error) {
	err = s.Read(ctx, "read sealed consents", func(ctx context.Context, q sqldb.Querier) error {
		all, err = sqldb.All(ctx, q, scanGrant, selectSealedGrants, after, limit)
		return err
	})
	return all, err
}

// ResealGrant implements operator.GrantStore.
func (s *Store) ResealGrant(ctx context.Context, id uuid.UUID, old, sealed []byte) error {
	return s.grant(ctx, "seal consent again", resealGrant, id, old, sealed)
}

func (s *Store) grant(ctx context.Context, what, text string, args ...any) error {
	return s.Single(ctx, what, func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, text, args...)
		return err
	})
}

const selectOpened = "select session_id from provider_sessions where account_id = $1 and issuer = $2 and subject = $3 order by session_id"

// EndConnection implements federated.ConsentStore. The account is held before its connection is looked at again, as everywhere.
func (s *Store) EndConnection(ctx context.Context, e authcore.ConnectionEnding) error {
	return s.change(ctx, "end connection", func(ctx context.Context, q *tx) error {
		if err := useToken(ctx, q, e.Once, e.OnceUntil); err != nil {
			return err
		}
		if err := endWaiting(ctx, q, e.Issuer, "", e.Subject); err != nil {
			return err
		}
		c, err := sqldb.One(ctx, q, scanConnection, selectBySubject, e.Issuer, e.Subject)
		if errors.Is(err, authcore.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		a, err := sqldb.One(ctx, q, scanAccount, selectAccount+s.Dialect().ForUpdate, c.AccountID)
		if err != nil {
			return err
		}
		opened, err := sqldb.All(ctx, q, scanID, selectOpened, a.ID, e.Issuer, e.Subject)
		if err != nil {
			return err
		}
		if _, err := s.endListed(ctx, q, a.ID, opened, e.Now); err != nil {
			return err
		}
		if err := sever(ctx, q, c, e.Now); err != nil {
			return err
		}
		if a, err = s.applyRoles(ctx, q, a, e.Now); err != nil {
			return err
		}
		fx, err := e.Effects(a, c)
		if err != nil {
			return err
		}
		return record(ctx, q, fx)
	})
}
