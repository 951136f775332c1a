package sqlstore

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// accountColumns are those of an account; its number the database gives.
const accountColumns = insertedColumns + ", number"

const insertedColumns = "id, email, email_verified_at, email_verified_by, username, phone, phone_verified_at, first_name, last_name, avatar_url, locale, fields, " +
	"roles, password_hash, pending_email, pending_email_until, pending_phone, pending_phone_until, epoch, roles_version, disabled_at, deletes_at, " +
	"invited_by, made_by_operator, email_reused, muted, mfa_enabled_at, mfa_preferred, password_by, password_short, breach_told_at, mfa_demanded_at, email_set_at, phone_set_at, created_at, updated_at"

func accountInto(a *authcore.Account) []any {
	return []any{&a.ID, &a.Email, &stamp{&a.EmailVerifiedAt}, &a.EmailVerifiedBy, &a.Username, &a.Phone, &stamp{&a.PhoneVerifiedAt}, &a.FirstName, &a.LastName,
		&a.AvatarURL, &a.Locale, &jsonObject{&a.Fields}, &jsonList[string]{&a.Roles}, &a.PasswordHash, &a.PendingEmail,
		&stamp{&a.PendingEmailUntil}, &a.PendingPhone, &stamp{&a.PendingPhoneUntil}, &a.Epoch, &a.RolesVersion, &stamp{&a.DisabledAt},
		&stamp{&a.DeletesAt}, &optional{&a.InvitedBy}, &a.MadeByOperator, &a.EmailReused, &jsonList[string]{&a.Muted},
		&stamp{&a.MFAEnabledAt}, &a.MFAPreferred, &a.PasswordBy, &a.PasswordShort, &stamp{&a.BreachToldAt}, &stamp{&a.MFADemandedAt},
		&stamp{&a.EmailSetAt}, &stamp{&a.PhoneSetAt}, &stamp{&a.CreatedAt}, &stamp{&a.UpdatedAt}, &a.Number}
}

func scanAccount(r sqldb.Row) (a authcore.Account, err error) { return a, r.Scan(accountInto(&a)...) }

const selectAccount = "select " + accountColumns + " from users where id = $1"

// AccountByID implements password.Store.
func (s *Store) AccountByID(ctx context.Context, id uuid.UUID) (a authcore.Account, err error) {
	err = s.Read(ctx, "find account", func(ctx context.Context, q sqldb.Querier) error {
		a, err = sqldb.One(ctx, q, scanAccount, selectAccount, id)
		return err
	})
	return a, err
}

// For an identifier that nobody has it reads the row of any account, so that both take as long (L02).
var selectAccountByIdentifier = "select " + of("u", accountColumns) + `, f.id
	from (select (select user_id from identifiers where kind = $1 and value = $2 and is_current) as id) f
	join users u on u.id = coalesce(f.id, (select id from users order by id limit 1))`

// AccountByIdentifier implements signin.Store.
func (s *Store) AccountByIdentifier(ctx context.Context, id authcore.Identifier) (authcore.Account, error) {
	var a authcore.Account
	var found uuid.UUID
	err := s.Read(ctx, "find account by identifier", func(ctx context.Context, q sqldb.Querier) (err error) {
		a, err = sqldb.One(ctx, q, func(r sqldb.Row) (a authcore.Account, err error) {
			return a, r.Scan(append(accountInto(&a), &optional{&found})...)
		}, selectAccountByIdentifier, string(id.Kind), id.Value)
		return err
	})
	switch {
	case err != nil:
		return authcore.Account{}, err
	case found == uuid.Nil:
		return authcore.Account{}, authcore.ErrNotFound
	}
	return a, nil
}

var (
	insertAccount  = "insert into users (" + insertedColumns + ") values (" + parameters(insertedColumns) + ")"
	insertNumbered = "insert into users (" + accountColumns + ") values (" + parameters(accountColumns) + ")"
)

// CreateAccount implements storetest.Store.
func (s *Store) CreateAccount(ctx context.Context, a authcore.Account, ids []authcore.Identifier, fx authcore.Effects) error {
	return s.change(ctx, "create account", func(ctx context.Context, q *tx) error {
		if err := create(ctx, q, a, ids); err != nil {
			return err
		}
		return record(ctx, q, fx)
	})
}

