package portal

import (
	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

func (v *visit) showRegister() error {
	if v.cfg.SignUp.Mode() == signup.Closed {
		if v.problem == nil {
			problem := httpauth.ToProblem(v.w.Header(), v.r, v.cfg.Logger, authcore.Refuse(authcore.SignupClosed, "Sign-up is closed."))
			v.problem = &problem
		}
		return v.show(card{Title: v.t("register.title"), Links: []link{{v.withBack("/login"), v.t("register.login")}}})
	}
	email := v.emailField("")
	email.Focus = true
	password := v.newPasswordField()
	password.ID, password.Name, password.Label = "password", "password", v.t("field.password")
	// Some browsers fill a name into the field before the password: the address must stand there. What may be left out comes last.
	return v.show(card{
		Title: v.t("register.title"),
		Intro: []string{v.t("register.intro", "Brand", v.cfg.Brand)},
		Forms: []form{{
			ID: "register-form", Hidden: v.backField(), Button: v.t("register.button"),
			Fields: []field{
				email, password,
				v.textField("first_name", "given-name", "", 100), v.textField("last_name", "family-name", "", 100), v.usernameField(""),
			},
		}},
		Links: []link{{v.withBack("/login"), v.t("register.login")}},
	})
}

func (v *visit) usernameField(known string) field {
	f := v.textField("username", "nickname", known, 32)
	f.Hint = v.t("field.username.hint")
	return f
}

// register signs up. The answer is the same whether the address has an account or not (L04).
func (v *visit) register() error {
	made, err := v.cfg.SignUp.Register(v.r.Context(), signup.RegisterInput{
		Email: v.form.Get("email"), Password: v.form.Get("password"), Username: v.form.Get("username"),
		FirstName: v.form.Get("first_name"), LastName: v.form.Get("last_name"), Client: v.in.Client,
	})
	if err != nil {
		return err
	}
	v.keep(pending{back: v.wanted(), login: v.form.Get("email")})
	v.dropLink() // of another address, perhaps
	if made.Account != nil {
		return v.done("/login", "registered")
	}
	if err := httpauth.RegistrationCookie.Set(v.w.Header(), v.in.Cookies(), made.Proof); err != nil {
		return err
	}
	return v.done("/verify", "sent")
}

func (v *visit) showResend() error {
	email := v.emailField(v.pending().login)
	email.Focus = true
	return v.show(card{
		Title: v.t("resend.title"), Intro: []string{v.t("resend.intro")},
		Forms: []form{{ID: "resend-form", Fields: []field{email}, Button: v.t("resend.button")}},
		Links: []link{{v.here("/verify"), v.t("resend.have_code")}, {v.here("/login"), v.t("resend.login")}},
	})
}

// resend sends another code. The answer is the same for every address.
func (v *visit) resend() error {
	if v.form.Get("email") == "" {
		return authcore.RefuseField("email", authcore.EmailRequired)
	}
	if err := v.cfg.SignUp.Resend(v.r.Context(), v.form.Get("email"), v.in.Client); err != nil {
		return err
	}
	v.keep(pending{back: v.pending().back, login: v.form.Get("email")})
	v.dropLink() // it died with the new one
	return v.done("/verify", "sent")
}
