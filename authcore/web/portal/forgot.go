package portal

import (
	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// forgotPage sends a link and a code to who has forgotten a password.
type forgotPage struct{ password *password.Flow }

func (p *forgotPage) routes() []page.Route {
	return []page.Route{{Path: "/password/forgot", Show: p.show, Submit: p.submit, Limit: authcore.LimitForgot}}
}

func (p *forgotPage) show(q *page.Request) error {
	if p.password.Off() {
		return errNoPage()
	}
	login := page.LoginField(q, q.Pending().Login)
	login.Focus = true
	return q.Show(page.View{
		Title: q.T("forgot.title"), Intro: []string{q.T("forgot.intro")},
		Forms: []page.Form{{
			ID: "forgot-form", Hidden: page.ReturnField(q), Fields: []page.Field{login}, Button: q.T("forgot.button"),
		}},
		Links: []page.Link{{To: q.WithReturn("/login"), Text: q.T("forgot.login")}},
	})
}

// submit sends a link and code. The answer is the same for every login.
func (p *forgotPage) submit(q *page.Request) error {
	if err := p.password.Forgot(q.R.Context(), q.Form.Get("login"), q.Info.Client); err != nil {
		return err
	}
	q.KeepPending(page.Pending{ReturnTo: q.Wanted(), Login: q.Form.Get("login")})
	q.DropLink() // it died with the new one
	return q.Done("/password/reset", "reset_sent")
}
