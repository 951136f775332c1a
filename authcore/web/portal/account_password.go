package portal

import (
	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// passwordPage is where people change their password.
type passwordPage struct {
	password *password.Flow
	signUp   *signup.Flow
	profile  *profile.Profiles
}

func (p *passwordPage) routes() []page.Route {
	return []page.Route{
		{Path: "/account/password", For: page.SignedIn, Show: p.show, Submit: p.change, Limit: authcore.LimitLogin},
		{Path: passwordRemovePath, For: page.SignedIn, Fresh: true, Show: p.showRemove, Submit: p.remove},
	}
}

const passwordRemovePath = "/account/password/remove"

func passwordState(q *page.Request, owner authcore.Account) string {
	if owner.PasswordHash == "" {
		return q.T("account.password.none")
	}
	return q.T("account.password.set")
}

func (p *passwordPage) show(q *page.Request) error {
	if p.password.Off() {
		return errNoPage()
	}
	owner, err := p.profile.Get(q.R.Context(), q.User.AccountID)
	if err != nil {
		return err
	}
	f := page.Form{ID: "password-form", Button: q.T("account.password.button")}
	if owner.PasswordHash == "" {
		f.Button = q.T("account.password.first")
	} else {
		f.Fields = append(f.Fields, page.PasswordField(q, "current_password"))
	}
	f.Fields = append(f.Fields, page.NewPasswordField(q, "new_password", p.password.MinLength(owner)))
	v := page.View{Title: q.T("account.password"), Back: backToAccount(q), Intro: []string{q.T("account.password.intro")}, Forms: []page.Form{f}}
	may, err := p.password.MayRemove(q.R.Context(), owner)
	if err != nil {
		return err
	}
	if may {
		v.Links = []page.Link{{To: q.Path(passwordRemovePath), Text: q.T("account.password.remove")}}
	}
	return q.Show(v)
}

// showRemove says what will happen before the one button.
func (p *passwordPage) showRemove(q *page.Request) error {
	if p.password.Off() {
		return errNoPage()
	}
	return q.Show(page.View{
		Title: q.T("account.password.remove"), Back: &page.Link{To: q.Path("/account/password"), Text: q.T("account.password")},
		Intro: []string{q.T("account.password.remove.intro")},
		Forms: []page.Form{{ID: "password-remove-form", Action: q.Path(passwordRemovePath), Button: q.T("account.password.remove"), Quiet: true}},
	})
}

// remove ends every session, this one too: from now on one signs in without a password.
func (p *passwordPage) remove(q *page.Request) error {
	removed, err := p.password.Remove(q.R.Context(), q.User.AccountID, q.Info.Client)
	if err != nil {
		return err
	}
	if !removed {
		return q.Redirect(q.Path("/account/password"))
	}
	q.Info.Cookies().ClearSession(q.W.Header())
	return q.Done("/login", "password_removed")
}

// change ends every session, this one too: with the new password one signs in again.
func (p *passwordPage) change(q *page.Request) error {
	err := p.password.Change(q.R.Context(), password.ChangeInput{
		AccountID: q.User.AccountID, Current: q.Form.Get("current_password"), New: q.Form.Get("new_password"), Client: q.Info.Client,
		NotFresh: page.NotFresh(q), DeviceToken: httpauth.DeviceCookie.Read(q.R, q.Info.Cookies()),
	})
	if authcore.CodeOf(err) == authcore.InvalidCredentials {
		return page.AtField(err, "current_password", authcore.CurrentPasswordWrong)
	}
	if err != nil {
		return err
	}
	q.Info.Cookies().ClearSession(q.W.Header())
	return q.Done("/login", "password")
}
