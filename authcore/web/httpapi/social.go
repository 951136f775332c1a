package httpapi

import (
	"log/slog"
	"net/http"
	"net/url"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// socialCalls sign apps in by identity providers, and take the word of those that somebody has signed out. Browsers go by pages.
type socialCalls struct {
	flow     *federated.Flow
	sessions *session.Sessions
	log      *slog.Logger
}

// socialRefusals are those of every way in by a provider.
var socialRefusals = []authcore.Code{
	authcore.InvalidFields, authcore.InvalidProviderAnswer, authcore.ProviderDenied, authcore.ProviderUnavailable, authcore.SignupClosed,
	authcore.InvitationRequired, authcore.InvalidInvitation, authcore.InvalidCredentials, authcore.Conflict, authcore.LimitReached, authcore.Blocked,
}

func (c *socialCalls) routes() []route {
	return []route{{
		method: http.MethodPost, path: "/social/{id}/start", tag: tagProviders, summary: "Send the browser to a provider",
		text: "For a page of yours that the browser shows: leads to the provider, which leads back. A form is taken as well, and a link by GET without `invitation`: " +
			"they answer errors by pages.",
		limit: authcore.LimitSocial, optional: true, does: bodyOrCookie(c.start), params: []param{providerParam},
		replies: []reply{{http.StatusSeeOther, "Where to: `Location`. A cookie belongs to it.", nil}},
		refuses: []authcore.Code{authcore.NotFound, authcore.ProviderUnavailable},
	}, {
		method: http.MethodPost, path: "/social/{id}/token", tag: tagProviders, summary: "Sign in by a provider's token",
		text: "For apps that have signed in at the provider by themselves: an `id_token` with the `nonce` that it was asked for with, or a `code` with " +
			"`code_verifier` and `redirect_uri`. An id_token works once. Where something is missing, the answer has `registration_required`, and /social/complete goes on.",
		limit: authcore.LimitSocial, does: bodyOrCookie(c.token), params: []param{providerParam},
		replies: []reply{{http.StatusOK, signInText + " Or what is missing.", socialAnswer{}}},
		refuses: append([]authcore.Code{authcore.NotFound, authcore.InvalidRequest}, socialRefusals...),
	}, {
		method: http.MethodPost, path: "/social/complete", tag: tagProviders, summary: "Complete a provider's sign-in",
		text: "Takes the `social_token` (or its cookie) and what was missing. With `email` a code is sent there, whoever has the address, and nothing else is looked at. " +
			"Then send `otp` and the missing fields; a refused field spends nothing. Where the address has an account, the answer after the code has `missing` " +
			"`connect`, and `{\"connect\": true}` connects that account and signs in.",
		limit: authcore.LimitSocial, does: bodyOrCookie(c.complete), cookies: []scheme{socialScheme},
		replies: []reply{{http.StatusOK, signInText + " Or what is still missing.", socialAnswer{}}, {http.StatusAccepted, "A code is on its way.", codeSent{}}},
		refuses: append([]authcore.Code{authcore.InvalidSocialToken, authcore.InvalidCode, authcore.TooManyAttempts}, socialRefusals...),
	}, {
		method: http.MethodPost, path: "/social/{id}/backchannel-logout", tag: tagProviders, summary: "Take a provider's logout",
		text: "For the provider: OpenID Connect Back-Channel Logout 1.0. A form with `logout_token`: by its `sid` that session ends, by `sub` every session " +
			"that the provider has opened; a sign-in that waits for its second factor ends like its session. Unknown ones are no failure; a token works once.",
		does: anonymous(c.logout), params: []param{providerParam},
		replies: []reply{{http.StatusOK, "What the provider names has ended.", nil}, {http.StatusBadRequest, "The token is not valid, or was used.", logoutRefused{}}},
		refuses: []authcore.Code{authcore.NotFound, authcore.ProviderUnavailable, authcore.Blocked},
	}}
}

type startBody struct {
	RD         string `json:"rd,omitempty" doc:"Where to lead afterwards: an address of the gateway's hosts."`
	Remember   *bool  `json:"remember,omitempty" doc:"As at /login."`
	Invitation string `json:"invitation,omitempty" doc:"Token of an invitation, for a new account."`
}

// byCookie: it sets the cookie that the answer must come back with.
func (startBody) byCookie(*http.Request, httpauth.RequestInfo) bool { return true }

func (c *socialCalls) start(x *call, body startBody) error {
	begun, err := x.toProvider(c.flow, federated.StartInput{Provider: x.r.PathValue("id"), Return: body.RD,
		ShortLived: body.Remember != nil && !*body.Remember, Invitation: body.Invitation})
	if err != nil {
		return err
	}
	x.w.Header().Set("Location", begun.URL)
	x.w.WriteHeader(http.StatusSeeOther)
	return nil
}

// toProvider begins a way to a provider, and sets the cookie that its answer must come back with.
func (x *call) toProvider(flow *federated.Flow, in federated.StartInput) (federated.Started, error) {
	in.Slot, in.Client = httpauth.SocialSlot(x.r, x.in.Cookies()), x.in.Client
	begun, err := flow.Start(x.r.Context(), in)
	if err != nil {
		return begun, err
	}
	return begun, httpauth.SocialCookie.Of(in.Slot).Set(x.w.Header(), x.in.Cookies(), begun.Browser)
}

var providerParam = param{in: "path", name: "id", text: "The provider's name.", kind: reflect.TypeFor[string]()}

// socialAnswer is a sign-in, or what it lacks.
type socialAnswer struct{}

// Schema implements [huma.SchemaProvider].
func (socialAnswer) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{
		r.Schema(reflect.TypeFor[tokenPair](), true, ""), r.Schema(reflect.TypeFor[pendingAnswer](), true, ""), r.Schema(reflect.TypeFor[missingAnswer](), true, ""),
	}}
}

