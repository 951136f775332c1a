package caddymodule

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/setup"
	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
)

const (
	adminUserCreate  = "/gatehouse/users/create"
	adminUserDisable = "/gatehouse/users/disable"
	adminUserEnable  = "/gatehouse/users/enable"
	adminUserRoles   = "/gatehouse/users/roles"
	adminSetupLink   = "/gatehouse/users/setup-link"

	adminUserGet    = "/gatehouse/users/get"
	adminUserList   = "/gatehouse/users/list"
	adminUserUpdate = "/gatehouse/users/update"
	adminUserDelete = "/gatehouse/users/delete"
	adminUserUnlock = "/gatehouse/users/unlock"

	adminFactors   = "/gatehouse/users/factors/reset"
	adminUserMFA   = "/gatehouse/users/2fa"
	adminUserReset = "/gatehouse/users/reset"
)

// userRoutes are the operations on accounts.
func userRoutes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		{Pattern: adminUserCreate, Handler: operation(http.MethodPost, withBody(newUser.create))},
		{Pattern: adminUserDisable, Handler: operation(http.MethodPost, withBody(namedUser.disable))},
		{Pattern: adminUserEnable, Handler: operation(http.MethodPost, withBody(namedUser.enable))},
		{Pattern: adminSetupLink, Handler: operation(http.MethodPost, plain(newSetupLink))},
		{Pattern: adminFactors, Handler: operation(http.MethodPost, withBody(namedUser.resetFactors))},
		{Pattern: adminUserMFA, Handler: operation(http.MethodPost, withBody(mfaDemand.apply))},
		{Pattern: adminUserReset, Handler: operation(http.MethodPost, withBody(namedUser.reset))},
		{Pattern: adminUserGet, Handler: operation(http.MethodPost, withBody(namedUser.get))},
		{Pattern: adminUserList, Handler: operation(http.MethodPost, withBody(userList.read))},
		{Pattern: adminUserUpdate, Handler: operation(http.MethodPost, withBody(userUpdate.apply))},
		{Pattern: adminUserDelete, Handler: operation(http.MethodPost, withBody(namedUser.delete))},
		{Pattern: adminUserUnlock, Handler: operation(http.MethodPost, withBody(namedUser.unlock))},
		{Pattern: adminUserRoles, Handler: operation(http.MethodPost, withBody(roleChange.apply))},
	}
}

// withBody is an operation on what the body says.
func withBody[B, T any](do func(B, context.Context, *adminOps) (T, error)) func(*http.Request, *adminOps) (any, error) {
	return func(r *http.Request, d *adminOps) (any, error) {
		var body B
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			return nil, authcore.Refuse(authcore.InvalidRequest, "The body must be a single JSON object.").Because(err)
		}
		return do(body, r.Context(), d)
	}
}

// managedUser is an account as whoever administers it sees it.
type managedUser = httpapi.ManagedUser

// managed returns the account that a command has found or changed, as it is now.
func (d *adminOps) managed(ctx context.Context, a authcore.Account, err error) (managedUser, error) {
	if err != nil {
		return managedUser{}, err
	}
	now, err := d.directory.Get(ctx, a.ID.String())
	return d.show(now), err
}

func (d *adminOps) show(a authcore.ManagedAccount) managedUser {
	return httpapi.ManagedBy{Admins: d.cfg.admins, Fields: d.cfg.userFields, Portal: d.portal, Now: d.now}.Show(a)
}

// newUser is an account that is to be made.
type newUser struct {
	Email    string   `json:"email,omitempty"`
	Username string   `json:"username,omitempty"`
	Roles    []string `json:"roles,omitempty"`
	Admin    bool     `json:"admin,omitempty"`
	Service  bool     `json:"service,omitempty"`
}

// createdUser is a new account and where its owner chooses the first password.
type createdUser struct {
	httpapi.ManagedUser
	Link      string    `json:"link,omitempty"` // none where passwords are off
	ExpiresAt time.Time `json:"link_expires_at,omitzero"`
}

