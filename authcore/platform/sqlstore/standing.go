package sqlstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// WithAdmins returns a Store on the same database that takes whoever has verified one of these normalised addresses for an
// administrator as well.
func (s *Store) WithAdmins(admins authcore.Admins) *Store {
	derived := *s
	derived.admins = admins
	return &derived
}

const (
	// Without a word of roles <> '[]', by which SQLite would take the index of everybody who has a role.
	storedAdmins = `select count(*) from users where roles like '%"admin"%' and disabled_at is null and kind = 'person' and id <> $1`
	// The option admins does not ask whether addresses identify: whoever has verified one of them is meant.
	adminsByAddress = `select count(*) from users where email = $2 and email <> '' and email_verified_at is not null and email_verified_by = '' and disabled_at is null and id <> $1`
)

// lockAdmins lets one change at a time take an administrator away: of two who take each other away at the same moment one stays. It
// comes before the lock of the account, as everywhere.
func (s *Store) lockAdmins(ctx context.Context, q sqldb.Querier) error {
	return s.Dialect().Serialise(ctx, q, "administrators")
}

// lockAdminsFor is lockAdmins where the account is an administrator's: everybody else's changes need not wait for each other.
func (s *Store) lockAdminsFor(ctx context.Context, q sqldb.Querier, account uuid.UUID) error {
	a, err := sqldb.One(ctx, q, scanAccount, selectAccount, account)
	if errors.Is(err, authcore.ErrNotFound) || err == nil && !s.admins.Administers(a) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.lockAdmins(ctx, q)
}

// keepAdmin returns [authcore.ErrLastAdmin] where a can sign in as an administrator and nobody else can: a service signs in nowhere. It is called after lockAdmins or
// lockAdminsFor, in the transaction of a change after which a is none any more.
func (s *Store) keepAdmin(ctx context.Context, q sqldb.Querier, a authcore.Account) error {
	if a.Disabled() || !s.admins.Administers(a) {
		return nil
	}
	// Held already, but by who became an administrator since lockAdminsFor looked; a deadlock that comes of the order then is tried again.
	if err := s.lockAdmins(ctx, q); err != nil {
		return err
	}
	n, err := sqldb.One(ctx, q, sqldb.ScanInt, storedAdmins, a.ID)
	for _, address := range s.admins {
		if err != nil || n > 0 {
			break
		}
		n, err = sqldb.One(ctx, q, sqldb.ScanInt, adminsByAddress, a.ID, address)
	}
	if err == nil && n == 0 {
		return authcore.ErrLastAdmin
	}
	return err
}

// HasAdministrator reports whether anybody can sign in as an administrator.
func (s *Store) HasAdministrator(ctx context.Context) (has bool, err error) {
	err = s.Read(ctx, "look for an administrator", func(ctx context.Context, q sqldb.Querier) error {
		n, err := sqldb.One(ctx, q, sqldb.ScanInt, storedAdmins, uuid.Nil)
		for _, address := range s.admins {
			if err != nil || n > 0 {
				break
			}
			n, err = sqldb.One(ctx, q, sqldb.ScanInt, adminsByAddress, uuid.Nil, address)
		}
		has = n > 0
		return err
	})
	return has, err
}

const setRoles = `update users set roles = $2, roles_version = roles_version + 1, updated_at = $3 where id = $1 returning ` + accountColumns

// ChangeRoles implements storetest.Store.
func (s *Store) ChangeRoles(ctx context.Context, c authcore.RolesChange) (a authcore.Account, err error) {
	err = s.change(ctx, "change roles", func(ctx context.Context, q *tx) error {
		a, err = s.changeRoles(ctx, q, c)
		return err
	})
	if err != nil {
		return authcore.Account{}, err
	}
	return a, nil
}

