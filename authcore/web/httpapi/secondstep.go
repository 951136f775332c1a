package httpapi

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// secondStepCalls finish sign-ins that wait for a second step.
type secondStepCalls struct {
	steps    *secondstep.Flow
	sessions *session.Sessions
	log      *slog.Logger
}

func (c *secondStepCalls) routes() []route {
	return []route{{
		method: http.MethodPost, path: "/login/mfa", tag: tagSignIn, summary: "Give the second factor",
		text: "Takes the `mfa_token` of a sign-in that waits (or its cookie) and the proof of one of its `methods`. The answer is a token pair or, " +
			"where something else is asked for as well, the same sign-in with what is left. Five wrong codes end it; ten within an hour close the " +
			"account to codes, over all its sign-ins, until an hour has passed or the password is changed.",
		limit: authcore.LimitMFA, does: bodyOrCookie(c.proceed), cookies: []scheme{mfaScheme},
		replies: []reply{{http.StatusOK, signInText, signInAnswer{}}},
		refuses: []authcore.Code{authcore.InvalidMFAToken, authcore.InvalidFields, authcore.InvalidCode, authcore.InvalidPasskey, authcore.TooManyAttempts,
			authcore.InvalidCredentials, authcore.AccountLocked},
	}, {
		method: http.MethodPost, path: "/login/mfa/send", tag: tagSignIn, summary: "Send a second-factor code",
		text: "For the methods `email` and `sms`. The code is good for this sign-in alone. Asked for again too soon, the call sends nothing, and " +
			"the code that is out stays good.",
		limit: authcore.LimitMFA, does: bodyOrCookie(c.send), cookies: []scheme{mfaScheme},
		replies: []reply{{http.StatusAccepted, "A code is on its way.", codeSent{}}},
		refuses: []authcore.Code{authcore.InvalidMFAToken, authcore.InvalidFields, authcore.RateLimited},
	}}
}

// signInAnswer is the answer of every way in: a token pair, or a sign-in that waits.
type signInAnswer struct{}

const signInText = pairText + " Where a second factor is asked for, the answer has `mfa_required`, and nobody is signed in yet."

// Schema implements [huma.SchemaProvider].
func (signInAnswer) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{
		r.Schema(reflect.TypeFor[tokenPair](), true, ""), r.Schema(reflect.TypeFor[pendingAnswer](), true, ""),
	}}
}

// pendingAnswer is a sign-in that waits for a second step.
type pendingAnswer struct {
	MFARequired bool            `json:"mfa_required" enum:"true"`
	MFAToken    string          `json:"mfa_token,omitempty" doc:"Finishes this sign-in, and is good for nothing else. Omitted if you asked for cookies."`
	ExpiresIn   int64           `json:"expires_in" doc:"Seconds until the sign-in ends if it is not finished."`
	Methods     []pendingMethod `json:"methods" doc:"What is taken, the one to ask for first at the top."`
	Enrol       []string        `json:"enrol" doc:"Empty: a factor is added by who is signed in. With methods empty as well, the account has none that could be asked for."`
}

type pendingMethod struct {
	Method   string          `json:"method" enum:"email,sms,totp,passkey,security_key,recovery,password"`
	FactorID *string         `json:"factor_id" format:"uuid" doc:"Null for the account's own address or number, and for its password."`
	Name     string          `json:"name"`
	To       string          `json:"to,omitempty" doc:"Of email and sms: where codes go, with most of it hidden." example:"a***@example.com"`
	Sent     bool            `json:"sent,omitempty" doc:"A code is on its way."`
	Options  webauthnOptions `json:"options,omitempty" doc:"Of passkey and security_key: PublicKeyCredentialRequestOptionsJSON, good once, for five minutes. Methods of one type have the same."`
}

func pendingOf(p *secondstep.Pending) pendingAnswer {
	a := pendingAnswer{MFARequired: true, ExpiresIn: seconds(p.ExpiresIn), Methods: []pendingMethod{}, Enrol: []string{}}
	for _, m := range p.Methods {
		one := pendingMethod{Method: m.Method, Name: m.Factor.Name, To: m.To(), Sent: m.Sent, Options: webauthnOptions(m.Options)}
		if m.Factor.ID != uuid.Nil {
			one.FactorID = new(m.Factor.ID.String())
		}
		a.Methods = append(a.Methods, one)
	}
	return a
}

