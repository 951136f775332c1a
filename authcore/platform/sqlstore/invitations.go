package sqlstore

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// WithInviters returns a Store on the same database by which these may invite: the open invitations of who may not any more are
// revoked.
func (s *Store) WithInviters(inviters authcore.Inviters) *Store {
	derived := *s
	derived.inviters = inviters
	return &derived
}

const invitationColumns = "id, inviter_id, channel, address, roles, token_digest, created_at, expires_at, used_at, used_by, revoked_at, number"

func scanInvitation(r sqldb.Row) (i authcore.Invitation, err error) {
	return i, r.Scan(&i.ID, &optional{&i.InviterID}, &i.Channel, &i.Address, &jsonList[string]{&i.Roles}, &digest{&i.TokenDigest},
		&stamp{&i.CreatedAt}, &stamp{&i.ExpiresAt}, &stamp{&i.UsedAt}, &optional{&i.UsedBy}, &stamp{&i.RevokedAt}, &maybeNumber{&i.Number})
}

const openInvitation = " used_at is null and revoked_at is null and expires_at > "

var (
	countOpen        = "select count(*) from invitations where inviter_id = $1 and" + openInvitation + "$2"
	insertInvitation = "insert into invitations (" + invitationColumns + ") values (" + parameters(invitationColumns) + ")"
	selectInvitation = "select " + invitationColumns + " from invitations where id = $1"
	byToken          = "select " + invitationColumns + " from invitations where token_digest = $1"
	revokeOne        = "update invitations set revoked_at = $2 where id = $1 and" + openInvitation + "$2 returning " + invitationColumns
	boundTo          = "select " + invitationColumns + " from invitations where address = $1 and channel = $2 and" + openInvitation + "$3 order by id desc limit 1"
	revokeAllOpen    = "update invitations set revoked_at = $2 where inviter_id = $1 and number is null and" + openInvitation + "$2"
	renewOne         = "update invitations set token_digest = $3, expires_at = $4 where id = $1 and" + openInvitation + "$2 returning " + invitationColumns
	spendOne         = "update invitations set used_at = $2, used_by = $3 where id = $1 and" + openInvitation + "$2 returning " + invitationColumns
)

// CreateInvitation implements invite.Store.
func (s *Store) CreateInvitation(ctx context.Context, i authcore.Invitation, pending int, fx authcore.Effects) error {
	return s.change(ctx, "create invitation", func(ctx context.Context, q *tx) error {
		if pending > 0 {
			// Two that count at once would not see each other's.
			if err := s.Dialect().Serialise(ctx, q, "invitations of "+i.InviterID.String()); err != nil {
				return err
			}
			n, err := sqldb.One(ctx, q, sqldb.ScanInt, countOpen, i.InviterID, micros(i.CreatedAt))
			if err != nil {
				return err
			}
			if n >= int64(pending) {
				return authcore.ErrTooManyInvitations
			}
		}
		_, err := sqldb.Exec(ctx, q, insertInvitation, i.ID, orNull(i.InviterID), string(i.Channel), i.Address, jsonText(i.Roles), i.TokenDigest.Bytes(),
			micros(i.CreatedAt), micros(i.ExpiresAt), micros(i.UsedAt), orNull(i.UsedBy), micros(i.RevokedAt), numberOrNull(i.Number))
		if err != nil {
			return err
		}
		return record(ctx, q, fx)
	})
}

// InvitationByToken implements invite.Store.
func (s *Store) InvitationByToken(ctx context.Context, token secret.Digest) (i authcore.Invitation, err error) {
	err = s.Read(ctx, "find invitation", func(ctx context.Context, q sqldb.Querier) error {
		i, err = sqldb.One(ctx, q, scanInvitation, byToken, token.Bytes())
		return err
	})
	return i, err
}

// InvitationFor implements invite.Store.
func (s *Store) InvitationFor(ctx context.Context, by authcore.Channel, address string, now time.Time) (i authcore.Invitation, err error) {
	err = s.Read(ctx, "find invitation", func(ctx context.Context, q sqldb.Querier) error {
		i, err = sqldb.One(ctx, q, scanInvitation, boundTo, address, string(by), micros(now))
		return err
	})
	return i, err
}

