package portal

import (
	"cmp"
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/authcore/account/wayin"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/honeytrap"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// registerPage is where people sign up.
type registerPage struct {
	signUp    *signup.Flow
	fields    userfield.Set
	providers *federated.Flow
	trap      *honeytrap.Trap
}

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
	if p.signUp.Mode() == signup.Invite && q.Link(page.InvitationLink) == "" {
		if q.Problem == nil {
			q.SetProblem(authcore.Refuse(authcore.InvitationRequired, "You need an invitation to sign up here."))
		}
		return q.Show(page.View{Title: q.T("register.title"), Links: []page.Link{{To: q.WithReturn("/login"), Text: q.T("register.login")}}})
	}
	contacts := p.contactFields(q)
	contacts[0].Focus = true
	intro := "register.intro"
	if q.Link(page.InvitationLink) != "" {
		intro = "register.invited"
	}
	// Some browsers fill a name into the field before the password: the address must stand there. What may be left out comes last.
	return q.Show(page.View{
		Title: q.T("register.title"),
		Intro: []string{q.T(intro)},
		Forms: []page.Form{{
			ID: "register-form", Hidden: page.ReturnField(q), Decoy: decoyOf(q, p.trap), Button: q.T("register.button"),
			Fields: slices.Concat(contacts, firstPassword(q, p.signUp), []page.Field{
				page.TextField(q, "first_name", "given-name", "", 100), page.TextField(q, "last_name", "family-name", "", 100), newUsername(q, p.signUp)},
				userFields(q, p.fields, nil)),
		}},
		Ways:  providerLinks(q, p.providers),
		Links: []page.Link{{To: q.WithReturn("/login"), Text: q.T("register.login")}},
	})
}

// noPasswords reports whether nobody signs in by a password.
func noPasswords(flow *signup.Flow) bool { return flow.Settings().Passwords == wayin.PasswordsOff }

// firstPassword asks for the password of a new account, where it has one.
func firstPassword(q *page.Request, flow *signup.Flow) []page.Field {
	f := page.NewPasswordField(q, "password", flow.MinPassword())
	switch flow.Settings().Passwords {
	case wayin.PasswordsOff:
		return nil
	case wayin.PasswordsOptional:
		f.Optional = q.T("field.optional")
	}
	return []page.Field{f}
}

// contactFields ask for an address and, where numbers sign in, for a number: one of them is enough then, and none where accounts stand at
// once.
func (p *registerPage) contactFields(q *page.Request) []page.Field {
	s := p.signUp.Settings()
	email := page.EmailField(q, "")
	phone := slices.Contains(s.Identities, authcore.KindPhone)
	if phone || s.Mode() == signup.Open {
		email.Optional = q.T("field.optional")
	}
	if !phone {
		return []page.Field{email}
	}
	email.Hint = q.T("register.either")
	number := page.TextField(q, "phone", "tel", "", 32)
	number.InputMode, number.Hint = "tel", q.T("field.phone.hint")
	return []page.Field{email, number}
}

// newUsername is required where nothing else finds the account before its address is verified.
func newUsername(q *page.Request, flow *signup.Flow) page.Field {
	f := page.UsernameField(q, "")
	if flow.Settings().Deferred {
		f.Optional = ""
	}
	return f
}

// submit signs up. The answer is the same whether the address has an account or not (L04).
func (p *registerPage) submit(q *page.Request) error {
	trapped := fellInto(q, p.trap)
	if trapped {
		defer p.trap.FieldFilled(q.W, q.R, q.Info)()
	}
	made, err := p.signUp.Register(q.R.Context(), signup.RegisterInput{
		Trapped: trapped, Email: q.Form.Get("email"), Password: q.Form.Get("password"), Username: q.Form.Get("username"), Phone: q.Form.Get("phone"),
		Fields:    typedFields(q, p.fields),
		FirstName: q.Form.Get("first_name"), LastName: q.Form.Get("last_name"), Invitation: q.Link(page.InvitationLink), Client: q.Info.Client,
	})
	if err != nil {
		return err
	}
	q.KeepPending(page.Pending{ReturnTo: q.Wanted(), Login: cmp.Or(q.Form.Get("email"), q.Form.Get("phone"), q.Form.Get("username"))})
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
