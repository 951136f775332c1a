package portal

import (
	"errors"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

func (p *accountPage) passwordForm(q *page.Request) page.Form {
	return page.Form{
		ID: "password-form", Action: q.Path("/account/password"), Title: q.T("account.password"), Intro: q.T("account.password.intro"),
		Button: q.T("account.password.button"),
		Fields: []page.Field{
			page.PasswordField(q, "current_password"), page.NewPasswordField(q, "new_password", p.signUp.MinPassword()),
		},
	}
}

// changePassword ends every session, this one too: with the new password one signs in again.
func (p *accountPage) changePassword(q *page.Request) error {
	err := p.password.Change(q.R.Context(), password.ChangeInput{
		AccountID: q.User.AccountID, Current: q.Form.Get("current_password"), New: q.Form.Get("new_password"), Client: q.Info.Client,
	})
	var refusal *authcore.Error
	if errors.As(err, &refusal) && refusal.Code == authcore.InvalidCredentials {
		atField := *refusal
		atField.Fields.Add("current_password", authcore.CurrentPasswordWrong)
		return &atField
	}
	if err != nil {
		return err
	}
	q.Info.Cookies().ClearSession(q.W.Header())
	return q.Done("/login", "password")
}
