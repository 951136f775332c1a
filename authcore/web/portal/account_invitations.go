package portal

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// invitationsPage is where people who may invite do so, and see what has become of their invitations.
type invitationsPage struct {
	profile *profile.Profiles
	flow    *invite.Flow
}

const (
	invitationsPath = "/account/invitations"
	revokePath      = invitationsPath + "/revoke"
	// invitationsListed is how many there are on a page.
	invitationsListed = 20
)

func (p *invitationsPage) routes() []page.Route {
	return []page.Route{
		{Path: invitationsPath, For: page.SignedIn, Show: p.show, Submit: p.submit, Limit: authcore.LimitInvite},
		{Path: revokePath, For: page.SignedIn, Show: p.show, Submit: p.revoke},
	}
}

// invitationsView is the page: the link of one that was just made, the list, and the form for another.
type invitationsView struct {
	page.View
	Made    *page.Field
	Entries []invitationEntry
}

type invitationEntry struct {
	ID, Name, Badge string
	Lines           []string
	Forms           []page.Form
}

func (p *invitationsPage) show(q *page.Request) error {
	if q.Form == nil && !q.At(invitationsPath) {
		return q.Redirect(q.Path(invitationsPath))
	}
	owner, err := p.profile.Get(q.R.Context(), q.User.AccountID)
	if err != nil {
		return err
	}
	may, roles := p.flow.MayInvite(owner)
	if !may {
		return authcore.Refuse(authcore.Forbidden, "You may not invite anybody.")
	}
	list, err := p.flow.List(q.R.Context(), owner.ID, invite.Page{Limit: invitationsListed, Cursor: q.R.URL.Query().Get("cursor")})
	if err != nil {
		return err
	}
	v := invitationsView{View: page.View{Title: q.T("invitations.title"), Back: backToAccount(q), Intro: []string{q.T("invitations.intro")}}}
	if len(list.Invitations) == 0 {
		v.Intro = append(v.Intro, q.T("invitations.none"))
	}
	if token := q.Link(page.InvitedLink); token != "" && q.Form == nil {
		q.DropLink() // it is shown once
		v.Made = &page.Field{ID: "made-link", Label: q.T("invitations.made"), Type: "text", Value: invite.Link(q.Info.Client, token), ReadOnly: true,
			Hint: q.T("invitations.made.hint")}
	}
	for _, i := range list.Invitations {
		v.Entries = append(v.Entries, invitationEntryOf(q, i))
	}
	if list.Next != "" {
		v.Links = []page.Link{{To: q.Path(invitationsPath) + "?cursor=" + list.Next, Text: q.T("invitations.older")}}
	}
	v.Forms = []page.Form{p.form(q, roles)}
	return q.ShowAs("account_invitations.html", &v.View, &v)
}

// form asks whom to invite.
func (p *invitationsPage) form(q *page.Request, roles bool) page.Form {
	email := page.EmailField(q, "")
	email.Autocomplete, email.Optional = "off", q.T("field.optional")
	f := page.Form{ID: "invite-form", Action: q.Path(invitationsPath), Title: q.T("invitations.new"), Intro: q.T("invitations.new.intro"),
		Fields: []page.Field{email}, Button: q.T("invitations.button")}
	if p.flow.Phones() {
		phone := phoneField(q, "")
		phone.Autocomplete = "off"
		f.Fields = append(f.Fields, phone)
	}
	if roles {
		given := page.TextField(q, "roles", "off", "", 1000)
		given.Hint = q.T("field.roles.hint")
		f.Fields = append(f.Fields, given)
	}
	return f
}

func invitationEntryOf(q *page.Request, i authcore.Invitation) invitationEntry {
	id, status := i.ID.String(), i.Status(q.Now())
	e := invitationEntry{ID: "invitation-" + id, Name: i.Address, Badge: q.T("invitations.status." + string(status))}
	if e.Name == "" {
		e.Name = q.T("invitations.anybody")
	}
	day := func(t time.Time) string { return t.UTC().Format(time.DateOnly) }
	if len(i.Roles) > 0 {
		e.Lines = append(e.Lines, q.T("invitations.roles", "Roles", strings.Join(i.Roles, " ")))
	}
	if status != authcore.InvitationPending {
		e.Lines = append(e.Lines, q.T("invitations.created", "Date", day(i.CreatedAt)))
		return e
	}
	e.Lines = append(e.Lines, q.T("invitations.until", "Date", day(i.ExpiresAt)))
	button := func(name, path, text string) page.Form {
		return page.Form{ID: name + "-" + id, Action: q.Path(path), Hidden: []page.Hidden{{Name: name, Value: id}}, Button: text, Quiet: true}
	}
	if i.Address != "" {
		e.Forms = append(e.Forms, button("again", invitationsPath, q.T("invitations.again")))
	}
	e.Forms = append(e.Forms, button("revoke", revokePath, q.T("invitations.revoke")))
	return e
}

// revoke revokes an invitation. It is not counted as one.
func (p *invitationsPage) revoke(q *page.Request) error {
	id, _ := uuid.Parse(q.Form.Get("revoke")) // the zero one is nobody's
	if err := p.flow.Revoke(q.R.Context(), q.User.AccountID, id, q.Info.Client); err != nil {
		return err
	}
	return q.Done(invitationsPath, "invitation_revoked")
}

// submit invites somebody, or sends an invitation again.
func (p *invitationsPage) submit(q *page.Request) error {
	ctx, who := q.R.Context(), q.User.AccountID
	if q.Form.Has("again") {
		id, _ := uuid.Parse(q.Form.Get("again"))
		if err := p.flow.Resend(ctx, who, id, q.Info.Client); err != nil {
			return err
		}
		return q.Done(invitationsPath, "invited")
	}
	made, err := p.flow.Create(ctx, who, invite.Input{Email: strings.TrimSpace(q.Form.Get("email")), Phone: strings.TrimSpace(q.Form.Get("phone")),
		Roles: strings.Fields(q.Form.Get("roles")), Client: q.Info.Client})
	if err != nil {
		return err
	}
	if made.Token == "" {
		return q.Done(invitationsPath, "invited")
	}
	q.KeepLink(page.InvitedLink, made.Token)
	return q.Done(invitationsPath, "invitation_made")
}
