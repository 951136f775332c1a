package httpapi

import (
	"log/slog"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/setup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// setupCalls make the first administrator.
type setupCalls struct {
	flow     *setup.Flow
	sessions *session.Sessions
	log      *slog.Logger
}

func (c *setupCalls) routes() []route {
	return []route{{
		method: http.MethodPost, path: "/setup", tag: tagSignUp, summary: "Make the first administrator",
		text: "Takes the token of the set-up link: a gateway without accounts prints one when it starts, and `gatehouse user setup-link` prints one at any time. " +
			"The link works once. The account signs in at once; the address counts as verified once the mail to it is confirmed.",
		limit: authcore.LimitVerify, does: bodyOrCookie(c.setUp),
		replies: []reply{{http.StatusCreated, signInText, signInAnswer{}}},
		refuses: []authcore.Code{authcore.InvalidFields, authcore.InvalidCode, authcore.NotFound, authcore.Conflict},
	}}
}

type setupBody struct {
	Token    string `json:"token" doc:"The token in the set-up link."`
	Email    string `json:"email" format:"email" maxLength:"254" example:"ada@example.com"`
	Password string `json:"password,omitempty" doc:"May be left out where a code or link signs in, and must be where no password does (GET /config)." example:"winter granite lantern 7"`
	Username string `json:"username,omitempty" pattern:"^([A-Za-z0-9._-]{3,32})?$" doc:"Stored in lower case; some words are reserved."`
	SignInBody
}

func (b setupBody) byCookie(*http.Request, httpauth.RequestInfo) bool { return b.Cookies }

func (c *setupCalls) setUp(x *call, body setupBody) error {
	if err := required("token", body.Token); err != nil {
		return err
	}
	out, err := c.flow.SetUp(x.r.Context(), setup.Input{
		Token: body.Token, Email: body.Email, Password: body.Password, Username: body.Username,
		Request: x.request(body.SignInBody),
	})
	if err != nil {
		return err
	}
	return x.answerSignInAs(http.StatusCreated, out, c.sessions, c.log)
}
