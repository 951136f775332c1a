package portal

import (
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// twoFactorPage is where people switch two-factor authentication on and off.
type twoFactorPage struct{ factors *factor.Factors }

const twoFactorPath = "/account/2fa"

// fewCodes is how many recovery codes are so few that their owner is reminded.
const fewCodes = 3

func (p *twoFactorPage) routes() []page.Route {
	return []page.Route{{Path: twoFactorPath, For: page.SignedIn, Fresh: true, Show: p.show, Submit: p.submit}}
}

func (p *twoFactorPage) show(q *page.Request) error {
	s, err := p.factors.Status(q.R.Context(), q.User.AccountID)
	if err != nil {
		return err
	}
	v := factorsView{View: page.View{Title: q.T("twofactor.title"), Back: backToAccount(q), Links: []page.Link{{To: q.Path(factorsPath), Text: q.T("factors.title")}}}}
	v.takeCodes(q)
	form := func(do, button string) page.Form {
		return page.Form{ID: "mfa-" + do, Action: q.Path(twoFactorPath), Hidden: []page.Hidden{{Name: "do", Value: do}}, Button: button}
	}
	if !s.Enabled {
		v.Intro = []string{q.T("twofactor.off"), q.T("twofactor.off.intro")}
		if !s.Ready {
			v.Intro = append(v.Intro, q.T("twofactor.off.missing"))
			return q.ShowAs("account_factors.html", &v.View, &v)
		}
		if len(s.Factors) == 0 {
			v.Intro = append(v.Intro, q.T("twofactor.off.email"))
		}
		mail, err := mailFirst(q, p.factors, twoFactorPath)
		if err != nil {
			return err
		}
		if v.Forms = []page.Form{form("on", q.T("twofactor.on.button"))}; mail != nil {
			v.Forms[0] = *mail
		}
		return q.ShowAs("account_factors.html", &v.View, &v)
	}
	v.Intro = []string{q.T("twofactor.on")}
	if s.RequiredBy != factor.ByAccount {
		v.Intro = append(v.Intro, q.T("twofactor.required"))
	}
	if offersCodes(p.factors) {
		v.Intro = append(v.Intro, q.Count("factors.codes.left", s.CodesLeft))
	}
	if choices := preferences(q, s); len(choices) > 2 {
		prefer := form("prefer", q.T("twofactor.prefer.button"))
		prefer.Title = q.T("twofactor.prefer")
		prefer.Fields = []page.Field{{ID: "preferred", Name: "preferred", Label: q.T("twofactor.prefer.label"), Type: "text", Autocomplete: "off",
			Value: q.Value("preferred", string(s.Preferred)), Choices: choices, Optional: q.T("field.optional")}}
		v.Forms = append(v.Forms, prefer)
	}
	if s.RequiredBy == factor.ByAccount {
		off := form("off", q.T("twofactor.off.button"))
		off.Title, off.Intro, off.Quiet = q.T("twofactor.off.title"), q.T("twofactor.off.warning"), true
		v.Forms = append(v.Forms, off)
	}
	return q.ShowAs("account_factors.html", &v.View, &v)
}

func offersCodes(factors *factor.Factors) bool {
	return slices.Contains(factors.Offered(), authcore.FactorRecovery)
}

// preferences are the types that can be asked for first, "any" before them.
func preferences(q *page.Request, s factor.Status) []page.Choice {
	all := []page.Choice{{Value: "", Text: q.T("twofactor.prefer.any")}}
	for _, x := range s.Factors {
		c := page.Choice{Value: string(x.Type), Text: typeName(q, x.Type)}
		if x.Type != authcore.FactorRecovery && !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	return all
}

func (p *twoFactorPage) submit(q *page.Request) error {
	ctx, account := q.R.Context(), q.User.AccountID
	switch q.Form.Get("do") {
	case "on":
		s, err := p.factors.Enable(ctx, account, "", factor.SignInOf(q.User), q.Info.Client)
		if err != nil {
			return err
		}
		if s.Codes != nil {
			keepCodes(q, s.Codes)
		}
		return q.Done(twoFactorPath, "mfa_on")
	case "prefer":
		if err := p.factors.Prefer(ctx, account, authcore.FactorType(q.Form.Get("preferred"))); err != nil {
			return err
		}
		return q.Done(twoFactorPath, "mfa_preferred")
	case "off":
		if err := p.factors.Disable(ctx, account, q.Info.Client); err != nil {
			return err
		}
		return q.Done(twoFactorPath, "mfa_off")
	}
	return authcore.Refuse(authcore.InvalidRequest, "The form does not say what to do.")
}

// twoFactorState says in a few words how things are.
func twoFactorState(q *page.Request, a authcore.Account) string {
	if a.MFAEnabled() {
		return q.T("twofactor.state.on")
	}
	return q.T("twofactor.state.off")
}

// twoFactorBanners is what waits for an owner who has two-factor authentication on.
func twoFactorBanners(q *page.Request, factors *factor.Factors) ([]string, error) {
	s, err := factors.Status(q.R.Context(), q.User.AccountID)
	if err != nil || s.CodesLeft > fewCodes || !offersCodes(factors) {
		return nil, err
	}
	return []string{q.Count("factors.codes.few", s.CodesLeft)}, nil
}
