package httpapi

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
)

// adminHelpCalls are what administrators do for somebody who cannot get in, or whose account somebody else uses.
type adminHelpCalls struct {
	directory *admin.Directory
	unlocker  *admin.Unlocker
	sessions  *session.Sessions
	passwords *password.Flow
	signUp    *signup.Flow
	factors   *factor.Factors
}

func (c *adminHelpCalls) routes() []route {
	id := []param{whichAccount()}
	factorID := idParam("The factor's id.")
	factorID.name = "fid"
	sent := []reply{{http.StatusAccepted, "It is on its way.", status{}}}
	return []route{{
		method: http.MethodGet, path: "/admin/users/{id}/sessions", tag: tagAdmin, summary: "List the sessions of an account",
		text: "For administrators and auditors.", admin: authcore.Reads, event: authcore.EventAdminSessionsList, does: authenticated(c.listSessions), params: id,
		replies: []reply{{http.StatusOK, "The sessions.", sessionList{}}}, refuses: []authcore.Code{authcore.NotFound},
	}, {
		method: http.MethodPost, path: "/admin/users/{id}/sessions/revoke", tag: tagAdmin, summary: "End sessions of an account",
		text: "Send exactly one of `ids` and `all`. For administrators.", admin: authcore.Changes, event: authcore.EventAdminSessionsRevoke, does: authenticatedWith(c.revoke), params: id,
		replies: []reply{{http.StatusOK, "The number of sessions that ended.", revoked{}}}, refuses: []authcore.Code{authcore.NotFound, authcore.InvalidFields},
	}, {
		method: http.MethodPost, path: "/admin/users/{id}/password/reset", tag: tagAdmin, summary: "Have the owner choose a new password",
		text:  "Mails the owner a code and link, which nobody else sees. The present password works until then. For administrators.",
		admin: authcore.Changes, event: authcore.EventAdminUsersReset, fresh: true, optional: true, does: authenticatedWith(c.reset), params: id,
		replies: sent, refuses: []authcore.Code{authcore.NotFound, authcore.Conflict, authcore.RateLimited},
	}, {
		method: http.MethodPost, path: "/admin/users/{id}/verification", tag: tagAdmin, summary: "Have the owner verify the address",
		text: "Mails a code and link to an address that is not verified yet. For administrators.", admin: authcore.Changes, event: authcore.EventAdminUsersVerify,
		does: authenticated(c.verify), params: id, replies: sent, refuses: []authcore.Code{authcore.NotFound, authcore.Conflict, authcore.InvalidFields, authcore.RateLimited},
	}, {
		method: http.MethodPost, path: "/admin/users/{id}/unlock", tag: tagAdmin, summary: "Unlock sign-ins by password",
		text: "Forgets the wrong passwords that were tried. For administrators.", admin: authcore.Changes, event: authcore.EventAdminUsersUnlock,
		does: authenticated(c.unlock), params: id, replies: []reply{{http.StatusNoContent, "Nothing locks the account.", nil}}, refuses: []authcore.Code{authcore.NotFound},
	}, {
		method: http.MethodGet, path: "/admin/users/{id}/factors", tag: tagAdmin, summary: "List the second factors of an account",
		text: "For administrators and auditors.", admin: authcore.Reads, event: authcore.EventAdminFactorsList, does: authenticated(c.listFactors), params: id,
		replies: []reply{{http.StatusOK, "The factors.", factorList{}}}, refuses: []authcore.Code{authcore.NotFound},
	}, {
		method: http.MethodDelete, path: "/admin/users/{id}/factors/{fid}", tag: tagAdmin, summary: "Remove a second factor of an account",
		text:  "Also the last one: a sign-in that asks for a second factor then leads to a new one. The owner is told. For administrators.",
		admin: authcore.Changes, event: authcore.EventAdminFactorsRemove, fresh: true, optional: true, does: authenticatedWith(c.removeFactor),
		params: []param{whichAccount(), factorID}, replies: []reply{{http.StatusNoContent, "The factor has been removed.", nil}},
		refuses: []authcore.Code{authcore.NotFound},
	}, c.twoFactor(http.MethodPut, "Require a second factor of an account", "Sign-ins owe a second factor from now on, whatever the owner has chosen; who has none adds one on the way.",
		authcore.EventAdminUsersRequireMFA, true),
		c.twoFactor(http.MethodDelete, "Require no second factor of an account any more", "What the owner has switched on stays on, and what the option `mfa` demands.",
			authcore.EventAdminUsersReleaseMFA, false)}
}

