package portal

import (
	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// resendPage sends another code for an address that is to be proven.
type resendPage struct{ signUp *signup.Flow }

func (p *resendPage) routes() []page.Route {
	return []page.Route{{Path: "/verify/resend", Show: p.show, Submit: p.submit, Limit: authcore.LimitVerify}}
}

func (p *resendPage) show(q *page.Request) error {
	email := page.EmailField(q, q.Pending().Login)
	email.Focus = true
	return q.Show(page.View{
		Title: q.T("resend.title"), Intro: []string{q.T("resend.intro")},
		Forms: []page.Form{{ID: "resend-form", Fields: []page.Field{email}, Button: q.T("resend.button")}},
		Links: []page.Link{{To: q.Path("/verify"), Text: q.T("resend.have_code")}, {To: q.Path("/login"), Text: q.T("resend.login")}},
	})
}

// submit sends another code. The answer is the same for every address.
func (p *resendPage) submit(q *page.Request) error {
	if q.Form.Get("email") == "" {
		return authcore.RefuseField("email", authcore.EmailRequired)
	}
	if err := p.signUp.Resend(q.R.Context(), signup.ResendInput{Email: q.Form.Get("email"), Client: q.Info.Client}); err != nil {
		return err
	}
	q.KeepPending(page.Pending{ReturnTo: q.Pending().ReturnTo, Login: q.Form.Get("email")})
	q.DropLink() // it died with the new one
	return q.Done("/verify", "sent")
}
