package portal

import (
	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// registerPage is where people sign up.
type registerPage struct{ signUp *signup.Flow }

func (p *registerPage) routes() []page.Route {
	return []page.Route{{Path: "/register", Show: p.show, Submit: p.submit, Limit: authcore.LimitRegister}}
}

func (p *registerPage) show(q *page.Request) error {
	if p.signUp.Mode() == signup.Closed {
		if q.Problem == nil {
			q.SetProblem(authcore.Refuse(authcore.SignupClosed, "Sign-up is closed."))
		}
		return q.Show(page.View{Title: q.T("register.title"), Links: []page.Link{{To: q.WithReturn("/login"), Text: q.T("register.login")}}})
	}
	email := page.EmailField(q, "")
	email.Focus = true
	password := page.NewPasswordField(q, "password", p.signUp.MinPassword())
	// Some browsers fill a name into the field before the password: the address must stand there. What may be left out comes last.
	return q.Show(page.View{
		Title: q.T("register.title"),
		Intro: []string{q.T("register.intro", "Brand", q.Brand)},
		Forms: []page.Form{{
			ID: "register-form", Hidden: page.ReturnField(q), Button: q.T("register.button"),
			Fields: []page.Field{
				email, password,
				page.TextField(q, "first_name", "given-name", "", 100), page.TextField(q, "last_name", "family-name", "", 100), page.UsernameField(q, ""),
			},
		}},
		Links: []page.Link{{To: q.WithReturn("/login"), Text: q.T("register.login")}},
	})
}

// submit signs up. The answer is the same whether the address has an account or not (L04).
func (p *registerPage) submit(q *page.Request) error {
	made, err := p.signUp.Register(q.R.Context(), signup.RegisterInput{
		Email: q.Form.Get("email"), Password: q.Form.Get("password"), Username: q.Form.Get("username"),
		FirstName: q.Form.Get("first_name"), LastName: q.Form.Get("last_name"), Client: q.Info.Client,
	})
	if err != nil {
		return err
	}
	q.KeepPending(page.Pending{ReturnTo: q.Wanted(), Login: q.Form.Get("email")})
	q.DropLink() // of another address, perhaps
	if made.Proof != "" {
		if err := httpauth.RegistrationCookie.Set(q.W.Header(), q.Info.Cookies(), made.Proof); err != nil {
			return err
		}
	}
	switch {
	case made.Account != nil:
		return q.Done("/login", "registered")
	case !made.Sent:
		return q.Done("/verify/resend", "code_on_demand")
	}
	return q.Done("/verify", "sent")
}