// InvitationByID implements invite.Store.
func (s *Store) InvitationByID(ctx context.Context, id uuid.UUID) (i authcore.Invitation, err error) {
	err = s.Read(ctx, "find invitation", func(ctx context.Context, q sqldb.Querier) error {
		i, err = sqldb.One(ctx, q, scanInvitation, selectInvitation, id)
		return err
	})
	return i, err
}

// invitationList is a list in the making: what leads it has an index, and of the rows so found at most invite.Tested are tested.
type invitationList struct {
	args    []any
	leads   string
	leading int    // how many of args are of leads
	test    string // "" where all that leads is in the list
}

func listInvitations(q invite.Query) (l invitationList) {
	place := func(v any) string {
		l.args = append(l.args, v)
		return "$" + strconv.Itoa(len(l.args))
	}
	l.leads = "id < " + place(q.Before)
	if q.Inviter != uuid.Nil {
		l.leads += " and inviter_id = " + place(q.Inviter)
	}
	if q.Status == authcore.InvitationPending || q.Status == authcore.InvitationExpired {
		l.leads += " and used_at is null and revoked_at is null"
	}
	l.leading = len(l.args)
	switch q.Status {
	case authcore.InvitationPending:
		l.test = "expires_at > " + place(micros(q.Now))
	case authcore.InvitationExpired:
		l.test = "expires_at <= " + place(micros(q.Now))
	case authcore.InvitationUsed:
		l.test = "used_at is not null"
	case authcore.InvitationRevoked:
		l.test = "used_at is null and revoked_at is not null"
	}
	return l
}

// tested are the rows of what leads, as many as are tested.
func (l invitationList) tested(columns string) string {
	return "(select " + columns + " from invitations where " + l.leads + " order by id desc limit " + strconv.Itoa(invite.Tested) + ") as t"
}

func (l invitationList) page(limit int) string {
	text := "select " + invitationColumns + " from "
	if l.test == "" {
		text += "invitations where " + l.leads
	} else {
		text += l.tested(invitationColumns) + " where " + l.test
	}
	return text + " order by id desc limit " + strconv.Itoa(limit)
}

// Invitations implements invite.Store.
func (s *Store) Invitations(ctx context.Context, q invite.Query) (list []authcore.Invitation, next uuid.UUID, err error) {
	l := listInvitations(q)
	err = s.Read(ctx, "list invitations", func(ctx context.Context, db sqldb.Querier) error {
		if list, err = sqldb.All(ctx, db, scanInvitation, l.page(q.Limit), l.args...); err != nil || l.test == "" || len(list) == q.Limit {
			return err
		}
		text := "select id from " + l.tested("id") + " order by id desc limit 1 offset " + strconv.Itoa(invite.Tested-1)
		next, err = sqldb.One(ctx, db, scanID, text, l.args[:l.leading]...)
		if errors.Is(err, authcore.ErrNotFound) { // fewer were there: none is left to test
			return nil
		}
		return err
	})
	return list, next, err
}

// RevokeInvitation implements invite.Store.
func (s *Store) RevokeInvitation(ctx context.Context, id uuid.UUID, now time.Time, fx authcore.Effects) error {
	return s.change(ctx, "revoke invitation", func(ctx context.Context, q *tx) error {
		if _, err := sqldb.One(ctx, q, scanInvitation, revokeOne, id, micros(now)); err != nil {
			return err
		}
		return record(ctx, q, fx)
	})
}

// RenewInvitation implements invite.Store.
func (s *Store) RenewInvitation(ctx context.Context, id uuid.UUID, token secret.Digest, until, now time.Time, fx authcore.Effects) error {
	return s.change(ctx, "renew invitation", func(ctx context.Context, q *tx) error {
		if _, err := sqldb.One(ctx, q, scanInvitation, renewOne, id, micros(now), token.Bytes(), micros(until)); err != nil {
			return err
		}
		return record(ctx, q, fx)
	})
}

