package sqlstore

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secure"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const linkColumns = "id, account_id, token_digest, kind, contact, at, undo, expires_at, used_at"

func scanLink(r sqldb.Row) (l authcore.SecurityLink, err error) {
	return l, r.Scan(&l.ID, &l.AccountID, &digest{&l.TokenDigest}, &l.Kind, &l.Contact, &stamp{&l.At}, &l.Undo, &stamp{&l.ExpiresAt}, &stamp{&l.UsedAt})
}

var insertLink = "insert into security_links (" + linkColumns + ") values (" + parameters(linkColumns) + ")"

// recordLinks writes the links of the mails that belong to the change of this transaction.
func recordLinks(ctx context.Context, q *tx, links []authcore.SecurityLink) error {
	for _, l := range links {
		_, err := sqldb.Exec(ctx, q, insertLink, l.ID, l.AccountID, l.TokenDigest.Bytes(), string(l.Kind), l.Contact, micros(l.At),
			l.Undo, micros(l.ExpiresAt), micros(l.UsedAt))
		if err != nil {
			return err
		}
	}
	return nil
}

const selectOpenContactLinks = "select " + linkColumns + ` from security_links
	where account_id = $1 and contact and used_at is null and expires_at > $2 order by at, id`

// OpenContactLinks implements notice.Store.
func (s *Store) OpenContactLinks(ctx context.Context, account uuid.UUID, now time.Time) (links []authcore.SecurityLink, err error) {
	err = s.Read(ctx, "find security links", func(ctx context.Context, q sqldb.Querier) error {
		links, err = sqldb.All(ctx, q, scanLink, selectOpenContactLinks, account, micros(now))
		return err
	})
	return links, err
}

const selectSealedLinks = "select " + linkColumns + " from security_links where id > $1 and undo is not null order by id limit $2"

// SealedLinks implements operator.Store.
func (s *Store) SealedLinks(ctx context.Context, after uuid.UUID, limit int) (links []authcore.SecurityLink, err error) {
	err = s.Read(ctx, "read sealed security links", func(ctx context.Context, q sqldb.Querier) error {
		links, err = sqldb.All(ctx, q, scanLink, selectSealedLinks, after, limit)
		return err
	})
	return links, err
}

const resealLink = "update security_links set undo = $3 where id = $1 and undo = $2"

// ResealLink implements operator.Store.
func (s *Store) ResealLink(ctx context.Context, id uuid.UUID, old, sealed []byte) error {
	return s.Single(ctx, "seal security link again", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, resealLink, id, old, sealed)
		return err
	})
}

const dropLink = "delete from security_links where id = $1"

// DropLink implements operator.Store.
func (s *Store) DropLink(ctx context.Context, id uuid.UUID) error {
	return s.Single(ctx, "drop security link", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, dropLink, id)
		return err
	})
}

const (
	selectOpenLink = "select " + linkColumns + " from security_links where token_digest = $1 and used_at is null and expires_at > $2"
	useLink        = "update security_links set used_at = $2 where id = $1 and used_at is null and expires_at > $2"
	// Used ones too: what they took back may have been changed once more.
	selectLinksSince = "select " + linkColumns + " from security_links where account_id = $1 and at >= $2 order by at, id"
	killLinksSince   = "update security_links set used_at = $3 where account_id = $1 and at >= $2 and used_at is null"
	endTrust         = "update devices set trusted_until = null where account_id = $1 and trusted_until is not null"
)

// UseSecurityLink implements secure.Store.
func (s *Store) UseSecurityLink(ctx context.Context, u secure.Use) error {
	return s.change(ctx, "use security link", func(ctx context.Context, q *tx) error {
		l, err := sqldb.One(ctx, q, scanLink, selectOpenLink, u.Token.Bytes(), micros(u.Now))
		if err != nil {
			return err
		}
		// Challenges before the account, as in reset. The account before its links: of two links that are used at once the second
		// waits here, and finds whether the first has killed it.
		if _, err := sqldb.Exec(ctx, q, dropChallenges, l.AccountID, string(authcore.PurposeVerifyEmail)); err != nil {
			return err
		}
		before, err := sqldb.One(ctx, q, scanAccount, raiseEpoch, l.AccountID)
		if err != nil {
			return err
		}
		undo, err := useOpenLink(ctx, q, l, u)
		if err != nil {
			return err
		}
		if err := restoreFactors(ctx, q, l, undo.Factors); err != nil {
			return err
		}
		after, err := restore(ctx, q, before, undo, u)
		if err != nil {
			return err
		}
		if err := s.restoreConnections(ctx, q, l, undo.Connections, u.Now); err != nil {
			return err
		}
		if after, err = s.applyRoles(ctx, q, after, u.Now); err != nil {
			return err
		}
		if _, err := s.endSessions(ctx, q, after, u.Now); err != nil {
			return err
		}
		if _, err := sqldb.Exec(ctx, q, endTrust, after.ID); err != nil {
			return err
		}
		// Whoever had a session may have invited themselves, and with an administrator's as one. Making an invitation mails nobody, so
		// none is known to be the owner's.
		if err := revokeInvitations(ctx, q, after.ID, u.Now); err != nil {
			return err
		}
		ch, fx, err := u.Prepare(before, after)
		if err != nil {
			return err
		}
		if ch != nil {
			if err := issue(ctx, q, *ch); err != nil {
				return err
			}
		}
		return record(ctx, q, fx)
	})
}

