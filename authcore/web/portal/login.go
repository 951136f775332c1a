package portal

import (
	"cmp"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// loginPage is where people sign in.
type loginPage struct {
	signIn   *signin.Flow
	codes    *passwordless.Flow
	signUp   *signup.Flow
	factors  *factor.Factors
	handover *handoverPage
	next     *continuePage
}

func (p *loginPage) routes() []page.Route {
	return []page.Route{
		{Path: "/login", Show: p.show, Submit: p.submit, Limit: authcore.LimitLogin},
		{Path: passkeyPath, Show: p.showPasskey, Submit: p.passkey, Limit: authcore.LimitPasskey},
	}
}

// show is the sign-in page. Who is signed in goes on at once, unless that only leads in circles.
func (p *loginPage) show(q *page.Request) error {
	if q.Form != nil {
		return p.showForm(q)
	}
	user, err := q.CurrentUser()
	if err != nil {
		return err
	}
	// A browser that asks to be handed over is on its way, and comes round again with nothing in hand if that fails.
	if raw := q.R.URL.Query().Get("rd"); raw != "" && !p.handover.asked(q) && isRedirectLoop(q, raw) {
		return showRedirectLoop(q, raw, user != nil, p.view)
	}
	if user != nil {
		if to, ok := wantsStepUp(q); ok {
			return q.Redirect(to)
		}
		return p.handover.to(q, user)
	}
	return p.showForm(q)
}

const passkeyPath = "/passkeys/verify"

// showForm shows the form, and lets the browser offer a passkey in its field for the name.
func (p *loginPage) showForm(q *page.Request) error {
	v := p.view(q)
	if p.signIn.TakesPasskeys() && factor.At(p.factors, q.Info.Client.Issuer).Passkeys() {
		v.Forms[0].Action, v.Forms[0].Fields[0].Autocomplete = q.Path("/login"), "username webauthn"
		if q.At("/login") {
			v.Forms[0].Action = "" // the fragment of the address goes along
		}
		v.Forms = append(v.Forms, passkeyForm(q, "passkey-form", passkeyPath, nil, q.T("login.passkey"), page.ReturnField(q)...))
		v.Forms[1].Quiet = true
		withPasskeys(q, &v, "")
		if q.Is(authcore.UnknownPasskey) {
			rpID, id := factor.At(p.factors, q.Info.Client.Issuer).Unknown(credentialOf(q))
			if err := tellPasskeys(q, &v, passkeyNews{Unknown: &unknownSignal{rpID, id}}); err != nil {
				return err
			}
		}
	}
	return q.Show(v)
}

// showPasskey shows the sign-in page again when a passkey was refused.
func (p *loginPage) showPasskey(q *page.Request) error {
	if q.Form == nil {
		return q.Redirect(q.WithReturn("/login"))
	}
	return p.showForm(q)
}

// passkey signs in with what the script has filled in.
func (p *loginPage) passkey(q *page.Request) error {
	out, err := p.signIn.Passkey(q.R.Context(), signin.PasskeyInput{Credential: credentialOf(q), Request: requestOf(q)})
	if err != nil {
		return err
	}
	return p.next.arrive(q, out, q.Wanted())
}

func (p *loginPage) view(q *page.Request) page.View {
	known := ""
	if q.R.URL.Query().Has("done") { // straight from a form that asked for it
		known = q.Pending().Login
	}
	login, password := page.LoginField(q, known), page.PasswordField(q, "password")
	login.Focus, password.Focus = login.Value == "", login.Value != ""
	v := page.View{
		Title: q.T("login.title"),
		Forms: []page.Form{{
			ID: "login-form", Hidden: page.ReturnField(q), Fields: []page.Field{login, password, page.Checkbox(q, "forget", false)}, Button: q.T("login.button"),
		}},
		Links: []page.Link{{To: q.WithReturn("/password/forgot"), Text: q.T("login.forgot")}},
	}
	v.Links = append(otherWays(q, p.codes), v.Links...)
	if p.signUp.Mode() != signup.Closed {
		v.Links = append(v.Links, page.Link{To: q.WithReturn("/register"), Text: q.T("login.register")})
	}
	if q.Is(authcore.AccountNotVerified) {
		v.Links = append([]page.Link{{To: q.Path("/verify"), Text: q.T("login.verify")}}, v.Links...)
	}
	return v
}

// submit signs in.
func (p *loginPage) submit(q *page.Request) error {
	login := q.Form.Get("login")
	var broken authcore.FieldErrors
	if strings.TrimSpace(login) == "" {
		broken.Add("login", authcore.LoginRequired)
	}
	if q.Form.Get("password") == "" {
		broken.Add("password", authcore.Required)
	}
	if err := broken.Refusal(); err != nil {
		return err
	}
	out, err := p.signIn.Password(q.R.Context(), signin.Input{
		Login: login, Password: q.Form.Get("password"), Request: requestOf(q),
	})
	if authcore.CodeOf(err) == authcore.AccountNotVerified {
		q.KeepPending(page.Pending{ReturnTo: cmp.Or(q.Wanted(), q.Pending().ReturnTo), Login: login})
	}
	if err != nil {
		return err
	}
	return p.next.arrive(q, out, q.Wanted())
}
