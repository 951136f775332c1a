package portal

import (
	"net/url"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// showVerify is where an address is proven: by the link that was opened, or else by the code. In the browser that
// registered that is all; elsewhere the password chosen there is asked for, or a new one is set.
func (v *visit) showVerify() error {
	opened, here := v.link(verifyLink) != "", httpauth.RegistrationCookie.Read(v.r, v.in.Cookies()) != ""
	if v.is(authcore.InvalidCode) && opened {
		v.dropLink() // it will not become right
		opened = false
	}
	if v.is(authcore.RegistrationProofRequired) {
		here = false
	}
	c := card{Title: v.t("verify.title"), Intro: []string{v.t("verify.intro.code")}}
	f := form{ID: "verify-form", Button: v.t("verify.button")}
	if opened {
		c.Intro = []string{v.t("verify.intro.link")}
	} else {
		email := v.emailField(v.pending().login)
		code := v.codeField()
		email.Focus, code.Focus = email.Value == "", email.Value != ""
		f.Fields = append(f.Fields, email, code)
	}
	if !here {
		v.askProof(&c, &f)
	}
	c.Forms = []form{f}
	c.Links = append(c.Links, v.resendLink(), v.loginLink())
	return v.show(c)
}

// askProof asks who opened the mail elsewhere for the password, or for a new one.
func (v *visit) askProof(c *card, f *form) {
	fresh := v.r.URL.Query().Has("new") || v.form.Has("new_password")
	if fresh {
		c.Intro = append(c.Intro, v.t("verify.intro.new"))
		f.Fields = append(f.Fields, v.newPasswordField())
		f.Button = v.t("verify.button.new")
		c.Links = append(c.Links, link{v.here("/verify"), v.t("verify.own")})
		return
	}
	c.Intro = append(c.Intro, v.t("verify.intro.elsewhere"))
	password := v.passwordField()
	password.Hint = v.t("verify.password.hint")
	f.Fields = append(f.Fields, password)
	c.Links = append(c.Links, link{v.here("/verify") + "?new", v.t("verify.new")})
}

func (v *visit) resendLink() link { return link{v.here("/verify/resend"), v.t("verify.resend")} }

func (v *visit) loginLink() link {
	to := v.withBack("/login")
	if back, why := v.returnTo(v.pending().back); why == "" {
		to = v.here("/login") + "?rd=" + url.QueryEscape(back)
	}
	return link{to, v.t("verify.login")}
}

// verify proves an address and signs in.
func (v *visit) verify() error {
	in := signup.VerifyInput{
		Token: v.link(verifyLink), Proof: httpauth.RegistrationCookie.Read(v.r, v.in.Cookies()),
		Password: v.form.Get("password"), NewPassword: v.form.Get("new_password"),
		Request: session.Request{Mode: authcore.ModeCookie, Client: v.in.Client},
	}
	// What was typed is what is meant, whatever link was opened before.
	if v.form.Has("otp") {
		in.Token, in.Email, in.OTP = "", v.form.Get("email"), v.form.Get("otp")
	}
	if in.Token == "" && !v.form.Has("otp") { // the cookie has gone; the page asks for the code now
		return authcore.Refuse(authcore.InvalidCode, "The link is no longer valid.")
	}
	if in.Token == "" && in.Email == "" && in.OTP == "" {
		return authcore.FieldErrors{{Field: "email", Rule: authcore.EmailRequired}, {Field: "otp", Rule: authcore.CodeRequired}}.Refusal()
	}
	if v.form.Has("new_password") && in.NewPassword == "" {
		return authcore.RefuseField("new_password", authcore.PasswordRequired)
	}
	tokens, err := v.cfg.SignUp.Verify(v.r.Context(), in)
	if err != nil {
		return err
	}
	if in.Proof != "" {
		httpauth.RegistrationCookie.Clear(v.w.Header(), v.in.Cookies())
	}
	v.dropLink()
	return v.arrive(tokens, v.pending().back)
}