func create(ctx context.Context, q *tx, a authcore.Account, ids []authcore.Identifier) error {
	if err := claim(ctx, q, a.ID, ids, a.CreatedAt); err != nil {
		return err
	}
	args := []any{a.ID, a.Email, micros(a.EmailVerifiedAt), a.EmailVerifiedBy, a.Username, a.Phone, micros(a.PhoneVerifiedAt),
		a.FirstName, a.LastName, a.AvatarURL, a.Locale, objectText(a.Fields), jsonText(a.Roles), a.PasswordHash, a.PendingEmail,
		micros(a.PendingEmailUntil), a.PendingPhone, micros(a.PendingPhoneUntil), a.Epoch, a.RolesVersion, micros(a.DisabledAt),
		micros(a.DeletesAt), orNull(a.InvitedBy), a.MadeByOperator, a.EmailReused, jsonText(a.Muted),
		micros(a.MFAEnabledAt), string(a.MFAPreferred), string(a.PasswordBy), a.PasswordShort, micros(a.BreachToldAt), micros(a.MFADemandedAt),
		micros(a.EmailSetAt), micros(a.PhoneSetAt), micros(a.CreatedAt), micros(a.UpdatedAt)}
	text := insertAccount
	if a.Number != 0 { // it was reserved
		text, args = insertNumbered, append(args, a.Number)
	}
	if _, err := sqldb.Exec(ctx, q, text, args...); err != nil {
		return err
	}
	return verified(ctx, q, &a)
}

const updateProfile = `update users set username = coalesce($2, username), first_name = coalesce($3, first_name),
		last_name = coalesce($4, last_name), phone = coalesce($5, phone),
		phone_verified_at = case when $5 is null or $5 = phone then phone_verified_at end, updated_at = $6,
		locale = coalesce($7, locale), fields = coalesce($8, fields)
	where id = $1
	returning ` + accountColumns

// UpdateProfile implements profile.Store.
func (s *Store) UpdateProfile(ctx context.Context, id uuid.UUID, change authcore.ProfileChange, claimUsername bool,
	now time.Time, fx authcore.Effects) (a authcore.Account, err error) {
	err = s.change(ctx, "update profile", func(ctx context.Context, q *tx) error {
		if err := s.allowRename(ctx, q, id, change.Rename); err != nil {
			return err
		}
		fields, err := s.mergeFields(ctx, q, id, change.Fields)
		if err != nil {
			return err
		}
		a, err = sqldb.One(ctx, q, scanAccount, updateProfile,
			id, change.Username, change.FirstName, change.LastName, change.Phone, micros(now), change.Locale, fields)
		if err != nil {
			return err
		}
		if change.Username != nil {
			if err := rename(ctx, q, a, claimUsername, now); err != nil {
				return err
			}
		}
		return record(ctx, q, fx)
	})
	if err != nil {
		return authcore.Account{}, err
	}
	return a, nil
}

// mergeFields holds the account and returns its fields as they are with a merge patch; nil where there is none. Of two that are made at
// once neither is lost.
func (s *Store) mergeFields(ctx context.Context, q sqldb.Querier, id uuid.UUID, patch map[string]any) (*string, error) {
	if len(patch) == 0 {
		return nil, nil
	}
	held, err := sqldb.One(ctx, q, scanAccount, selectAccount+s.Dialect().ForUpdate, id)
	if err != nil {
		return nil, err
	}
	merged := maps.Clone(held.Fields)
	if merged == nil {
		merged = map[string]any{}
	}
	for name, value := range patch {
		if value == nil {
			delete(merged, name)
		} else {
			merged[name] = value
		}
	}
	text := objectText(merged)
	return &text, nil
}

// The events that told of changes are what counts them: whoever renames holds the account, so that none is missed.
const countSince = "select count(*) from events where account_id = $1 and kind = $2 and at > $3"

// allowRename holds the account and refuses a change of its username that is one too many.
func (s *Store) allowRename(ctx context.Context, q sqldb.Querier, id uuid.UUID, r *authcore.Rename) error {
	if r == nil {
		return nil
	}
	held, err := sqldb.One(ctx, q, scanAccount, selectAccount+s.Dialect().ForUpdate, id)
	if err != nil {
		return err
	}
	n, err := sqldb.One(ctx, q, sqldb.ScanInt, countSince, id, string(authcore.EventUsernameChanged), micros(r.Since))
	switch {
	case err != nil:
		return err
	case n >= int64(r.Most):
		return profile.ErrLimit
	case held.Username != r.From:
		return profile.ErrRenamed
	case r.Before == nil:
		return nil
	}
	if err = s.hold(ctx, q, *r.Before); err == nil {
		err = keepWay(ctx, q, id, r.Left)
	}
	if errors.Is(err, authcore.ErrNotFound) { // another way in has gone, or come
		return profile.ErrRenamed
	}
	return err
}

// rename makes the account's username the one it is found by, or none at all.
func rename(ctx context.Context, q *tx, a authcore.Account, claimIt bool, now time.Time) error {
	if err := release(ctx, q, a.ID, authcore.KindUsername, a.Username); err != nil {
		return err
	}
	if !claimIt || a.Username == "" {
		return nil
	}
	return claim(ctx, q, a.ID, []authcore.Identifier{{Kind: authcore.KindUsername, Value: a.Username}}, now)
}

const replaceHash = "update users set password_hash = $3, updated_at = $4 where id = $1 and password_hash = $2"

// ReplacePasswordHash implements signin.Store.
func (s *Store) ReplacePasswordHash(ctx context.Context, id uuid.UUID, old, hash string) error {
	return s.Single(ctx, "replace password hash", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, replaceHash, id, old, hash, micros(s.now()))
		return err
	})
}
