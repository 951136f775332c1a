package httpapi

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// passkeyCalls sign in with a passkey.
type passkeyCalls struct {
	signIn   *signin.Flow
	sessions *session.Sessions
	log      *slog.Logger
}

func (c *passkeyCalls) routes() []route {
	return []route{{
		method: http.MethodPost, path: "/passkeys/options", tag: tagSignIn, summary: "Begin a sign-in with a passkey",
		text: "Answers options for navigator.credentials.get that name no account: whoever has a passkey for this host is asked which. They are good " +
			"once, for five minutes.",
		limit: authcore.LimitPasskey, does: anonymous(c.options),
		replies: []reply{{http.StatusOK, "The options.", passkeyOptions{}}},
		refuses: []authcore.Code{authcore.NotFound, authcore.Blocked},
	}, {
		method: http.MethodPost, path: "/passkeys/verify", tag: tagSignIn, summary: "Sign in with a passkey",
		text: "A passkey has verified its user by itself: no second factor is asked for. `unknown_passkey` is for a credential that no account has (any " +
			"more); everything else that is not right is `invalid_passkey`, and ends what the options were for.",
		limit: authcore.LimitPasskey, does: bodyOrCookie(c.verify),
		replies: []reply{{http.StatusOK, signInText, signInAnswer{}}},
		refuses: []authcore.Code{authcore.InvalidFields, authcore.InvalidPasskey, authcore.UnknownPasskey, authcore.AccountNotVerified, authcore.NotFound, authcore.Blocked},
	}}
}

// webauthnOptions are options of WebAuthn as JSON.
type webauthnOptions json.RawMessage

// Schema implements [huma.SchemaProvider].
func (webauthnOptions) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: &huma.Schema{}}
}

// MarshalJSON implements [json.Marshaler].
func (o webauthnOptions) MarshalJSON() ([]byte, error) { return json.RawMessage(o).MarshalJSON() }

// webauthnResponse is a response of WebAuthn as JSON.
type webauthnResponse json.RawMessage

// Schema implements [huma.SchemaProvider].
func (webauthnResponse) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject}
}

// UnmarshalJSON implements [json.Unmarshaler].
func (o *webauthnResponse) UnmarshalJSON(raw []byte) error {
	switch {
	case string(raw) == "null":
		*o = nil
	case len(raw) == 0 || raw[0] != '{':
		return errors.New("not an object")
	default:
		*o = append((*o)[:0], raw...)
	}
	return nil
}

type passkeyOptions struct {
	Options   webauthnOptions `json:"options" doc:"PublicKeyCredentialRequestOptionsJSON, for PublicKeyCredential.parseRequestOptionsFromJSON."`
	ExpiresIn int64           `json:"expires_in" doc:"Seconds until the options expire."`
}

func (c *passkeyCalls) options(x *call) error {
	options, life, err := c.signIn.PasskeyOptions(x.r.Context(), x.in.Client)
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, passkeyOptions{webauthnOptions(options), seconds(life)})
}

type passkeyBody struct {
	Credential webauthnResponse `json:"credential" doc:"AuthenticationResponseJSON, as PublicKeyCredential.toJSON returns it."`
	SignInBody
}

// A foreign page must not swap the account a browser is signed in with.
func (b passkeyBody) byCookie(*http.Request, httpauth.RequestInfo) bool { return b.Cookies }

func (c *passkeyCalls) verify(x *call, body passkeyBody) error {
	if len(body.Credential) == 0 {
		return authcore.RefuseField("credential", authcore.Required)
	}
	request := x.request(body.SignInBody)
	out, err := c.signIn.Passkey(x.r.Context(), signin.PasskeyInput{Credential: json.RawMessage(body.Credential), Request: request})
	if err != nil {
		return err
	}
	return x.answerSignIn(out, c.sessions, c.log)
}
