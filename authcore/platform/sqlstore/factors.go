package sqlstore

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/webauthn"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const factorColumns = "id, account_id, type, name, address, secret, last_step, credential_id, credential, sign_count, created_at, confirmed_at, " +
	"last_used_at, expires_at"

func scanFactor(r sqldb.Row) (x authcore.Factor, err error) {
	return x, r.Scan(&x.ID, &x.AccountID, &x.Type, &x.Name, &x.Address, &x.Secret, &x.LastStep, &x.CredentialID, &x.Credential, &x.SignCount,
		&stamp{&x.CreatedAt}, &stamp{&x.ConfirmedAt}, &stamp{&x.LastUsedAt}, &stamp{&x.ExpiresAt})
}

func scanDigest(r sqldb.Row) (d secret.Digest, err error) { return d, r.Scan(&digest{&d}) }

const (
	selectFactors = "select " + factorColumns + " from factors where account_id = $1 and (confirmed_at is not null or expires_at > $2) order by id"
	selectCodes   = "select digest from recovery_codes where account_id = $1 and used_at is null order by digest"
)

// FactorState implements factor.Store.
func (s *Store) FactorState(ctx context.Context, account uuid.UUID, now time.Time) (st factor.State, err error) {
	err = s.Read(ctx, "find factors", func(ctx context.Context, q sqldb.Querier) error {
		st, err = factorState(ctx, q, selectAccount, account, now)
		return err
	})
	return st, err
}

func factorState(ctx context.Context, q sqldb.Querier, account string, id uuid.UUID, now time.Time) (st factor.State, err error) {
	if st.Account, err = sqldb.One(ctx, q, scanAccount, account, id); err != nil {
		return st, err
	}
	if st.Factors, err = sqldb.All(ctx, q, scanFactor, selectFactors, id, micros(now)); err != nil {
		return st, err
	}
	if st.Codes, err = sqldb.All(ctx, q, scanDigest, selectCodes, id); err != nil {
		return st, err
	}
	for i, x := range st.Factors {
		if x.Type == authcore.FactorRecovery {
			st.Factors[i].Left = len(st.Codes)
		}
	}
	return st, nil
}

// Each of these is one conditional statement: between a question and a change a hundred who send one code at once would fit (O04).
const (
	useTOTPStep = `update factors set last_step = $3, last_used_at = $4
		where id = $1 and account_id = $2 and confirmed_at is not null and last_step < $3`
	useRecoveryCode = "update recovery_codes set used_at = $4 where factor_id = $1 and account_id = $2 and digest = $3 and used_at is null"
	markFactorUsed  = "update factors set last_used_at = $3 where id = $1 and account_id = $2 and confirmed_at is not null"
)

// oneRow runs a statement that must change exactly one row.
func oneRow(ctx context.Context, q sqldb.Querier, statement string, args ...any) error {
	n, err := sqldb.Exec(ctx, q, statement, args...)
	if err == nil && n == 0 {
		return authcore.ErrNotFound
	}
	return err
}

// UseTOTPStep implements factor.Store.
func (s *Store) UseTOTPStep(ctx context.Context, u factor.Use, step int64) error {
	return s.change(ctx, "use time step", func(ctx context.Context, q *tx) error {
		if err := oneRow(ctx, q, useTOTPStep, u.FactorID, u.AccountID, step, micros(u.Now)); err != nil {
			return err
		}
		return record(ctx, q, u.Effects)
	})
}

// UseRecoveryCode implements factor.Store.
func (s *Store) UseRecoveryCode(ctx context.Context, u factor.Use, code secret.Digest) error {
	return s.change(ctx, "use recovery code", func(ctx context.Context, q *tx) error {
		if err := oneRow(ctx, q, useRecoveryCode, u.FactorID, u.AccountID, code.Bytes(), micros(u.Now)); err != nil {
			return err
		}
		if err := oneRow(ctx, q, markFactorUsed, u.FactorID, u.AccountID, micros(u.Now)); err != nil {
			return err
		}
		if _, err := sqldb.Exec(ctx, q, endTrust, u.AccountID); err != nil {
			return err
		}
		return record(ctx, q, u.Effects)
	})
}

// UseFactorCode implements factor.Store.
func (s *Store) UseFactorCode(ctx context.Context, u factor.Use, challengeID uuid.UUID) error {
	return s.change(ctx, "use code of factor", func(ctx context.Context, q *tx) error {
		ch, err := consume(ctx, q, challengeID, authcore.PurposeSecondFactor, u.Now)
		if err != nil {
			return err
		}
		if ch.AccountID != u.AccountID {
			return authcore.ErrNotFound
		}
		if u.FactorID != uuid.Nil {
			if err := oneRow(ctx, q, markFactorUsed, u.FactorID, u.AccountID, micros(u.Now)); err != nil {
				return err
			}
		}
		return record(ctx, q, u.Effects)
	})
}