// missingAnswer is a sign-in by a provider that lacks something.
type missingAnswer struct {
	RegistrationRequired bool      `json:"registration_required" enum:"true"`
	SocialToken          string    `json:"social_token,omitempty" doc:"For /social/complete. Omitted if you asked for cookies, and where you have sent it."`
	ExpiresIn            int64     `json:"expires_in" doc:"Seconds until it ends if it is not completed."`
	Missing              []string  `json:"missing" doc:"email: an address; email_code: the code that was sent to the suggested address; connect: your consent; else fields, as they are sent."`
	Suggested            suggested `json:"suggested"`
}

type suggested struct {
	Email     string `json:"email,omitempty"`
	Username  string `json:"username,omitempty"`
	FirstName string `json:"first_name,omitempty"`
	LastName  string `json:"last_name,omitempty"`
	Account   string `json:"account,omitempty" doc:"With connect: the account's address, with most of it hidden."`
}

func missingOf(w *federated.Waits) missingAnswer {
	s := w.Suggested
	return missingAnswer{RegistrationRequired: true, SocialToken: w.Token, ExpiresIn: seconds(w.ExpiresIn), Missing: append([]string{}, w.Missing...),
		Suggested: suggested{Email: s.Email, Username: s.Username, FirstName: s.FirstName, LastName: s.LastName, Account: s.Account}}
}

// NativeBody is what an app has got from a provider.
type NativeBody struct {
	IDToken      string `json:"id_token,omitempty"`
	Nonce        string `json:"nonce,omitempty" doc:"The one that the id_token was asked for with."`
	Code         string `json:"code,omitempty" doc:"In place of an id_token."`
	CodeVerifier string `json:"code_verifier,omitempty" doc:"Of PKCE, with code."`
	RedirectURI  string `json:"redirect_uri,omitempty" doc:"That the code was asked for with."`
	AccessToken  string `json:"access_token,omitempty" doc:"Of google, facebook and github. It counts once the provider has said that it was given to this client."`
}

func (b NativeBody) empty() bool { return b.IDToken == "" && b.Code == "" && b.AccessToken == "" }

func (b NativeBody) native() idp.Native {
	return idp.Native{IDToken: b.IDToken, Nonce: b.Nonce, Code: b.Code, Verifier: b.CodeVerifier, RedirectURI: b.RedirectURI, AccessToken: b.AccessToken}
}

// check demands one proof, whole.
func (b NativeBody) check() error {
	given := 0
	for _, s := range []string{b.IDToken, b.Code, b.AccessToken} {
		if s != "" {
			given++
		}
	}
	if given != 1 {
		return authcore.Refuse(authcore.InvalidRequest, "Send one of id_token, code and access_token.")
	}
	if b.Code != "" {
		return required("code_verifier", b.CodeVerifier, "redirect_uri", b.RedirectURI)
	}
	return nil
}

type socialTokenBody struct {
	NativeBody
	FirstName  string `json:"first_name,omitempty" doc:"What the provider does not say."`
	LastName   string `json:"last_name,omitempty"`
	Invitation string `json:"invitation,omitempty" doc:"Token of an invitation, for a new account."`
	SignInBody
	TrapBody
}

