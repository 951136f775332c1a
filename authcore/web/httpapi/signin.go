package httpapi

import (
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// signInCalls are the ways into a session.
type signInCalls struct {
	signIn   *signin.Flow
	codes    *passwordless.Flow
	sessions *session.Sessions
	log      *slog.Logger
}

func (c *signInCalls) routes() []route {
	return []route{{
		method: http.MethodPost, path: "/login", tag: tagSignIn, summary: "Sign in with a password",
		text: "An unknown name, a wrong password and a disabled account get the same answer. Failures are counted per name, whether or " +
			"not it exists; after too many, the name is locked for a while. Where the account asks for a second factor, `otp` gives it in the " +
			"same call, unless the device is trusted; without it the sign-in waits for /login/mfa. In place of a password, `otp` is a code of /otp.",
		limit: authcore.LimitLogin, does: bodyOrCookie(c.login), cookies: []scheme{bindingScheme},
		replies: []reply{{http.StatusOK, signInText, signInAnswer{}}},
		refuses: []authcore.Code{authcore.InvalidFields, authcore.InvalidCredentials, authcore.AccountNotVerified, authcore.PasswordResetRequired, authcore.AccountLocked, authcore.Blocked,
			authcore.InvalidCode, authcore.TooManyAttempts},
	}}
}

type loginBody struct {
	Login       string `json:"login" minLength:"1" doc:"E-mail address or username, whichever the operator allows." example:"ada@example.com"`
	Password    string `json:"password,omitempty" minLength:"1"`
	OTP         string `json:"otp,omitempty" doc:"Beside a password: the code of an authenticator app, or a recovery code; ignored where no second factor is asked for. In place of a password: the code that /otp has sent." example:"123456"`
	Binding     string `json:"binding,omitempty" doc:"Beside a code of /otp: what that answered. If omitted, the one in the cookie."`
	TrustDevice bool   `json:"trust_device,omitempty" doc:"Ask this device for no second factor for a while, once one has been given."`
	SignInBody
}

// A foreign page must not swap the account a browser is signed in with.
func (b loginBody) byCookie(r *http.Request, in httpauth.RequestInfo) bool {
	return b.Cookies || b.byCode() && b.Binding == "" && httpauth.BindingCookie.Read(r, in.Cookies()) != ""
}

// byCode reports whether a code is sent in place of a password.
func (b loginBody) byCode() bool { return b.Password == "" && b.OTP != "" }

// TransformSchema implements [huma.SchemaTransformer].
func (loginBody) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return eitherOf(s, []string{"password"}, []string{"otp"})
}

func (c *signInCalls) login(x *call, body loginBody) error {
	proof := []string{"password", body.Password}
	if body.byCode() {
		proof = []string{"otp", body.OTP}
	}
	if err := required(append(proof, "login", body.Login)...); err != nil {
		return err
	}
	request := x.request(body.SignInBody)
	if body.byCode() {
		return c.byCode(x, body, request)
	}
	request.OTP, request.TrustDevice = body.OTP, body.TrustDevice
	out, err := c.signIn.Password(x.r.Context(), signin.Input{Login: body.Login, Password: body.Password, Request: request})
	if err != nil {
		return err
	}
	return x.answerSignIn(out, c.sessions, c.log)
}

// byCode signs in by a code of /otp.
func (c *signInCalls) byCode(x *call, body loginBody, request session.Request) error {
	kept := httpauth.BindingCookie.Read(x.r, x.in.Cookies())
	out, err := c.codes.InPlaceOfPassword(x.r.Context(), passwordless.Input{
		Login: passwordless.Login{Login: body.Login}, OTP: body.OTP, Binding: firstOf(body.Binding, kept), Request: request,
	})
	if err != nil {
		return err
	}
	if kept != "" {
		httpauth.BindingCookie.Clear(x.w.Header(), x.in.Cookies())
	}
	return x.answerSignIn(out, c.sessions, c.log)
}
