package portal

import (
	"cmp"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// emailPage is where people change their e-mail address.
type emailPage struct {
	profile  *profile.Profiles
	contacts *contact.Flow
}

func (p *emailPage) routes() []page.Route {
	return []page.Route{
		{Path: "/account/email", For: page.SignedIn, Fresh: true, Show: p.show, Submit: p.request, Limit: authcore.LimitVerify},
		{Path: "/account/email/remove", For: page.SignedIn, Fresh: true, Show: p.show, Submit: p.remove},
		{Path: page.EmailLinkPath, Show: p.showConfirm, Submit: p.confirm, Limit: authcore.LimitVerify, Link: page.EmailLink},
	}
}

func emailState(q *page.Request, owner authcore.Account) string {
	return cmp.Or(owner.Email, q.T("email.state.none"))
}

func (p *emailPage) show(q *page.Request) error {
	if q.Form == nil && !q.At("/account/email") {
		return q.Redirect(q.Path("/account/email"))
	}
	owner, err := p.profile.Get(q.R.Context(), q.User.AccountID)
	if err != nil {
		return err
	}
	v := page.View{Title: q.T("email.title"), Back: backToAccount(q), Intro: []string{emailState(q, owner)}}
	waits := owner.PendingEmail
	if !owner.PendingEmailUntil.After(q.Now()) {
		waits = ""
	}
	if owner.Email != "" && !owner.EmailVerified() && waits == "" {
		v.Intro = append(v.Intro, q.T("email.unverified"))
	}
	if waits != "" {
		code := confirmForm(q)
		code.Title, code.Intro = q.T("email.confirm.title"), q.T("email.waits", "Address", waits)
		v.Forms = append(v.Forms, code)
	}
	typed := page.EmailField(q, "")
	typed.Label = q.T("email.new")
	v.Forms = append(v.Forms, page.Form{ID: "email-form", Action: q.Path("/account/email"), Title: q.T("email.change"), Intro: q.T("email.change.intro"),
		Fields: []page.Field{typed}, Button: q.T("email.change.button")})
	if owner.Email != "" {
		v.Forms = append(v.Forms, page.Form{ID: "email-remove-form", Action: q.Path("/account/email/remove"), Button: q.T("email.remove"), Quiet: true})
	}
	return q.Show(v)
}

// confirmForm asks for the code that went to the new address.
func confirmForm(q *page.Request) page.Form {
	return page.Form{ID: "confirm-form", Action: q.Path(page.EmailLinkPath), Fields: []page.Field{page.CodeField(q)}, Button: q.T("email.confirm.button")}
}

func (p *emailPage) request(q *page.Request) error {
	if _, err := p.contacts.RequestEmail(q.R.Context(), q.User.AccountID, q.Form.Get("email"), q.Info.Client); err != nil {
		return err
	}
	return q.Done("/account/email", "confirm_sent")
}

func (p *emailPage) remove(q *page.Request) error {
	if _, err := p.contacts.RemoveEmail(q.R.Context(), q.User.AccountID, q.Info.Client); err != nil {
		return err
	}
	return q.Done("/account/email", "email_removed")
}

// showConfirm is where the link leads: it asks for one click of who asked for the change, and for the code where no link was opened. Who
// is not signed in does that first, and comes back.
func (p *emailPage) showConfirm(q *page.Request) error {
	user, err := q.CurrentUser()
	if err != nil {
		return err
	}
	token := q.Link(page.EmailLink)
	if token != "" && q.Is(authcore.InvalidCode) && !q.Form.Has("otp") {
		q.DropLink() // it will not become right
		token = ""
	}
	v := page.View{Title: q.T("email.confirm.title")}
	switch {
	case user == nil && token == "":
		return q.ToLogin()
	case user == nil:
		v.Intro, v.Links = []string{q.T("email.confirm.sign_in")}, []page.Link{{To: q.Path("/login"), Text: q.T("login.title")}}
		return q.Show(v)
	case token == "":
		v.Intro, v.Forms, v.Back = []string{q.T("email.confirm.code")}, []page.Form{confirmForm(q)}, backToAccount(q)
		return q.Show(v)
	}
	address, err := p.contacts.PeekEmail(q.R.Context(), user.AccountID, token)
	if err != nil {
		return err
	}
	if address == "" {
		v.Intro = []string{q.T("email.confirm.other")}
		v.Forms = []page.Form{{ID: "logout-form", Action: q.Path("/logout"), Button: q.T("account.sign_out"), Quiet: true}}
		v.Back = backToAccount(q)
		return q.Show(v)
	}
	v.Intro = []string{q.T("email.confirm.intro", "Address", address)}
	v.Forms = []page.Form{{ID: "confirm-form", Button: q.T("email.confirm.button")}}
	return q.Show(v)
}

func (p *emailPage) confirm(q *page.Request) error {
	user, err := q.RequireUser()
	if err != nil {
		return err
	}
	in := contact.ConfirmInput{AccountID: user.AccountID, Token: q.Link(page.EmailLink), Client: q.Info.Client}
	if q.Form.Has("otp") { // what was typed is what is meant, whatever link was opened before
		in.Token, in.OTP = "", q.Form.Get("otp")
	}
	if _, err := p.contacts.ConfirmEmail(q.R.Context(), in); err != nil {
		return err
	}
	q.DropLink()
	return q.Done("/account/email", "email_changed")
}