func (b socialTokenBody) byCookie(*http.Request, httpauth.RequestInfo) bool { return b.Cookies }

func (c *socialCalls) token(x *call, body socialTokenBody) error {
	device, err := identifier.DeviceName(body.DeviceName)
	if err != nil {
		var broken authcore.FieldErrors
		broken.AddError("device_name", err)
		return broken.Refusal()
	}
	body.DeviceName = device
	if err := body.check(); err != nil {
		return err
	}
	trapped := body.fell(x.trap)
	if trapped {
		defer x.trap.FieldFilled(x.w, x.r, x.in)()
	}
	res, err := c.flow.Token(x.r.Context(), federated.TokenInput{Provider: x.r.PathValue("id"), Native: body.native(), FirstName: body.FirstName,
		LastName: body.LastName, Invitation: body.Invitation, Trapped: trapped, Request: x.request(body.SignInBody)})
	if err != nil {
		return err
	}
	return c.answer(x, res)
}

// answer answers with what a way in by a provider has led to.
func (c *socialCalls) answer(x *call, res federated.Result) error {
	cookie := httpauth.SocialCookie.Of(httpauth.SocialToken)
	if res.Waits == nil {
		if cookie.Read(x.r, x.in.Cookies()) != "" {
			cookie.Clear(x.w.Header(), x.in.Cookies())
		}
		return x.answerSignIn(*res.Outcome, c.sessions, c.log)
	}
	if res.Waits.Sent {
		return x.answer(http.StatusAccepted, codeSent{"code_sent", seconds(res.Waits.ExpiresIn)})
	}
	answer := missingOf(res.Waits)
	if res.Waits.Mode == authcore.ModeCookie && answer.SocialToken != "" {
		answer.SocialToken = ""
		if err := cookie.Set(x.w.Header(), x.in.Cookies(), res.Waits.Token); err != nil {
			return err
		}
	}
	return x.answer(http.StatusOK, answer)
}

type completeBody struct {
	SocialToken string         `json:"social_token,omitempty" doc:"If omitted, the one in the cookie."`
	Email       string         `json:"email,omitempty" doc:"Has a code sent to it." example:"ada@example.com"`
	OTP         string         `json:"otp,omitempty" doc:"The code." example:"123456"`
	Connect     bool           `json:"connect,omitempty" doc:"Connect the account that was named."`
	Username    string         `json:"username,omitempty"`
	FirstName   string         `json:"first_name,omitempty"`
	LastName    string         `json:"last_name,omitempty"`
	Locale      string         `json:"locale,omitempty"`
	Fields      map[string]any `json:"fields,omitempty"`
	TrapBody
}

func (b completeBody) byCookie(r *http.Request, in httpauth.RequestInfo) bool {
	return b.SocialToken == "" && httpauth.SocialCookie.Of(httpauth.SocialToken).Read(r, in.Cookies()) != ""
}

func (c *socialCalls) complete(x *call, body completeBody) error {
	token, cookies := body.SocialToken, false
	if token == "" {
		token, cookies = httpauth.SocialCookie.Of(httpauth.SocialToken).Read(x.r, x.in.Cookies()), true
	}
	trapped := body.fell(x.trap)
	if trapped {
		defer x.trap.FieldFilled(x.w, x.r, x.in)()
	}
	res, err := c.flow.Complete(x.r.Context(), federated.CompleteInput{Token: token, Email: body.Email, OTP: body.OTP, Connect: body.Connect,
		Given:   signup.RegisterInput{Trapped: trapped, Username: body.Username, FirstName: body.FirstName, LastName: body.LastName, Locale: body.Locale, Fields: body.Fields},
		Request: x.request(SignInBody{Cookies: cookies})})
	if err != nil {
		return err
	}
	return c.answer(x, res)
}

// logoutRefused is the error of Back-Channel Logout 1.0 §2.8.
type logoutRefused struct {
	Error string `json:"error" enum:"invalid_request"`
}

func (c *socialCalls) logout(x *call) error {
	token := ""
	if text, err := readAll(x.w, x.r); err == nil {
		form, err := url.ParseQuery(string(text))
		if err == nil && len(form["logout_token"]) == 1 {
			token = form.Get("logout_token")
		}
	}
	err := c.flow.Logout(x.r.Context(), x.r.PathValue("id"), token, x.in.Client)
	if authcore.CodeOf(err) == authcore.InvalidProviderAnswer {
		return x.answer(http.StatusBadRequest, logoutRefused{"invalid_request"})
	}
	if err != nil {
		return err
	}
	x.w.WriteHeader(http.StatusOK)
	return nil
}
