package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// tokenCalls renew, end and explain tokens.
type tokenCalls struct {
	sessions *session.Sessions
	auth     *httpauth.Authenticator
	dialect  func(ctx context.Context, token string) (map[string]any, error) // nil: there are none
}

func (c *tokenCalls) routes() []route {
	return []route{{
		method: http.MethodPost, path: "/refresh", tag: tagTokens, summary: "Renew a token pair",
		text: "A refresh token works once. If the same client sends it again within ten seconds, it gets the same answer. If it comes later, it " +
			"counts as stolen and the session ends. A token from a cookie is always answered with cookies.",
		limit: authcore.LimitRefresh, does: bodyOrCookie(c.refresh), optional: true, cookies: []scheme{refreshScheme},
		replies: []reply{{http.StatusOK, pairText, tokenPair{}}},
		refuses: []authcore.Code{authcore.InvalidRefreshToken, authcore.RefreshTokenReused},
	}, {
		method: http.MethodPost, path: "/logout", tag: tagTokens, summary: "Sign out",
		text: "Ends every session that the request has a token of: a bearer token, a refresh token in the body, or a browser's cookies. " +
			"Expired tokens work too, and tokens that are unknown or already invalid are no error. One exception: an invalid bearer token " +
			"together with cookies is refused, because the bearer token wins. Sessions on other hosts that came from this one end too. With `everywhere`, " +
			"the session that this one came from ends as well, with all that came from it.",
		does: bodyOrCookie(c.logout), optional: true, cookies: []scheme{bearerScheme, accessScheme, refreshScheme},
		replies: []reply{{http.StatusNoContent, "Signed out. The tokens are no longer valid.", nil}},
		refuses: []authcore.Code{authcore.InvalidToken},
	}, {
		method: http.MethodPost, path: "/token/verify", tag: tagTokens, summary: "Check a token",
		text:  "Takes an access token or a refresh token. It changes nothing, and says nothing about an invalid token (RFC 7662).",
		limit: authcore.LimitTokenVerify, does: anonymousWith(c.inspect),
		replies: []reply{{http.StatusOK, "Whether the token is valid, and its claims if it is.", tokenState{}}},
		refuses: []authcore.Code{authcore.InvalidFields},
	}}
}

type refreshBody struct {
	RefreshToken string `json:"refresh_token,omitempty" doc:"If omitted, the one in the cookie."`
	Cookies      bool   `json:"cookies,omitempty" doc:"Set cookies instead of returning tokens."`
}

func (b refreshBody) byCookie(r *http.Request, in httpauth.RequestInfo) bool {
	return b.Cookies || b.RefreshToken == "" && httpauth.ReadCookie(r, in.Cookies().Refresh()) != ""
}

// refresh answers a token from a cookie in cookies, whatever the body asks for: a script could otherwise trade the
// HttpOnly cookie for tokens it can read.
func (c *tokenCalls) refresh(x *call, body refreshBody) error {
	token, mode := body.RefreshToken, modeOf(body.Cookies)
	fromCookie := token == ""
	if fromCookie {
		token, mode = httpauth.ReadCookie(x.r, x.in.Cookies().Refresh()), authcore.ModeCookie
	}
	if token == "" {
		return authcore.Refuse(authcore.InvalidRefreshToken, "The request contains no refresh token.")
	}
	tokens, err := c.sessions.Refresh(x.r.Context(), token, mode, x.in.Client)
	if err != nil {
		if fromCookie && httpauth.IsDeadRefresh(err) {
			c.auth.ClearDeadCookies(x.w.Header(), x.r, x.in.Cookies())
		}
		return err
	}
	return x.answerTokens(tokens)
}

type logoutBody struct {
	RefreshToken string `json:"refresh_token,omitempty"`
	Everywhere   bool   `json:"everywhere,omitempty" doc:"Sign out of every host that this sign-in was handed over to."`
}

// What was given by hand speaks for itself.
func (b logoutBody) byCookie(r *http.Request, in httpauth.RequestInfo) bool {
	given, err := httpauth.FindCredentials(r, in.Cookies(), in.ServesHost)
	return err == nil && given.Kind() == authcore.SessionCookie && b.RefreshToken == ""
}

// logout ends every session that the request holds a token of. Tokens that are dead already or name nothing are no error:
// what was asked for is the case (RFC 7009 §2.2). Only where cookies stand beside a bearer token that names nothing it is one:
// they do not speak, so their session lives on, and the browser must not believe otherwise.
func (c *tokenCalls) logout(x *call, body logoutBody) error {
	given, err := httpauth.FindCredentials(x.r, x.in.Cookies(), x.in.ServesHost)
	if err != nil && !authcore.IsAnonymous(err) { // a bearer token of no length names nothing either
		return err
	}
	if body.byCookie(x.r, x.in) {
		if err := c.auth.EndCookies(x.w, x.r, x.in, body.Everywhere); err != nil {
			return err
		}
	}
	end, endByRefresh := c.sessions.Ends(body.Everywhere)
	if given.Kind() == authcore.BearerToken {
		p, known := c.auth.SessionOf(given.Token(), authcore.BearerToken)
		switch {
		case p != nil:
			if err := end(x.r.Context(), p, x.in.Client); err != nil {
				return err
			}
		case !known && body.RefreshToken == "" && x.in.Cookies().HasSession(x.r):
			return httpauth.ErrInvalidToken
		}
	}
	if body.RefreshToken != "" {
		if err := endByRefresh(x.r.Context(), body.RefreshToken, x.in.Client); err != nil {
			return err
		}
	}
	return x.done()
}

type inspectBody struct {
	Token string `json:"token" minLength:"1"`
}

// inspect tells whether a token is good now, and what it says. Of a token that is not, nothing is told (RFC 7662 §2.2).
// An access token from a cookie is none of the kinds it knows.
func (c *tokenCalls) inspect(x *call, body inspectBody) error {
	if err := required("token", body.Token); err != nil {
		return err
	}
	answer := any(inactive{})
	if strings.HasPrefix(body.Token, session.Prefix) {
		sess, account, err := c.sessions.InspectRefresh(x.r.Context(), body.Token)
		switch {
		case err == nil:
			answer = refreshClaims{true, "refresh_token", account.ID, sess.ID, sess.RefreshExpiresAt.Unix()}
		case !errors.Is(err, authcore.ErrNotFound):
			return err
		}
	} else if live, err := c.auth.IsLive(body.Token); err != nil {
		return err
	} else if live {
		claims, err := claimsOf(body.Token)
		if err != nil {
			return err
		}
		answer = claims
	} else if c.dialect != nil {
		says, err := c.dialect(x.r.Context(), body.Token)
		if err != nil {
			return err
		}
		if says != nil {
			answer = says
		}
	}
	return x.answer(http.StatusOK, answer)
}
