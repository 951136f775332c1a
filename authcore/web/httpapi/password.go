package httpapi

import (
	"errors"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// passwordCalls change the password of who is signed in, and give a new one to whoever owns the address.
type passwordCalls struct {
	passwords *password.Flow
	fresh     freshGate
}

func (c *passwordCalls) routes() []route {
	return []route{{
		method: http.MethodPost, path: "/me/password", tag: tagPassword, summary: "Change your password",
		text: "Ends every session of the account, including the one that sends this request, and clears a browser's cookies. An account without a " +
			"password gets its first one like this, without `current_password`, if the sign-in is recent enough.",
		limit: authcore.LimitLogin, does: authenticatedWith(c.change),
		replies: []reply{{http.StatusNoContent, "The password has been changed.", nil}},
		refuses: []authcore.Code{authcore.InvalidFields, authcore.InvalidCredentials, authcore.AccountLocked, authcore.ReauthenticationRequired, authcore.NotFound},
	}, {
		method: http.MethodDelete, path: "/me/password", tag: tagPassword, summary: "Remove your password",
		text: "Refused while a password is the only way to sign in: a code or link needs a verified address or number, a passkey one that has been added. Ends every session " +
			"of the account, including the one that sends this request, and clears a browser's cookies. Without a password nothing changes.",
		does: authenticatedWith(c.remove), fresh: true, optional: true,
		replies: []reply{{http.StatusNoContent, "There is no password any more.", nil}},
		refuses: []authcore.Code{authcore.LastWayIn, authcore.NotFound},
	}, {
		method: http.MethodPost, path: "/password/forgot", tag: tagPassword, summary: "Request a password reset",
		text:  "The answer does not reveal whether there is such an account.",
		limit: authcore.LimitForgot, does: anonymousWith(c.forgot),
		replies: []reply{{http.StatusAccepted, "If there is an account with this address or name, a mail is on its way.", status{}}},
		refuses: []authcore.Code{authcore.InvalidFields, authcore.NotFound},
	}, {
		method: http.MethodPost, path: "/password/reset", tag: tagPassword, summary: "Set a new password",
		text:  "Takes the token of the link, or login and code. Ends every session of the account; it does not sign in.",
		limit: authcore.LimitForgot, does: anonymousWith(c.reset),
		replies: []reply{{http.StatusNoContent, "The password has been changed.", nil}},
		refuses: []authcore.Code{authcore.InvalidFields, authcore.InvalidCode, authcore.TooManyAttempts, authcore.NotFound},
	}}
}

type changeBody struct {
	Current string `json:"current_password,omitempty" doc:"Left out where the account has no password yet."`
	New     string `json:"new_password" minLength:"1" doc:"Must follow the operator's rules: by default 12 to 256 characters, and not a common password."`
}

func (c *passwordCalls) change(x *call, body changeBody) error {
	err := c.passwords.Change(x.r.Context(), password.ChangeInput{
		AccountID: x.who.AccountID, Current: body.Current, New: body.New, Client: x.in.Client, DeviceToken: httpauth.DeviceCookie.Read(x.r, x.in.Cookies()),
		NotFresh: c.fresh.Check(x.r.Context(), x.who, fresh.Proof{}, x.in.Client),
	})
	if err != nil {
		return breachedToo(err)
	}
	x.forgetCookies()
	return x.done()
}

func (c *passwordCalls) remove(x *call, _ removalBody) error {
	removed, err := c.passwords.Remove(x.r.Context(), x.who.AccountID, x.in.Client)
	if err != nil {
		return err
	}
	if removed {
		x.forgetCookies()
	}
	return x.done()
}

type forgotBody struct {
	Login string `json:"login,omitempty" doc:"The e-mail address or username of the account." example:"ada@example.com"`
	Email string `json:"email,omitempty" doc:"Same as login."`
}

// TransformSchema implements [huma.SchemaTransformer].
func (forgotBody) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return eitherOf(s, []string{"login"}, []string{"email"})
}

func (c *passwordCalls) forgot(x *call, body forgotBody) error {
	login := firstOf(body.Login, body.Email)
	if err := required("login", login); err != nil {
		return err
	}
	if err := c.passwords.Forgot(x.r.Context(), login, x.in.Client); err != nil {
		return err
	}
	return x.answer(http.StatusAccepted, status{"reset_sent"})
}

type resetBody struct {
	Token       string `json:"token,omitempty" doc:"The token in the link of the mail."`
	Login       string `json:"login,omitempty" doc:"The e-mail address or username of the account."`
	Email       string `json:"email,omitempty" doc:"Same as login."`
	OTP         string `json:"otp,omitempty" doc:"The code in the mail." example:"123456"`
	NewPassword string `json:"new_password" minLength:"1" doc:"Must follow the operator's rules: by default 12 to 256 characters, and not a common password."`
}

// TransformSchema implements [huma.SchemaTransformer].
func (resetBody) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return eitherOf(s, []string{"token"}, []string{"login", "otp"}, []string{"email", "otp"})
}

func (c *passwordCalls) reset(x *call, body resetBody) error {
	err := c.passwords.Reset(x.r.Context(), password.ResetInput{
		Token: body.Token, Login: firstOf(body.Login, body.Email), OTP: body.OTP,
		NewPassword: body.NewPassword, Client: x.in.Client,
	})
	if err != nil {
		return breachedToo(err)
	}
	return x.done()
}

// breachedToo tells of a password of a known breach under `password` besides its own field: one name in every call that sets one (contract B1).
func breachedToo(err error) error {
	var refused *authcore.Error
	if !errors.As(err, &refused) {
		return err
	}
	at := slices.IndexFunc(refused.Fields, func(e authcore.FieldError) bool { return e.Rule == authcore.PasswordBreached })
	if at < 0 {
		return err
	}
	told := *refused
	told.Fields = slices.Clone(refused.Fields)
	told.Fields.AddErrors("password", refused.Fields[at])
	return &told
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
