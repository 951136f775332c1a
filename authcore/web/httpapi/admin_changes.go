package httpapi

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/closure"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
)

// adminChangeCalls make, change and delete accounts for administrators.
type adminChangeCalls struct {
	users     *admin.Users
	directory *admin.Directory
	closure   *closure.Flow
}

const changeText = " `If-Match` may name the `ETag` that was read. Nobody changes their own roles, or disables or deletes their own account here; the last administrator stays. " +
	"For administrators."

const contactText = "Another `email` or `phone` is unverified, is told to the former one with a link that takes it back, and ends every session; for 7 days " +
	"what is sent there asks for an existing factor besides, where there is one."

func (c *adminChangeCalls) routes() []route {
	id, changed := []param{whichAccount()}, []reply{{http.StatusOK, "The account as it is now.", managedUser{}}}
	broken := []authcore.Code{authcore.NotFound, authcore.InvalidFields, authcore.Conflict, authcore.LastWayIn, authcore.LastAdmin, authcore.ManagedByConfiguration, authcore.PreconditionFailed}
	return []route{{
		method: http.MethodPost, path: "/admin/users", tag: tagAdmin, summary: "Make an account",
		text: "Makes an account without a password. With `send`, which is the default, its owner gets one mail, whose link sets a password and proves the address; " +
			"nobody else sees that link. A service has a `username` and roles, no address, password or sign-in. For administrators.",
		admin: authcore.Changes, event: authcore.EventAdminUsersCreate, fresh: true, does: authenticatedWith(c.create),
		replies: []reply{{http.StatusCreated, "The account. `Location` is its path.", managedUser{}}},
		refuses: []authcore.Code{authcore.InvalidFields, authcore.Conflict},
	}, {
		method: http.MethodPatch, path: "/admin/users/{id}", tag: tagAdmin, summary: "Change parts of an account",
		text:  "Changes the members in the body; null empties one. Disabling ends every session, code and link at once. " + contactText + changeText,
		admin: authcore.Changes, event: authcore.EventAdminUsersUpdate, fresh: true, does: authenticatedWith(c.patch),
		params: id, replies: changed, refuses: broken,
	}, {
		method: http.MethodPut, path: "/admin/users/{id}", tag: tagAdmin, summary: "Replace what administrators write",
		text:  "Empties the members that the body omits; `roles` and `disabled` are required. " + contactText + changeText,
		admin: authcore.Changes, event: authcore.EventAdminUsersReplace, fresh: true, does: authenticatedWith(c.put),
		params: id, replies: changed, refuses: broken,
	}, {
		method: http.MethodDelete, path: "/admin/users/{id}", tag: tagAdmin, summary: "Delete an account",
		text:  "Deletes the account at once, and everything that is kept about its owner, as when the owner deletes it." + changeText,
		admin: authcore.Changes, event: authcore.EventAdminUsersDelete, fresh: true, does: authenticatedWith(c.delete), optional: true,
		params: id, replies: []reply{{http.StatusNoContent, "The account is gone.", nil}},
		refuses: []authcore.Code{authcore.NotFound, authcore.LastAdmin, authcore.PreconditionFailed},
	}, c.role(http.MethodPut, "Give a role", "Also where the account has it.", authcore.EventAdminUsersAddRole, c.addRole),
		c.role(http.MethodDelete, "Take a role away", "Also where the account has none such. Access tokens with the role are refused at once, on every node within a second.",
			authcore.EventAdminUsersRemoveRole, c.removeRole)}
}

func (c *adminChangeCalls) role(method, summary, text string, event authcore.EventKind, do func(*call, freshBody) error) route {
	role := idParam("The role.")
	role.name, role.format = "role", ""
	return route{
		method: method, path: "/admin/users/{id}/roles/{role}", tag: tagAdmin, summary: summary, text: text + " For administrators.",
		admin: authcore.Changes, event: event, fresh: true, does: authenticatedWith(do), optional: true,
		params: []param{whichAccount(), role}, replies: []reply{{http.StatusNoContent, "It is so.", nil}},
		refuses: []authcore.Code{authcore.NotFound, authcore.InvalidFields, authcore.LastAdmin, authcore.ManagedByConfiguration},
	}
}

