package httpapi

import (
	"net/http"
	"reflect"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// invitationCalls make, list and revoke invitations.
type invitationCalls struct {
	flow   *invite.Flow
	gate   *admin.Gate
	limits *httpauth.Limits
}

func (c *invitationCalls) routes() []route {
	id := idParam("The invitation's id.")
	return []route{{
		method: http.MethodPost, path: "/invitations", tag: tagInvitations, summary: "Invite somebody",
		text: "An invitation with `email` or `phone` is bound to that address or number: its token is sent there by mail or SMS and not answered, and using it " +
			"verifies the address or number. Without, the answer has `token` and `url`, once. Only administrators give `roles`; `admin` and `auditor` " +
			"need an `email` or `phone`. Numbers are invited where they sign in. The answer does not reveal whether the address or number has an account.",
		limit: authcore.LimitInvite, does: authenticatedWith(c.create), optional: true,
		replies: []reply{{http.StatusCreated, "The invitation.", invitation{}}},
		refuses: []authcore.Code{authcore.InvalidFields, authcore.Forbidden, authcore.NotFound, authcore.LimitReached},
	}, {
		method: http.MethodGet, path: "/invitations", tag: tagInvitations, summary: "List invitations",
		text: "Lists your invitations, the newest first.",
		does: authenticated(c.list),
		params: append(pageParams(),
			param{in: "query", name: "all", text: "Those of everybody; for administrators and auditors.", kind: reflect.TypeFor[string]()}),
		replies: []reply{{http.StatusOK, "The invitations.", invitationList{}}},
		refuses: []authcore.Code{authcore.InvalidRequest, authcore.Forbidden},
	}, {
		method: http.MethodDelete, path: "/invitations/{id}", tag: tagInvitations, summary: "Revoke an invitation",
		text:    "Administrators revoke anybody's. Someone else's invitation gets the same answer as an unknown one.",
		does:    authenticated(c.revoke),
		params:  []param{id},
		replies: []reply{{http.StatusNoContent, "It can no longer be used.", nil}},
		refuses: []authcore.Code{authcore.NotFound},
	}, {
		method: http.MethodPost, path: "/invitations/{id}/resend", tag: tagInvitations, summary: "Send an invitation again",
		text:    "Only for one that is bound to an address or number. The link that was sent before stops working.",
		limit:   authcore.LimitInvite,
		does:    authenticated(c.resend),
		params:  []param{id},
		replies: []reply{{http.StatusAccepted, "The mail is on its way.", status{}}},
		refuses: []authcore.Code{authcore.NotFound, authcore.Forbidden},
	}}
}

type inviteBody struct {
	Email string   `json:"email,omitempty" format:"email" maxLength:"254" example:"ada@example.com"`
	Phone string   `json:"phone,omitempty" maxLength:"32" example:"+4312345678"`
	Roles []string `json:"roles,omitempty" maxItems:"32"`
}

type invitation struct {
	ID        uuid.UUID                 `json:"id" format:"uuid"`
	Email     string                    `json:"email" doc:"Whom it is bound to; empty for nobody."`
	Phone     string                    `json:"phone" doc:"Whom it is bound to; empty for nobody."`
	Roles     []string                  `json:"roles"`
	InvitedBy *string                   `json:"invited_by" format:"uuid" doc:"Null for whoever runs the gateway."`
	Status    authcore.InvitationStatus `json:"status" enum:"pending,used,revoked,expired"`
	CreatedAt time.Time                 `json:"created_at"`
	ExpiresAt time.Time                 `json:"expires_at"`
	UsedBy    *string                   `json:"used_by" format:"uuid" doc:"The account that was made with it; null for none."`
	Token     string                    `json:"token,omitempty" doc:"Answered once, where it is bound to nobody."`
	URL       string                    `json:"url,omitempty" doc:"The link to give on; likewise."`
}

type invitationList struct {
	Invitations []invitation `json:"invitations"`
	Next        *string      `json:"next" doc:"The cursor of the next page; null at the end."`
}

func (x *call) invitationOf(i authcore.Invitation) invitation {
	return invitation{
		ID: i.ID, Email: addressBy(i, authcore.ByEmail), Phone: addressBy(i, authcore.BySMS), Roles: append([]string{}, i.Roles...),
		InvitedBy: idOrNull(i.InviterID), Status: i.Status(x.now.Now()), CreatedAt: i.CreatedAt.UTC(), ExpiresAt: i.ExpiresAt.UTC(), UsedBy: idOrNull(i.UsedBy),
	}
}

func addressBy(i authcore.Invitation, by authcore.Channel) string {
	if i.Channel != by {
		return ""
	}
	return i.Address
}

func (c *invitationCalls) create(x *call, body inviteBody) error {
	made, err := c.flow.Create(x.r.Context(), x.who.AccountID, invite.Input{Email: body.Email, Phone: body.Phone, Roles: body.Roles, Client: x.in.Client})
	if err != nil {
		return err
	}
	answer := x.invitationOf(made.Invitation)
	answer.Token, answer.URL = made.Token, made.URL
	return x.answer(http.StatusCreated, answer)
}

func (c *invitationCalls) list(x *call) error {
	query := x.r.URL.Query()
	limit, from, err := x.page()
	if err != nil {
		return err
	}
	p := invite.Page{Limit: limit, Cursor: from, All: query.Has("all") && query.Get("all") != "false"}
	if p.All {
		return c.listAll(x, p)
	}
	return c.page(x, p)
}

// listAll is a call of the administration, though it has no path of its own: it passes the same gate, and an event tells of it (M07).
func (c *invitationCalls) listAll(x *call, p invite.Page) error {
	ctx, who := x.r.Context(), x.who.AccountID
	call := x.adminCall(authcore.EventAdminInvitationsList, authcore.Reads)
	err := c.gate.Admit(ctx, call, func() error {
		return c.limits.TakeAccount(ctx, x.w.Header(), authcore.LimitAdmin, "/invitations", who)
	})
	if err != nil {
		return err
	}
	within, end := c.gate.Begin(ctx, call)
	x.r, x.end = x.r.WithContext(within), end
	return end(c.page(x, p))
}

func (c *invitationCalls) page(x *call, p invite.Page) error {
	listed, err := c.flow.List(x.r.Context(), x.who.AccountID, p)
	if err != nil {
		return err
	}
	out := invitationList{Invitations: make([]invitation, 0, len(listed.Invitations)), Next: textOrNull(listed.Next)}
	for _, i := range listed.Invitations {
		out.Invitations = append(out.Invitations, x.invitationOf(i))
	}
	return x.answer(http.StatusOK, out)
}

func (c *invitationCalls) revoke(x *call) error {
	id := x.pathID()
	if err := c.flow.Revoke(x.r.Context(), x.who.AccountID, id, x.in.Client); err != nil {
		return err
	}
	return x.done()
}

func (c *invitationCalls) resend(x *call) error {
	id := x.pathID()
	if err := c.flow.Resend(x.r.Context(), x.who.AccountID, id, x.in.Client); err != nil {
		return err
	}
	return x.answer(http.StatusAccepted, status{"invitation_sent"})
}