// useOpenLink spends the link and kills all that rank after it, and returns what they take back.
func useOpenLink(ctx context.Context, q *tx, l authcore.SecurityLink, u secure.Use) (notice.Undo, error) {
	n, err := sqldb.Exec(ctx, q, useLink, l.ID, micros(u.Now))
	if err == nil && n == 0 {
		err = authcore.ErrNotFound
	}
	if err != nil {
		return notice.Undo{}, err
	}
	links, err := sqldb.All(ctx, q, scanLink, selectLinksSince, l.AccountID, micros(l.At))
	if err != nil {
		return notice.Undo{}, err
	}
	if _, err := sqldb.Exec(ctx, q, killLinksSince, l.AccountID, micros(l.At), micros(u.Now)); err != nil {
		return notice.Undo{}, err
	}
	return u.Recall(l, links)
}

// An account that is to be deleted is disabled for that reason alone.
const restoreAccount = `update users set email = $2, email_verified_at = $3, email_reused = $4, phone = $5, phone_verified_at = $6,
		username = $7, muted = $8, password_hash = '', password_short = false, breach_told_at = null, pending_email = '', pending_email_until = null, pending_phone = '',
		pending_phone_until = null, disabled_at = case when deletes_at is null then disabled_at end, deletes_at = null, mfa_enabled_at = $10, mfa_preferred = $11, email_verified_by = $12,
		email_set_at = $13, phone_set_at = $14, updated_at = $9
	where id = $1
	returning ` + accountColumns

// restore gives the account back what it was.
func restore(ctx context.Context, q *tx, a authcore.Account, undo notice.Undo, u secure.Use) (authcore.Account, error) {
	for _, was := range []struct {
		kind   authcore.IdentifierKind
		now    string
		former *notice.Former
		set    func(notice.Former)
	}{
		{authcore.KindEmail, a.Email, undo.Email, func(f notice.Former) {
			a.Email, a.EmailVerifiedAt, a.EmailVerifiedBy, a.EmailReused, a.EmailSetAt = f.Value, f.VerifiedAt, f.VerifiedBy, f.Reused, f.SetAt
		}},
		{authcore.KindPhone, a.Phone, undo.Phone, func(f notice.Former) { a.Phone, a.PhoneVerifiedAt, a.PhoneSetAt = f.Value, f.VerifiedAt, f.SetAt }},
		{authcore.KindUsername, "", undo.Username, func(f notice.Former) { a.Username = f.Value }},
	} {
		if was.former == nil {
			continue
		}
		former, err := reclaim(ctx, q, a.ID, was.kind, *was.former, u)
		if err != nil {
			return a, err
		}
		if err := followContact(ctx, q, a.ID, was.kind, was.now, former.Value); err != nil {
			return a, err
		}
		was.set(former)
	}
	if undo.Muted != nil {
		a.Muted = *undo.Muted
	}
	if undo.MFA != nil {
		a.MFAEnabledAt, a.MFAPreferred = undo.MFA.EnabledAt, undo.MFA.Preferred
	}
	return sqldb.One(ctx, q, scanAccount, restoreAccount, a.ID, a.Email, micros(a.EmailVerifiedAt), a.EmailReused, a.Phone,
		micros(a.PhoneVerifiedAt), a.Username, jsonText(a.Muted), micros(u.Now), micros(a.MFAEnabledAt), string(a.MFAPreferred), a.EmailVerifiedBy,
		micros(a.EmailSetAt), micros(a.PhoneSetAt))
}

// reclaim makes the account found by what it was found by before, and by nothing else of the kind. What is another account's by now,
// such as a number that was handed out again, stays theirs: then the account has none.
func reclaim(ctx context.Context, q *tx, account uuid.UUID, kind authcore.IdentifierKind, former notice.Former, u secure.Use) (notice.Former, error) {
	if former.Value != "" && slices.Contains(u.Identities, kind) {
		n, err := sqldb.Exec(ctx, q, claimIdentifier, string(kind), former.Value, account, micros(u.Now))
		if err != nil {
			return former, err
		}
		if n == 0 {
			former = notice.Former{}
		}
	}
	return former, release(ctx, q, account, kind, former.Value)
}
