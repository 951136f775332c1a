package sqlstore

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// The statements about an address; those about a number are the same with its columns.
const (
	claimEmail = `update users set pending_email = $2, pending_email_until = $3, updated_at = $4
		where id = $1 and disabled_at is null`
	confirmEmail = `update users set email = $2, email_verified_at = $3, email_verified_by = '', email_reused = false, pending_email = '', pending_email_until = null,
			email_set_at = null, updated_at = $3
		where id = $1 and pending_email = $2 and pending_email_until > $3
		returning ` + accountColumns
	removeEmail = `update users set email = '', email_verified_at = null, email_verified_by = '', email_reused = false, pending_email = '', pending_email_until = null,
			email_set_at = null, updated_at = $2
		where id = $1
		returning ` + accountColumns
)

// forChannel returns a statement about addresses for a channel.
func forChannel(ch authcore.Channel, statement string) string {
	if ch != authcore.BySMS {
		return statement
	}
	statement, columns, _ := strings.Cut(statement, "returning")
	statement = strings.ReplaceAll(strings.Replace(statement, " email_verified_by = '', email_reused = false,", "", 1), "email", "phone")
	if columns != "" {
		statement += "returning" + columns
	}
	return statement
}

// ClaimContact implements contact.Store. The challenge and what it proves are written together: a code never proves what was
// claimed after it.
func (s *Store) ClaimContact(ctx context.Context, c contact.Claim, fx authcore.Effects) error {
	return s.change(ctx, "claim contact", func(ctx context.Context, q *tx) error {
		if err := issue(ctx, q, c.Challenge); err != nil {
			return err
		}
		n, err := sqldb.Exec(ctx, q, forChannel(c.Channel, claimEmail), c.AccountID, c.Address, micros(c.Until), micros(c.Now))
		if err != nil {
			return err
		}
		if n == 0 {
			return authcore.ErrNotFound
		}
		return record(ctx, q, fx)
	})
}

// ConfirmContact implements contact.Store.
func (s *Store) ConfirmContact(ctx context.Context, c contact.Confirmation) (a authcore.Account, err error) {
	err = s.change(ctx, "confirm contact", func(ctx context.Context, q *tx) error {
		a, err = s.confirmContact(ctx, q, c)
		return err
	})
	if err != nil {
		return authcore.Account{}, err
	}
	return a, nil
}

func (s *Store) confirmContact(ctx context.Context, q *tx, c contact.Confirmation) (a authcore.Account, err error) {
	ch, err := consume(ctx, q, c.ChallengeID, c.Purpose, c.Now)
	if err != nil {
		return a, err
	}
	if ch.AccountID != c.Before.ID {
		return a, authcore.ErrNotFound
	}
	// The codes before the accounts: who takes locks in one order meets nobody in a deadlock.
	if err := s.dropFormer(ctx, q, c.Before); err != nil {
		return a, err
	}
	kind := kindOf(c.Channel)
	unique := slices.Contains(c.Unique, kind)
	if c.From != nil {
		if err := s.dropFormer(ctx, q, *c.From); err != nil {
			return a, err
		}
	}
	if kind == authcore.KindPhone {
		if err := freeNumber(ctx, q, c); err != nil {
			return a, err
		}
	}
	if unique {
		if err := s.claimContact(ctx, q, c, authcore.Identifier{Kind: kind, Value: c.Address}); err != nil {
			return a, err
		}
	}
	if err := s.holdBoth(ctx, q, c); err != nil {
		return a, err
	}
	if a, err = sqldb.One(ctx, q, scanAccount, forChannel(c.Channel, confirmEmail), c.Before.ID, c.Address, micros(c.Now)); err != nil {
		return a, err
	}
	if err := followContact(ctx, q, a.ID, kind, valueOf(c.Before, kind), c.Address); err != nil {
		return a, err
	}
	for _, known := range []*authcore.Account{&c.Before, &a} { // before: one of a release that remembered no addresses
		if err := verified(ctx, q, known); err != nil {
			return a, err
		}
	}
	if err := letGo(ctx, q, c.Before, kind, c.Address); err != nil {
		return a, err
	}
	if unique {
		if err := s.forgetRegistrations(ctx, q, c.Address); err != nil {
			return a, err
		}
	}
	return a, record(ctx, q, c.Effects)
}

// claimContact makes the account found by what it confirms, and ends the claims of others.
func (s *Store) claimContact(ctx context.Context, q *tx, c contact.Confirmation, id authcore.Identifier) error {
	if err := s.lockClaimers(ctx, q, c); err != nil {
		return err
	}
	if err := s.takeClaims(ctx, q, id, c.Before.ID, c.Unique, c.Closed, c.Now); err != nil {
		return err
	}
	return claim(ctx, q, c.Before.ID, []authcore.Identifier{id}, c.Now)
}

const claimers = "select id from users where pending_email = $1 or id = $2 order by id"

// lockClaimers locks every account that claims the value, in the order of their ids: each of those who confirm it at once would
// otherwise end the claim of the other, and they would wait for each other.
func (s *Store) lockClaimers(ctx context.Context, q sqldb.Querier, c contact.Confirmation) error {
	_, err := sqldb.All(ctx, q, scanID, forChannel(c.Channel, claimers)+s.Dialect().ForUpdate, c.Address, c.Before.ID)
	return err
}

// Numbers are handed out again: one that another account has given up is free, and that of the account it moves from as well.
const dropNumber = "delete from identifiers where kind = 'phone' and value = $1 and user_id <> $2 and (not is_current or user_id = $3)"

func freeNumber(ctx context.Context, q sqldb.Querier, c contact.Confirmation) error {
	from := c.Before.ID
	if c.From != nil {
		from = c.From.ID
	}
	_, err := sqldb.Exec(ctx, q, dropNumber, c.Address, c.Before.ID, from)
	return err
}

