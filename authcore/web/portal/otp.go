package portal

import (
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/honeytrap"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

const (
	otpPath       = "/otp"
	otpVerifyPath = "/otp/verify"
)

// otpPage sends a code or link to sign in with.
type otpPage struct {
	codes  *passwordless.Flow
	signIn *signin.Flow
	trap   *honeytrap.Trap
}

func (p *otpPage) routes() []page.Route {
	return []page.Route{{Path: otpPath, Show: p.show, Submit: p.submit, Limit: authcore.LimitOTP}}
}

// otherWays are the links of the sign-in page to the ways that need no password.
func otherWays(q *page.Request, codes *passwordless.Flow) []page.Link {
	if !codes.Ways().Any() {
		return nil
	}
	return []page.Link{{To: q.WithReturn(otpPath), Text: q.T("login.otp." + kindOf(codes.Ways()))}}
}

// kindOf names in texts what is sent.
func kindOf(w passwordless.Ways) string {
	if w.Link {
		return "link"
	}
	return "code"
}

func (p *otpPage) show(q *page.Request) error {
	if !p.codes.Ways().Any() {
		return errNoPage()
	}
	login := page.LoginField(q, q.Pending().Login)
	login.Focus = true
	back := q.T("otp.login")
	if !p.signIn.TakesPasswords() {
		back = q.T("otp_verify.login")
	}
	return q.Show(page.View{
		Title: q.T("otp.title"), Intro: otpIntro(q, p.codes),
		Forms: []page.Form{otpForm(q, p.codes, p.trap, login)},
		Links: []page.Link{{To: q.WithReturn("/login"), Text: back}},
	})
}

// otpIntro says what is sent, and to whom.
func otpIntro(q *page.Request, codes *passwordless.Flow) []string {
	intro := []string{q.T("otp.intro." + kindOf(codes.Ways()))}
	if codes.MakesAccounts() {
		intro = append(intro, q.T("otp.intro.new"))
	}
	return intro
}

// otpForm asks whom a code or link goes to.
func otpForm(q *page.Request, codes *passwordless.Flow, trap *honeytrap.Trap, login page.Field) page.Form {
	f := page.Form{ID: "otp-form", Hidden: page.ReturnField(q), Fields: []page.Field{login}, Button: q.T("otp.button")}
	if codes.MakesAccounts() {
		f.Decoy = decoyOf(q, trap)
	}
	if !q.At(otpPath) {
		f.Action = q.Path(otpPath)
	}
	return f
}

// submit sends a code and link. The answer is the same for every login. The browser keeps the binding that it has: asked again too soon,
// nothing is sent, and the link that is on its way must still know it.
func (p *otpPage) submit(q *page.Request) error {
	trapped := fellInto(q, p.trap)
	if trapped {
		defer p.trap.FieldFilled(q.W, q.R, q.Info)()
	}
	started, err := p.codes.Start(q.R.Context(), passwordless.StartInput{
		Trapped: trapped, Login: passwordless.Login{Login: q.Form.Get("login")}, Binding: bindingOf(q), Invitation: q.Link(page.InvitationLink), Client: q.Info.Client,
	})
	if err != nil {
		return err
	}
	if err := httpauth.BindingCookie.Set(q.W.Header(), q.Info.Cookies(), started.Binding); err != nil {
		return err
	}
	q.KeepPending(page.Pending{ReturnTo: q.Wanted(), Login: q.Form.Get("login")})
	q.DropLink() // it died with the new one
	return q.Done(otpVerifyPath, "code_asked")
}

func bindingOf(q *page.Request) string { return httpauth.BindingCookie.Read(q.R, q.Info.Cookies()) }

// otpVerifyPage signs in by a code, or by the link of the same mail.
type otpVerifyPage struct {
	codes  *passwordless.Flow
	signUp *signup.Flow
	fields userfield.Set
	trap   *honeytrap.Trap
	next   *continuePage
}

func (p *otpVerifyPage) routes() []page.Route {
	return []page.Route{{Path: otpVerifyPath, Show: p.show, Submit: p.submit, Limit: authcore.LimitVerify, Link: page.SignInLink}}
}

// show asks for the code. In the browser that asked for it a link that was opened needs one button alone, so that what opens links before
// their owner does signs nobody in (R07); elsewhere the code of the same mail is asked for, and nothing is shown of whose it is.
func (p *otpVerifyPage) show(q *page.Request) error {
	if !p.codes.Ways().Any() {
		return errNoPage()
	}
	opened := q.Link(page.SignInLink) != ""
	if q.Is(authcore.InvalidCode) && opened && !q.Form.Has("otp") {
		q.DropLink() // it will not become right
		opened = false
	}
	here := opened && bindingOf(q) != "" && !q.Is(authcore.BindingRequired) && !q.Form.Has("otp")
	v := page.View{Title: q.T("otp_verify.title")}
	f := page.Form{ID: "otp-verify-form", Button: q.T("otp_verify.button")}
	switch {
	case here:
		v.Intro = []string{q.T("otp_verify.intro.link")}
	case opened:
		v.Intro = []string{q.T("otp_verify.intro.elsewhere")}
		code := page.CodeField(q)
		code.Focus = true
		f.Fields = []page.Field{code}
	default:
		v.Intro = []string{q.T("otp_verify.intro.code")}
		login, code := page.LoginField(q, q.Pending().Login), page.CodeField(q)
		login.Focus, code.Focus = login.Value == "", login.Value != ""
		f.Fields = []page.Field{login, code}
	}
	if p.missing(q) {
		v.Intro = []string{q.T("otp_verify.intro.new")}
		f.Fields, f.Decoy = append(f.Fields, p.newcomerFields(q)...), decoyOf(q, p.trap)
	}
	f.Fields = append(f.Fields, page.Checkbox(q, "forget", false))
	v.Forms = []page.Form{f}
	v.Links = []page.Link{{To: q.Path(otpPath), Text: q.T("otp_verify.again")}, {To: q.Path("/login"), Text: q.T("otp_verify.login")}}
	return q.Show(v)
}

// missing reports whether somebody who is new has proven who they are, and has to say more to get an account.
func (p *otpVerifyPage) missing(q *page.Request) bool {
	if !p.codes.MakesAccounts() || q.Form == nil {
		return false
	}
	return q.Form.Has("username") || q.Problem != nil && slices.ContainsFunc(q.Problem.Fields, func(f authcore.FieldError) bool {
		return f.Field != "login" && f.Field != "otp"
	})
}

// newcomerFields ask for what a new account may and must have.
func (p *otpVerifyPage) newcomerFields(q *page.Request) []page.Field {
	return slices.Concat([]page.Field{
		page.TextField(q, "first_name", "given-name", "", 100), page.TextField(q, "last_name", "family-name", "", 100), newUsername(q, p.signUp),
	}, userFields(q, p.fields, nil))
}

// submit signs in. What was typed is what is meant, whatever link was opened before.
func (p *otpVerifyPage) submit(q *page.Request) error {
	in := passwordless.Input{Binding: bindingOf(q), OTP: q.Form.Get("otp"), Request: requestOf(q), New: signup.RegisterInput{
		Username: q.Form.Get("username"), FirstName: q.Form.Get("first_name"), LastName: q.Form.Get("last_name"), Fields: typedFields(q, p.fields),
	}}
	if q.Form.Has("login") {
		in.Login.Login = q.Form.Get("login")
	} else {
		in.Token = q.Link(page.SignInLink)
	}
	switch {
	case in.Token == "" && !q.Form.Has("login"): // the cookie has gone; the page asks for the code now
		return errLinkGone()
	case in.OTP == "" && q.Form.Has("otp"):
		return authcore.RefuseField("otp", authcore.CodeRequired)
	}
	if in.New.Trapped = fellInto(q, p.trap); in.New.Trapped {
		defer p.trap.FieldFilled(q.W, q.R, q.Info)()
	}
	out, err := p.codes.Finish(q.R.Context(), in)
	if err != nil {
		return err
	}
	httpauth.BindingCookie.Clear(q.W.Header(), q.Info.Cookies())
	q.DropLink()
	return p.next.arrive(q, out, q.Pending().ReturnTo)
}