// CreateInvited implements signup.Store.
func (s *Store) CreateInvited(ctx context.Context, e authcore.SignUp) (a authcore.Account, err error) {
	err = s.change(ctx, "create invited account", func(ctx context.Context, q *tx) error {
		invited := e.Account
		if err := s.spend(ctx, q, &invited, e.Invited, e.Now); err != nil {
			return err
		}
		if err := s.takeClaims(ctx, q, e.Verified, invited.ID, e.Unique, e.Closed, e.Now); err != nil {
			return err
		}
		if err := create(ctx, q, invited, e.Identifiers); err != nil {
			return err
		}
		if a, err = sqldb.One(ctx, q, scanAccount, selectAccount, invited.ID); err != nil {
			return err
		}
		if err := verified(ctx, q, &a); err != nil {
			return err
		}
		if err := s.forgetRegistrations(ctx, q, e.Verified.Value); err != nil {
			return err
		}
		return record(ctx, q, e.Opening.Effects)
	})
	if err != nil {
		return authcore.Account{}, err
	}
	return a, nil
}

// spend uses an invitation up for an account that is about to be created in this transaction, and gives that account what the
// invitation gives. Exactly one account gets it. The inviter is asked here, and not when the invitation was made: from somebody who has
// been disabled, deleted or stripped of the right meanwhile nothing is to be had any more. The inviter is locked before the invitation,
// as by the changes that revoke. authcore.ErrInvitation: it is not good, and the change must not be committed.
func (s *Store) spend(ctx context.Context, q *tx, a *authcore.Account, invited authcore.Invited, now time.Time) error {
	i, err := sqldb.One(ctx, q, scanInvitation, selectInvitation, invited.ID)
	if err != nil {
		return spent(err)
	}
	roles, method, inviter := []string{authcore.RoleAdmin}, admin.ByOperator, authcore.Account{}
	if i.InviterID != uuid.Nil {
		if inviter, err = sqldb.One(ctx, q, scanAccount, selectAccount+s.Dialect().ForShare, i.InviterID); err != nil {
			return spent(err)
		}
		if roles, method = s.admins.Roles(inviter), ""; inviter.Disabled() || i.Number == 0 && !s.inviters.May(roles) {
			return authcore.ErrInvitation
		}
		a.InvitedBy = inviter.ID
	}
	if i, err = sqldb.One(ctx, q, scanInvitation, spendOne, invited.ID, micros(now), a.ID); err != nil {
		return spent(err)
	}
	proven := a.EmailVerified() && a.Email == i.Address
	if i.Channel == authcore.BySMS {
		proven = a.PhoneVerified() && a.Phone == i.Address
	}
	if i.Address != "" && !proven {
		return authcore.ErrInvitation
	}
	if slices.Contains(roles, authcore.RoleAdmin) {
		a.Roles = i.Roles
	}
	if a.Number == 0 {
		a.Number = i.Number
	}
	e := audit.Event(authcore.EventInvitationUsed, i.InviterID, authcore.Client{}, now)
	e.Method = method
	fx := authcore.Effects{Events: []authcore.Event{e}}
	if inviter.ID != uuid.Nil && invited.Tell != nil {
		open, err := sqldb.All(ctx, q, scanLink, selectOpenContactLinks, inviter.ID, micros(now))
		if err != nil {
			return err
		}
		more, err := invited.Tell(inviter, open, e)
		if err != nil {
			return err
		}
		fx = fx.And(more)
	}
	return record(ctx, q, fx)
}

func spent(err error) error {
	if errors.Is(err, authcore.ErrNotFound) {
		return authcore.ErrInvitation
	}
	return err
}

// revokeInvitations revokes the open ones of an account that may not invite any more, in the transaction of the change by which it may not.
func revokeInvitations(ctx context.Context, q *tx, inviter uuid.UUID, now time.Time) error {
	n, err := sqldb.Exec(ctx, q, revokeAllOpen, inviter, micros(now))
	for range n {
		e := audit.Event(authcore.EventInvitationRevoked, inviter, authcore.Client{}, now)
		if err := record(ctx, q, authcore.Effects{Events: []authcore.Event{e}}); err != nil {
			return err
		}
	}
	return err
}
