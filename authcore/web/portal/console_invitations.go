package portal

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/eventlog"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// allInvitationsPage lists everybody's invitations, makes some, sends them again and revokes them.
type allInvitationsPage struct {
	consoleGate
	flow   *invite.Flow
	events *eventlog.Flow // knows what accounts are called
}

const (
	allInvitationsPath = consolePath + "/invitations"
	newInvitationPath  = allInvitationsPath + "/new"
	oneInvitationPath  = allInvitationsPath + "/{id}"
)

func (p *allInvitationsPage) routes() []page.Route {
	return []page.Route{
		{Path: allInvitationsPath, For: page.Readers, Show: p.show},
		{Path: newInvitationPath, For: page.Readers, Fresh: true, Show: p.showNew, Submit: p.create, Limit: authcore.LimitInvite},
		{Path: oneInvitationPath, For: page.Readers, Fresh: true, Show: p.showOne, Submit: p.revoke},
		{Path: oneInvitationPath + "/resend", For: page.Readers, Fresh: true, Show: p.showOne, Submit: p.resend, Limit: authcore.LimitInvite},
	}
}

func (p *allInvitationsPage) show(q *page.Request) error {
	query := q.R.URL.Query()
	var list invite.Listed
	err := p.reads(q, authcore.EventAdminInvitationsList, func(ctx context.Context) (err error) {
		list, err = p.flow.List(ctx, q.User.AccountID, invite.Page{All: true, Limit: cursor.DefaultLimit, Cursor: query.Get("cursor"),
			Status: authcore.InvitationStatus(query.Get("status"))})
		return err
	})
	if err != nil {
		return err
	}
	t := consoleTable{ID: "invitations", Title: q.T("console.invitations"), Empty: q.T("console.invitations.none"), Next: nextPage(q, list.Next), Head: []string{
		q.T("console.invitation.to"), q.T("console.user.state"), q.T("console.user.roles"), q.T("console.invitation.by"), q.T("console.user.made"), q.T("console.invitation.expires"),
	}}
	names, err := p.names(q, list.Invitations)
	if err != nil {
		return err
	}
	for _, i := range list.Invitations {
		t.Rows = append(t.Rows, p.row(q, i, names))
	}
	choices := []page.Choice{{Text: q.T("console.events.all")}}
	for _, status := range authcore.InvitationStatuses() {
		choices = append(choices, page.Choice{Value: string(status), Text: q.T("invitations.status." + string(status))})
	}
	v := consoleView{View: page.View{Title: q.T("console.invitations")}, Filter: filterOf(q, page.Field{Name: "status", Label: q.T("console.user.state"), Choices: choices})}
	if page.MayChange(q) {
		v.Links = []page.Link{{To: q.Path(newInvitationPath), Text: q.T("invitations.new")}}
	}
	if v.Filter.Reset != nil {
		t.Empty = q.T("console.invitations.nomatch")
		if t.Next != nil {
			t.Empty = q.T("console.invitations.early")
		}
	}
	v.Made, v.Tables = madeLink(q), []consoleTable{t}
	return showConsole(q, &v)
}

// madeLink is the link of an invitation that was just made, which is shown once; nil for none.
func madeLink(q *page.Request) *page.Field {
	token := q.Link(page.InvitedLink)
	if token == "" || q.Form != nil {
		return nil
	}
	q.DropLink()
	return &page.Field{ID: "made-link", Label: q.T("invitations.made"), Type: "text", Value: invite.Link(q.Info.Client, token), ReadOnly: true,
		Hint: q.T("invitations.made.hint")}
}

// names returns what the accounts of invitations are called.
func (p *allInvitationsPage) names(q *page.Request, list []authcore.Invitation) (map[uuid.UUID]string, error) {
	var ids []uuid.UUID
	for _, i := range list {
		ids = append(ids, i.InviterID, i.UsedBy)
	}
	return p.events.Labels(q.R.Context(), ids...)
}

// accountCell leads to an account; an account that is gone has no name, and leads nowhere.
func accountCell(q *page.Request, id uuid.UUID, names map[uuid.UUID]string) consoleCell {
	switch name := names[id]; {
	case id == uuid.Nil:
		return consoleCell{Text: q.T("console.event.operator")}
	case name == "":
		return consoleCell{Text: q.T("console.account.gone")}
	default:
		return consoleCell{Text: name, To: q.Path(consoleUsersPath + "/" + id.String())}
	}
}

func invited(q *page.Request, i authcore.Invitation) string {
	if i.Address == "" {
		return q.T("invitations.anybody")
	}
	return i.Address
}

func (p *allInvitationsPage) row(q *page.Request, i authcore.Invitation, names map[uuid.UUID]string) consoleRow {
	status := i.Status(q.Now())
	to := consoleCell{Text: invited(q, i), To: q.Path(allInvitationsPath + "/" + i.ID.String())}
	state := consoleCell{Text: q.T("invitations.status." + string(status))}
	if status == authcore.InvitationUsed {
		state.Lines = []string{accountCell(q, i.UsedBy, names).Text}
	}
	row := consoleRow{Cells: []consoleCell{to, state, {Text: rolesOf(i)}, accountCell(q, i.InviterID, names), {At: i.CreatedAt}, {At: i.ExpiresAt}}}
	if status == authcore.InvitationPending {
		row.Actions = []page.Link{{To: to.To, Text: q.T("invitations.revoke")}}
	}
	return row
}

