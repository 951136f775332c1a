package portal

import (
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/setup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// setupPage is where the set-up link leads: whoever runs the gateway makes the first administrator.
type setupPage struct {
	flow   *setup.Flow
	signUp *signup.Flow
}

func (p *setupPage) routes() []page.Route {
	return []page.Route{{Path: "/setup", Show: p.show, Submit: p.submit, Limit: authcore.LimitVerify, Link: page.SetupLink}}
}

func (p *setupPage) show(q *page.Request) error {
	v := page.View{Title: q.T("setup.title")}
	opened := q.Link(page.SetupLink) != ""
	if q.Is(authcore.InvalidCode) || q.Is(authcore.NotFound) {
		q.DropLink() // it will not become right
		opened = false
	}
	if !opened {
		v.Intro = []string{q.T("setup.intro.none")}
		v.Links = []page.Link{{To: q.Path("/login"), Text: q.T("reset.login")}}
		return q.Show(v)
	}
	email := page.EmailField(q, "")
	email.Focus = true
	v.Intro = []string{q.T("setup.intro", "Brand", q.Brand)}
	v.Forms = []page.Form{{ID: "setup-form", Button: q.T("setup.button"), Fields: slices.Concat([]page.Field{email}, firstPassword(q, p.signUp),
		[]page.Field{page.UsernameField(q, ""), page.Checkbox(q, "forget", false)})}}
	return q.Show(v)
}

func (p *setupPage) submit(q *page.Request) error {
	token := q.Link(page.SetupLink)
	if token == "" {
		return errLinkGone()
	}
	out, err := p.flow.SetUp(q.R.Context(), setup.Input{
		Token: token, Email: q.Form.Get("email"), Password: q.Form.Get("password"), Username: q.Form.Get("username"),
		Request: requestOf(q),
	})
	if err != nil {
		return err
	}
	q.DropLink()
	if out.Pending != nil {
		return wait(q, out.Pending, "")
	}
	if err := q.Info.Cookies().SetSession(q.W.Header(), out.Tokens); err != nil {
		return err
	}
	return q.Done("/account", "setup")
}
