package sqlstore

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const challengeColumns = "id, purpose, subject, account_id, code_digest, token_digest, attempts_left, " +
	"attempts_reset_at, created_at, expires_at, code_expires_at, sent_to, binding_digest, bound_left, bound_reset_at, invitation_id"

func scanChallenge(r sqldb.Row) (c authcore.Challenge, err error) {
	return c, r.Scan(&c.ID, &c.Purpose, &c.Subject, &optional{&c.AccountID}, &digest{&c.CodeDigest}, &digest{&c.TokenDigest},
		&c.AttemptsLeft, &stamp{&c.AttemptsResetAt}, &stamp{&c.CreatedAt}, &stamp{&c.ExpiresAt},
		&stamp{&c.CodeExpiresAt}, &c.SentTo, &digest{&c.Binding}, &c.BoundLeft, &stamp{&c.BoundResetAt}, &optional{&c.InvitationID})
}

// A new challenge takes over the attempts that were spent on the one before, until that one's window ends: otherwise
// every resend would buy new guesses (ASVS 6.6.3).
const upsertChallenge = "insert into challenges (" + challengeColumns + `)
	values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
	on conflict (purpose, subject) do update set
		id = excluded.id, account_id = excluded.account_id,
		code_digest = excluded.code_digest, token_digest = excluded.token_digest,
		attempts_left = case when challenges.attempts_reset_at > excluded.created_at
				and challenges.attempts_left < excluded.attempts_left
			then challenges.attempts_left else excluded.attempts_left end,
		attempts_reset_at = case when challenges.attempts_reset_at > excluded.created_at
				and challenges.attempts_left < excluded.attempts_left
			then challenges.attempts_reset_at else excluded.attempts_reset_at end,
		created_at = excluded.created_at, expires_at = excluded.expires_at,
		code_expires_at = excluded.code_expires_at, sent_to = excluded.sent_to, binding_digest = excluded.binding_digest, invitation_id = excluded.invitation_id,
		bound_left = case when challenges.bound_reset_at > excluded.created_at and challenges.bound_left < excluded.bound_left
			then challenges.bound_left else excluded.bound_left end,
		bound_reset_at = case when challenges.bound_reset_at > excluded.created_at and challenges.bound_left < excluded.bound_left
			then challenges.bound_reset_at else excluded.bound_reset_at end`

// IssueChallenge implements password.Store.
func (s *Store) IssueChallenge(ctx context.Context, ch authcore.Challenge, fx authcore.Effects) error {
	return s.change(ctx, "issue challenge", func(ctx context.Context, q *tx) error {
		if err := issue(ctx, q, ch); err != nil {
			return err
		}
		return record(ctx, q, fx)
	})
}

func issue(ctx context.Context, q sqldb.Querier, ch authcore.Challenge) error {
	_, err := sqldb.Exec(ctx, q, upsertChallenge, ch.ID, string(ch.Purpose), ch.Subject, orNull(ch.AccountID),
		ch.CodeDigest.Bytes(), ch.TokenDigest.Bytes(), ch.AttemptsLeft, micros(ch.AttemptsResetAt), micros(ch.CreatedAt),
		micros(ch.ExpiresAt), micros(ch.CodeExpiresAt), ch.SentTo, digestOrNull(ch.Binding), ch.BoundLeft, micros(ch.BoundResetAt), orNull(ch.InvitationID))
	return err
}

// One statement that counts and tells: between a question and a subtraction a hundred parallel guesses would fit.
// Tries with the right binding, $5, have a budget of their own.
const proveCode = `update challenges
	set attempts_left = case when code_digest = $3 or binding_digest = $5 then attempts_left else attempts_left - 1 end,
		bound_left = case when code_digest <> $3 and binding_digest = $5 then bound_left - 1 else bound_left end
	where purpose = $1 and subject = $2 and expires_at > $4 and case when binding_digest = $5 then bound_left else attempts_left end > 0
	returning ` + challengeColumns

const selectChallenge = "select " + challengeColumns + " from challenges where purpose = $1 and subject = $2"

// ProveCode implements challenge.Store. An expired challenge is not live, whatever its attempts.
func (s *Store) ProveCode(ctx context.Context, purpose authcore.Purpose, subject string, code, binding secret.Digest,
	now time.Time) (ch authcore.Challenge, err error) {
	err = s.Single(ctx, "prove code", func(ctx context.Context, q sqldb.Querier) error {
		ch, err = sqldb.One(ctx, q, scanChallenge, proveCode, string(purpose), subject, code.Bytes(), micros(now), digestOrNull(binding))
		return err
	})
	if errors.Is(err, authcore.ErrNotFound) {
		return authcore.Challenge{}, s.whyNone(ctx, purpose, subject, code, now)
	}
	if err != nil {
		return authcore.Challenge{}, err
	}
	if !ch.CodeDigest.Equal(code) {
		return authcore.Challenge{}, authcore.ErrWrongCode
	}
	return ch, nil
}

