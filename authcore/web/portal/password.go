package portal

import (
	"net/url"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
)

func (v *visit) showForgot() error {
	login := v.loginField(v.pending().login)
	login.Focus = true
	return v.show(card{
		Title: v.t("forgot.title"), Intro: []string{v.t("forgot.intro")},
		Forms: []form{{
			ID: "forgot-form", Hidden: v.backField(), Fields: []field{login}, Button: v.t("forgot.button"),
		}},
		Links: []link{{v.withBack("/login"), v.t("forgot.login")}},
	})
}

// forgot sends a link and code. The answer is the same for every login.
func (v *visit) forgot() error {
	if err := v.cfg.Password.Forgot(v.r.Context(), v.form.Get("login"), v.in.Client); err != nil {
		return err
	}
	v.keep(pending{back: v.wanted(), login: v.form.Get("login")})
	v.dropLink() // it died with the new one
	return v.done("/password/reset", "reset_sent")
}

// showReset is where a new password is set: with the link that was opened, or else with the code.
func (v *visit) showReset() error {
	opened := v.link(resetLink) != ""
	if v.is(authcore.InvalidCode) && opened {
		v.dropLink()
		opened = false
	}
	password := v.newPasswordField()
	f := form{ID: "reset-form", Fields: []field{password}, Button: v.t("reset.button")}
	intro := v.t("reset.intro.link")
	if opened {
		f.Fields[0].Focus = true
	} else {
		intro = v.t("reset.intro.code")
		login, code := v.loginField(v.pending().login), v.codeField()
		login.Focus, code.Focus = login.Value == "", login.Value != ""
		f.Fields = []field{login, code, password}
	}
	return v.show(card{
		Title: v.t("reset.title"), Intro: []string{intro}, Forms: []form{f},
		Links: []link{{v.here("/password/forgot"), v.t("reset.again")}, {v.here("/login"), v.t("reset.login")}},
	})
}

// reset sets a new password. It signs nobody in, and every session has ended.
func (v *visit) reset() error {
	in := password.ResetInput{Token: v.link(resetLink), NewPassword: v.form.Get("new_password"), Client: v.in.Client}
	if v.form.Has("otp") {
		in.Token, in.Login, in.OTP = "", v.form.Get("login"), v.form.Get("otp")
	}
	if in.Token == "" && !v.form.Has("otp") {
		return authcore.Refuse(authcore.InvalidCode, "The link is no longer valid.")
	}
	if in.Token == "" && in.Login == "" && in.OTP == "" {
		return authcore.FieldErrors{{Field: "login", Rule: authcore.LoginRequired}, {Field: "otp", Rule: authcore.CodeRequired}}.Refusal()
	}
	if err := v.cfg.Password.Reset(v.r.Context(), in); err != nil {
		return err
	}
	v.dropLink()
	v.in.Cookies().ClearSession(v.w.Header())
	return v.backToLogin("reset")
}

// backToLogin asks for a sign-in with the new password, on the way to where somebody wanted to go.
func (v *visit) backToLogin(what string) error {
	if back, why := v.returnTo(v.pending().back); why == "" {
		return v.redirect(v.here("/login") + "?done=" + what + "&rd=" + url.QueryEscape(back))
	}
	return v.done("/login", what)
}
