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
}

// createdUser is a new account and where its owner chooses the first password.
type createdUser struct {
	httpapi.ManagedUser
	Link      string    `json:"link,omitempty"` // none where passwords are off
	ExpiresAt time.Time `json:"link_expires_at,omitzero"`
}

func (n newUser) create(ctx context.Context, d *adminOps) (createdUser, error) {
	roles := slices.Clone(n.Roles)
	if n.Admin {
		roles = append(roles, authcore.RoleAdmin)
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
}

// link is that of a page of the portal.
func (d *adminOps) link(path, token string) string { return pageLink(d.portal, path, token) }

func pageLink(portal, path, token string) string {
	return strings.TrimSuffix(portal, "/") + path + "?token=" + url.QueryEscape(token)
}

// namedUser is an account by its id, address or username.
type namedUser struct {
	User string `json:"user"`
}

func (n namedUser) disable(ctx context.Context, d *adminOps) (managedUser, error) {
	a, err := d.accounts.Disable(ctx, n.User, admin.ByOperator)
	return d.managed(ctx, a, err)
}

func (n namedUser) enable(ctx context.Context, d *adminOps) (managedUser, error) {
	a, err := d.accounts.Enable(ctx, n.User, admin.ByOperator)
	return d.managed(ctx, a, err)
}

// resetUser is an account whose second factors were removed.
type resetUser struct {
	httpapi.ManagedUser
	Removed int `json:"factors_removed"`
}

func (n namedUser) resetFactors(ctx context.Context, d *adminOps) (resetUser, error) {
	if !d.hasPages() {
		return resetUser{}, errNoPages()
	}
	a, err := admin.Find(ctx, d.store, n.User)
	if err != nil {
		return resetUser{}, err
	}
	removed, err := d.factors.Reset(ctx, a.ID, admin.ByOperator, authcore.Client{Portal: d.portal})
	if err != nil {
		return resetUser{}, err
	}
	shown, err := d.managed(ctx, a, nil)
	return resetUser{shown, removed}, err
}

// roleChange gives roles to an account and takes others away.
type roleChange struct {
	User   string   `json:"user"`
	Add    []string `json:"add,omitempty"`
	Remove []string `json:"remove,omitempty"`
}

func (c roleChange) apply(ctx context.Context, d *adminOps) (managedUser, error) {
	a, err := d.accounts.ChangeRoles(ctx, c.User, c.Add, c.Remove, admin.ByOperator)
	return d.managed(ctx, a, err)
}

// setupLink is where the first administrator is made.
type setupLink struct {
	Link      string    `json:"link"`
	ExpiresAt time.Time `json:"expires_at"`
}

func newSetupLink(ctx context.Context, d *adminOps) (setupLink, error) {
	link, err := setup.NewLink(ctx, d.store, d.now)
	if err != nil {
		return setupLink{}, err
	}
	return setupLink{d.link("/setup", link.Token), link.ExpiresAt}, nil
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
