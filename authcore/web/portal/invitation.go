package portal

import (
	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// invitationPage is where an invitation leads: it says what will happen, and its one button goes on to the form.
type invitationPage struct{ flow *invite.Flow }

func (p *invitationPage) routes() []page.Route {
	return []page.Route{{Path: "/invitation", Show: p.show, Submit: p.submit, Limit: authcore.LimitVerify, Link: page.InvitationLink}}
}

func (p *invitationPage) show(q *page.Request) error {
	v := page.View{Title: q.T("invitation.title", "Brand", q.Brand)}
	if q.Is(authcore.InvalidInvitation) || q.Link(page.InvitationLink) == "" {
		q.DropLink() // it will not become right
		v.Intro = []string{q.T("invitation.intro.none")}
		v.Links = []page.Link{{To: q.Path("/login"), Text: q.T("reset.login")}}
		return q.Show(v)
	}
	v.Intro = []string{q.T("invitation.intro")}
	v.Forms = []page.Form{{ID: "invitation-form", Button: q.T("invitation.button")}}
	v.Links = []page.Link{{To: q.Path("/login"), Text: q.T("register.login")}}
	return q.Show(v)
}

// submit changes nothing: the invitation is used up by the account.
func (p *invitationPage) submit(q *page.Request) error {
	if _, err := p.flow.Find(q.R.Context(), q.Link(page.InvitationLink)); err != nil {
		return err
	}
	return q.Redirect(q.Path("/register"))
}
