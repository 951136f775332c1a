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
		{Path: "/account/phone", For: page.SignedIn, Fresh: true, Show: p.show, Submit: p.request, Limit: authcore.LimitVerify},
		{Path: "/account/phone/remove", For: page.SignedIn, Fresh: true, Show: p.show, Submit: p.remove},
		{Path: "/me/phone/confirm", For: page.SignedIn, Show: p.show, Submit: p.confirm, Limit: authcore.LimitVerify},
	}
}

func phoneState(q *page.Request, owner authcore.Account) string {
	return cmp.Or(owner.Phone, q.T("phone.state.none"))
}

// show is one page for the number, the code that it waits for, and whatever was refused of them. Codes go by SMS, which have no links.
func (p *phonePage) show(q *page.Request) error {
	if q.Form == nil && !q.At("/account/phone") {
		return q.Redirect(q.Path("/account/phone"))
	}
	owner, err := p.profile.Get(q.R.Context(), q.User.AccountID)
	if err != nil {
		return err
	}
	v := page.View{Title: q.T("phone.title"), Back: backToAccount(q), Intro: []string{owner.Phone}}
	if owner.Phone == "" {
		v.Intro = []string{q.T("phone.none")}
	}
	if waits := owner.PendingPhone; waits != "" && owner.PendingPhoneUntil.After(q.Now()) {
		v.Forms = append(v.Forms, page.Form{ID: "confirm-form", Action: q.Path("/me/phone/confirm"), Title: q.T("phone.confirm.title"),
			Intro: q.T("email.waits", "Address", waits), Fields: []page.Field{page.CodeField(q)}, Button: q.T("phone.confirm.button")})
	}
	if p.contacts.SMS() {
		typed := phoneField(q, "")
		typed.Label, typed.Optional = q.T("phone.new"), ""
		v.Forms = append(v.Forms, page.Form{ID: "phone-form", Action: q.Path("/account/phone"), Title: q.T("phone.change"),
			Intro: q.T("phone.change.intro"), Fields: []page.Field{typed}, Button: q.T("email.change.button")})
	} else if owner.Phone == "" {
		v.Intro = append(v.Intro, q.T("phone.in_profile"))
		v.Links = []page.Link{{To: q.Path("/account/profile"), Text: q.T("account.profile")}}
	}
	if owner.Phone != "" {
		v.Forms = append(v.Forms, page.Form{ID: "phone-remove-form", Action: q.Path("/account/phone/remove"), Button: q.T("phone.remove"), Quiet: true})
	}
	return q.Show(v)
}

func (p *phonePage) request(q *page.Request) error {
	if _, err := p.contacts.RequestPhone(q.R.Context(), q.User.AccountID, q.Form.Get("phone"), q.Info.Client); err != nil {
		return err
	}
	return q.Done("/account/phone", "phone_sent")
}

func (p *phonePage) confirm(q *page.Request) error {
	_, err := p.contacts.ConfirmPhone(q.R.Context(), contact.ConfirmInput{AccountID: q.User.AccountID, OTP: q.Form.Get("otp"), Client: q.Info.Client})
	if err != nil {
		return err
	}
	return q.Done("/account/phone", "phone_changed")
}

func (p *phonePage) remove(q *page.Request) error {
	if _, err := p.contacts.RemovePhone(q.R.Context(), q.User.AccountID, q.Info.Client); err != nil {
		return err
	}
	return q.Done("/account/phone", "phone_removed")
}
