package httpapi

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/credential"
)

// credentialCalls change how the account that makes the request signs in.
type credentialCalls struct{ credential *credential.Flow }

func (c *credentialCalls) routes() []route {
	return []route{{
		method: http.MethodPost, path: "/me/password", tag: tagPassword, summary: "Change one's password",
		text:  "Every session of the account ends, the one that asks included; a browser is told to forget its cookies.",
		limit: authcore.LimitLogin, does: personalWith(c.password),
		replies: []reply{{http.StatusNoContent, "The new password is set.", nil}},
		refuses: []authcore.Code{authcore.InvalidFields, authcore.InvalidCredentials, authcore.AccountLocked},
	}}
}

type changeBody struct {
	Current string `json:"current_password" minLength:"1"`
	New     string `json:"new_password" minLength:"1" doc:"By the operator's policy; by default 12 to 256 characters, none of the common ones."`
}

func (c *credentialCalls) password(x *exchange, body changeBody) error {
	err := c.credential.Change(x.r.Context(), credential.Changing{
		AccountID: x.who.AccountID, Current: body.Current, New: body.New, Client: x.in.Client,
	})
	if err != nil {
		return err
	}
	x.forgetCookies()
	return x.done()
}
