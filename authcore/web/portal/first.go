package portal

import (
	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// mailFirst returns the form that sends a code to the proven address and leads back to a page, where no second factor is added without;
// nil where one may be added.
func mailFirst(q *page.Request, factors *factor.Factors, back string) (*page.Form, error) {
	may, err := factor.MayAdd(q.R.Context(), factors, q.User.AccountID, factor.SignInOf(q.User))
	if err != nil || may {
		return nil, err
	}
	page.AskElsewhere(q)
	return &page.Form{
		ID: "mail-first", Action: q.Path(beginPath), Title: q.T("factors.first"), Intro: q.T("factors.first.intro", "Address", q.User.Email),
		Hidden: []page.Hidden{{Name: "use", Value: string(authcore.FactorEmail)}, {Name: "rd", Value: q.Origin() + q.Path(back)}}, Button: q.T("mfa.send"),
	}, nil
}