func (c *adminHelpCalls) twoFactor(method, summary, text string, event authcore.EventKind, demand bool) route {
	return route{
		method: method, path: "/admin/users/{id}/2fa", tag: tagAdmin, summary: summary, text: text + " The owner is told. For administrators.",
		admin: authcore.Changes, event: event, fresh: true, optional: true, params: []param{whichAccount()},
		does: authenticatedWith(func(x *call, _ freshBody) error {
			a, err := c.account(x)
			if err == nil {
				err = factor.Demand{Factors: c.factors}.Set(x.r.Context(), a.ID, demand, x.quiet())
			}
			if err != nil {
				return err
			}
			return x.done()
		}),
		replies: []reply{{http.StatusNoContent, "It is so.", nil}}, refuses: []authcore.Code{authcore.NotFound},
	}
}

// quiet is who causes what the owner is told of: an administrator, whose address and browser are no business of the owner's.
func (x *call) quiet() authcore.Client {
	return authcore.Client{Issuer: x.in.Client.Issuer, Portal: x.in.Client.Portal, Lang: x.in.Client.Lang}
}

func (c *adminHelpCalls) account(x *call) (authcore.ManagedAccount, error) {
	return c.directory.Get(x.r.Context(), x.r.PathValue("id"))
}

func (c *adminHelpCalls) listSessions(x *call) error {
	a, err := c.account(x)
	if err != nil {
		return err
	}
	live, err := c.sessions.List(x.r.Context(), a.ID)
	if err != nil {
		return err
	}
	entries := make([]sessionEntry, 0, len(live))
	for _, s := range live {
		entries = append(entries, entryOf(s, x.who.SessionID))
	}
	return x.answer(http.StatusOK, sessionList{entries})
}

type adminRevokeBody struct {
	IDs []string `json:"ids,omitempty" format:"uuid"`
	All bool     `json:"all,omitempty"`
}

func (c *adminHelpCalls) revoke(x *call, body adminRevokeBody) error {
	ids, err := parseIDs(body.IDs, authcore.SessionIDInvalid)
	if err == nil {
		err = exactlyOne(body.IDs != nil, body.All)
	}
	if err != nil {
		return err
	}
	a, err := c.account(x)
	if err != nil {
		return err
	}
	n, err := session.RevokeForAdmin(x.r.Context(), c.sessions, a.ID, ids, body.All)
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, revoked{n})
}

func (c *adminHelpCalls) reset(x *call, _ freshBody) error {
	a, err := c.account(x)
	if err == nil {
		err = c.passwords.Resets().Send(x.r.Context(), a.Account, x.quiet())
	}
	if err != nil {
		return err
	}
	return x.answer(http.StatusAccepted, status{"reset_sent"})
}

func (c *adminHelpCalls) verify(x *call) error {
	a, err := c.account(x)
	if err != nil {
		return err
	}
	if !a.AwaitsVerification() {
		return authcore.Refuse(authcore.Conflict, "The account has no address that waits to be verified.")
	}
	if err := c.signUp.Resend(x.r.Context(), signup.ResendInput{Email: a.Email, Client: x.quiet()}); err != nil {
		return err
	}
	return x.answer(http.StatusAccepted, status{"verification_sent"})
}

func (c *adminHelpCalls) unlock(x *call) error {
	a, err := c.account(x)
	if err == nil {
		err = c.unlocker.Unlock(x.r.Context(), a.ID)
	}
	if err != nil {
		return err
	}
	return x.done()
}

func (c *adminHelpCalls) listFactors(x *call) error {
	a, err := c.account(x)
	if err != nil {
		return err
	}
	all, err := c.factors.List(x.r.Context(), a.ID)
	if err != nil {
		return err
	}
	list := factorList{Factors: []FactorEntry{}}
	for _, f := range all {
		list.Factors = append(list.Factors, factorOf(f))
	}
	return x.answer(http.StatusOK, list)
}

func (c *adminHelpCalls) removeFactor(x *call, _ freshBody) error {
	a, err := c.account(x)
	if err != nil {
		return err
	}
	id, err := uuid.Parse(x.r.PathValue("fid"))
	if err != nil {
		return authcore.Refuse(authcore.NotFound, "The account has no such factor.")
	}
	if err := (factor.Removal{Factors: c.factors}).Remove(x.r.Context(), a.ID, id, x.quiet()); err != nil {
		return err
	}
	return x.done()
}
