package httpapi

import (
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// signUpCalls lead from no account to a verified one.
type signUpCalls struct {
	flow     *signup.Flow
	sessions *session.Sessions
	log      *slog.Logger
}

func (c *signUpCalls) routes() []route {
	return []route{{
		method: http.MethodPost, path: "/register", tag: tagSignUp, summary: "Sign up",
		text: "With `signup verified` (the default) the account exists only once its address is verified. An address that already has an account gets " +
			"the same answer, and its owner gets a mail that says so. Where numbers sign in, `phone` alone is enough: the code goes there by SMS. " +
			"With `signup open` the account exists at once. With `honey_trap` leave out the member that its `field` names, `website` by default: a sign-up that has it " +
			"gets such an answer too, and makes nothing.",
		limit: authcore.LimitRegister, does: bodyOrCookie(c.register),
		replies: []reply{
			{http.StatusAccepted, "A mail with a code and a link is on its way.", registered{}},
			{http.StatusCreated, "The account has been created (`signup open`, or an invitation that was mailed to the address).", registeredOpen{}},
		},
		refuses: []authcore.Code{authcore.InvalidFields, authcore.SignupClosed, authcore.Conflict, authcore.InvitationRequired, authcore.InvalidInvitation, authcore.Blocked},
	}, {
		method: http.MethodPost, path: "/verify", tag: tagSignUp, summary: "Verify an address and sign in",
		text: "Takes the token of the link, or address and code. Also send what shows that you are the person who registered: `registration` (or its " +
			"cookie) or the `password` you chose. Or send `new_password`, which replaces everything that was entered at sign-up.",
		limit: authcore.LimitVerify, does: bodyOrCookie(c.verify), cookies: []scheme{registrationScheme},
		replies: []reply{{http.StatusOK, signInText, signInAnswer{}}},
		refuses: []authcore.Code{
			authcore.InvalidFields, authcore.InvalidCode, authcore.TooManyAttempts, authcore.RegistrationProofRequired, authcore.Conflict,
			authcore.InvitationRequired, authcore.InvalidInvitation, authcore.Blocked,
		},
	}, {
		method: http.MethodPost, path: "/verify/resend", tag: tagSignUp, summary: "Send another code",
		text:  "The answer does not reveal whether the address was registered.",
		limit: authcore.LimitVerify, does: anonymousWith(c.resend),
		replies: []reply{{http.StatusAccepted, "If the address was registered, a mail is on its way.", status{}}},
		refuses: []authcore.Code{authcore.InvalidFields, authcore.RateLimited},
	}}
}

type registerBody struct {
	Email      string `json:"email,omitempty" format:"email" maxLength:"254" example:"ada@example.com"`
	Password   string `json:"password,omitempty" doc:"May be left out where a code or link signs in, and must be where no password does (GET /config). Must follow the operator's rules: by default 12 to 256 characters, and not a common password." example:"winter granite lantern 7"`
	Username   string `json:"username,omitempty" pattern:"^([A-Za-z0-9._-]{3,32})?$" doc:"Stored in lower case; some words are reserved."`
	FirstName  string `json:"first_name,omitempty" maxLength:"100"`
	LastName   string `json:"last_name,omitempty" maxLength:"100"`
	Phone      string `json:"phone,omitempty" maxLength:"32" pattern:"^(\\+[0-9 ().\\-/]+)?$" doc:"In international format."`
	Invitation string `json:"invitation,omitempty" doc:"The token of an invitation. With one that was mailed the address may be left out, and is verified by it."`
	Locale     string `json:"locale,omitempty" maxLength:"35" doc:"The language in which to write to the user: a tag (BCP 47), such as en or de-AT, of one of the locales of GET /config."`
	// Fields are those of the option user_field.
	Fields  map[string]any `json:"fields,omitempty" doc:"The fields that the operator has added, which GET /config lists. Unknown ones are refused; those that only administrators write are ignored."`
	Cookies bool           `json:"cookies,omitempty" doc:"Keep the registration secret in a cookie instead of the answer."`
	TrapBody
}

func (b registerBody) byCookie(*http.Request, httpauth.RequestInfo) bool { return b.Cookies }

type registered struct {
	Status       string           `json:"status" enum:"verification_sent,verification_required" doc:"verification_required: no code has been sent; ask for it with /verify/resend."`
	Channel      authcore.Channel `json:"channel" enum:"email,phone" doc:"What is to be verified."`
	ExpiresIn    int64            `json:"expires_in" doc:"Seconds until code and link expire; with verification_required until the registration does."`
	Registration string           `json:"registration,omitempty" doc:"Send it when you verify the address; it shows that you are the same person. Omitted if you asked for cookies."`
}

type registeredOpen struct {
	User user `json:"user"`
}

func (c *signUpCalls) register(x *call, body registerBody) error {
	trapped := body.fell(x.trap)
	if trapped {
		defer x.trap.FieldFilled(x.w, x.r, x.in)()
	}
	made, err := c.flow.Register(x.r.Context(), signup.RegisterInput{
		Trapped: trapped, Email: body.Email, Password: body.Password, Username: body.Username, Invitation: body.Invitation,
		FirstName: body.FirstName, LastName: body.LastName, Phone: body.Phone,
		Locale: body.Locale, Fields: body.Fields, Client: x.in.Client,
	})
	if err != nil {
		return err
	}
	if body.Cookies && made.Proof != "" {
		if err := httpauth.RegistrationCookie.Set(x.w.Header(), x.in.Cookies(), made.Proof); err != nil {
			return err
		}
	}
	if made.Account != nil {
		return x.answer(http.StatusCreated, registeredOpen{x.userOf(*made.Account)})
	}
	answer := registered{Status: "verification_sent", Channel: made.Channel, ExpiresIn: seconds(made.ExpiresIn)}
	if !made.Sent {
		answer.Status = "verification_required"
	}
	if !body.Cookies {
		answer.Registration = made.Proof
	}
	return x.answer(http.StatusAccepted, answer)
}

type verifyBody struct {
	Token        string `json:"token,omitempty" doc:"The token in the link of the mail."`
	Email        string `json:"email,omitempty" format:"email" maxLength:"254"`
	Phone        string `json:"phone,omitempty" maxLength:"32" pattern:"^(\\+?[0-9 ().\\-/]+)?$" doc:"In place of the address, where numbers sign in."`
	OTP          string `json:"otp,omitempty" doc:"The code in the mail." example:"123456"`
	Registration string `json:"registration,omitempty" doc:"The registration from the answer to the sign-up."`
	Password     string `json:"password,omitempty" doc:"The password chosen at sign-up."`
	NewPassword  string `json:"new_password,omitempty"`
	SignInBody
}

// TransformSchema implements [huma.SchemaTransformer].
func (verifyBody) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return eitherOf(s, []string{"token"}, []string{"email", "otp"}, []string{"phone", "otp"})
}