func (s *Store) whyNone(ctx context.Context, purpose authcore.Purpose, subject string, code secret.Digest, now time.Time) error {
	return s.Read(ctx, "find challenge", func(ctx context.Context, q sqldb.Querier) error {
		ch, err := sqldb.One(ctx, q, scanChallenge, selectChallenge, string(purpose), subject)
		switch {
		case err != nil:
			return err
		case ch.ExpiresAt.After(now):
			return authcore.ErrNoAttempts
		case ch.CodeDigest.Equal(code):
			return authcore.ErrSpentCode
		}
		return authcore.ErrNotFound
	})
}

const selectChallengeByToken = "select " + challengeColumns + ` from challenges
	where token_digest = $2 and purpose = $1 and expires_at > $3`

// ProveToken implements challenge.Store. It does not look at the attempts, which anybody can spend.
func (s *Store) ProveToken(ctx context.Context, purpose authcore.Purpose, token secret.Digest, now time.Time) (ch authcore.Challenge, err error) {
	err = s.Read(ctx, "prove link", func(ctx context.Context, q sqldb.Querier) error {
		ch, err = sqldb.One(ctx, q, scanChallenge, selectChallengeByToken, string(purpose), token.Bytes(), micros(now))
		return err
	})
	if err != nil {
		return authcore.Challenge{}, err
	}
	return ch, nil
}

// Of all who end the row at once exactly one gets it back, under READ COMMITTED too. Whether attempts are left was
// asked when a code was verified; a link needs none.
//
// What is left of it until it is swept is dead on every node, has no attempts to hand on, and knows the code that was right: of
// a hundred clients with one right code one succeeds, and the others have guessed nothing.
const (
	endRow           = "update challenges set expires_at = 0, code_expires_at = 0, attempts_reset_at = null, bound_reset_at = null"
	consumeChallenge = endRow + `
	where id = $1 and purpose = $2 and expires_at > $3
	returning ` + challengeColumns
)

// consume spends the challenge; authcore.ErrNotFound when it is gone. A code of another purpose spends nothing.
func consume(ctx context.Context, q sqldb.Querier, id uuid.UUID, purpose authcore.Purpose, now time.Time) (authcore.Challenge, error) {
	return sqldb.One(ctx, q, scanChallenge, consumeChallenge, id, string(purpose), micros(now))
}

// A code or link to sign in with is dead once its account has another address or number, or has it no longer verified. One that an
// administrator has set is verified by it.
const consumeSignIn = endRow + `
	where id = $1 and purpose = $2 and expires_at > $3 and account_id = $4 and exists (select 1 from users u where u.id = $4
		and (u.email = sent_to and coalesce(u.email_verified_at, u.email_set_at) is not null
			or u.phone = sent_to and coalesce(u.phone_verified_at, u.phone_set_at) is not null))`

const (
	emailArrived = `update users set email_verified_at = $2, updated_at = $2
		where id = $1 and email_verified_at is null and email_set_at is not null and email = (select sent_to from challenges where id = $3)
		returning ` + accountColumns
	phoneArrived = `update users set phone_verified_at = $2, updated_at = $2
		where id = $1 and phone_verified_at is null and phone_set_at is not null and phone = (select sent_to from challenges where id = $3)
		returning ` + accountColumns
)

// endChallenge spends what somebody signs in with, of an account whose row the caller has locked; authcore.ErrNotFound when it is gone.
func endChallenge(ctx context.Context, q *tx, id, account uuid.UUID, now time.Time) error {
	if id == uuid.Nil {
		return nil
	}
	n, err := sqldb.Exec(ctx, q, consumeSignIn, id, string(authcore.PurposeSignIn), micros(now), account)
	if err == nil && n == 0 {
		err = authcore.ErrNotFound
	}
	for _, arrived := range []string{emailArrived, phoneArrived} {
		if err != nil {
			break
		}
		var all []authcore.Account
		if all, err = sqldb.All(ctx, q, scanAccount, arrived, account, micros(now), id); len(all) > 0 && err == nil {
			err = verified(ctx, q, &all[0])
		}
	}
	return err
}
