package portal

import (
	"html/template"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

const (
	enrolPath      = mfaPath + "/enrol"
	enrolCodesPath = mfaPath + "/codes"
)

// enrolPage is where a sign-in goes on that asks for a second factor of an account that has none: choose one, confirm it, keep the
// recovery codes, and go on.
type enrolPage struct {
	enrolment secondstep.Enrolment
	next      *continuePage
}

func (p *enrolPage) routes() []page.Route {
	return []page.Route{{Path: enrolCodesPath, For: page.SignedIn, Show: p.showCodes}}
}

// show confirms the factor that is being added, or lets people choose one. more are links to what else there is.
func (p *enrolPage) show(q *page.Request, waits *secondstep.Pending, trust []page.Field, more []page.Link) error {
	if !q.At(enrolPath) && !q.R.URL.Query().Has("other") {
		added, err := p.enrolment.Show(q.R.Context(), waits.Token, requestOf(q))
		if err != nil {
			return err
		}
		if added != nil {
			other := page.Link{To: q.Path(mfaPath) + "?other", Text: q.T("mfa.enrol.other")}
			return p.confirm(q, *added, trust, append([]page.Link{other}, more...))
		}
	}
	v := factorsView{View: page.View{Title: q.T("mfa.enrol.title"), Links: more}}
	if v.Intro = []string{q.T("mfa.enrol.intro", "Brand", q.Brand)}; waits.StepUp {
		v.Intro = []string{q.T("mfa.enrol.step_up")}
	}
	v.Forms = addForms(q, waits.Enrol, enrolPath)
	for i, f := range v.Forms {
		if f.ID == "add-email" { // the account has no address of its own that could be meant
			f.Fields[0].Optional, f.Fields[0].Hint = "", ""
			v.Forms[i] = f
		}
	}
	return q.ShowAs("account_factors.html", &v.View, &v)
}

func (p *enrolPage) confirm(q *page.Request, added factor.Added, trust []page.Field, links []page.Link) error {
	v := confirmView{View: page.View{Title: q.T("factors.confirm.title"), Links: links}}
	v.ask(q, added, mfaPath, page.Hidden{Name: "use", Value: added.Factor.ID.String()})
	v.Forms[0].Fields = append(v.Forms[0].Fields, trust...)
	return q.ShowAs("account_factor.html", &v.View, &v)
}

// add adds a factor to the sign-in.
func (p *enrolPage) add(q *page.Request) error {
	_, err := p.enrolment.Begin(q.R.Context(), secondstep.EnrolInput{
		Token: mfaToken(q), Type: authcore.FactorType(q.Form.Get("type")), Name: q.Form.Get("name"), Email: q.Form.Get("email"),
		Phone: q.Form.Get("phone"), Request: requestOf(q),
	})
	if err != nil {
		return err
	}
	return q.Redirect(q.Path(mfaPath))
}

// showCodes shows, once, the recovery codes that came with a first factor. Its link leads back here, and from here on.
func (p *enrolPage) showCodes(q *page.Request) error {
	v := factorsView{View: page.View{Title: q.T("factors.type.recovery"), Intro: []string{q.T("mfa.enrol.done")},
		Links: []page.Link{{To: q.Path(enrolCodesPath), Text: q.T("mfa.button")}}}}
	if v.takeCodes(q); len(v.Codes) == 0 {
		return p.next.to(q, q.Pending().ReturnTo)
	}
	return q.ShowAs("account_factors.html", &v.View, &v)
}

// confirmView asks for the code or key that confirms a new factor.
type confirmView struct {
	page.View
	QR   template.HTML // ours
	App  *appLink
	Seed *page.Field
}

// appLink opens an app on this device.
type appLink struct {
	To   template.URL
	Text string
}

// ask adds to the view what its owner needs to confirm a factor, and the form that does, to which more fields can be added.
func (v *confirmView) ask(q *page.Request, added factor.Added, action string, more ...page.Hidden) {
	kind := string(added.Factor.Type)
	if added.Options != nil {
		v.Title, v.Intro = q.T("factors.add."+kind), []string{q.T("factors.confirm." + kind)}
		v.Forms = []page.Form{passkeyForm(q, "confirm-form", action, added.Options, q.T("factors.add."+kind+".button"), more...)}
		withPasskeys(q, &v.View, q.T("passkeys.without"))
		return
	}
	page.AskCodeOf(q, added.Factor.Type)
	code := page.CodeField(q)
	code.Focus = true
	if added.Factor.Type == authcore.FactorTOTP {
		v.Intro = []string{q.T("factors.confirm.totp")}
		v.QR = template.HTML(added.QR) //nolint:gosec // it is drawn by us, and no text of anybody is in it
		v.Seed = &page.Field{ID: "seed", Label: q.T("factors.confirm.seed"), Type: "lines", Value: spaced(added.Seed), ReadOnly: true, Hint: q.T("factors.confirm.seed.hint")}
		v.App = &appLink{template.URL(added.URL), q.T("factors.confirm.open")} //nolint:gosec // it is made by us
		code.Label, code.Hint = q.T("factors.confirm.code"), q.T("factors.confirm.code.hint")
	} else {
		v.Intro = []string{q.T("factors.confirm.sent", "Address", added.Factor.Address)}
	}
	v.Forms = []page.Form{{ID: "confirm-form", Action: q.Path(action), Hidden: more, Fields: []page.Field{code}, Button: q.T("factors.confirm.button")}}
}
