package portal

import (
	"cmp"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// showLogin is the sign-in page. Who is signed in goes on at once, unless that only leads in circles.
func (v *visit) showLogin() error {
	if v.form != nil {
		return v.show(v.loginCard())
	}
	p, err := v.person()
	if err != nil {
		return err
	}
	// A browser that asks to be handed over is on its way, and comes round again with nothing in hand if that fails.
	if raw := v.r.URL.Query().Get("rd"); raw != "" && !v.asksForHandover() && v.circles(raw) {
		return v.showCircle(raw, p != nil)
	}
	if p != nil {
		return v.handOver(p)
	}
	return v.show(v.loginCard())
}

func (v *visit) loginCard() card {
	known := ""
	if v.r.URL.Query().Has("done") { // straight from a form that asked for it
		known = v.pending().login
	}
	login, password := v.loginField(known), v.passwordField()
	login.Focus, password.Focus = login.Value == "", login.Value != ""
	c := card{
		Title: v.t("login.title"),
		Forms: []form{{
			ID: "login-form", Hidden: v.backField(), Fields: []field{login, password}, Button: v.t("login.button"),
		}},
		Links: []link{{v.withBack("/password/forgot"), v.t("login.forgot")}},
	}
	if v.cfg.SignUp.Mode() != signup.Closed {
		c.Links = append(c.Links, link{v.withBack("/register"), v.t("login.register")})
	}
	if v.is(authcore.AccountNotVerified) {
		c.Links = append([]link{{v.here("/verify"), v.t("login.verify")}}, c.Links...)
	}
	return c
}

// login signs in.
func (v *visit) login() error {
	login := v.form.Get("login")
	var broken authcore.FieldErrors
	if strings.TrimSpace(login) == "" {
		broken.Add("login", authcore.LoginRequired)
	}
	if v.form.Get("password") == "" {
		broken.Add("password", authcore.Required)
	}
	if err := broken.Refusal(); err != nil {
		return err
	}
	tokens, err := v.cfg.SignIn.Password(v.r.Context(), signin.Input{
		Login: login, Password: v.form.Get("password"), Request: session.Request{Mode: authcore.ModeCookie, Client: v.in.Client},
	})
	if authcore.CodeOf(err) == authcore.AccountNotVerified {
		v.keep(pending{back: cmp.Or(v.wanted(), v.pending().back), login: login})
	}
	if err != nil {
		return err
	}
	return v.arrive(tokens, v.wanted())
}

// arrive gives the browser the cookies of a new session in place of any other, and leads on.
func (v *visit) arrive(tokens session.Tokens, back string) error {
	httpauth.RevokeReplaced(v.r, v.in, v.cfg.Sessions, v.cfg.Logger)
	if err := v.in.Cookies().SetSession(v.w.Header(), tokens); err != nil {
		return err
	}
	return v.onward(back)
}

func (v *visit) showLogout() error {
	if v.form == nil {
		p, err := v.person()
		switch {
		case err != nil:
			return err
		case p == nil:
			return v.redirect(v.withBack("/signed-out"))
		}
	}
	return v.show(card{
		Title: v.t("logout.title"), Intro: []string{v.t("logout.intro")},
		Forms: []form{{ID: "logout-form", Hidden: v.backField(), Button: v.t("logout.button")}},
		Links: []link{{v.here("/account"), v.t("logout.back")}},
	})
}

// logout ends the session of this browser, or with the field `everywhere` those of every host that it was handed over to.
// Only a POST does: a link or an image on a foreign page must not.
func (v *visit) logout() error {
	if err := v.cfg.Authenticator.EndCookies(v.w, v.r, v.in, v.form.Get("everywhere") != ""); err != nil {
		return err
	}
	v.dropPending()
	v.dropLink()
	v.dropSent()
	return v.redirect(v.withBack("/signed-out"))
}

// showSignedOut tells who has signed out what that is worth: of one host alone it is no end of the session here.
func (v *visit) showSignedOut() error {
	again := link{v.withBack("/login"), v.t("signed_out.again")}
	if _, elsewhere := v.elsewhere(); elsewhere != "" {
		if p, err := v.person(); p != nil || err != nil {
			_, host, _ := strings.Cut(elsewhere, "://")
			return v.show(card{
				Title: v.t("signed_out.host", "Host", host), Intro: []string{v.t("signed_out.host.intro", "Brand", v.cfg.Brand)},
				Links: []link{again, {v.here("/logout"), v.t("signed_out.everywhere")}},
			})
		}
	}
	return v.show(card{
		Title: v.t("signed_out.title"), Intro: []string{v.t("signed_out.intro")},
		Links: []link{again},
	})
}
