package httpapi

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secure"
)

// secureCalls take an account back from somebody else.
type secureCalls struct{ flow *secure.Flow }

func (c *secureCalls) routes() []route {
	return []route{{
		method: http.MethodPost, path: "/secure", tag: tagAccount, summary: "Undo what was not you",
		text: "Takes the token of the link \"This was not me\" in a security mail. Ends every session of the account and the trust in its devices, " +
			"kills every code that is out, takes back what was changed since the event that the mail tells of, and closes the password until it is " +
			"reset. The links of later mails are dead after it, those of earlier ones are not. It does not sign in.",
		limit: authcore.LimitSecure, does: anonymousWith(c.secure),
		replies: []reply{{http.StatusOK, "The account is secured.", securedBody{}}},
		refuses: []authcore.Code{authcore.InvalidFields, authcore.InvalidCode},
	}}
}

type secureBody struct {
	Token string `json:"token" minLength:"1" doc:"The token in the link of the mail."`
}

type securedBody struct {
	Status     string        `json:"status" enum:"secured"`
	Undone     []secure.Kind `json:"undone" doc:"What was taken back."`
	ResetToken string        `json:"reset_token,omitempty" doc:"Sets a new password at POST /password/reset. Left out where a reset would not be sent to the address that the mail went to."`
	ExpiresIn  int64         `json:"expires_in,omitempty" doc:"How long the reset_token is valid, in seconds."`
}

// TransformSchema implements [huma.SchemaTransformer].
func (securedBody) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	for _, kind := range secure.Kinds() {
		s.Properties["undone"].Items.Enum = append(s.Properties["undone"].Items.Enum, string(kind))
	}
	return s
}

func (c *secureCalls) secure(x *call, body secureBody) error {
	if err := required("token", body.Token); err != nil {
		return err
	}
	done, err := c.flow.Secure(x.r.Context(), body.Token, x.in.Client)
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, securedBody{
		Status: "secured", Undone: done.Undone, ResetToken: done.ResetToken, ExpiresIn: int64(done.ExpiresIn.Seconds()),
	})
}