// rolesOf are the roles that an invitation gives.
func rolesOf(i authcore.Invitation) string {
	if len(i.Roles) == 0 {
		return "–"
	}
	return strings.Join(i.Roles, " ")
}

// one returns the invitation of the address.
func (p *allInvitationsPage) one(q *page.Request) (i authcore.Invitation, err error) {
	id, err := uuid.Parse(page.Param(q, "id"))
	if err != nil {
		return i, authcore.Refuse(authcore.NotFound, "There is no such invitation.")
	}
	return i, p.reads(q, authcore.EventAdminInvitationsGet, func(ctx context.Context) (err error) {
		i, err = p.flow.Get(ctx, q.User.AccountID, id)
		return err
	})
}

// showOne shows an invitation; an open one can be revoked, and sent again where it went to an address.
func (p *allInvitationsPage) showOne(q *page.Request) error {
	i, err := p.one(q)
	if err != nil {
		return err
	}
	names, err := p.names(q, []authcore.Invitation{i})
	if err != nil {
		return err
	}
	status, at := i.Status(q.Now()), q.Path(allInvitationsPath+"/"+i.ID.String())
	v := consoleView{View: page.View{Title: invited(q, i), Back: &page.Link{To: q.Path(allInvitationsPath), Text: q.T("console.invitations")}, Points: []page.Point{
		{Title: q.T("console.user.state"), Text: q.T("invitations.status." + string(status))}, {Title: q.T("console.user.roles"), Text: rolesOf(i)},
		{Title: q.T("console.invitation.by"), Text: accountCell(q, i.InviterID, names).Text}, {Title: q.T("console.user.made"), Text: minute(i.CreatedAt)},
		{Title: q.T("console.invitation.expires"), Text: minute(i.ExpiresAt)}}}}
	if status == authcore.InvitationUsed {
		v.Points = append(v.Points, page.Point{Title: q.T("console.invitation.used_by"), Text: accountCell(q, i.UsedBy, names).Text})
	}
	if status == authcore.InvitationPending {
		if i.Address != "" {
			v.Forms = append(v.Forms, page.Form{ID: "resend", Action: at + "/resend", Title: q.T("invitations.again"), Intro: q.T("console.invitation.resend.text"), Button: q.T("invitations.again")})
		}
		revoke := dangerForm("revoke", q.T("invitations.revoke"), q.T("console.invitation.revoke.text"), q.T("invitations.revoke"))
		revoke.Action = at
		v.Forms = append(v.Forms, revoke)
	}
	return showConsole(q, &v)
}

func (p *allInvitationsPage) revoke(q *page.Request) error {
	return p.change(q, authcore.EventAdminInvitationsRevoke, p.flow.Revoke, "invitation_revoked")
}

func (p *allInvitationsPage) resend(q *page.Request) error {
	return p.change(q, authcore.EventAdminInvitationsResend, p.flow.Resend, "invited")
}

func (p *allInvitationsPage) change(q *page.Request, kind authcore.EventKind, do func(context.Context, uuid.UUID, uuid.UUID, authcore.Client) error, done string) error {
	id, _ := uuid.Parse(page.Param(q, "id")) // the zero one is of no invitation
	err := p.changes(q, kind, func(ctx context.Context) error {
		authcore.AdminCallOf(ctx).Note("invitation", id.String())
		return do(ctx, q.User.AccountID, id, q.Info.Client)
	})
	if err != nil {
		return err
	}
	return q.Done(allInvitationsPath, done)
}

// showNew asks whom to invite.
func (p *allInvitationsPage) showNew(q *page.Request) error {
	if !page.MayChange(q) {
		return admin.ForAdministrators()
	}
	email := page.EmailField(q, "")
	email.Autocomplete, email.Optional = "off", q.T("field.optional")
	f := page.Form{ID: "new-invitation", Title: q.T("invitations.new"), Intro: q.T("invitations.new.intro"), Fields: []page.Field{email}, Button: q.T("invitations.button")}
	if p.flow.Phones() {
		phone := phoneField(q, "")
		phone.Autocomplete = "off"
		f.Fields = append(f.Fields, phone)
	}
	roles := page.TextField(q, "roles", "off", "", 1000)
	roles.Hint = q.T("console.invitation.roles.hint")
	f.Fields = append(f.Fields, roles)
	return showConsole(q, &consoleView{View: page.View{Title: q.T("invitations.new"), Forms: []page.Form{f},
		Back: &page.Link{To: q.Path(allInvitationsPath), Text: q.T("console.invitations")}}})
}

func (p *allInvitationsPage) create(q *page.Request) error {
	in := invite.Input{Email: strings.TrimSpace(q.Form.Get("email")), Phone: strings.TrimSpace(q.Form.Get("phone")), Roles: strings.Fields(q.Form.Get("roles")), Client: q.Info.Client}
	var made invite.Made
	err := p.changes(q, authcore.EventAdminInvitationsCreate, func(ctx context.Context) (err error) {
		if made, err = p.flow.Create(ctx, q.User.AccountID, in); err == nil {
			authcore.AdminCallOf(ctx).Note("invitation", made.ID.String())
			authcore.AdminCallOf(ctx).Changed("roles", []string{}, slices.Clone(made.Roles))
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case made.Token == "":
		return q.Done(allInvitationsPath, "invited")
	}
	q.KeepLink(page.InvitedLink, made.Token)
	return q.Done(allInvitationsPath, "invitation_made")
}