func (s *Store) changeRoles(ctx context.Context, q *tx, c authcore.RolesChange) (a authcore.Account, err error) {
	losesAdmin := slices.Contains(c.Remove, authcore.RoleAdmin)
	if losesAdmin {
		if err := s.lockAdmins(ctx, q); err != nil {
			return a, err
		}
	}
	if a, err = sqldb.One(ctx, q, scanAccount, selectAccount+s.Dialect().ForUpdate, c.AccountID); err != nil {
		return a, err
	}
	own, err := sqldb.One(ctx, q, scanRoles, selectOwnRoles, a.ID)
	if err != nil {
		return a, err
	}
	roles := rolesAfter(own, c)
	switch {
	case slices.Equal(roles, own):
		return a, nil
	case len(roles) > authcore.MaxRoles:
		return a, authcore.ErrTooManyRoles
	case losesAdmin && !s.admins.Has(a):
		if err := s.keepAdmin(ctx, q, a); err != nil {
			return a, err
		}
	}
	if a, err = s.withRoles(ctx, q, a, roles, c.Now); err != nil {
		return a, err
	}
	return a, record(ctx, q, c.Effects)
}

// outdate has access tokens with the roles of before refused, after a's version of roles has been raised. They are renewed without a
// new sign-in.
func outdate(ctx context.Context, q *tx, a authcore.Account, now time.Time) error {
	last, err := sqldb.One(ctx, q, scanStamp, lastAccess, a.ID)
	if err != nil {
		return err
	}
	_, err = revoke(ctx, q, authcore.Revocation{AccountID: a.ID, RolesVersion: a.RolesVersion, Until: last}, now)
	return err
}

// rolesAfter returns the roles in the order in which they were given.
func rolesAfter(roles []string, c authcore.RolesChange) (after []string) {
	for _, role := range slices.Concat(roles, c.Add) {
		if !slices.Contains(c.Remove, role) && !slices.Contains(after, role) {
			after = append(after, role)
		}
	}
	return after
}

const (
	disableAccount = `update users set disabled_at = $2, epoch = epoch + 1, updated_at = $2 where id = $1 returning ` + accountColumns
	enableAccount  = `update users set disabled_at = null, updated_at = $2 where id = $1 returning ` + accountColumns
)

// ChangeDisabled implements storetest.Store.
func (s *Store) ChangeDisabled(ctx context.Context, d authcore.Disabling) (a authcore.Account, err error) {
	err = s.change(ctx, "disable or enable account", func(ctx context.Context, q *tx) error {
		a, err = s.changeDisabled(ctx, q, d)
		return err
	})
	if err != nil {
		return authcore.Account{}, err
	}
	return a, nil
}

func (s *Store) changeDisabled(ctx context.Context, q *tx, d authcore.Disabling) (a authcore.Account, err error) {
	if d.Disable {
		if err := s.lockAdminsFor(ctx, q, d.AccountID); err != nil {
			return a, err
		}
		// Challenges before the account, as in reset. No code or link that is out works again once the account is enabled.
		if _, err := sqldb.Exec(ctx, q, dropChallenges, d.AccountID, string(authcore.PurposeVerifyEmail)); err != nil {
			return a, err
		}
	}
	if a, err = sqldb.One(ctx, q, scanAccount, selectAccount+s.Dialect().ForUpdate, d.AccountID); err != nil {
		return a, err
	}
	switch {
	case a.Disabled() == d.Disable:
		return a, nil
	case !d.Disable && !a.DeletesAt.IsZero():
		return a, authcore.ErrLeaving
	case !d.Disable:
		a, err = sqldb.One(ctx, q, scanAccount, enableAccount, d.AccountID, micros(d.Now))
	default:
		a, err = s.disable(ctx, q, a, d.Now)
	}
	if err != nil {
		return a, err
	}
	return a, record(ctx, q, d.Effects)
}

// disable ends everything that the account can be used with.
func (s *Store) disable(ctx context.Context, q *tx, a authcore.Account, now time.Time) (authcore.Account, error) {
	if err := s.keepAdmin(ctx, q, a); err != nil {
		return a, err
	}
	a, err := sqldb.One(ctx, q, scanAccount, disableAccount, a.ID, micros(now))
	if err != nil {
		return a, err
	}
	if err := revokeInvitations(ctx, q, a.ID, now); err != nil {
		return a, err
	}
	_, err = s.endSessions(ctx, q, a, now)
	return a, err
}
