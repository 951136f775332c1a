package portal

import (
	"context"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// userFactorPage shows the second factors of an account, and removes one.
type userFactorPage struct {
	consoleGate
	at      Administration
	factors *factor.Factors
}

func (p *userFactorPage) routes() []page.Route {
	return []page.Route{{Path: userPath + "/factors/{fid}", For: page.Readers, Fresh: true, Show: p.show, Submit: p.remove}}
}

func (p *userFactorPage) list(q *page.Request, account uuid.UUID) (all []authcore.Factor, err error) {
	err = p.reads(q, authcore.EventAdminFactorsList, func(ctx context.Context) (err error) {
		authcore.AdminCallOf(ctx).About(account)
		all, err = p.factors.List(ctx, account)
		return err
	})
	return all, err
}

func (p *userFactorPage) table(q *page.Request, account uuid.UUID) (consoleTable, error) {
	t := consoleTable{ID: "factors", Title: q.T("factors.title"), Empty: q.T("console.user.factors.none"), Head: []string{
		q.T("console.user.factor"), q.T("console.user.since"), q.T("console.user.used"),
	}}
	all, err := p.list(q, account)
	for _, x := range all {
		used := consoleCell{At: x.LastUsedAt}
		if x.LastUsedAt.IsZero() {
			used.Text = q.T("console.user.never")
		}
		t.Rows = append(t.Rows, consoleRow{
			Cells:   []consoleCell{factorCell(q, x), {At: x.CreatedAt}, used},
			Actions: []page.Link{{To: q.Path(userAt(q) + "/factors/" + x.ID.String()), Text: q.T("factors.remove")}},
		})
	}
	return t, err
}

// factorCell says what a factor is, as its owner sees it.
func factorCell(q *page.Request, x authcore.Factor) consoleCell {
	line := factorLineOf(q, x)
	return consoleCell{Text: line.Name, Lines: line.Lines[:len(line.Lines)-1]} // the last use has a column
}

// show says what removing a factor will do.
func (p *userFactorPage) show(q *page.Request) error {
	a, err := p.read(q, p.at.Directory)
	if err == nil && !page.MayChange(q) {
		err = admin.ForAdministrators()
	}
	if err != nil {
		return err
	}
	all, err := p.list(q, a.ID)
	if err != nil {
		return err
	}
	for _, x := range all {
		if x.ID.String() == page.Param(q, "fid") {
			f := dangerForm("remove-factor", q.T("console.user.factor.title"), q.T("console.user.factor.text"), q.T("factors.remove"))
			return showConsole(q, &consoleView{View: page.View{Title: userLabel(a), Back: &page.Link{To: q.Path(userAt(q)), Text: userLabel(a)},
				Intro: []string{factorCell(q, x).Text}, Forms: []page.Form{f}}})
		}
	}
	return errNoFactor()
}

func errNoFactor() error {
	return authcore.Refuse(authcore.NotFound, "The account has no such factor.")
}

func (p *userFactorPage) remove(q *page.Request) error {
	id, err := uuid.Parse(page.Param(q, "fid"))
	if err != nil {
		return errNoFactor()
	}
	err = p.changes(q, authcore.EventAdminFactorsRemove, func(ctx context.Context) error {
		a, err := p.at.Directory.Get(ctx, page.Param(q, "id"))
		if err != nil {
			return err
		}
		return (factor.Removal{Factors: p.factors}).Remove(ctx, a.ID, id, quiet(q))
	})
	if err != nil {
		return err
	}
	return q.Done(userAt(q), "user_factor_removed")
}
