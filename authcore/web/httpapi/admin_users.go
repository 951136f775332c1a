package httpapi

import (
	"net/http"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
)

// adminUserCalls are what administrators do with accounts.
type adminUserCalls struct{ directory *admin.Directory }

func (c *adminUserCalls) routes() []route {
	return []route{{
		method: http.MethodGet, path: "/admin/users/{id}", tag: tagAdmin, summary: "Show an account",
		text:  "For administrators and auditors.",
		admin: authcore.Reads, event: authcore.EventAdminUsersGet,
		does:    authenticated(c.get),
		params:  []param{idParam("The account's id.")},
		replies: []reply{{http.StatusOK, "The account.", managedUser{}}},
		refuses: []authcore.Code{authcore.NotFound},
	}}
}

// User is [user] where it is embedded: only what is exported is described.
type User = user

// managedUser is an account as administrators see it.
type managedUser struct {
	User
	Disabled               bool      `json:"disabled" doc:"Whether the owner is kept out."`
	MFA                    bool      `json:"mfa" doc:"Whether a sign-in asks for a second factor."`
	Sessions               int       `json:"sessions" doc:"How many are live."`
	RolesFromConfiguration []string  `json:"roles_from_configuration" doc:"Those of its roles that the option admins gives. They are taken away there."`
	UpdatedAt              time.Time `json:"updated_at"`
}

func (x *call) managed(a authcore.ManagedAccount) managedUser {
	m := managedUser{
		User: x.userOf(a.Account), Disabled: a.Disabled(), MFA: a.MFAEnabled(), Sessions: a.Sessions, UpdatedAt: a.UpdatedAt.UTC(),
		RolesFromConfiguration: []string{},
	}
	if x.admins.Has(a.Account) {
		m.RolesFromConfiguration = []string{authcore.RoleAdmin}
	}
	return m
}

func (c *adminUserCalls) get(x *call) error {
	a, err := c.directory.Get(x.r.Context(), x.pathID())
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, x.managed(a))
}
