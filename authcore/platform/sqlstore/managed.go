package sqlstore

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const (
	setKind   = "update users set kind = $2 where id = $1"
	setReason = "update users set disabled_reason = $2, updated_at = $3 where id = $1"
)

// CreateManaged implements admin.UserStore.
func (s *Store) CreateManaged(ctx context.Context, c authcore.ManagedCreation) (a authcore.ManagedAccount, err error) {
	err = s.change(ctx, "create account for administrator", func(ctx context.Context, q *tx) error {
		if err := create(ctx, q, c.Account, c.Identifiers); err != nil {
			return err
		}
		if _, err := sqldb.Exec(ctx, q, setKind, c.Account.ID, string(c.Kind)); err != nil {
			return err
		}
		if c.Link != nil {
			if err := issue(ctx, q, *c.Link); err != nil {
				return err
			}
		}
		if err := record(ctx, q, c.Effects); err != nil {
			return err
		}
		a, err = sqldb.One(ctx, q, scanManaged, selectManaged, c.Account.ID, micros(s.now()))
		return err
	})
	return a, err
}

// ChangeManaged implements admin.UserStore.
func (s *Store) ChangeManaged(ctx context.Context, c authcore.ManagedChange) (a authcore.ManagedAccount, err error) {
	err = s.change(ctx, "change account for administrator", func(ctx context.Context, q *tx) error {
		if err := s.changeManaged(ctx, q, c); err != nil {
			return err
		}
		a, err = sqldb.One(ctx, q, scanManaged, selectManaged, c.AccountID, micros(s.now()))
		return err
	})
	if c.Ends {
		err = s.orLastAdmin(ctx, c.AccountID, err)
	}
	return a, err
}

// orLastAdmin tells whose session has ended meanwhile why their change could not be: of two administrators who disable each other at once
// one succeeds, and the other would have left nobody.
func (s *Store) orLastAdmin(ctx context.Context, account uuid.UUID, err error) error {
	if !errors.Is(err, authcore.ErrSessionEnded) {
		return err
	}
	looked := s.Read(ctx, "look for administrators", func(ctx context.Context, q sqldb.Querier) error {
		a, err := sqldb.One(ctx, q, scanAccount, selectAccount, account)
		if err != nil {
			return err
		}
		return s.keepAdmin(ctx, q, a)
	})
	if errors.Is(looked, authcore.ErrLastAdmin) {
		return looked
	}
	return err
}

func (s *Store) changeManaged(ctx context.Context, q *tx, c authcore.ManagedChange) error {
	if c.Ends {
		if err := s.lockAdminsFor(ctx, q, c.AccountID); err != nil {
			return err
		}
		// Challenges before the account, as in reset. They are dropped only if the account is disabled: else this is undone.
		if _, err := sqldb.All(ctx, q, scanID, holdChallenges+s.Dialect().ForUpdate, c.AccountID); err != nil {
			return err
		}
	}
	if _, err := sqldb.One(ctx, q, scanAccount, selectAccount+s.Dialect().ForUpdate, c.AccountID); err != nil {
		return err
	}
	before, err := sqldb.One(ctx, q, scanManaged, selectManaged, c.AccountID, micros(s.now()))
	if err != nil {
		return err
	}
	e, err := c.Decide(before)
	if err != nil {
		return err
	}
	if e.Profile != nil {
		if err := s.changeProfile(ctx, q, before.Account, c, e); err != nil {
			return err
		}
	}
	if len(e.Contacts) > 0 {
		if err := s.setContacts(ctx, q, before.Account, c, e); err != nil {
			return err
		}
	}
	if len(e.AddRoles)+len(e.TakeRoles) > 0 {
		roles := authcore.RolesChange{AccountID: c.AccountID, Add: e.AddRoles, Remove: e.TakeRoles, Now: c.Now, Effects: e.RolesChanged}
		if _, err := s.changeRoles(ctx, q, roles); err != nil {
			return err
		}
	}
	if e.Disable != nil {
		d := authcore.Disabling{AccountID: c.AccountID, Disable: *e.Disable, Now: c.Now, Effects: e.Disabled}
		if _, err := s.changeDisabled(ctx, q, d); err != nil {
			return err
		}
	}
	if e.Reason != nil {
		_, err = sqldb.Exec(ctx, q, setReason, c.AccountID, textOrNull(*e.Reason), micros(c.Now))
	}
	return err
}

const holdChallenges = "select id from challenges where account_id = $1 order by id"

func (s *Store) changeProfile(ctx context.Context, q *tx, before authcore.Account, c authcore.ManagedChange, e authcore.ManagedEdit) error {
	fields, err := s.mergeFields(ctx, q, before.ID, e.Profile.Fields)
	if err != nil {
		return err
	}
	p := e.Profile
	a, err := sqldb.One(ctx, q, scanAccount, updateProfile, before.ID, p.Username, p.FirstName, p.LastName, p.Phone, micros(c.Now), p.Locale, fields)
	if err != nil {
		return err
	}
	if p.Username != nil && *p.Username != before.Username {
		if err := rename(ctx, q, a, c.ClaimUsername, c.Now); err != nil {
			return err
		}
	}
	return record(ctx, q, e.Profiled)
}