// freshBody is that of a fresh call that says nothing besides.
type freshBody struct{ FreshProof }

// SignInProof is embedded in the body of a fresh call in which a password would be taken for that of somebody else: the sign-in itself has to
// be fresh, and a password is refused.
type SignInProof struct{}

func (SignInProof) proof() fresh.Proof { return fresh.Proof{} }

func refusePassword(given map[string]json.RawMessage) error {
	if _, has := given["password"]; has {
		return authcore.RefuseField("password", authcore.AdminSetsNone)
	}
	return nil
}

type newUserBody struct {
	Email     string               `json:"email,omitempty" maxLength:"254" format:"email" example:"ada@example.com"`
	Username  string               `json:"username,omitempty" pattern:"^([A-Za-z0-9._-]{3,32})?$"`
	FirstName string               `json:"first_name,omitempty" maxLength:"100"`
	LastName  string               `json:"last_name,omitempty" maxLength:"100"`
	Phone     string               `json:"phone,omitempty" maxLength:"32" doc:"In international format. Nobody has proven it."`
	Fields    givenFields          `json:"fields,omitempty" doc:"The fields that the operator has added, also those that only administrators write."`
	Roles     []string             `json:"roles,omitempty" maxItems:"32"`
	Kind      authcore.AccountKind `json:"kind,omitempty" doc:"person, which is the default, or service."`
	Disabled  bool                 `json:"disabled,omitempty"`
	Send      *bool                `json:"send,omitempty" doc:"Whether the owner gets the mail. Default true."`
	SignInProof
}

func (b *newUserBody) takeMore(given map[string]json.RawMessage) error { return refusePassword(given) }

func (c *adminChangeCalls) create(x *call, body newUserBody) error {
	made, err := c.users.Create(x.r.Context(), admin.NewUser{
		Email: body.Email, Username: body.Username, FirstName: body.FirstName, LastName: body.LastName, Phone: body.Phone, Fields: body.Fields.values,
		Roles: body.Roles, Kind: body.Kind, Disabled: body.Disabled, Send: body.Send == nil || *body.Send, Client: x.in.Client,
	})
	if err != nil {
		return err
	}
	x.w.Header().Set("Location", x.mount.prefix+"/admin/users/"+made.ID.String())
	return x.answerManaged(http.StatusCreated, made)
}

type editUserBody struct {
	Email     given       `json:"email,omitempty" maxLength:"254" format:"email" doc:"Another one is unverified, ends every session, and is told to the former one. An administrator's is the operator's alone to change."`
	Phone     given       `json:"phone,omitempty" maxLength:"32" doc:"In international format. As the address."`
	Username  given       `json:"username,omitempty" pattern:"^([A-Za-z0-9._-]{3,32})?$"`
	FirstName given       `json:"first_name,omitempty" maxLength:"100"`
	LastName  given       `json:"last_name,omitempty" maxLength:"100"`
	Fields    givenFields `json:"fields,omitempty" doc:"A merge patch (RFC 7396), also of fields that only administrators write."`
	Roles     *[]string   `json:"roles,omitempty" maxItems:"32" doc:"All of its roles but those that a provider gives."`
	Disabled  *bool       `json:"disabled,omitempty"`
	Reason    given       `json:"disabled_reason,omitempty" maxLength:"200" doc:"Administrators and auditors see it; the owner does not."`
	SignInProof
}

func (b *editUserBody) takeMore(given map[string]json.RawMessage) error { return refusePassword(given) }

func (c *adminChangeCalls) patch(x *call, body editUserBody) error { return c.edit(x, body, false) }

