package httpapi

import (
	"cmp"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// codeCalls sign in by a code or link that is sent.
type codeCalls struct {
	codes    *passwordless.Flow
	sessions *session.Sessions
	log      *slog.Logger
}

func (c *codeCalls) routes() []route {
	return []route{{
		method: http.MethodPost, path: "/otp", tag: tagSignIn, summary: "Ask for a sign-in code",
		text: "With `sign_in code` or `link`. By mail, or a code by SMS to a number. The answer is the same whoever it is, and whether or not there is such an account. Keep `binding` and " +
			"send it with what comes back: a link signs in only together with it. Asked for again too soon, the call sends nothing, and what is out " +
			"stays good.",
		limit: authcore.LimitOTP, does: bodyOrCookie(c.start), cookies: []scheme{bindingScheme},
		replies: []reply{{http.StatusAccepted, "If somebody signs in by that, a message is on its way.", bindingSent{}}},
		refuses: []authcore.Code{authcore.InvalidFields, authcore.NotFound, authcore.Blocked},
	}, {
		method: http.MethodPost, path: "/otp/verify", tag: tagSignIn, summary: "Sign in with a code or link",
		text: "Takes what /otp was given and the code, or the token of the link together with the `binding` (or its cookie). Either spends both. Tries with the right binding " +
			"and tries without have budgets of their own, so that nobody else can use up yours. With signup's `by_code`, who is new gets an account: what is missing " +
			"for one is 422, and the code stays good.",
		limit: authcore.LimitVerify, does: bodyOrCookie(c.finish), cookies: []scheme{bindingScheme},
		replies: []reply{{http.StatusOK, signInText, signInAnswer{}}},
		refuses: []authcore.Code{authcore.InvalidFields, authcore.InvalidCode, authcore.TooManyAttempts, authcore.BindingRequired, authcore.NotFound, authcore.Blocked,
			authcore.InvitationRequired, authcore.InvalidInvitation, authcore.Conflict},
	}}
}

// WhoBody is who signs in, in one of three ways.
type WhoBody struct {
	Login string `json:"login,omitempty" doc:"E-mail address, number or username, whichever the operator allows." example:"ada@example.com"`
	Email string `json:"email,omitempty" format:"email" maxLength:"254" doc:"In place of login."`
	Phone string `json:"phone,omitempty" maxLength:"32" pattern:"^(\\+?[0-9 ().\\-/]+)?$" doc:"In place of login, where codes go to numbers."`
}

func (b WhoBody) login() passwordless.Login {
	return passwordless.Login{Login: b.Login, Email: b.Email, Phone: b.Phone}
}

type otpBody struct {
	WhoBody
	Invitation string `json:"invitation,omitempty" doc:"The token of an invitation, for who is new (signup's by_code)."`
	RD         string `json:"rd,omitempty" doc:"With cookies: where the page of the link leads once it has signed in, if sign-in may lead there."`
	Binding    string `json:"binding,omitempty" doc:"The one of an answer before, to have it answered again: then a link that is on its way stays good with it."`
	Cookies    bool   `json:"cookies,omitempty" doc:"Keep the binding in a cookie instead of the answer."`
	TrapBody
}

func (b otpBody) byCookie(*http.Request, httpauth.RequestInfo) bool { return b.Cookies }

// TransformSchema implements [huma.SchemaTransformer].
func (otpBody) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return eitherOf(s, []string{"login"}, []string{"email"}, []string{"phone"})
}

// bindingSent says that a code is on its way, if to anybody.
type bindingSent struct {
	Status    string `json:"status" enum:"code_sent"`
	ExpiresIn int64  `json:"expires_in" doc:"Seconds until code and link expire."`
	Binding   string `json:"binding,omitempty" doc:"Send it with the code or link. Omitted if you asked for cookies."`
}