func (b verifyBody) byCookie(r *http.Request, in httpauth.RequestInfo) bool {
	return b.Cookies || b.Registration == "" && httpauth.RegistrationCookie.Read(r, in.Cookies()) != ""
}

func (c *signUpCalls) verify(x *call, body verifyBody) error {
	kept := httpauth.RegistrationCookie.Read(x.r, x.in.Cookies())
	out, err := c.flow.Verify(x.r.Context(), signup.VerifyInput{
		Token: body.Token, Email: body.Email, Phone: body.Phone, OTP: body.OTP,
		Proof: firstOf(body.Registration, kept), Password: body.Password, NewPassword: body.NewPassword,
		Request: x.request(body.SignInBody),
	})
	if err != nil {
		return err
	}
	if kept != "" {
		httpauth.RegistrationCookie.Clear(x.w.Header(), x.in.Cookies())
	}
	return x.answerSignIn(out, c.sessions, c.log)
}

type resendBody struct {
	Email string `json:"email,omitempty" format:"email" maxLength:"254" example:"ada@example.com"`
	Phone string `json:"phone,omitempty" maxLength:"32" pattern:"^(\\+?[0-9 ().\\-/]+)?$" doc:"In place of the address, where numbers sign in."`
}

// TransformSchema implements [huma.SchemaTransformer].
func (resendBody) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return eitherOf(s, []string{"email"}, []string{"phone"})
}

func (c *signUpCalls) resend(x *call, body resendBody) error {
	if err := c.flow.Resend(x.r.Context(), signup.ResendInput{Email: body.Email, Phone: body.Phone, Client: x.in.Client}); err != nil {
		return err
	}
	return x.answer(http.StatusAccepted, status{"verification_sent"})
}
