package portal

import (
	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/closure"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// deletePage is where people delete their account, and where the link in the mail about it takes that back.
type deletePage struct{ closure *closure.Flow }

func (p *deletePage) routes() []page.Route {
	return []page.Route{
		{Path: "/account/delete", For: page.SignedIn, Fresh: true, Show: p.show, Submit: p.submit},
		{Path: closure.Path, Show: p.showRestore, Submit: p.restore, Limit: authcore.LimitSecure, Link: page.RestoreLink},
	}
}

// show says what will happen before the one button.
func (p *deletePage) show(q *page.Request) error {
	v := page.View{Title: q.T("delete.title"), Back: backToAccount(q), Intro: []string{q.T("delete.intro.now")}}
	if grace := p.closure.Grace(); grace > 0 {
		v.Intro = []string{q.T("delete.intro.grace", "Date", q.Now().Add(grace).UTC().Format("2006-01-02 15:04 UTC"))}
	}
	v.Points = []page.Point{
		{Title: q.T("delete.will.gone"), Text: q.T("delete.will.gone.text")},
		{Title: q.T("delete.will.services"), Text: q.T("delete.will.services.text")},
		{Title: q.T("delete.will.username"), Text: q.T("delete.will.username.text")},
	}
	v.Links = []page.Link{{To: q.Path("/account/export"), Text: q.T("export.title")}}
	v.Forms = []page.Form{{ID: "delete-form", Action: q.Path("/account/delete"), Button: q.T("delete.button"), Quiet: true}}
	return q.Show(v)
}

func (p *deletePage) submit(q *page.Request) error {
	at, err := p.closure.Delete(q.R.Context(), q.User.AccountID, q.Info.Client)
	if err != nil {
		return err
	}
	q.Info.Cookies().ClearSession(q.W.Header())
	if at.IsZero() {
		return q.Done("/login", "deleted")
	}
	return q.Done("/login", "deletion_scheduled")
}

// showRestore changes nothing and does not look at the link: what opens links before their owner does must not use them up.
func (p *deletePage) showRestore(q *page.Request) error {
	v := page.View{Title: q.T("restore.title"), Intro: []string{q.T("restore.intro")}}
	if q.Is(authcore.InvalidCode) {
		q.DropLink() // it will not become right
	}
	if q.Link(page.RestoreLink) == "" || q.Is(authcore.InvalidCode) {
		v.Intro = []string{q.T("restore.none")}
		v.Links = []page.Link{{To: q.Path("/login"), Text: q.T("reset.login")}}
		return q.Show(v)
	}
	v.Forms = []page.Form{{ID: "restore-form", Button: q.T("restore.button")}}
	return q.Show(v)
}

// restore takes the deletion back. It signs nobody in.
func (p *deletePage) restore(q *page.Request) error {
	if err := p.closure.Restore(q.R.Context(), q.Link(page.RestoreLink), q.Info.Client); err != nil {
		return err
	}
	q.DropLink()
	return q.Done("/login", "restored")
}
