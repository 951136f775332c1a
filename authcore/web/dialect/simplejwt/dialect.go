package simplejwt

import (
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/drf"
)

// Name is that of the dialect.
const Name = "simplejwt"

// Options are the settings of the package that an operator chooses.
type Options struct {
	// Rotate: a refresh also answers another refresh token (ROTATE_REFRESH_TOKENS). Blacklist: the former one is dead then
	// (BLACKLIST_AFTER_ROTATION); without it that stays good until its own end.
	Rotate, Blacklist bool
	// RevokeOnPasswordChange: tokens of before a change of the password are told that it was changed (CHECK_REVOKE_TOKEN). They are dead
	// in any case.
	RevokeOnPasswordChange bool
}

// api is the calls, with the options that they have.
type api struct{ Options }

// New returns the dialect with some options.
func New(o Options) dialect.Dialect {
	a := api{o}
	token := func(name string) []drf.Field { return []drf.Field{{Name: name}} }
	return dialect.Dialect{
		Name: Name, Title: "djangorestframework-simplejwt", Prefix: "/api",
		LoginField: "username", UserID: dialect.UserIDText, Failure: a.failure, Refused: a.refused, Options: options,
		Form: dialect.Form{
			Lifetimes: dialect.Lifetimes{Access: 5 * time.Minute, Refresh: 24 * time.Hour},
			Access:    a.claims("access"), Refresh: a.claims("refresh"), Stays: !o.Rotate || !o.Blacklist,
		},
		Routes: []dialect.Route{{
			Action: "obtain", Method: http.MethodPost, Path: "/token", Summary: "Token Obtain Pair", Limit: authcore.LimitLogin,
			Fields:  []drf.Field{{Name: dialect.LoginName}, {Name: "password", Secret: true}, dialect.Signing},
			Replies: []int{http.StatusOK, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests}, Do: a.obtain,
		}, {
			Action: "refresh", Method: http.MethodPost, Path: "/token/refresh", Summary: "Token Refresh", Limit: authcore.LimitRefresh,
			Fields:  token("refresh"),
			Replies: []int{http.StatusOK, http.StatusBadRequest, http.StatusUnauthorized, http.StatusTooManyRequests}, Do: a.refresh,
		}, {
			Action: "verify", Method: http.MethodPost, Path: "/token/verify", Summary: "Token Verify", Limit: authcore.LimitDialectVerify,
			Fields:  token("token"),
			Replies: []int{http.StatusOK, http.StatusBadRequest, http.StatusUnauthorized, http.StatusTooManyRequests}, Do: a.verify,
		}, {
			Action: "blacklist", Method: http.MethodPost, Path: "/token/blacklist", Summary: "Token Blacklist", Limit: authcore.LimitRefresh,
			Fields:  token("refresh"),
			Replies: []int{http.StatusOK, http.StatusBadRequest, http.StatusUnauthorized, http.StatusTooManyRequests}, Do: a.blacklist,
		}, {
			Action: "either", Method: http.MethodPost, Summary: "Token Verify or Refresh", Limit: authcore.LimitRefresh,
			Fields:  []drf.Field{{Name: "token", Optional: true}, {Name: "refresh", Optional: true}},
			Replies: []int{http.StatusOK, http.StatusBadRequest, http.StatusUnauthorized, http.StatusTooManyRequests}, Do: a.either,
		}},
	}
}

// claims are those of the package's tokens, in its order.
func (a api) claims(kind string) func(dialect.Issued) []jwtkeys.Member {
	return func(i dialect.Issued) []jwtkeys.Member {
		return []jwtkeys.Member{{Name: "token_type", Value: kind}, {Name: "exp", Value: i.ExpiresAt}, {Name: "iat", Value: i.IssuedAt}, {Name: "jti", Value: i.ID},
			{Name: "user_id", Value: i.UserID}, {Name: "sid", Value: i.Session}}
	}
}

// failure tells refusals of the flows as the package does.
func (a api) failure(x *dialect.Call, err error) *drf.Failure {
	switch authcore.CodeOf(err) {
	case authcore.InvalidCredentials, authcore.AccountNotVerified: // an account that is not active is none
		return drf.Detail(http.StatusUnauthorized, "No active account found with the given credentials")
	case authcore.InvalidCode:
		return drf.Invalid(dialect.Signing.Name, "The code is wrong or has expired.")
	}
	return drf.FromError(x.R, x.Flows.Logger, err, x.Renamed())
}

// refused says why an access token does not do, as the package says it before any view. err is what the authenticator has said of it.
func (a api) refused(x *dialect.Call, raw string, err error) error {
	if authcore.CodeOf(err) != authcore.InvalidToken {
		return err
	}
	t, wrong := check(x, raw, jwtkeys.ForeignAccess)
	if wrong != "" {
		return notForAnyType(wrong)
	}
	account, err := x.Flows.Accounts.AccountByID(x.Context(), uuid.MustParse(t.Claims.Subject))
	switch {
	case errors.Is(err, authcore.ErrNotFound):
		return drf.DetailCode(http.StatusUnauthorized, "User not found", "user_not_found")
	case err != nil:
		return err
	case account.Disabled():
		return drf.DetailCode(http.StatusUnauthorized, "User is inactive", "user_inactive")
	}
	switch changed, err := a.passwordChanged(x, t.Claims); {
	case err != nil:
		return err
	case changed:
		return drf.DetailCode(http.StatusUnauthorized, "The user's password has been changed.", "password_changed")
	}
	return notForAnyType(blacklisted)
}

// notForAnyType is what the package answers where a request needs an access token and has another.
func notForAnyType(message string) *drf.Failure {
	return &drf.Failure{Answer: drf.Answer{Status: http.StatusUnauthorized, Body: drf.Object{
		{Name: "detail", Value: "Given token not valid for any token type"}, {Name: "code", Value: notValid},
		{Name: "messages", Value: []drf.Object{{
			{Name: "token_class", Value: "AccessToken"}, {Name: "token_type", Value: "access"}, {Name: "message", Value: message},
		}}},
	}}}
}

const notValid = "token_not_valid"

// invalid is what the package answers about a token in a body.
func invalid(message string) *drf.Failure {
	return drf.DetailCode(http.StatusUnauthorized, message, notValid)
}

// descriptions are what OPTIONS tells of each call.
var descriptions = map[string]string{
	"obtain": "Takes a set of user credentials and returns an access and refresh JSON web\n" +
		"token pair to prove the authentication of those credentials.",
	"refresh": "Takes a refresh type JSON web token and returns an access type JSON web\n" +
		"token if the refresh token is valid.",
	"verify": "Takes a token and indicates if it is valid.  This view provides no\n" +
		"information about a token's fitness for a particular use.",
	"blacklist": "Takes a token and blacklists it. Must be used with the\n" +
		"`rest_framework_simplejwt.token_blacklist` app installed.",
}

// options answers OPTIONS as DRF does of the package's views. The field otp is left out: clients that make forms of this do not know it.
func options(x *dialect.Call, routes []*dialect.Route) (drf.Answer, error) {
	to := routes[0]
	var fields []drf.Description
	for _, f := range x.Named(to.Fields) {
		if f.Name != dialect.Signing.Name {
			fields = append(fields, drf.Description{Field: f})
		}
	}
	if to.Action == "refresh" {
		fields = append(fields, drf.Description{Field: drf.Field{Name: "access"}, ReadOnly: true})
	}
	return drf.Metadata(to.Summary, descriptions[to.Action], to.Method, fields...), nil
}