const (
	deleteFactor  = "delete from factors where id = $1 and account_id = $2"
	deleteCodes   = "delete from recovery_codes where factor_id = $1"
	insertCode    = "insert into recovery_codes (factor_id, digest, account_id) values ($1, $2, $3)"
	confirmFactor = `update factors set confirmed_at = $3, expires_at = null, last_step = $4, credential_id = $5, credential = $6, sign_count = $7
		where id = $1 and account_id = $2 and confirmed_at is null and expires_at > $3`
	dropPassword = "update users set password_hash = '', password_by = '', password_short = false, breach_told_at = null, updated_at = $2 where id = $1 and password_hash <> ''"
	setDemand    = "update users set mfa_demanded_at = $2, updated_at = $3 where id = $1"
	setMFA       = "update users set mfa_enabled_at = $2, mfa_preferred = $3, updated_at = $4 where id = $1"
)

var insertFactor = "insert into factors (" + factorColumns + ") values (" + parameters(factorColumns) + ") on conflict (id) do nothing"

// ChangeFactors implements factor.Store.
func (s *Store) ChangeFactors(ctx context.Context, c factor.Change) error {
	return s.change(ctx, "change factors", func(ctx context.Context, q *tx) error {
		// Challenges before the account, as in reset.
		if err := challengesOf(ctx, q, c); err != nil {
			return err
		}
		if c.DropPassword {
			if _, err := sqldb.Exec(ctx, q, dropChallenges, c.Was.Account.ID, string(authcore.PurposeVerifyEmail)); err != nil {
				return err
			}
		}
		// Whoever changes factors of one account comes one after the other: what a change was decided from holds until it is written.
		now, err := factorState(ctx, q, selectAccount+s.Dialect().ForUpdate, c.Was.Account.ID, c.Now)
		if err != nil {
			return err
		}
		if !c.Was.Same(now) || now.Account.Disabled() && c.Demand == nil {
			return authcore.ErrNotFound
		}
		if err := keepWay(ctx, q, now.Account.ID, c.Left); err != nil {
			return err
		}
		if err := changeFactors(ctx, q, c); err != nil {
			return err
		}
		if c.EndSessions {
			if err := s.endAll(ctx, q, now.Account.ID, c.Now); err != nil {
				return err
			}
		}
		return record(ctx, q, c.Effects)
	})
}

func (s *Store) endAll(ctx context.Context, q *tx, account uuid.UUID, now time.Time) error {
	a, err := sqldb.One(ctx, q, scanAccount, raiseEpoch, account)
	if err != nil {
		return err
	}
	_, err = s.endSessions(ctx, q, a, now)
	return err
}

func challengesOf(ctx context.Context, q *tx, c factor.Change) error {
	if c.Issue != nil {
		if err := issue(ctx, q, *c.Issue); err != nil {
			return err
		}
	}
	if c.Confirm == nil || c.Confirm.ChallengeID == uuid.Nil {
		return nil
	}
	_, err := consume(ctx, q, c.Confirm.ChallengeID, authcore.PurposeConfirmFactor, c.Now)
	return err
}

func changeFactors(ctx context.Context, q *tx, c factor.Change) error {
	account := c.Was.Account.ID
	for _, id := range c.Remove {
		if err := oneRow(ctx, q, deleteFactor, id, account); err != nil {
			return err
		}
		if _, err := sqldb.Exec(ctx, q, deleteCodes, id); err != nil {
			return err
		}
	}
	for _, x := range c.Add {
		if err := addFactor(ctx, q, account, x, c.Codes); err != nil {
			return err
		}
	}
	if c.Confirm != nil {
		if err := confirm(ctx, q, account, *c.Confirm, c.Now); err != nil {
			return err
		}
	}
	if c.MFA != nil {
		if err := oneRow(ctx, q, setMFA, account, micros(c.MFA.EnabledAt), string(c.MFA.Preferred), micros(c.Now)); err != nil {
			return err
		}
	}
	if c.Demand != nil {
		var since any
		if *c.Demand {
			since = micros(c.Now)
		}
		if err := oneRow(ctx, q, setDemand, account, since, micros(c.Now)); err != nil {
			return err
		}
	}
	if c.DropPassword {
		if err := oneRow(ctx, q, dropPassword, account, micros(c.Now)); err != nil {
			return err
		}
	}
	if c.EndTrust {
		_, err := sqldb.Exec(ctx, q, endTrust, account)
		return err
	}
	return nil
}

func confirm(ctx context.Context, q *tx, account uuid.UUID, c factor.Confirmation, now time.Time) error {
	var made webauthn.Credential
	if c.Credential != nil {
		made = *c.Credential
	}
	return oneRow(ctx, q, confirmFactor, c.ID, account, micros(now), c.LastStep, made.ID, made.Record, made.SignCount)
}