// replaceUserBody is that of a PUT: roles and the state are never left to chance.
type replaceUserBody struct {
	Email     given       `json:"email,omitempty" maxLength:"254" format:"email" doc:"Another one is unverified, ends every session, and is told to the former one. An administrator's is the operator's alone to change."`
	Phone     given       `json:"phone,omitempty" maxLength:"32" doc:"In international format. As the address."`
	Username  given       `json:"username,omitempty" pattern:"^([A-Za-z0-9._-]{3,32})?$"`
	FirstName given       `json:"first_name,omitempty" maxLength:"100"`
	LastName  given       `json:"last_name,omitempty" maxLength:"100"`
	Fields    givenFields `json:"fields,omitempty" doc:"Also those that only administrators write."`
	Roles     *[]string   `json:"roles" nullable:"false" maxItems:"32" doc:"All of its roles but those that a provider gives."`
	Disabled  *bool       `json:"disabled" nullable:"false"`
	Reason    given       `json:"disabled_reason,omitempty" maxLength:"200" doc:"Administrators and auditors see it; the owner does not."`
	SignInProof
}

func (b *replaceUserBody) takeMore(given map[string]json.RawMessage) error {
	return refusePassword(given)
}

// put empties what the body leaves out (RFC 9110 §9.3.4).
func (c *adminChangeCalls) put(x *call, body replaceUserBody) error {
	var missing authcore.FieldErrors
	if body.Roles == nil {
		missing.Add("roles", authcore.Required)
	}
	if body.Disabled == nil {
		missing.Add("disabled", authcore.Required)
	}
	if err := missing.Refusal(); err != nil {
		return err
	}
	return c.edit(x, editUserBody(body), true)
}

func (c *adminChangeCalls) edit(x *call, body editUserBody, replace bool) error {
	fields := body.Fields.values
	if replace || body.Fields.present && fields == nil {
		fields = c.users.Replacing(fields)
	}
	a, err := c.users.Change(x.r.Context(), x.who.AccountID, x.r.PathValue("id"), admin.Edit{
		Email: body.Email.pointer(replace), Phone: body.Phone.pointer(replace), Username: body.Username.pointer(replace), FirstName: body.FirstName.pointer(replace), LastName: body.LastName.pointer(replace),
		Fields: fields, Roles: body.Roles, Disabled: body.Disabled, Reason: body.Reason.pointer(replace), Client: x.quiet(),
	}, x.ifMatch())
	if err != nil {
		return err
	}
	return x.answerManaged(http.StatusOK, a)
}

// ifMatch returns what asks If-Match about the version of an account; nil where the request has none (RFC 9110 §13.1.1).
func (x *call) ifMatch() func(version string) bool {
	lines := x.r.Header["If-Match"]
	if len(lines) == 0 {
		return nil
	}
	return func(version string) bool {
		for _, line := range lines {
			for tag := range strings.SplitSeq(line, ",") {
				if tag = strings.TrimSpace(tag); tag == "*" || tag == `"`+version+`"` {
					return true
				}
			}
		}
		return false
	}
}

func (c *adminChangeCalls) addRole(x *call, _ freshBody) error {
	return c.setRole(x, admin.Edit{AddRoles: []string{x.r.PathValue("role")}})
}

func (c *adminChangeCalls) removeRole(x *call, _ freshBody) error {
	return c.setRole(x, admin.Edit{TakeRoles: []string{x.r.PathValue("role")}})
}

func (c *adminChangeCalls) setRole(x *call, e admin.Edit) error {
	if _, err := c.users.Change(x.r.Context(), x.who.AccountID, x.r.PathValue("id"), e, nil); err != nil {
		return err
	}
	return x.done()
}

func (c *adminChangeCalls) delete(x *call, _ freshBody) error {
	err := admin.Delete(x.r.Context(), c.directory, c.closure, admin.Deletion{
		Actor: x.who.AccountID, Which: x.r.PathValue("id"), Match: x.ifMatch(), Client: authcore.Client{Portal: x.in.Client.Portal, Lang: x.in.Client.Lang},
	})
	if err != nil {
		return err
	}
	return x.done()
}
