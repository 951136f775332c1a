package sqlstore

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const (
	countChallengesOut = "select count(*) from challenges where purpose = $1 and expires_at > $2"
	hasAccounts        = "select count(*) from (select id from users limit 1) as first"
)

// ChallengeIsOut implements setup.Store.
func (s *Store) ChallengeIsOut(ctx context.Context, purpose authcore.Purpose, now time.Time) (out bool, err error) {
	err = s.Read(ctx, "look for challenge", func(ctx context.Context, q sqldb.Querier) error {
		n, err := sqldb.One(ctx, q, sqldb.ScanInt, countChallengesOut, string(purpose), micros(now))
		out = n > 0
		return err
	})
	return out, err
}

// HasAccounts implements setup.LinkStore.
func (s *Store) HasAccounts(ctx context.Context) (bool, error) {
	n, err := s.readNumber(ctx, "look for accounts", hasAccounts)
	return n > 0, err
}

// SetUp implements setup.Store.
func (s *Store) SetUp(ctx context.Context, e authcore.SignUp) (a authcore.Account, sess authcore.Session, err error) {
	err = s.change(ctx, "set up", func(ctx context.Context, q *tx) error {
		if _, err := consume(ctx, q, e.ChallengeID, authcore.PurposeSetup, e.Now); err != nil {
			return err
		}
		if err := create(ctx, q, e.Account, e.Identifiers); err != nil {
			return err
		}
		if a, err = sqldb.One(ctx, q, scanAccount, selectAccount, e.Account.ID); err != nil {
			return err
		}
		sess, err = s.openOrWait(ctx, q, a, e)
		return err
	})
	if err != nil {
		return authcore.Account{}, authcore.Session{}, err
	}
	return a, sess, nil
}
