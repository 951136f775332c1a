package sqlstore

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// The address is the account's from now on although nobody has proven it, as that of an account which an administrator makes: else whoever
// signs up with it would have it. A number is handed out again, and stays whoever's proves it.
const (
	setEmail = `update users set email = $2, email_verified_at = null, email_verified_by = '', email_reused = false, pending_email = '', pending_email_until = null,
			email_set_at = case when $2 <> '' then cast($3 as bigint) end, made_by_operator = case when $2 <> '' then true else made_by_operator end,
			epoch = epoch + 1, updated_at = $3
		where id = $1
		returning ` + accountColumns
	setPhone = `update users set phone = $2, phone_verified_at = null, pending_phone = '', pending_phone_until = null,
			phone_set_at = case when $2 <> '' then cast($3 as bigint) end, epoch = epoch + 1, updated_at = $3
		where id = $1
		returning ` + accountColumns
	dropFormerNumber = "delete from identifiers where kind = 'phone' and value = $1 and user_id <> $2 and not is_current"
)

// setContacts puts addresses and numbers in place of those of an account that the caller holds, and ends what it can be used with: what is
// out was sent to the former ones. Factors stay where they are.
func (s *Store) setContacts(ctx context.Context, q *tx, before authcore.Account, c authcore.ManagedChange, e authcore.ManagedEdit) error {
	if _, err := sqldb.Exec(ctx, q, dropChallenges, before.ID, string(authcore.PurposeVerifyEmail)); err != nil {
		return err
	}
	if err := keepWay(ctx, q, before.ID, e.Left); err != nil {
		return err
	}
	after := before
	for _, x := range e.Contacts {
		var err error
		if after, err = s.setContact(ctx, q, after, x, c); err != nil {
			return err
		}
	}
	if s.admins.Administers(before) && !s.admins.Administers(after) {
		if err := s.keepAdmin(ctx, q, before); err != nil {
			return err
		}
	}
	_, err := s.endSessions(ctx, q, after, c.Now)
	return err
}

func (s *Store) setContact(ctx context.Context, q *tx, before authcore.Account, x authcore.ContactSet, c authcore.ManagedChange) (a authcore.Account, err error) {
	text := setEmail
	if x.Kind == authcore.KindPhone {
		text = setPhone
		if _, err := sqldb.Exec(ctx, q, dropFormerNumber, x.Value, before.ID); err != nil {
			return a, err
		}
	}
	if x.Unique && x.Value != "" {
		if err := claim(ctx, q, before.ID, []authcore.Identifier{{Kind: x.Kind, Value: x.Value}}, c.Now); err != nil {
			return a, err
		}
	}
	if err := verified(ctx, q, &before); err != nil { // of a release that remembered no addresses
		return a, err
	}
	if a, err = sqldb.One(ctx, q, scanAccount, text, before.ID, x.Value, micros(c.Now)); err != nil {
		return a, err
	}
	if err := letGo(ctx, q, before, x.Kind, x.Value); err != nil {
		return a, err
	}
	return a, record(ctx, q, x.Effects)
}
