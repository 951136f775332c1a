package portal

import (
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// logoutPage is where people sign out, and are told what that is worth.
type logoutPage struct{}

func (p logoutPage) routes() []page.Route {
	return []page.Route{
		{Path: "/logout", Show: p.show, Submit: p.submit},
		{Path: "/signed-out", Show: p.showSignedOut},
	}
}

func (p logoutPage) show(q *page.Request) error {
	if q.Form == nil {
		user, err := q.CurrentUser()
		switch {
		case err != nil:
			return err
		case user == nil:
			return q.Redirect(q.WithReturn("/signed-out"))
		}
	}
	return q.Show(page.View{
		Title: q.T("logout.title"), Intro: []string{q.T("logout.intro")},
		Forms: []page.Form{{ID: "logout-form", Hidden: page.ReturnField(q), Button: q.T("logout.button")}},
		Links: []page.Link{{To: q.Path("/account"), Text: q.T("logout.back")}},
	})
}

// submit ends the session of this browser, or with the field `everywhere` those of every host that it was handed over to.
// Only a POST does: a link or an image on a foreign page must not.
func (p logoutPage) submit(q *page.Request) error {
	if err := q.Authenticator.EndCookies(q.W, q.R, q.Info, q.Form.Get("everywhere") != ""); err != nil {
		return err
	}
	q.DropPending()
	q.DropLink()
	q.DropLoop()
	return q.Redirect(q.WithReturn("/signed-out"))
}

// showSignedOut tells who has signed out what that is worth: of one host alone it is no end of the session here.
func (p logoutPage) showSignedOut(q *page.Request) error {
	again := page.Link{To: q.WithReturn("/login"), Text: q.T("signed_out.again")}
	if _, other := q.OtherOrigin(); other != "" {
		if user, err := q.CurrentUser(); user != nil || err != nil {
			_, host, _ := strings.Cut(other, "://")
			return q.Show(page.View{
				Title: q.T("signed_out.host", "Host", host), Intro: []string{q.T("signed_out.host.intro", "Brand", q.Brand)},
				Links: []page.Link{again, {To: q.Path("/logout"), Text: q.T("signed_out.everywhere")}},
			})
		}
	}
	return q.Show(page.View{
		Title: q.T("signed_out.title"), Intro: []string{q.T("signed_out.intro")},
		Links: []page.Link{again},
	})
}
