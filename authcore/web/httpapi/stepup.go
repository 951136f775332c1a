package httpapi

import (
	"log/slog"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/stepup"
)

// stepUpCalls let who is signed in prove themselves again.
type stepUpCalls struct {
	flow     *stepup.Flow
	sessions *session.Sessions
	log      *slog.Logger
}

func (c *stepUpCalls) routes() []route {
	return []route{{
		method: http.MethodPost, path: "/reauthenticate", tag: tagSignIn, summary: "Prove again who you are",
		text: "For what asks for a recent sign-in (RFC 9470). The answer is a new session in place of this one, with its name, its device and the " +
			"sessions of hosts that it was handed over to. The tokens of before are invalid at once; the refresh token still yields the new " +
			"session to the same browser or app for a moment. A browser signed in by cookies gets cookies.\n\n" +
			"Without a body, or where the password alone is not all that a sign-in asks for, the answer has `mfa_required` and every method " +
			"that would do; `/login/mfa/send` and `/login/mfa` go on with its `mfa_token`, which is dead once this session has ended.",
		limit: authcore.LimitLogin, does: authenticatedWith(c.reauthenticate), optional: true,
		replies: []reply{{http.StatusOK, stepUpText, signInAnswer{}}},
		refuses: []authcore.Code{authcore.InvalidFields, authcore.InvalidCredentials, authcore.InvalidCode, authcore.TooManyAttempts, authcore.Forbidden,
			authcore.ReauthenticationRequired},
	}}
}

const stepUpText = pairText + " Where something else is asked for, the answer has `mfa_required`, and this session stays as it is."

type reauthenticateBody struct {
	Password string `json:"password,omitempty" doc:"Left out, the answer says by what you can prove yourself."`
	OTP      string `json:"otp,omitempty" doc:"Where a sign-in asks for a second factor: a code of your authenticator app, or a recovery code." example:"123456"`
	// ACRValues is that of the challenge of a guard (RFC 9470).
	ACRValues string `json:"acr_values,omitempty" enum:"mfa" doc:"What a guard's challenge says: two kinds of proof are wanted. Without a password only what the sign-in lacks is asked for, and its auth_time stays."`
	Cookies   bool   `json:"cookies,omitempty" doc:"Set cookies instead of returning tokens."`
}

// reauthenticate answers a browser in cookies, whatever the body asks for: a script could otherwise trade its HttpOnly cookies for tokens
// that it can read.
func (c *stepUpCalls) reauthenticate(x *call, body reauthenticateBody) error {
	out, err := c.flow.Begin(x.r.Context(), x.who, stepup.Input{
		Proof: fresh.Proof{Password: body.Password, OTP: body.OTP}, MFA: body.ACRValues != "", Add: body.ACRValues != "",
		Request: session.Request{Mode: modeOf(body.Cookies || x.who.Credential == authcore.SessionCookie), Client: x.in.Client},
	})
	if err != nil {
		return err
	}
	return x.answerSignIn(out, c.sessions, c.log)
}
