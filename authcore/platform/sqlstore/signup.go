package sqlstore

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// SignUp implements signup.Store. A disabled account, or one whose address was verified meanwhile, counts as
// not found.
func (s *Store) SignUp(ctx context.Context, e authcore.SignUp) (authcore.Account, authcore.Session, authcore.Revocation, error) {
	var done signedUp
	err := s.change(ctx, "complete sign-up", func(ctx context.Context, q *tx) (err error) {
		done, err = s.signUp(ctx, q, e)
		return err
	})
	if err != nil {
		return authcore.Account{}, authcore.Session{}, authcore.Revocation{}, err
	}
	return done.account, done.session, done.revocation, nil
}

type signedUp struct {
	account    authcore.Account
	session    authcore.Session
	revocation authcore.Revocation
}

func (s *Store) signUp(ctx context.Context, q *tx, e authcore.SignUp) (done signedUp, err error) {
	if _, err = consume(ctx, q, e.ChallengeID, authcore.PurposeVerifyEmail, e.Now); err != nil {
		return done, err
	}
	switch {
	case e.Create:
		if err = create(ctx, q, e.Account, e.Identifiers); err != nil {
			return done, err
		}
		done.account, err = sqldb.One(ctx, q, scanAccount, selectAccount, e.Account.ID)
	case e.Replace:
		done.account, done.revocation, err = s.takeOver(ctx, q, e)
	default:
		done.account, err = sqldb.One(ctx, q, scanAccount, verifyAccount, e.Account.ID, micros(e.Account.EmailVerifiedAt), micros(e.Now))
	}
	if err != nil {
		return done, err
	}
	if err = verified(ctx, q, &done.account); err != nil {
		return done, err
	}
	if err = s.forgetRegistrations(ctx, q, done.account.Email); err != nil {
		return done, err
	}
	done.session = e.Session
	done.session.AccountID, done.session.AccountEpoch = done.account.ID, done.account.Epoch
	if err = insertSession(ctx, q, done.session); err != nil {
		return done, err
	}
	return done, record(ctx, q, e.Effects)
}

const verifyAccount = `update users set email_verified_at = $2, updated_at = $3
	where id = $1 and disabled_at is null and email_verified_at is null
	returning ` + accountColumns

const takeOverAccount = `update users set email_verified_at = $2, updated_at = $3, password_hash = $4, epoch = epoch + 1,
		username = '', first_name = '', last_name = '', phone = ''
	where id = $1 and disabled_at is null and email_verified_at is null
	returning ` + accountColumns

// takeOver gives an unverified account to whoever has verified its address. Before that anybody may have made it and may
// be signed in: nothing of theirs stays.
func (s *Store) takeOver(ctx context.Context, q *tx, e authcore.SignUp) (authcore.Account, authcore.Revocation, error) {
	a, err := sqldb.One(ctx, q, scanAccount, takeOverAccount,
		e.Account.ID, micros(e.Account.EmailVerifiedAt), micros(e.Now), e.Account.PasswordHash)
	if err != nil {
		return a, authcore.Revocation{}, err
	}
	if err := release(ctx, q, a.ID, authcore.KindUsername, ""); err != nil {
		return a, authcore.Revocation{}, err
	}
	r, err := s.endSessions(ctx, q, a, e.Now)
	return a, r, err
}

// A mail that arrived proves the address. What stood in the account before may be a stranger's, as in takeOver. The
// right-hand sides see the row as it was. A link from before an account was disabled changes nothing of it.
// What the account had asked to be known by goes as well: it may have been asked for by whoever the reset locks out (R05).
const resetPassword = `update users set password_hash = $2, epoch = epoch + 1, updated_at = $3,
		pending_email = '', pending_email_until = null, pending_phone = '', pending_phone_until = null,
		username = case when email <> '' and email_verified_at is null then '' else username end,
		first_name = case when email <> '' and email_verified_at is null then '' else first_name end,
		last_name = case when email <> '' and email_verified_at is null then '' else last_name end,
		phone = case when email <> '' and email_verified_at is null then '' else phone end,
		email_verified_at = case when email <> '' and email_verified_at is null then $3 else email_verified_at end
	where id = $1 and disabled_at is null
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
	if a, err = sqldb.One(ctx, q, scanAccount, resetPassword, r.AccountID, r.PasswordHash, micros(r.Now)); err != nil {
		return a, rev, err
	}
	if err := verified(ctx, q, &a); err != nil {
		return a, rev, err
	}
	if err := release(ctx, q, a.ID, authcore.KindUsername, a.Username); err != nil {
		return a, rev, err
	}
	if err := s.forgetRegistrations(ctx, q, a.Email); err != nil {
		return a, rev, err
	}
	if rev, err = s.endSessions(ctx, q, a, r.Now); err != nil {
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
