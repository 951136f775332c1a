package portal

import (
	"slices"
	"strings"

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
	email := targetField(q, p.signUp)
	email.Focus = true
	return q.Show(page.View{
		Title: q.T("resend.title"), Intro: []string{q.T("resend.intro")},
		Forms: []page.Form{{ID: "resend-form", Fields: []page.Field{email}, Button: q.T("resend.button")}},
		Links: []page.Link{{To: q.Path("/verify"), Text: q.T("resend.have_code")}, {To: q.Path("/login"), Text: q.T("resend.login")}},
	})
}

// submit sends another code. The answer is the same for every address.
func (p *resendPage) submit(q *page.Request) error {
	email, phone := typedTarget(q)
	if email+phone == "" {
		return authcore.RefuseField("email", authcore.EmailRequired)
	}
	if err := p.signUp.Resend(q.R.Context(), signup.ResendInput{Email: email, Phone: phone, Client: q.Info.Client}); err != nil {
		return err
	}
	q.KeepPending(page.Pending{ReturnTo: q.Pending().ReturnTo, Login: q.Form.Get("email")})
	q.DropLink() // it died with the new one
	return q.Done("/verify", "sent")
}

// targetField asks for the address, or where numbers sign in for the address or number, that is to be verified.
func targetField(q *page.Request, flow *signup.Flow) page.Field {
	f := page.EmailField(q, q.Pending().Login)
	if slices.Contains(flow.Settings().Identities, authcore.KindPhone) {
		f.Label, f.Type, f.InputMode, f.Autocomplete = q.T("field.target"), "text", "", "username"
	}
	return f
}

// typedTarget returns what was typed into a [targetField]: addresses have an @.
func typedTarget(q *page.Request) (email, phone string) {
	typed := q.Form.Get("email")
	if typed != "" && !strings.Contains(typed, "@") && strings.Trim(typed, "+0123456789 -.()/") == "" {
		return "", typed
	}
	return typed, ""
}