const (
	dropCodesSince = `delete from recovery_codes where account_id = $1 and factor_id in
		(select id from factors where account_id = $1 and (confirmed_at is null or confirmed_at >= $2))`
	dropFactorsSince = "delete from factors where account_id = $1 and (confirmed_at is null or confirmed_at >= $2)"
)

// restoreFactors leaves an account the factors that it had before the event of a link: whoever can remove a factor, or add one of their
// own, would otherwise keep the account that its owner takes back (O17).
func restoreFactors(ctx context.Context, q *tx, l authcore.SecurityLink, former *notice.FormerFactors) error {
	for _, statement := range []string{dropCodesSince, dropFactorsSince} {
		if _, err := sqldb.Exec(ctx, q, statement, l.AccountID, micros(l.At)); err != nil {
			return err
		}
	}
	if former == nil {
		return nil
	}
	for _, was := range former.Removed {
		if !was.Factor.ConfirmedAt.Before(l.At) {
			continue
		}
		if err := addFactor(ctx, q, l.AccountID, was.Factor, was.Codes); err != nil {
			return err
		}
	}
	return nil
}

const (
	moveFactors   = "update factors set address = $3 where account_id = $1 and address = $2 and type = $4"
	countByNumber = "select count(*) from factors where account_id = $1 and address = $2 and type = 'sms' and confirmed_at is not null"
)

// followContact has factors that are the account's own address or number follow when that changes to one that was verified just now:
// else codes would go on going to the former one.
func followContact(ctx context.Context, q sqldb.Querier, account uuid.UUID, kind authcore.IdentifierKind, from, to string) error {
	if from == "" || to == "" || from == to || kind == authcore.KindUsername {
		return nil
	}
	t := authcore.FactorEmail
	if kind == authcore.KindPhone {
		t = authcore.FactorSMS
	}
	_, err := sqldb.Exec(ctx, q, moveFactors, account, from, to, string(t))
	return err
}

const countTrustedDevices = "select count(*) from devices where account_id = $1 and trusted_until > $2"

// TrustedDevices implements factor.Store.
func (s *Store) TrustedDevices(ctx context.Context, account uuid.UUID, now time.Time) (n int, err error) {
	err = s.Read(ctx, "count trusted devices", func(ctx context.Context, q sqldb.Querier) error {
		trusted, err := sqldb.One(ctx, q, sqldb.ScanInt, countTrustedDevices, account, micros(now))
		n = int(trusted)
		return err
	})
	return n, err
}

// addFactor inserts a factor; the codes are those of a set of recovery codes. What is there already stays as it is.
func addFactor(ctx context.Context, q *tx, account uuid.UUID, x authcore.Factor, codes []secret.Digest) error {
	_, err := sqldb.Exec(ctx, q, insertFactor, x.ID, account, string(x.Type), x.Name, x.Address, x.Secret, x.LastStep, x.CredentialID, x.Credential,
		x.SignCount, micros(x.CreatedAt), micros(x.ConfirmedAt), micros(x.LastUsedAt), micros(x.ExpiresAt))
	if err != nil || x.Type != authcore.FactorRecovery {
		return err
	}
	for _, d := range codes {
		if _, err := sqldb.Exec(ctx, q, insertCode, x.ID, d.Bytes(), account); err != nil {
			return err
		}
	}
	return nil
}

const renameFactor = "update factors set name = $3 where id = $1 and account_id = $2 and confirmed_at is not null returning " + factorColumns

// RenameFactor implements factor.Store.
func (s *Store) RenameFactor(ctx context.Context, account, id uuid.UUID, name string) (x authcore.Factor, err error) {
	err = s.Single(ctx, "rename factor", func(ctx context.Context, q sqldb.Querier) error {
		x, err = sqldb.One(ctx, q, scanFactor, renameFactor, id, account, name)
		return err
	})
	return x, err
}

const (
	selectSealedFactors = "select " + factorColumns + " from factors where id > $1 and secret is not null order by id limit $2"
	resealFactor        = "update factors set secret = $3 where id = $1 and secret = $2"
	dropFactor          = "delete from factors where id = $1"
)

// SealedFactors implements operator.SeedStore.
func (s *Store) SealedFactors(ctx context.Context, after uuid.UUID, limit int) (all []authcore.Factor, err error) {
	err = s.Read(ctx, "read sealed factors", func(ctx context.Context, q sqldb.Querier) error {
		all, err = sqldb.All(ctx, q, scanFactor, selectSealedFactors, after, limit)
		return err
	})
	return all, err
}

// ResealFactor implements operator.SeedStore.
func (s *Store) ResealFactor(ctx context.Context, id uuid.UUID, old, sealed []byte) error {
	return s.Single(ctx, "seal factor again", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, resealFactor, id, old, sealed)
		return err
	})
}

// DropFactor implements operator.SeedStore.
func (s *Store) DropFactor(ctx context.Context, id uuid.UUID) error {
	return s.Single(ctx, "drop factor", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, dropFactor, id)
		return err
	})
}