// holdBoth holds the account and the one that the number moves from, in the order of their ids, and empties the latter's.
func (s *Store) holdBoth(ctx context.Context, q sqldb.Querier, c contact.Confirmation) error {
	held := []authcore.Account{c.Before}
	if c.From != nil {
		held = append(held, *c.From)
	}
	slices.SortFunc(held, func(a, b authcore.Account) int { return strings.Compare(a.ID.String(), b.ID.String()) })
	for _, a := range held {
		if err := s.hold(ctx, q, a); err != nil {
			return err
		}
	}
	if c.From == nil {
		return nil
	}
	// Whoever reads a number that is somebody's second factor must not take it out of their account.
	if n, err := sqldb.One(ctx, q, sqldb.ScanInt, countByNumber, c.From.ID, c.Address); err != nil || n > 0 {
		return cmp.Or(err, authcore.ErrNotFound)
	}
	if err := keepWay(ctx, q, c.From.ID, c.Left); err != nil {
		return err
	}
	_, err := sqldb.One(ctx, q, scanAccount, forChannel(authcore.BySMS, removeEmail), c.From.ID, micros(c.Now))
	return err
}

const (
	countPasskeys  = "select count(*) from factors where account_id = $1 and type = 'passkey' and confirmed_at is not null"
	countConnected = "select count(*) from connections where account_id = $1 and id = $2"
)

// keepWay is for a change that leaves one way alone to sign in by, of an account that the caller holds: whoever removes a passkey or a
// connection holds it too. authcore.ErrNotFound when it is not there any more.
func keepWay(ctx context.Context, q sqldb.Querier, account uuid.UUID, left authcore.LastWay) error {
	n, err := int64(1), error(nil)
	if left.Passkey {
		n, err = sqldb.One(ctx, q, sqldb.ScanInt, countPasskeys, account)
	}
	if err == nil && n > 0 && left.Connection != uuid.Nil {
		n, err = sqldb.One(ctx, q, sqldb.ScanInt, countConnected, account, left.Connection)
	}
	if err == nil && n == 0 {
		err = authcore.ErrNotFound
	}
	return err
}

// letGo makes the account no longer found by what it had before of a kind. What it had verified stays its own; what it had only claimed is
// free: otherwise a stranger keeps an address from its owner by signing up with it and changing to another (denial by claim).
func letGo(ctx context.Context, q sqldb.Querier, before authcore.Account, kind authcore.IdentifierKind, keep string) error {
	value, verified := before.Email, before.EmailVerified()
	if kind == authcore.KindPhone {
		value, verified = before.Phone, before.PhoneVerified()
	}
	if value != "" && value != keep && !verified {
		if _, err := sqldb.Exec(ctx, q, unclaim, string(kind), value, before.ID); err != nil {
			return err
		}
	}
	return release(ctx, q, before.ID, kind, keep)
}

// RemoveContact implements contact.Store.
func (s *Store) RemoveContact(ctx context.Context, r contact.Removal) (a authcore.Account, err error) {
	err = s.change(ctx, "remove contact", func(ctx context.Context, q *tx) error {
		if err := s.dropFormer(ctx, q, r.Before); err != nil {
			return err
		}
		if err := s.hold(ctx, q, r.Before); err != nil {
			return err
		}
		if err := keepWay(ctx, q, r.Before.ID, r.Left); err != nil {
			return err
		}
		if a, err = sqldb.One(ctx, q, scanAccount, forChannel(r.Channel, removeEmail), r.Before.ID, micros(r.Now)); err != nil {
			return err
		}
		if err := letGo(ctx, q, r.Before, kindOf(r.Channel), ""); err != nil {
			return err
		}
		return record(ctx, q, r.Effects)
	})
	if err != nil {
		return authcore.Account{}, err
	}
	return a, nil
}

// hold keeps an account as it is until the end of the transaction. authcore.ErrNotFound when what it is known by, or how its owner signs
// in, is no longer as it was before.
func (s *Store) hold(ctx context.Context, q sqldb.Querier, before authcore.Account) error {
	now, err := sqldb.One(ctx, q, scanAccount, selectAccount+s.Dialect().ForUpdate, before.ID)
	if err != nil {
		return err
	}
	same := now.Email == before.Email && now.EmailVerifiedAt.Equal(before.EmailVerifiedAt) && now.Phone == before.Phone &&
		now.PhoneVerifiedAt.Equal(before.PhoneVerifiedAt) && now.Username == before.Username &&
		(now.PasswordHash == "") == (before.PasswordHash == "") && !now.Disabled()
	if !same {
		return authcore.ErrNotFound
	}
	return nil
}

// What went out to an address is dead once the address is another: else whoever reads the former mailbox gets in by a link that was
// asked for before (pre-hijacking, "unexpired e-mail change"). Codes of the account's own claims, and of hand-overs, did not go there.
const dropSent = `delete from challenges where account_id = $1 and purpose <> $2 and purpose not like 'confirm%'
	or purpose = $3 and subject = $4`

func (s *Store) dropFormer(ctx context.Context, q sqldb.Querier, before authcore.Account) error {
	_, err := sqldb.Exec(ctx, q, dropSent, before.ID, string(authcore.PurposeHandover), string(authcore.PurposeVerifyEmail), before.Email)
	return err
}

// valueOf returns the account's address or number.
func valueOf(a authcore.Account, kind authcore.IdentifierKind) string {
	if kind == authcore.KindPhone {
		return a.Phone
	}
	return a.Email
}

func kindOf(ch authcore.Channel) authcore.IdentifierKind {
	if ch == authcore.BySMS {
		return authcore.KindPhone
	}
	return authcore.KindEmail
}