func (n newUser) create(ctx context.Context, d *adminOps) (createdUser, error) {
	return told(ctx, d, authcore.EventAdminUsersCreate, func(ctx context.Context) (createdUser, error) {
		roles := slices.Clone(n.Roles)
		if n.Admin {
			roles = append(roles, authcore.RoleAdmin)
		}
		if n.Service { // nobody signs in to it: there is no link to print
			made, err := d.users.Create(ctx, admin.NewUser{Email: n.Email, Username: n.Username, Roles: roles, Kind: authcore.KindService})
			return createdUser{ManagedUser: d.show(made)}, err
		}
		made, err := d.accounts.Create(ctx, admin.CreateInput{Email: n.Email, Username: n.Username, Roles: roles, Method: admin.ByOperator})
		if err != nil {
			return createdUser{}, err
		}
		shown, err := d.managed(ctx, made.Account, nil)
		if err != nil {
			return createdUser{}, err
		}
		created := createdUser{ManagedUser: shown}
		if made.Token != "" {
			created.Link, created.ExpiresAt = d.link("/reset", made.Token), made.ExpiresAt
		}
		return created, nil
	})
}

// link is that of a page of the portal.
func (d *adminOps) link(path, token string) string { return pageLink(d.portal, path, token) }

func pageLink(portal, path, token string) string {
	return strings.TrimSuffix(portal, "/") + path + "?token=" + url.QueryEscape(token)
}

// namedUser is an account by its id, number, address or username.
type namedUser struct {
	User string `json:"user"`
}

// change changes the account as e says.
func (n namedUser) change(ctx context.Context, d *adminOps, kind authcore.EventKind, e admin.Edit) (managedUser, error) {
	return told(ctx, d, kind, func(ctx context.Context) (managedUser, error) {
		a, err := n.find(ctx, d)
		if err == nil {
			a, err = d.users.Change(ctx, uuid.Nil, a.ID.String(), e, nil)
		}
		return d.show(a), err
	})
}

func (n namedUser) disable(ctx context.Context, d *adminOps) (managedUser, error) {
	yes := true
	return n.change(ctx, d, authcore.EventAdminUsersUpdate, admin.Edit{Disabled: &yes})
}

func (n namedUser) enable(ctx context.Context, d *adminOps) (managedUser, error) {
	no := false
	return n.change(ctx, d, authcore.EventAdminUsersUpdate, admin.Edit{Disabled: &no})
}

// resetUser is an account whose second factors were removed.
type resetUser struct {
	httpapi.ManagedUser
	Removed int `json:"factors_removed"`
}

func (n namedUser) resetFactors(ctx context.Context, d *adminOps) (resetUser, error) {
	return told(ctx, d, authcore.EventAdminFactorsReset, func(ctx context.Context) (resetUser, error) {
		if !d.hasPages() {
			return resetUser{}, errNoPages()
		}
		a, err := n.find(ctx, d)
		if err != nil {
			return resetUser{}, err
		}
		removed, err := d.factors.Reset(ctx, a.ID, admin.ByOperator, authcore.Client{Portal: d.portal})
		if err != nil {
			return resetUser{}, err
		}
		shown, err := d.managed(ctx, a.Account, nil)
		return resetUser{shown, removed}, err
	})
}

// roleChange gives roles to an account and takes others away.
type roleChange struct {
	User   string   `json:"user"`
	Add    []string `json:"add,omitempty"`
	Remove []string `json:"remove,omitempty"`
}

func (c roleChange) apply(ctx context.Context, d *adminOps) (managedUser, error) {
	kind := authcore.EventAdminUsersAddRole
	if len(c.Remove) > 0 {
		kind = authcore.EventAdminUsersRemoveRole
	}
	return namedUser{c.User}.change(ctx, d, kind, admin.Edit{AddRoles: c.Add, TakeRoles: c.Remove})
}

// setupLink is where the first administrator is made.
type setupLink struct {
	Link      string    `json:"link"`
	ExpiresAt time.Time `json:"expires_at"`
}

func newSetupLink(ctx context.Context, d *adminOps) (setupLink, error) {
	return told(ctx, d, authcore.EventAdminUsersSetupLink, func(ctx context.Context) (setupLink, error) {
		link, err := setup.NewLink(ctx, d.store, d.now)
		if err != nil {
			return setupLink{}, err
		}
		return setupLink{d.link("/setup", link.Token), link.ExpiresAt}, nil
	})
}

// tellSetup prints a set-up link while there is no account at all: to the standard error alone, for what stands in a log is read by
// others too.
func (c *core) tellSetup(ctx context.Context, a *App) error {
	link, ok, err := setup.FirstLink(ctx, c.store, a.node.clock.Now)
	if err != nil || !ok {
		return err
	}
	fmt.Fprintf(os.Stderr, "\nThere is no account yet. Make the first administrator within 24 hours at\n\n    %s\n\n", pageLink(a.sites.portalURL(), "/setup", link.Token))
	return nil
}
