package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// OpenAccount implements signup.Store.
func (s *Store) OpenAccount(ctx context.Context, o authcore.Opening) error {
	return s.change(ctx, "open account", func(ctx context.Context, q *tx) error {
		if o.Challenge != nil {
			if err := issue(ctx, q, *o.Challenge); err != nil {
				return err
			}
		}
		if o.Invited.ID != uuid.Nil {
			if err := s.spend(ctx, q, &o.Account, o.Invited, o.Account.CreatedAt); err != nil {
				return err
			}
		}
		if err := create(ctx, q, o.Account, o.Identifiers); err != nil {
			return err
		}
		if o.Registration != nil {
			if err := register(ctx, q, *o.Registration); err != nil {
				return err
			}
		}
		return record(ctx, q, o.Effects)
	})
}

// SignUp implements signup.Store. A disabled account, or one that has another address meanwhile or has verified it, counts as
// not found.
func (s *Store) SignUp(ctx context.Context, e authcore.SignUp) (a authcore.Account, sess authcore.Session, err error) {
	err = s.change(ctx, "complete sign-up", func(ctx context.Context, q *tx) (err error) {
		a, sess, err = s.signUp(ctx, q, e)
		return err
	})
	if err != nil {
		return authcore.Account{}, authcore.Session{}, err
	}
	return a, sess, nil
}

func (s *Store) signUp(ctx context.Context, q *tx, e authcore.SignUp) (a authcore.Account, sess authcore.Session, err error) {
	if err = spendProof(ctx, q, e); err != nil {
		return a, sess, err
	}
	if err = s.takeClaims(ctx, q, e.Verified, e.Account.ID, e.Unique, e.Closed, e.Now); err != nil {
		return a, sess, err
	}
	if e.Create && e.Invited.ID != uuid.Nil {
		if err = s.spend(ctx, q, &e.Account, e.Invited, e.Now); err != nil {
			return a, sess, err
		}
	}
	if e.Create {
		if err = create(ctx, q, e.Account, e.Identifiers); err != nil {
			return a, sess, err
		}
		a, err = sqldb.One(ctx, q, scanAccount, selectAccount, e.Account.ID)
	} else {
		a, err = sqldb.One(ctx, q, scanAccount, claimOf(e.Verified.Kind, verifyAccount), e.Account.ID, micros(e.Now), e.Verified.Value)
	}
	if err != nil {
		return a, sess, err
	}
	if err = verified(ctx, q, &a); err != nil {
		return a, sess, err
	}
	if e.Verified.Value != "" {
		if err = s.forgetRegistrations(ctx, q, e.Verified.Value); err != nil {
			return a, sess, err
		}
	}
	if a, err = s.connectNew(ctx, q, a, e); err != nil {
		return a, sess, err
	}
	sess, err = s.openOrWait(ctx, q, a, e)
	return a, sess, err
}

// spendProof spends what a sign-up stands on: its challenge, or what a provider has said.
func spendProof(ctx context.Context, q *tx, e authcore.SignUp) error {
	if e.Connection != nil && e.ChallengeID == uuid.Nil {
		return spendSocialToken(ctx, q, e.SocialToken, e.Now)
	}
	_, err := consume(ctx, q, e.ChallengeID, cmp.Or(e.Purpose, authcore.PurposeVerifyEmail), e.Now)
	return err
}

// {} is the column of the kind that is verified.
const verifyAccount = `update users set {}_verified_at = $2, updated_at = $2
	where id = $1 and disabled_at is null and {}_verified_at is null and {} = $3
	returning ` + accountColumns

// A mail that arrived verifies the address. A link from before an account was disabled changes nothing of it.
// What the account had asked to be known by goes: it may have been asked for by whoever the reset locks out (R05).
// A reset that was asked for in the instant in which the address changed is written after the change, and went to the former address:
// whoever reads that mailbox must not get in by it (pre-hijacking, "unexpired e-mail change").
const resetPassword = `update users set password_hash = $2, password_by = $6, password_short = $7, breach_told_at = null, epoch = epoch + 1, updated_at = $3,
		pending_email = '', pending_email_until = null, pending_phone = '', pending_phone_until = null,
		email_verified_at = case when $4 and email <> '' and email_verified_at is null then $3 else email_verified_at end,
		email_verified_by = case when $4 then '' else email_verified_by end
	where id = $1 and disabled_at is null and ($5 = '' or email = $5 or phone = $5) and (mfa_enabled_at is not null or not $7)
	returning ` + accountColumns

