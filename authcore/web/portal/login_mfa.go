package portal

import (
	"cmp"
	"net/url"
	"slices"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

const mfaPath = "/login/mfa"

// mfaPage is where a sign-in goes on that waits for a second step. The browser keeps its token in a cookie.
type mfaPage struct {
	steps *secondstep.Flow
	enrol *enrolPage
	next  *continuePage
}

func (p *mfaPage) routes() []page.Route {
	return []page.Route{
		{Path: mfaPath, Show: p.show, Submit: p.submit, Limit: authcore.LimitMFA},
		{Path: mfaPath + "/send", Show: p.show, Submit: p.send, Limit: authcore.LimitMFA},
		{Path: enrolPath, Show: p.show, Submit: p.enrol.add, Limit: authcore.LimitMFA},
	}
}

func mfaToken(q *page.Request) string { return httpauth.MFACookie.Read(q.R, q.Info.Cookies()) }

// wait gives the browser the token of a sign-in that waits, and leads to where it goes on.
func wait(q *page.Request, waits *secondstep.Pending, returnTo string) error {
	return waitBy(q, waits, returnTo, "")
}

// waitBy is wait with the method that is asked for next; "" is any.
func waitBy(q *page.Request, waits *secondstep.Pending, returnTo, use string) error {
	if err := httpauth.MFACookie.Set(q.W.Header(), q.Info.Cookies(), waits.Token); err != nil {
		return err
	}
	q.KeepPending(page.Pending{ReturnTo: returnTo})
	to := url.Values{}
	if waits.StepUp && len(waits.Methods) > 0 && waits.Methods[0].Sent {
		use = cmp.Or(use, nameOf(waits.Methods[0]))
		to.Set("done", "code_sent")
	}
	if use != "" {
		to.Set("use", use)
	}
	if len(to) == 0 {
		return q.Redirect(q.Path(mfaPath))
	}
	return q.Redirect(q.Path(mfaPath) + "?" + to.Encode())
}

// show asks for one method, with a way to each other one. Who has nothing to go on with signs in first.
func (p *mfaPage) show(q *page.Request) error {
	waits, err := p.steps.Show(q.R.Context(), mfaToken(q), requestOf(q))
	if authcore.CodeOf(err) == authcore.InvalidMFAToken {
		httpauth.MFACookie.Clear(q.W.Header(), q.Info.Cookies())
		if q.Form == nil {
			return q.ToLogin()
		}
		v := page.View{Title: q.T("mfa.title"), Links: []page.Link{p.cancel(q)}}
		return q.Show(v)
	}
	if err != nil {
		return err
	}
	if q.Form == nil && !q.At(mfaPath) {
		return q.Redirect(q.Path(mfaPath))
	}
	v := page.View{Title: q.T("mfa.title")}
	if len(waits.Enrol) > 0 && p.named(q, waits) < 0 {
		return p.enrol.show(q, waits, p.trust(q, waits), append(p.links(q, waits, -1), p.leave(q, waits)))
	}
	if len(waits.Methods) == 0 {
		v.Intro = []string{q.T("mfa.none", "Brand", q.Brand)}
		v.Links = []page.Link{p.leave(q, waits)}
		return q.Show(v)
	}
	chosen := p.chosen(q, waits)
	p.ask(q, &v, waits, chosen)
	v.Links = append(p.links(q, waits, chosen), p.leave(q, waits))
	return q.Show(v)
}

// links lead to each method but the one that is chosen.
func (p *mfaPage) links(q *page.Request, waits *secondstep.Pending, chosen int) (links []page.Link) {
	for i, m := range waits.Methods {
		if i != chosen {
			links = append(links, page.Link{To: q.Path(mfaPath) + "?use=" + url.QueryEscape(nameOf(m)), Text: q.T("mfa.use."+m.Method, "To", m.To(), "Name", m.Factor.Name)})
		}
	}
	return links
}

// leave leads away: from a step-up to where the person is signed in, from a sign-in to another.
func (p *mfaPage) leave(q *page.Request, waits *secondstep.Pending) page.Link {
	if waits.StepUp {
		return page.Link{To: q.Path("/account"), Text: q.T("refused.account")}
	}
	return p.cancel(q)
}

func (p *mfaPage) cancel(q *page.Request) page.Link {
	to := q.Path("/login")
	if back, why := q.CheckReturn(q.Pending().ReturnTo); why == "" {
		to += "?rd=" + url.QueryEscape(back)
	}
	return page.Link{To: to, Text: q.T("mfa.cancel")}
}

// nameOf is how a form says which method it is of.
func nameOf(m secondstep.Method) string {
	if m.Factor.ID != uuid.Nil {
		return m.Factor.ID.String()
	}
	return m.Method
}

// chosen is the method that the form or the address names, else the first.
func (p *mfaPage) chosen(q *page.Request, waits *secondstep.Pending) int {
	return max(0, p.named(q, waits))
}

// named is the method that the form or the address names; -1 for none.
func (p *mfaPage) named(q *page.Request, waits *secondstep.Pending) int {
	use := cmp.Or(q.Form.Get("use"), q.R.URL.Query().Get("use"))
	return slices.IndexFunc(waits.Methods, func(m secondstep.Method) bool { return nameOf(m) == use })
}

// ask is the form of a method. The code of the first one went out when a sign-in began to wait for it.
func (p *mfaPage) ask(q *page.Request, v *page.View, waits *secondstep.Pending, chosen int) {
	m, sent := waits.Methods[chosen], chosen == 0 && !waits.StepUp
	use := []page.Hidden{{Name: "use", Value: nameOf(m)}}
	page.AskCodeOf(q, m.Factor.Type)
	v.Intro = []string{q.T("mfa.intro."+m.Method, "To", m.To(), "Name", m.Factor.Name)}
	if m.Options != nil {
		v.Forms = []page.Form{passkeyForm(q, "mfa-form", mfaPath, m.Options, q.T("mfa.use."+m.Method), use...)}
		v.Forms[0].Fields = p.trust(q, waits)
		withPasskeys(q, v, q.T("passkeys.without"))
		return
	}
	form := page.Form{ID: "mfa-form", Action: q.Path(mfaPath), Hidden: use, Button: q.T("mfa.button")}
	var field page.Field
	switch m.Method {
	case secondstep.MethodPassword:
		field = page.PasswordField(q, "password")
	case string(authcore.FactorRecovery):
		field = page.CodeField(q)
		field.Label, field.Hint, field.InputMode = q.T("field.recovery_code"), q.T("field.recovery_code.hint"), "text"
	default:
		field = page.CodeField(q)
		field.Hint = ""
	}
	field.Focus = true
	form.Fields = []page.Field{field}
	if m.Method != secondstep.MethodPassword {
		form.Fields = append(form.Fields, p.trust(q, waits)...)
	}
	v.Forms = []page.Form{form}
	if sendable := m.Method == string(authcore.FactorEmail) || m.Method == string(authcore.FactorSMS); sendable {
		again := page.Form{ID: "mfa-send-form", Action: q.Path(mfaPath + "/send"), Hidden: use, Button: q.T("mfa.resend"), Quiet: true}
		if !sent && !q.R.URL.Query().Has("done") && q.Form == nil {
			v.Intro = []string{q.T("mfa.unsent", "To", m.To())}
			again.Button = q.T("mfa.send")
		}
		v.Forms = append(v.Forms, again)
	}
}

// trust asks whether the device shall be trusted, where one can be: it is of sign-ins.
func (p *mfaPage) trust(q *page.Request, waits *secondstep.Pending) []page.Field {
	if p.steps.TrustFor() == 0 || waits.StepUp {
		return nil
	}
	trust := page.Checkbox(q, "trust_device", false)
	trust.Label = q.Count("field.trust_device", int(p.steps.TrustFor().Hours()/24))
	return []page.Field{trust}
}

// submit takes the proof of a method.
func (p *mfaPage) submit(q *page.Request) error {
	in := secondstep.Input{Token: mfaToken(q), Code: q.Form.Get("otp"), Password: q.Form.Get("password"), Credential: credentialOf(q), TrustDevice: q.Form.Get("trust_device") != "",
		Request: requestOf(q)}
	in.Method, in.FactorID = used(q)
	out, err := p.steps.Proceed(q.R.Context(), in)
	if err != nil {
		return atShown(err)
	}
	return p.next.arrive(q, out, q.Pending().ReturnTo)
}

// used is the method that a form is of.
func used(q *page.Request) (method string, factor uuid.UUID) {
	use := q.Form.Get("use")
	if id, err := uuid.Parse(use); err == nil {
		return "", id
	}
	return use, uuid.Nil
}

// atShown names the fields as the page has them.
func atShown(err error) error { return page.RenameField(err, "code", "otp") }

// send sends the code of a method.
func (p *mfaPage) send(q *page.Request) error {
	method, factor := used(q)
	_, err := p.steps.Send(q.R.Context(), mfaToken(q), method, factor, requestOf(q))
	if err != nil {
		return err
	}
	return q.Redirect(q.Path(mfaPath) + "?done=code_sent&use=" + url.QueryEscape(q.Form.Get("use")))
}