// answerSignIn answers with what a way in has led to. A browser that is signed in forgets the sign-in that waited, and gives up the
// session that it had before.
func (x *call) answerSignIn(out secondstep.Outcome, sessions *session.Sessions, log *slog.Logger) error {
	return x.answerSignInAs(http.StatusOK, out, sessions, log)
}

// answerSignInAs is answerSignIn with another status.
func (x *call) answerSignInAs(status int, out secondstep.Outcome, sessions *session.Sessions, log *slog.Logger) error {
	if p := out.Pending; p != nil {
		answer := pendingOf(p)
		if p.Mode != authcore.ModeCookie {
			answer.MFAToken = p.Token
		} else if err := httpauth.MFACookie.Set(x.w.Header(), x.in.Cookies(), p.Token); err != nil {
			return err
		}
		return x.answer(status, answer)
	}
	if out.Tokens.Mode == authcore.ModeCookie {
		httpauth.RevokeReplaced(x.r, x.in, sessions, log)
		if httpauth.MFACookie.Read(x.r, x.in.Cookies()) != "" {
			httpauth.MFACookie.Clear(x.w.Header(), x.in.Cookies())
		}
	}
	return x.answerTokensAs(status, out.Tokens)
}

// MFABody is what every call of a pending sign-in takes.
type MFABody struct {
	MFAToken string `json:"mfa_token,omitempty" doc:"If omitted, the one in the cookie."`
	Method   string `json:"method,omitempty" doc:"One of the methods of the answer before; by default the first." example:"totp"`
	FactorID string `json:"factor_id,omitempty" format:"uuid" doc:"In place of method, where there are several of a kind."`
}

func (b MFABody) byCookie(r *http.Request, in httpauth.RequestInfo) bool {
	return b.MFAToken == "" && httpauth.MFACookie.Read(r, in.Cookies()) != ""
}

// read returns the token and how it came, which is how the sign-in is delivered: cookies stay cookies.
func (b MFABody) read(x *call) (token string, factor uuid.UUID, r session.Request, err error) {
	token, cookies := b.MFAToken, false
	if token == "" {
		token, cookies = httpauth.MFACookie.Read(x.r, x.in.Cookies()), true
	}
	if b.FactorID != "" {
		if factor, err = uuid.Parse(b.FactorID); err != nil {
			err = authcore.RefuseField("factor_id", authcore.NotOffered)
		}
	}
	return token, factor, x.request(SignInBody{Cookies: cookies}), err
}

type proceedBody struct {
	MFABody
	Code        string           `json:"code,omitempty" doc:"The code that was sent, that of an authenticator app, or a recovery code." example:"123456"`
	Credential  webauthnResponse `json:"credential,omitempty" doc:"With passkey and security_key: AuthenticationResponseJSON, as PublicKeyCredential.toJSON returns it."`
	Password    string           `json:"password,omitempty" doc:"With the method password."`
	TrustDevice bool             `json:"trust_device,omitempty" doc:"Ask this device for no second factor for a while."`
}

func (c *secondStepCalls) proceed(x *call, body proceedBody) error {
	token, factor, request, err := body.read(x)
	if err != nil {
		return err
	}
	out, err := c.steps.Proceed(x.r.Context(), secondstep.Input{
		Token: token, Method: body.Method, FactorID: factor, Code: body.Code, Credential: json.RawMessage(body.Credential), Password: body.Password, TrustDevice: body.TrustDevice, Request: request,
	})
	if err != nil {
		return x.forgetMFA(request, err)
	}
	return x.answerSignIn(out, c.sessions, c.log)
}

// forgetMFA clears the cookie of a sign-in that has ended, and returns err.
func (x *call) forgetMFA(r session.Request, err error) error {
	var refusal *authcore.Error
	if r.Mode == authcore.ModeCookie && errors.As(err, &refusal) && refusal.Code == authcore.InvalidMFAToken {
		httpauth.MFACookie.Clear(x.w.Header(), x.in.Cookies())
	}
	return err
}

type sendBody struct{ MFABody }

// codeSent says that a code is on its way.
type codeSent struct {
	Status    string `json:"status" enum:"code_sent"`
	ExpiresIn int64  `json:"expires_in" doc:"Seconds until the code expires."`
}

func (c *secondStepCalls) send(x *call, body sendBody) error {
	token, factor, request, err := body.read(x)
	if err != nil {
		return err
	}
	expires, err := c.steps.Send(x.r.Context(), token, body.Method, factor, request)
	if err != nil {
		return x.forgetMFA(request, err)
	}
	return x.answer(http.StatusAccepted, codeSent{"code_sent", seconds(expires)})
}
