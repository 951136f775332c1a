package caddymodule

import (
	"context"
	"strconv"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
)

// told performs a call of the administration for the operator, and has it told by an event like one of the API.
func told[T any](ctx context.Context, d *adminOps, kind authcore.EventKind, do func(context.Context) (T, error)) (T, error) {
	e := audit.Event(kind, uuid.Nil, authcore.Client{}, d.now())
	e.Via, e.Method = authcore.ViaOperator, admin.ByOperator
	call := authcore.NewAdminCall(e)
	out, err := do(authcore.WithAdminCall(ctx, call))
	if call.Written() {
		return out, err
	}
	result := audit.Success
	if err != nil {
		result = string(authcore.CodeOf(err))
	}
	if failed := d.store.Record(ctx, authcore.Effects{Events: []authcore.Event{call.Event(result)}}); err == nil {
		err = failed
	}
	return out, err
}

// find returns the account that a command names by id, number, address or username.
func (n namedUser) find(ctx context.Context, d *adminOps) (authcore.ManagedAccount, error) {
	if number, err := strconv.ParseInt(n.User, 10, 64); err == nil && number > 0 {
		if a, err := d.directory.Get(ctx, "number:"+strconv.FormatInt(number, 10)); authcore.CodeOf(err) != authcore.NotFound || err == nil {
			return a, err
		}
	}
	a, err := admin.Find(ctx, d.store, n.User)
	if err != nil {
		return authcore.ManagedAccount{}, err
	}
	return d.directory.Get(ctx, a.ID.String())
}

func (n namedUser) get(ctx context.Context, d *adminOps) (managedUser, error) {
	return told(ctx, d, authcore.EventAdminUsersGet, func(ctx context.Context) (managedUser, error) {
		a, err := n.find(ctx, d)
		return d.show(a), err
	})
}

// userList asks for a page of accounts.
type userList struct {
	Search string `json:"q,omitempty"`
	Role   string `json:"role,omitempty"`
	Limit  int    `json:"limit,omitempty"`
	Cursor string `json:"cursor,omitempty"`
}

// userPage is the body of the call.
type userPage struct {
	Users []managedUser `json:"users"`
	Next  *string       `json:"next"`
}

func (l userList) read(ctx context.Context, d *adminOps) (userPage, error) {
	return told(ctx, d, authcore.EventAdminUsersList, func(ctx context.Context) (userPage, error) {
		listed, err := d.directory.List(ctx, uuid.Nil, admin.Listing{UserFilter: admin.UserFilter{Search: l.Search, Role: l.Role}, Limit: l.Limit, Cursor: l.Cursor})
		page := userPage{Users: []managedUser{}}
		for _, a := range listed.Accounts {
			page.Users = append(page.Users, d.show(a))
		}
		if listed.Next != "" {
			page.Next = &listed.Next
		}
		return page, err
	})
}

// userUpdate changes fields of an account; nil leaves one.
type userUpdate struct {
	User      string  `json:"user"`
	Email     *string `json:"email,omitempty"`
	Phone     *string `json:"phone,omitempty"`
	Username  *string `json:"username,omitempty"`
	FirstName *string `json:"first_name,omitempty"`
	LastName  *string `json:"last_name,omitempty"`
	Reason    *string `json:"disabled_reason,omitempty"`
}

func (u userUpdate) apply(ctx context.Context, d *adminOps) (managedUser, error) {
	return told(ctx, d, authcore.EventAdminUsersUpdate, func(ctx context.Context) (managedUser, error) {
		if (u.Email != nil || u.Phone != nil) && !d.hasPages() {
			return managedUser{}, errNoPages()
		}
		a, err := namedUser{u.User}.find(ctx, d)
		if err == nil {
			e := admin.Edit{Email: u.Email, Phone: u.Phone, Username: u.Username, FirstName: u.FirstName, LastName: u.LastName, Reason: u.Reason,
				Client: authcore.Client{Portal: d.portal}}
			a, err = d.users.Change(ctx, uuid.Nil, a.ID.String(), e, nil)
		}
		return d.show(a), err
	})
}

// deletedUser says who is gone.
type deletedUser struct {
	ID uuid.UUID `json:"id"`
}

func (n namedUser) delete(ctx context.Context, d *adminOps) (deletedUser, error) {
	return told(ctx, d, authcore.EventAdminUsersDelete, func(ctx context.Context) (deletedUser, error) {
		a, err := n.find(ctx, d)
		if err != nil {
			return deletedUser{}, err
		}
		call := authcore.AdminCallOf(ctx)
		call.About(uuid.Nil)
		call.Note("number", a.Number)
		return deletedUser{a.ID}, d.closure.DeleteForAdmin(ctx, a.ID, authcore.Client{Portal: d.portal})
	})
}

func (n namedUser) unlock(ctx context.Context, d *adminOps) (managedUser, error) {
	return told(ctx, d, authcore.EventAdminUsersUnlock, func(ctx context.Context) (managedUser, error) {
		a, err := n.find(ctx, d)
		if err == nil {
			err = d.unlocker.Unlock(ctx, a.ID)
		}
		if err != nil {
			return managedUser{}, err
		}
		return d.managed(ctx, a.Account, nil)
	})
}

// mfaDemand has an account owe a second factor, or not.
type mfaDemand struct {
	User    string `json:"user"`
	Require bool   `json:"require"`
}

func (m mfaDemand) apply(ctx context.Context, d *adminOps) (managedUser, error) {
	kind := authcore.EventAdminUsersReleaseMFA
	if m.Require {
		kind = authcore.EventAdminUsersRequireMFA
	}
	return told(ctx, d, kind, func(ctx context.Context) (managedUser, error) {
		if !d.hasPages() {
			return managedUser{}, errNoPages()
		}
		a, err := namedUser{m.User}.find(ctx, d)
		if err != nil {
			return managedUser{}, err
		}
		err = factor.Demand{Factors: d.factors}.Set(ctx, a.ID, m.Require, authcore.Client{Portal: d.portal})
		return d.managed(ctx, a.Account, err)
	})
}

// reset has the owner choose a new password by a mail, whose link nobody else sees.
func (n namedUser) reset(ctx context.Context, d *adminOps) (managedUser, error) {
	return told(ctx, d, authcore.EventAdminUsersReset, func(ctx context.Context) (managedUser, error) {
		if !d.hasPages() {
			return managedUser{}, errNoPages()
		}
		a, err := n.find(ctx, d)
		if err != nil {
			return managedUser{}, err
		}
		return d.managed(ctx, a.Account, d.resets.Send(ctx, a.Account, authcore.Client{Portal: d.portal}))
	})
}
