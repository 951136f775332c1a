package portal

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/export"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// exportPage is where people get what is kept about them.
type exportPage struct{ export *export.Flow }

func (p *exportPage) routes() []page.Route {
	return []page.Route{{Path: "/account/export", For: page.SignedIn, Fresh: true, Show: p.show, Submit: p.submit, Limit: authcore.LimitExport}}
}

func (p *exportPage) show(q *page.Request) error {
	return q.Show(page.View{Title: q.T("export.title"), Back: backToAccount(q), Intro: []string{q.T("export.intro")},
		Forms: []page.Form{{ID: "export-form", Action: q.Path("/account/export"), Button: q.T("export.button")}}})
}

// submit answers with the file itself: the browser saves it and stays on the page.
func (p *exportPage) submit(q *page.Request) error {
	text, err := p.export.Export(q.R.Context(), q.User.AccountID, q.Info.Client)
	if err != nil {
		return err
	}
	q.W.Header().Set("Content-Disposition", `attachment; filename="account.json"`)
	q.W.Header().Set("Cache-Control", "no-store")
	httpauth.WriteBody(q.W, q.R, http.StatusOK, "application/json", text)
	return nil
}
