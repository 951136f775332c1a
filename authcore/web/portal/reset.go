package portal

import (
	"net/url"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// resetPage is where a new password is set without the old one.
type resetPage struct {
	password *password.Flow
	signUp   *signup.Flow
}

func (p *resetPage) routes() []page.Route {
	to := page.Route{Path: "/password/reset", Show: p.show, Submit: p.submit, Limit: authcore.LimitForgot, Link: page.ResetLink}
	mailed := to
	mailed.Path = "/reset" // where the mail leads
	return []page.Route{to, mailed}
}

// show is where a new password is set: with the link that was opened, or else with the code.
func (p *resetPage) show(q *page.Request) error {
	if p.password.Off() {
		return errNoPage()
	}
	opened := q.Link(page.ResetLink) != ""
	if q.Is(authcore.InvalidCode) && opened {
		q.DropLink()
		opened = false
	}
	fresh := page.NewPasswordField(q, "new_password", p.signUp.MinPassword())
	f := page.Form{ID: "reset-form", Fields: []page.Field{fresh}, Button: q.T("reset.button")}
	intro := q.T("reset.intro.link")
	if opened {
		f.Fields[0].Focus = true
	} else {
		intro = q.T("reset.intro.code")
		login, code := page.LoginField(q, q.Pending().Login), page.CodeField(q)
		login.Focus, code.Focus = login.Value == "", login.Value != ""
		f.Fields = []page.Field{login, code, fresh}
	}
	return q.Show(page.View{
		Title: q.T("reset.title"), Intro: []string{intro}, Forms: []page.Form{f},
		Links: []page.Link{{To: q.Path("/password/forgot"), Text: q.T("reset.again")}, {To: q.Path("/login"), Text: q.T("reset.login")}},
	})
}

// submit sets a new password. It signs nobody in, and every session has ended.
func (p *resetPage) submit(q *page.Request) error {
	in := password.ResetInput{Token: q.Link(page.ResetLink), NewPassword: q.Form.Get("new_password"), Client: q.Info.Client}
	if q.Form.Has("otp") {
		in.Token, in.Login, in.OTP = "", q.Form.Get("login"), q.Form.Get("otp")
	}
	if in.Token == "" && !q.Form.Has("otp") {
		return errLinkGone()
	}
	if in.Token == "" && in.Login == "" && in.OTP == "" {
		return authcore.FieldErrors{{Field: "login", Rule: authcore.LoginRequired}, {Field: "otp", Rule: authcore.CodeRequired}}.Refusal()
	}
	if err := p.password.Reset(q.R.Context(), in); err != nil {
		return err
	}
	q.DropLink()
	q.Info.Cookies().ClearSession(q.W.Header())
	return p.toLogin(q)
}

// toLogin asks for a sign-in with the new password, on the way to where somebody wanted to go.
func (p *resetPage) toLogin(q *page.Request) error {
	if to, why := q.CheckReturn(q.Pending().ReturnTo); why == "" {
		return q.Redirect(q.Path("/login") + "?done=reset&rd=" + url.QueryEscape(to))
	}
	return q.Done("/login", "reset")
}