const dropChallenges = `delete from challenges where account_id = $1
	or (purpose = $2 and subject = (select email from users where id = $1 and email <> ''))`

// ResetPassword implements password.Store.
func (s *Store) ResetPassword(ctx context.Context, r authcore.Reset) (a authcore.Account, rev authcore.Revocation, err error) {
	err = s.change(ctx, "reset password", func(ctx context.Context, q *tx) error {
		a, rev, err = s.reset(ctx, q, r)
		return err
	})
	if err != nil {
		return authcore.Account{}, authcore.Revocation{}, err
	}
	return a, rev, nil
}

func (s *Store) reset(ctx context.Context, q *tx, r authcore.Reset) (a authcore.Account, rev authcore.Revocation, err error) {
	ch, err := consume(ctx, q, r.ChallengeID, authcore.PurposeResetPassword, r.Now)
	if err != nil {
		return a, rev, err
	}
	if ch.AccountID == uuid.Nil || ch.AccountID != r.AccountID {
		return a, rev, authcore.ErrNotFound
	}
	if _, err := sqldb.Exec(ctx, q, dropChallenges, r.AccountID, string(authcore.PurposeVerifyEmail)); err != nil {
		return a, rev, err
	}
	if r.Create != nil {
		if ch.SentTo != "" && ch.SentTo != r.Create.Email {
			return a, rev, authcore.ErrNotFound
		}
		return s.resetClaimed(ctx, q, r)
	}
	if a, err = sqldb.One(ctx, q, scanAccount, resetPassword, r.AccountID, r.PasswordHash, micros(r.Now),
		r.Channel != authcore.BySMS, ch.SentTo, string(r.Channel), r.Short); err != nil {
		return a, rev, err
	}
	if _, err := sqldb.Exec(ctx, q, endTrust, a.ID); err != nil {
		return a, rev, err
	}
	if err := verified(ctx, q, &a); err != nil {
		return a, rev, err
	}
	if a.EmailVerified() { // what was only typed into the account may be somebody else's, who signs up
		if err := s.forgetRegistrations(ctx, q, a.Email); err != nil {
			return a, rev, err
		}
	}
	if rev, err = s.endSessions(ctx, q, a, r.Now); err != nil {
		return a, rev, err
	}
	return a, rev, record(ctx, q, r.Effects)
}

// resetClaimed gives an address that was only claimed to a new account, as verifying it with a new password does. Where the address was
// verified, or has gone, since the caller has looked, the reset is not found.
func (s *Store) resetClaimed(ctx context.Context, q *tx, r authcore.Reset) (a authcore.Account, rev authcore.Revocation, err error) {
	id := authcore.Identifier{Kind: authcore.KindEmail, Value: r.Create.Email}
	if err := s.takeClaims(ctx, q, id, r.Create.ID, r.Unique, r.Closed, r.Now); err != nil {
		return a, rev, err
	}
	err = create(ctx, q, *r.Create, r.Identifiers)
	var taken *authcore.TakenError
	if errors.As(err, &taken) {
		return a, rev, authcore.ErrNotFound
	}
	if err != nil {
		return a, rev, err
	}
	a = *r.Create
	if err := verified(ctx, q, &a); err != nil {
		return a, rev, err
	}
	if err := s.forgetRegistrations(ctx, q, a.Email); err != nil {
		return a, rev, err
	}
	return a, rev, record(ctx, q, r.Effects)
}

// The rows are locked in order of their ids, here and in RevokeSessions.
const (
	revokeAllSessions = `update sessions set revoked_at = $2, successor = null
		where revoked_at is null and id in (select id from sessions where account_id = $1 and revoked_at is null order by id`
	lastAccess = "select max(access_until) from sessions where account_id = $1"
)

func scanStamp(r sqldb.Row) (t time.Time, err error) { return t, r.Scan(&stamp{&t}) }

// endSessions ends every session of an account whose epoch the caller has just raised in this transaction: whoever
// opens a session waits for that row, and so none is missed.
func (s *Store) endSessions(ctx context.Context, q *tx, a authcore.Account, now time.Time) (authcore.Revocation, error) {
	if _, err := sqldb.Exec(ctx, q, revokeAllSessions+s.Dialect().ForUpdate+")", a.ID, micros(now)); err != nil {
		return authcore.Revocation{}, err
	}
	last, err := sqldb.One(ctx, q, scanStamp, lastAccess, a.ID)
	if err != nil {
		return authcore.Revocation{}, err
	}
	return revoke(ctx, q, authcore.Revocation{AccountID: a.ID, Epoch: a.Epoch, Until: last}, now)
}
