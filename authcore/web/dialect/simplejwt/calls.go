package simplejwt

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/history"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/drf"
)

func (a api) obtain(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	t, err := x.SignIn(body[dialect.LoginName], body["password"], body)
	if err != nil {
		return drf.Answer{}, err
	}
	return pair(t, true), nil
}

// pair answers with tokens; the refresh token comes first, as the package has it, or alone the access token.
func pair(t session.Tokens, first bool) drf.Answer {
	access, refresh := drf.Member{Name: "access", Value: t.Access}, drf.Member{Name: "refresh", Value: t.Refresh}
	switch {
	case t.Refresh == "":
		return drf.Answer{Status: 200, Body: drf.Object{access}}
	case first:
		return drf.Answer{Status: 200, Body: drf.Object{refresh, access}}
	}
	return drf.Answer{Status: 200, Body: drf.Object{access, refresh}}
}

func (a api) refresh(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	p, t, err := presented(x, body["refresh"])
	if err != nil {
		return drf.Answer{}, err
	}
	var tokens session.Tokens
	switch {
	case x.Dialect.Form.Stays:
		tokens, err = x.Renew(p, a.Rotate)
	default:
		tokens, err = x.Rotate(p)
	}
	if err != nil {
		return drf.Answer{}, a.dead(x, t, err)
	}
	return pair(tokens, false), nil
}

func (a api) blacklist(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	p, _, err := presented(x, body["refresh"])
	if err != nil {
		return drf.Answer{}, err
	}
	ended, err := x.End(p)
	if err == nil && !ended {
		err = invalid(blacklisted)
	}
	if err != nil {
		return drf.Answer{}, err
	}
	return drf.Answer{Status: 200, Body: drf.Object{}}, nil
}

func (a api) either(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	switch {
	case body.Given("token"):
		return a.verify(x, body)
	case body.Given("refresh"):
		return a.refresh(x, body)
	}
	return drf.Answer{}, drf.Invalid("token", drf.Required())
}

const blacklisted = "Token is blacklisted"

// check says what is wrong with a token as the package does, in its order: signature and end, id, type; "" for nothing. use is the type; ""
// for any.
func check(x *dialect.Call, raw string, use jwtkeys.ForeignUse) (t jwtkeys.ForeignToken, wrong string) {
	t, err := x.Open(raw)
	switch {
	case errors.Is(err, jwtkeys.ErrExpired):
		return t, "Token is expired"
	case err != nil && t.Members != nil: // whoever made it has the key too, and is not the gateway
		return t, foreign(x, t, use)
	case err != nil:
		return t, "Token is invalid"
	case use != "" && t.Use != use:
		return t, "Token has wrong type"
	}
	return t, ""
}

// open is check for a token in a body: the error is what the package answers.
func open(x *dialect.Call, raw string, use jwtkeys.ForeignUse) (jwtkeys.ForeignToken, error) {
	t, wrong := check(x, raw, use)
	if wrong != "" {
		return t, invalid(wrong)
	}
	return t, nil
}

// presented checks a refresh token, as open does.
func presented(x *dialect.Call, raw string) (p session.Presented, t jwtkeys.ForeignToken, err error) {
	if t, err = open(x, raw, jwtkeys.ForeignRefresh); err == nil {
		p, err = x.PresentedJWT(raw, t)
	}
	return p, t, err
}

// foreign says what the package would find wrong with a token that is signed by its key, or that it is invalid where it would find nothing: a
// token that belongs to no session of the gateway is not accepted.
func foreign(x *dialect.Call, t jwtkeys.ForeignToken, use jwtkeys.ForeignUse) string {
	_, hasExp := t.Members["exp"]
	_, hasID := t.Members["jti"]
	_, hasType := t.Members["token_type"]
	exp, err := strconv.ParseInt(string(t.Members["exp"]), 10, 64)
	isTime := err == nil
	switch {
	case !hasExp:
		return "Token has no 'exp' claim"
	case isTime && exp <= x.Flows.Now().Unix():
		return "Token is expired"
	case !isTime:
		return "Token is invalid"
	case !hasID:
		return "Token has no id"
	case use != "" && !hasType:
		return "Token has no type"
	case use != "" && t.Text("token_type") != string(use):
		return "Token has wrong type"
	}
	return "Token is invalid"
}

// dead says why the session of a token that held is not live.
func (a api) dead(x *dialect.Call, t jwtkeys.ForeignToken, err error) error {
	switch authcore.CodeOf(err) {
	case authcore.InvalidRefreshToken, authcore.RefreshTokenReused:
	default:
		return err
	}
	account, lookErr := x.Flows.Accounts.AccountByID(x.Context(), uuid.MustParse(t.Claims.Subject)) // its own: Sign has written it
	switch {
	case errors.Is(lookErr, authcore.ErrNotFound) || lookErr == nil && account.Disabled():
		return drf.Detail(401, "No active account found for the given token.")
	case lookErr != nil:
		return lookErr
	}
	if changed, err := a.passwordChanged(x, t.Claims); err != nil || changed {
		if err == nil {
			err = drf.Detail(401, "The user's password has been changed.")
		}
		return err
	}
	return invalid(blacklisted)
}

// passwordChanged reports whether a token is of before a change of its account's password, where the option asks for it.
func (a api) passwordChanged(x *dialect.Call, c jwtkeys.Claims) (bool, error) {
	if !a.RevokeOnPasswordChange {
		return false, nil
	}
	changes, err := x.Flows.Accounts.AccountEvents(x.Context(), history.Query{AccountID: uuid.MustParse(c.Subject), Since: c.IssuedAt, Limit: 1,
		Kinds: []authcore.EventKind{authcore.EventPasswordChanged, authcore.EventPasswordReset, authcore.EventPasswordRemoved}})
	if err != nil {
		return false, fmt.Errorf("look for changes of the password: %w", err)
	}
	return len(changes) > 0, nil
}
