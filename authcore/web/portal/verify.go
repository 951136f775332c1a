package portal

import (
	"net/url"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// verifyPage is where an address is proven.
type verifyPage struct {
	signUp *signup.Flow
	next   *continuePage
}

func (p *verifyPage) routes() []page.Route {
	return []page.Route{{Path: "/verify", Show: p.show, Submit: p.submit, Limit: authcore.LimitVerify, Link: page.VerifyLink}}
}

// show is where an address is proven: by the link that was opened, or else by the code. In the browser that
// registered that is all; elsewhere the password chosen there is asked for, or a new one is set.
func (p *verifyPage) show(q *page.Request) error {
	opened, here := q.Link(page.VerifyLink) != "", q.Registration() != ""
	if q.Is(authcore.InvalidCode) && opened {
		q.DropLink() // it will not become right
		opened = false
	}
	if q.Is(authcore.RegistrationProofRequired) {
		here = false
	}
	v := page.View{Title: q.T("verify.title"), Intro: []string{q.T("verify.intro.code")}}
	f := page.Form{ID: "verify-form", Button: q.T("verify.button")}
	if opened {
		v.Intro = []string{q.T("verify.intro.link")}
	} else {
		email := targetField(q, p.signUp)
		code := page.CodeField(q)
		email.Focus, code.Focus = email.Value == "", email.Value != ""
		f.Fields = append(f.Fields, email, code)
	}
	if !here {
		p.askProof(q, &v, &f)
	}
	f.Fields = append(f.Fields, page.Checkbox(q, "forget", false))
	v.Forms = []page.Form{f}
	v.Links = append(v.Links, page.Link{To: q.Path("/verify/resend"), Text: q.T("verify.resend")}, p.loginLink(q))
	return q.Show(v)
}

// askProof asks who opened the mail elsewhere for the password, or for a new one.
func (p *verifyPage) askProof(q *page.Request, v *page.View, f *page.Form) {
	if noPasswords(p.signUp) {
		v.Intro = append(v.Intro, q.T("verify.intro.browser"))
		return
	}
	fresh := q.R.URL.Query().Has("new") || q.Form.Has("new_password")
	if fresh {
		v.Intro = append(v.Intro, q.T("verify.intro.new"))
		f.Fields = append(f.Fields, page.NewPasswordField(q, "new_password", p.signUp.MinPassword()))
		f.Button = q.T("verify.button.new")
		v.Links = append(v.Links, page.Link{To: q.Path("/verify"), Text: q.T("verify.own")})
		return
	}
	v.Intro = append(v.Intro, q.T("verify.intro.elsewhere"))
	password := page.PasswordField(q, "password")
	password.Hint = q.T("verify.password.hint")
	f.Fields = append(f.Fields, password)
	v.Links = append(v.Links, page.Link{To: q.Path("/verify") + "?new", Text: q.T("verify.new")})
}

func (p *verifyPage) loginLink(q *page.Request) page.Link {
	to := q.WithReturn("/login")
	if back, why := q.CheckReturn(q.Pending().ReturnTo); why == "" {
		to = q.Path("/login") + "?rd=" + url.QueryEscape(back)
	}
	return page.Link{To: to, Text: q.T("verify.login")}
}

// submit proves an address and signs in.
func (p *verifyPage) submit(q *page.Request) error {
	in := signup.VerifyInput{
		Token: q.Link(page.VerifyLink), Proof: q.Registration(),
		Password: q.Form.Get("password"), NewPassword: q.Form.Get("new_password"),
		Request: requestOf(q),
	}
	// What was typed is what is meant, whatever link was opened before.
	if q.Form.Has("otp") {
		in.Email, in.Phone = typedTarget(q)
		in.Token, in.OTP = "", q.Form.Get("otp")
	}
	if in.Token == "" && !q.Form.Has("otp") { // the cookie has gone; the page asks for the code now
		return errLinkGone()
	}
	if in.Token == "" && in.Email+in.Phone == "" && in.OTP == "" {
		return authcore.FieldErrors{{Field: "email", Rule: authcore.EmailRequired}, {Field: "otp", Rule: authcore.CodeRequired}}.Refusal()
	}
	if q.Form.Has("new_password") && in.NewPassword == "" {
		return authcore.RefuseField("new_password", authcore.PasswordRequired)
	}
	out, err := p.signUp.Verify(q.R.Context(), in)
	if err != nil {
		return err
	}
	if in.Proof != "" {
		httpauth.RegistrationCookie.Clear(q.W.Header(), q.Info.Cookies())
	}
	q.DropLink()
	return p.next.arrive(q, out, q.Pending().ReturnTo)
}
