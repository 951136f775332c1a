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
		text: "Takes the `mfa_token` of a sign-in that waits (or its cookie) and the proof of one of its `methods`, or of the factor that " +
			"`POST /login/mfa/enrol` has added. The answer is a token pair or, " +
			"where something else is asked for as well, the same sign-in with what is left. Five wrong codes end it; ten within an hour close the " +
			"account to codes, over all its sign-ins, until an hour has passed or the password is changed.",
		limit: authcore.LimitMFA, does: bodyOrCookie(c.proceed), cookies: []scheme{mfaScheme},
		replies: []reply{{http.StatusOK, signInText, signInAnswer{}}},
		refuses: []authcore.Code{authcore.InvalidMFAToken, authcore.Blocked, authcore.InvalidFields, authcore.InvalidCode, authcore.InvalidPasskey, authcore.TooManyAttempts,
			authcore.InvalidCredentials, authcore.AccountLocked, authcore.Forbidden},
	}, {
		method: http.MethodPost, path: "/login/mfa/enrol", tag: tagSignIn, summary: "Add the first factor in a sign-in",
		text: "Where a sign-in asks for a second factor and the account has none, its answer lists under `enrol` what can be added, once all else was given. " +
			"`POST /login/mfa` confirms the factor with its `code` or `credential`, switches two-factor authentication on, and signs in; " +
			"recovery codes come with it. Another call takes the place of the one before.",
		limit: authcore.LimitMFA, does: bodyOrCookie(c.enrol), cookies: []scheme{mfaScheme},
		replies: []reply{{http.StatusCreated, "The factor, and what is needed to confirm it.", newFactor{}}},
		refuses: []authcore.Code{authcore.InvalidMFAToken, authcore.Blocked, authcore.Forbidden, authcore.InvalidFields, authcore.LimitReached, authcore.RateLimited},
	}, {
		method: http.MethodPost, path: "/login/mfa/send", tag: tagSignIn, summary: "Send a second-factor code",
		text: "For the methods `email` and `sms`. The code is good for this sign-in alone. Asked for again too soon, the call sends nothing, and " +
			"the code that is out stays good.",
		limit: authcore.LimitMFA, does: bodyOrCookie(c.send), cookies: []scheme{mfaScheme},
		replies: []reply{{http.StatusAccepted, "A code is on its way.", codeSent{}}},
		refuses: []authcore.Code{authcore.InvalidMFAToken, authcore.Blocked, authcore.InvalidFields, authcore.RateLimited},
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
	Codes       []string        `json:"recovery_codes,omitempty" doc:"After a first factor was confirmed, if there were none. Shown this once."`
	Methods     []pendingMethod `json:"methods" doc:"What is taken, the one to ask for first at the top."`
	Enrol       []string        `json:"enrol" doc:"What can be added where the account has no second factor and all else was given; POST /login/mfa/enrol adds one. With methods empty as well, there is nothing that could be asked for."`
}

type pendingMethod struct {
	Method   string          `json:"method" enum:"email,sms,totp,passkey,security_key,recovery,password"`
	FactorID *string         `json:"factor_id" format:"uuid" doc:"Null for the account's own address or number, and for its password."`
	Name     string          `json:"name"`
	To       string          `json:"to" doc:"Of email and sms: where codes go, with most of it hidden. Empty for the others." example:"a***@example.com"`
	Sent     bool            `json:"sent" doc:"A code is on its way."`
	Options  webauthnOptions `json:"options" nullable:"true" doc:"Of passkey and security_key: PublicKeyCredentialRequestOptionsJSON, good once, for five minutes. Methods of one type have the same. Null for the others."`
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
	for _, t := range p.Enrol {
		a.Enrol = append(a.Enrol, string(t))
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
		answer.Codes = out.Codes
		if p.Mode != authcore.ModeCookie {
			answer.MFAToken = p.Token
		} else if err := httpauth.MFACookie.Set(x.w.Header(), x.in.Cookies(), p.Token); err != nil {
			return err
		}
		return x.answer(status, answer)
	}
	if out.Tokens.Mode == authcore.ModeCookie {
		if !out.SteppedUp {
			httpauth.RevokeReplaced(x.r, x.in, sessions, log)
		}
		if httpauth.MFACookie.Read(x.r, x.in.Cookies()) != "" {
			httpauth.MFACookie.Clear(x.w.Header(), x.in.Cookies())
		}
	}
	return x.answerTokensAs(status, out.Tokens, out.Codes)
}

// MFATokenBody is what every call of a pending sign-in takes.
type MFATokenBody struct {
	MFAToken string `json:"mfa_token,omitempty" doc:"If omitted, the one in the cookie."`
}

// MFABody is what the calls take that are about one of its methods.
type MFABody struct {
	MFATokenBody
	Method   string `json:"method,omitempty" doc:"One of the methods of the answer before; by default the first." example:"totp"`
	FactorID string `json:"factor_id,omitempty" format:"uuid" doc:"In place of method, where there are several of a kind."`
}

func (b MFATokenBody) byCookie(r *http.Request, in httpauth.RequestInfo) bool {
	return b.MFAToken == "" && httpauth.MFACookie.Read(r, in.Cookies()) != ""
}

// token returns the token and how it came, which is how the sign-in is delivered: cookies stay cookies.
func (b MFATokenBody) token(x *call) (string, session.Request) {
	token, cookies := b.MFAToken, false
	if token == "" {
		token, cookies = httpauth.MFACookie.Read(x.r, x.in.Cookies()), true
	}
	return token, x.request(SignInBody{Cookies: cookies})
}

// read returns that, and which factor is meant.
func (b MFABody) read(x *call) (token string, factor uuid.UUID, r session.Request, err error) {
	token, r = b.token(x)
	if b.FactorID != "" {
		if factor, err = uuid.Parse(b.FactorID); err != nil {
			err = authcore.RefuseField("factor_id", authcore.NotOffered)
		}
	}
	return token, factor, r, err
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

type enrolBody struct {
	MFATokenBody
	Type  string `json:"type" doc:"One of those under enrol." example:"totp"`
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty" doc:"Of email: left out, the verified address of the account."`
	Phone string `json:"phone,omitempty" doc:"Of sms: left out, the verified number of the account."`
}

func (c *secondStepCalls) enrol(x *call, body enrolBody) error {
	if body.Type == "" {
		return authcore.RefuseField("type", authcore.Required)
	}
	token, request := body.token(x)
	added, err := secondstep.NewEnrolment(c.steps).Begin(x.r.Context(), secondstep.EnrolInput{
		Token: token, Type: authcore.FactorType(body.Type), Name: body.Name, Email: body.Email, Phone: body.Phone, Request: request,
	})
	if err != nil {
		return x.forgetMFA(request, err)
	}
	return x.answer(http.StatusCreated, newFactorOf(added))
}
