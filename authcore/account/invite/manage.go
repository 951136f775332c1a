package invite

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Page asks for invitations.
type Page struct {
	Limit  int                       // 1 to [cursor.MaxLimit]
	Cursor string                    // Next of the page before; "" for the first
	All    bool                      // of everybody: for administrators
	Status authcore.InvitationStatus // "" for any
}

// Listed is a page of invitations, newest first.
type Listed struct {
	Invitations []authcore.Invitation
	Next        string // "" at the end
}

// List returns invitations of the account, or everybody's. A page of one status may have fewer, or none, and there is a next all the same:
// so many were looked at. Refusals: [authcore.Forbidden] for who may not see everybody's; [authcore.InvalidRequest] for a limit, status or
// cursor that is none; [authcore.InvalidToken]; [authcore.Unavailable].
func (f *Flow) List(ctx context.Context, inviter uuid.UUID, p Page) (Listed, error) {
	if err := cursor.CheckLimit(p.Limit); err != nil {
		return Listed{}, err
	}
	if p.Status != "" && !slices.Contains(authcore.InvitationStatuses(), p.Status) {
		return Listed{}, authcore.Refuse(authcore.InvalidRequest, "status is pending, used, revoked or expired.")
	}
	a, err := authcore.Owner(f.cfg.Store.AccountByID(ctx, inviter))
	if err != nil {
		return Listed{}, err
	}
	if p.All && !f.isAdmin(a) && !slices.Contains(a.Roles, authcore.RoleAuditor) {
		return Listed{}, authcore.Refuse(authcore.Forbidden, "Only administrators and auditors see the invitations of others.")
	}
	which, of := cursor.Invitations, a.ID
	if p.All {
		which, of = cursor.AllInvitations, uuid.Nil
	}
	after, err := f.cfg.Cursors.Read(which, a.ID, p.Cursor)
	if err != nil {
		return Listed{}, err
	}
	if after.IsZero() {
		after.ID = uuid.Max
	}
	list, next, err := f.cfg.Store.Invitations(ctx, Query{Inviter: of, Status: p.Status, Before: after.ID, Limit: p.Limit + 1, Now: f.cfg.Now.Now()})
	if err != nil {
		return Listed{}, fmt.Errorf("list invitations: %w", err)
	}
	if len(list) > p.Limit {
		list = list[:p.Limit]
		next = list[p.Limit-1].ID
	}
	l := Listed{Invitations: list}
	if next != uuid.Nil {
		l.Next = f.cfg.Cursors.Sign(which, a.ID, cursor.Position{ID: next})
	}
	return l, nil
}

// ListAll returns everybody's invitations, newest first, for whoever runs the gateway. [authcore.Unavailable].
func (f *Flow) ListAll(ctx context.Context) (all []authcore.Invitation, err error) {
	const batch = 200
	for before := uuid.Max; ; before = all[len(all)-1].ID {
		page, _, err := f.cfg.Store.Invitations(ctx, Query{Before: before, Limit: batch})
		if err != nil {
			return nil, fmt.Errorf("list invitations: %w", err)
		}
		if all = append(all, page...); len(page) < batch {
			return all, nil
		}
	}
}

// Get returns an invitation of the account; administrators and auditors see anybody's. Refusals: [authcore.NotFound]; [authcore.InvalidToken];
// [authcore.Unavailable].
func (f *Flow) Get(ctx context.Context, reader, id uuid.UUID) (authcore.Invitation, error) {
	i, err := f.cfg.Store.InvitationByID(ctx, id)
	if err != nil {
		return i, missing("find invitation", err)
	}
	a, err := authcore.Owner(f.cfg.Store.AccountByID(ctx, reader))
	if err == nil && i.InviterID != a.ID && !f.isAdmin(a) && !slices.Contains(a.Roles, authcore.RoleAuditor) {
		err = missing("", authcore.ErrNotFound)
	}
	return i, err
}

// Revoke makes an open invitation of the account useless; administrators revoke anybody's. Refusals: [authcore.NotFound] for
// another's, a used or a revoked one; [authcore.InvalidToken]; [authcore.Unavailable].
func (f *Flow) Revoke(ctx context.Context, inviter, id uuid.UUID, c authcore.Client) error {
	if _, err := f.own(ctx, inviter, id); err != nil {
		return err
	}
	return f.revoke(ctx, inviter, id, "", c)
}

// RevokeAsOperator is Revoke for whoever runs the gateway; method is how the history calls them.
func (f *Flow) RevokeAsOperator(ctx context.Context, id uuid.UUID, method string) error {
	return f.revoke(ctx, uuid.Nil, id, method, authcore.Client{})
}

func (f *Flow) revoke(ctx context.Context, by, id uuid.UUID, method string, c authcore.Client) error {
	e := audit.Event(authcore.EventInvitationRevoked, by, c, f.cfg.Now.Now())
	e.Method = method
	err := f.cfg.Store.RevokeInvitation(ctx, id, f.cfg.Now.Now(), authcore.Effects{Events: []authcore.Event{e}})
	return missing("revoke invitation", err)
}

// Resend mails a bound invitation anew, for as long as a new one lives; the token of the former mail dies. Refusals:
// [authcore.NotFound] for one that is bound to nobody, another's, or not open; [authcore.Forbidden]; [authcore.RateLimited];
// [authcore.InvalidToken]; [authcore.Unavailable].
func (f *Flow) Resend(ctx context.Context, inviter, id uuid.UUID, c authcore.Client) error {
	if _, err := f.inviter(ctx, inviter); err != nil {
		return err
	}
	i, err := f.own(ctx, inviter, id)
	if err != nil {
		return err
	}
	if i.Address == "" {
		return missing("", authcore.ErrNotFound)
	}
	token, now := secret.Token(), f.cfg.Now.Now()
	i.ExpiresAt = now.Add(f.cfg.Lifetime)
	mail, err := f.mail(ctx, i, Link(c, token), c)
	if err != nil {
		return err
	}
	return missing("renew invitation", f.cfg.Store.RenewInvitation(ctx, id, secret.SumString(token), i.ExpiresAt, now, authcore.Effects{Mails: []authcore.Mail{mail}}))
}

// own returns an invitation of the account; an administrator's are all.
func (f *Flow) own(ctx context.Context, inviter, id uuid.UUID) (authcore.Invitation, error) {
	i, err := f.cfg.Store.InvitationByID(ctx, id)
	if err != nil || i.InviterID == inviter {
		return i, missing("find invitation", err)
	}
	a, err := authcore.Owner(f.cfg.Store.AccountByID(ctx, inviter))
	if err == nil && !f.isAdmin(a) {
		err = missing("", authcore.ErrNotFound)
	}
	return i, err
}

func missing(step string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, authcore.ErrNotFound):
		return authcore.Refuse(authcore.NotFound, "There is no such open invitation of yours.")
	}
	return fmt.Errorf("%s: %w", step, err)
}
