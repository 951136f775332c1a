package sqlstore

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// Of all who delete the row at once exactly one gets it back, under READ COMMITTED too.
const takeChallenge = "delete from challenges where token_digest = $2 and purpose = $1 and expires_at > $3 returning " + challengeColumns

// TakeChallenge implements factor.CredentialStore.
func (s *Store) TakeChallenge(ctx context.Context, p authcore.Purpose, token secret.Digest, now time.Time) (ch authcore.Challenge, err error) {
	err = s.Single(ctx, "take challenge", func(ctx context.Context, q sqldb.Querier) error {
		ch, err = sqldb.One(ctx, q, scanChallenge, takeChallenge, string(p), token.Bytes(), micros(now))
		return err
	})
	return ch, err
}

const selectFactorByCredential = "select " + factorColumns + " from factors where credential_id = $1 and confirmed_at is not null"

// FactorByCredential implements factor.CredentialStore.
func (s *Store) FactorByCredential(ctx context.Context, credential []byte) (x authcore.Factor, a authcore.Account, err error) {
	err = s.Read(ctx, "find credential", func(ctx context.Context, q sqldb.Querier) error {
		if x, err = sqldb.One(ctx, q, scanFactor, selectFactorByCredential, credential); err != nil {
			return err
		}
		a, err = sqldb.One(ctx, q, scanAccount, selectAccount, x.AccountID)
		return err
	})
	return x, a, err
}

// One conditional statement: of two copies of a key that come with one counter at once one is not first (O20).
const useCredential = `update factors set sign_count = $3, last_used_at = $4
	where id = $1 and account_id = $2 and confirmed_at is not null and (sign_count < $3 or sign_count = 0 and $3 = 0)`

// UseCredential implements factor.CredentialStore.
func (s *Store) UseCredential(ctx context.Context, u factor.Use, signCount uint32) error {
	return s.change(ctx, "use credential", func(ctx context.Context, q *tx) error {
		if err := oneRow(ctx, q, useCredential, u.FactorID, u.AccountID, int64(signCount), micros(u.Now)); err != nil {
			return err
		}
		return record(ctx, q, u.Effects)
	})
}
