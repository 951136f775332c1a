package portal

import (
	"cmp"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/honeytrap"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// loginPage is where people sign in.
type loginPage struct {
	signIn    *signin.Flow
	codes     *passwordless.Flow
	signUp    *signup.Flow
	factors   *factor.Factors
	providers *federated.Flow
	trap      *honeytrap.Trap
	handover  *handoverPage
	next      *continuePage
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
		passkey, without := passkeyForm(q, "passkey-form", passkeyPath, nil, q.T("login.passkey"), page.ReturnField(q)...), q.T("passkeys.without")
		if len(v.Forms) > 0 {
			v.Forms[0].Fields[0].Autocomplete = "username webauthn"
			if v.Forms[0].Action == "" && !q.At("/login") { // else the fragment of the address goes along
				v.Forms[0].Action = q.Path("/login")
			}
			passkey.Quiet, without = true, ""
		}
		v.Forms = append(v.Forms, passkey)
		withPasskeys(q, &v, without)
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
	v := page.View{Title: q.T("login.title")}
	if p.signIn.TakesPasswords() {
		p.byPassword(q, &v, known)
	} else {
		p.withoutPassword(q, &v, known)
	}
	v.Ways = providerLinks(q, p.providers)
	if p.signUp.Mode() != signup.Closed {
		v.Links = append(v.Links, page.Link{To: q.WithReturn("/register"), Text: q.T("login.register")})
	}
	if q.Is(authcore.PasswordResetRequired) {
		v.Links = append([]page.Link{{To: q.Path("/password/reset"), Text: q.T("login.reset")}}, v.Links...)
	}
	if q.Is(authcore.AccountNotVerified) {
		v.Links = append([]page.Link{{To: q.Path("/verify"), Text: q.T("login.verify")}}, v.Links...)
	}
	return v
}

// byPassword asks for name and password, with links to the other ways.
func (p *loginPage) byPassword(q *page.Request, v *page.View, known string) {
	login, password := page.LoginField(q, known), page.PasswordField(q, "password")
	login.Focus, password.Focus = login.Value == "", login.Value != ""
	v.Forms = []page.Form{{
		ID: "login-form", Hidden: page.ReturnField(q), Fields: []page.Field{login, password, page.Checkbox(q, "forget", false)}, Button: q.T("login.button"),
	}}
	v.Links = append(otherWays(q, p.codes), page.Link{To: q.WithReturn("/password/forgot"), Text: q.T("login.forgot")})
}

// withoutPassword asks whom a code or link goes to, where passwords are off. Where these are off too a passkey is all there is.
func (p *loginPage) withoutPassword(q *page.Request, v *page.View, known string) {
	if !p.codes.Ways().Any() {
		return
	}
	login := page.LoginField(q, known)
	login.Focus = true
	v.Intro = otpIntro(q, p.codes)
	v.Forms = []page.Form{otpForm(q, p.codes, p.trap, login)}
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
	if code := authcore.CodeOf(err); code == authcore.AccountNotVerified || code == authcore.PasswordResetRequired {
		q.KeepPending(page.Pending{ReturnTo: cmp.Or(q.Wanted(), q.Pending().ReturnTo), Login: login})
	}
	if err != nil {
		return err
	}
	return p.next.arrive(q, out, q.Wanted())
}
