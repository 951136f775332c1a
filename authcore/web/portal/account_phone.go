package portal

import (
	"cmp"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// phonePage is where people change their number.
type phonePage struct {
	profile  *profile.Profiles
	contacts *contact.Flow
}

func (p *phonePage) routes() []page.Route {
	return []page.Route{
		{Path: "/account/phone", For: page.SignedIn, Show: p.show},
		{Path: "/account/phone/remove", For: page.SignedIn, Fresh: true, Show: p.show, Submit: p.remove},
	}
}

func phoneState(q *page.Request, owner authcore.Account) string {
	return cmp.Or(owner.Phone, q.T("phone.state.none"))
}

func (p *phonePage) show(q *page.Request) error {
	if q.Form == nil && !q.At("/account/phone") {
		return q.Redirect(q.Path("/account/phone"))
	}
	owner, err := p.profile.Get(q.R.Context(), q.User.AccountID)
	if err != nil {
		return err
	}
	v := page.View{Title: q.T("phone.title"), Back: backToAccount(q)}
	if owner.Phone == "" {
		v.Intro = []string{q.T("phone.none")}
		return q.Show(v)
	}
	v.Intro = []string{owner.Phone}
	v.Forms = []page.Form{{ID: "remove-form", Action: q.Path("/account/phone/remove"), Button: q.T("phone.remove"), Quiet: true}}
	return q.Show(v)
}

func (p *phonePage) remove(q *page.Request) error {
	if _, err := p.contacts.RemovePhone(q.R.Context(), q.User.AccountID, q.Info.Client); err != nil {
		return err
	}
	return q.Done("/account/phone", "phone_removed")
}