func (c *codeCalls) start(x *call, body otpBody) error {
	in := passwordless.StartInput{Login: body.login(), Binding: body.Binding, Invitation: body.Invitation, Trapped: body.fell(x.trap), Client: x.in.Client}
	if in.Trapped {
		defer x.trap.FieldFilled(x.w, x.r, x.in)()
	}
	if in.Binding == "" && body.Cookies {
		in.Binding = httpauth.BindingCookie.Read(x.r, x.in.Cookies())
	}
	started, err := c.codes.Start(x.r.Context(), in)
	if err != nil {
		return err
	}
	answer := bindingSent{Status: "code_sent", ExpiresIn: seconds(started.ExpiresIn), Binding: started.Binding}
	if body.Cookies {
		answer.Binding = ""
		if err := httpauth.BindingCookie.Set(x.w.Header(), x.in.Cookies(), started.Binding); err != nil {
			return err
		}
		keepReturn(x, body.RD, cmp.Or(body.Login, body.Email, body.Phone))
	}
	return x.answer(http.StatusAccepted, answer)
}

// NewcomerBody is what the account is to have of who signs in by a code and is new.
type NewcomerBody struct {
	Password   string         `json:"password,omitempty" doc:"Of a new account, if it is to have one. What follows up to fields is for new accounts alone too, as at /register."`
	Username   string         `json:"username,omitempty" pattern:"^([A-Za-z0-9._-]{3,32})?$"`
	FirstName  string         `json:"first_name,omitempty" maxLength:"100"`
	LastName   string         `json:"last_name,omitempty" maxLength:"100"`
	Invitation string         `json:"invitation,omitempty" doc:"If omitted, the one that the code was asked for with."`
	Locale     string         `json:"locale,omitempty" maxLength:"35"`
	Fields     map[string]any `json:"fields,omitempty" doc:"The fields that the operator has added."`
}

func (b NewcomerBody) input() signup.RegisterInput {
	return signup.RegisterInput{Password: b.Password, Username: b.Username, FirstName: b.FirstName, LastName: b.LastName, Invitation: b.Invitation,
		Locale: b.Locale, Fields: b.Fields}
}

type otpVerifyBody struct {
	WhoBody
	OTP     string `json:"otp,omitempty" doc:"The code." example:"123456"`
	Token   string `json:"token,omitempty" doc:"The token in the link of the mail."`
	Binding string `json:"binding,omitempty" doc:"The one that /otp answered. If omitted, the one in the cookie."`
	NewcomerBody
	SignInBody
	TrapBody
}

// TransformSchema implements [huma.SchemaTransformer].
func (otpVerifyBody) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return eitherOf(s, []string{"token"}, []string{"login", "otp"}, []string{"email", "otp"}, []string{"phone", "otp"})
}

func (b otpVerifyBody) byCookie(r *http.Request, in httpauth.RequestInfo) bool {
	return b.Cookies || b.Binding == "" && httpauth.BindingCookie.Read(r, in.Cookies()) != ""
}

func (c *codeCalls) finish(x *call, body otpVerifyBody) error {
	kept := httpauth.BindingCookie.Read(x.r, x.in.Cookies())
	in := passwordless.Input{
		Login: body.login(), OTP: body.OTP, Token: body.Token, Binding: firstOf(body.Binding, kept),
		New: body.input(), Request: x.request(body.SignInBody),
	}
	if in.New.Trapped = body.fell(x.trap); in.New.Trapped {
		defer x.trap.FieldFilled(x.w, x.r, x.in)()
	}
	out, err := c.codes.Finish(x.r.Context(), in)
	if err != nil {
		return err
	}
	if kept != "" {
		httpauth.BindingCookie.Clear(x.w.Header(), x.in.Cookies())
	}
	return x.answerSignIn(out, c.sessions, c.log)
}

// keepReturn keeps for the page of the link where somebody wants to go, and who they said to be, as the pages do; a page checks it when it is
// used. What is too long for a cookie is left out.
func keepReturn(x *call, to, login string) {
	kept := url.Values{"login": {login[:min(len(login), 320)]}}
	if to != "" {
		kept.Set("rd", to)
	}
	if httpauth.PendingCookie.Set(x.w.Header(), x.in.Cookies(), kept.Encode()) != nil {
		kept.Del("rd")
		_ = httpauth.PendingCookie.Set(x.w.Header(), x.in.Cookies(), kept.Encode())
	}
}
