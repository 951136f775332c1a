package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge"
	"github.com/gatehouse-auth/gatehouse/authcore/session"
)

// tokenCalls renew, end and explain tokens.
type tokenCalls struct {
	sessions *session.Sessions
	door     *Door
}

func (c *tokenCalls) mount(to routes) {
	to.add(http.MethodPost, "/refresh", authcore.LimitRefresh, c.refresh)
	to.add(http.MethodPost, "/logout", "", c.logout)
	to.add(http.MethodPost, "/token/verify", authcore.LimitTokenVerify, c.inspect)
}

// refresh answers a token from a cookie in cookies, whatever the body asks for: a script could otherwise trade the
// HttpOnly cookie for tokens it can read.
func (c *tokenCalls) refresh(w http.ResponseWriter, r *http.Request, in Incoming) error {
	var body struct {
		RefreshToken string `json:"refresh_token"`
		Cookies      bool   `json:"cookies"`
	}
	if err := readOptionalBody(w, r, &body); err != nil {
		return err
	}
	token, mode := body.RefreshToken, modeOf(body.Cookies)
	fromCookie := token == ""
	if fromCookie {
		token, mode = ReadCookie(r, RefreshCookie(in.HTTPS)), authcore.ModeCookie
	}
	if token == "" {
		return authcore.Refuse(authcore.InvalidRefreshToken, "The request holds no refresh token.")
	}
	if mode == authcore.ModeCookie {
		if err := c.door.origins.Check(r, in.HTTPS); err != nil {
			return err
		}
	}
	tokens, err := c.sessions.Refresh(r.Context(), token, mode, in.Client)
	if err != nil {
		if fromCookie && isDeadRefresh(err) {
			ClearSessionCookies(w.Header(), in.HTTPS)
		}
		return err
	}
	return writeTokens(w, r, in, tokens)
}

// logout ends every session that the request holds a token of. Tokens that are dead already are no error: what was
// asked for is the case (RFC 7009 §2.2). An access token that cannot be read is one, for its session may live on.
func (c *tokenCalls) logout(w http.ResponseWriter, r *http.Request, in Incoming) error {
	var body struct {
		RefreshToken string `json:"refresh_token"`
	}
	if err := readOptionalBody(w, r, &body); err != nil {
		return err
	}
	raw, mode, err := Credential(r, in.HTTPS)
	if err != nil {
		return err
	}
	byCookie := ReadCookie(r, RefreshCookie(in.HTTPS))
	cookies := mode != authcore.ModeBearer && body.RefreshToken == "" && (raw != "" || byCookie != "")
	if cookies {
		if err := c.door.origins.Check(r, in.HTTPS); err != nil {
			return err
		}
	}
	if cookies {
		if err := c.door.EndCookies(w, r, in); err != nil {
			return err
		}
	}
	if mode == authcore.ModeBearer {
		p, outcome := c.door.verify(raw, mode, in)
		switch {
		case p != nil:
			if err := c.sessions.End(r.Context(), p, in.Client); err != nil {
				return err
			}
		case outcome == edge.Invalid && body.RefreshToken == "":
			return errBadToken()
		}
	}
	if body.RefreshToken != "" {
		if err := c.sessions.EndByRefresh(r.Context(), body.RefreshToken, in.Client); err != nil {
			return err
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// inspect tells whether a token is good now, and what it says. Of a token that is not, nothing is told (RFC 7662 §2.2).
// An access token from a cookie is none of the kinds it knows.
func (c *tokenCalls) inspect(w http.ResponseWriter, r *http.Request, in Incoming) error {
	var body struct {
		Token string `json:"token"`
	}
	if err := readBody(w, r, &body); err != nil {
		return err
	}
	if err := required("token", body.Token); err != nil {
		return err
	}
	answer := any(struct {
		Active bool `json:"active"`
	}{})
	if strings.HasPrefix(body.Token, session.Prefix) {
		sess, account, err := c.sessions.InspectRefresh(r.Context(), body.Token)
		switch {
		case err == nil:
			answer = refreshClaims{true, "refresh_token", account.ID, sess.ID, sess.RefreshExpiresAt.Unix()}
		case !errors.Is(err, authcore.ErrNotFound):
			return err
		}
	} else if _, outcome := c.door.verify(body.Token, authcore.ModeBearer, in); outcome == edge.Admitted {
		claims, err := claimsOf(body.Token)
		if err != nil {
			return err
		}
		answer = claims
	}
	writeJSON(w, r, http.StatusOK, "application/json", answer)
	return nil
}

type refreshClaims struct {
	Active    bool      `json:"active"`
	TokenType string    `json:"token_type"`
	Subject   uuid.UUID `json:"sub"`
	Session   uuid.UUID `json:"sid"`
	Expires   int64     `json:"exp"`
}

// claimsOf returns the claims of a token that has been verified, word for word.
func claimsOf(verified string) (map[string]json.RawMessage, error) {
	parts := strings.Split(verified, ".")
	if len(parts) != 3 {
		return nil, errors.New("read claims of a verified token: it has no three parts")
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, errors.New("read claims of a verified token: they are not base64url")
	}
	var claims map[string]json.RawMessage
	if err := json.Unmarshal(text, &claims); err != nil {
		return nil, errors.New("read claims of a verified token: they are no object")
	}
	claims["active"] = json.RawMessage("true")
	claims["token_type"] = json.RawMessage(`"access_token"`)
	return claims, nil
}
