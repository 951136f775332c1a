// Package devjournal is the dialect `dev_journal`: the API of Django apps whose mobile clients register, confirm a link that was mailed, and keep
// one JSON Web Token until they sign out.
package devjournal

import (
	"net/http"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/drf"
)

// Name is that of the dialect.
const Name = "dev_journal"

// lifetime is that of a token, and of its session: nothing renews it.
const lifetime = 14 * 24 * time.Hour

// maxUsername is the length of a username in characters, as Django has it.
const maxUsername = 150

// The actions that say a refusal in their own way.
const (
	actionLogin  = "login"
	actionChange = "change"
)

// New returns the dialect.
func New() dialect.Dialect {
	return dialect.Dialect{
		Name: Name, Title: "Accounts of the dev journal", Prefix: "/api/auth", Schemes: []string{"Bearer", "Token"}, AnyCase: true,
		LoginField: "username", UserID: dialect.UserIDText, Failure: failure,
		Form:   dialect.Form{Lifetimes: dialect.Lifetimes{Single: lifetime}, Access: claims},
		Routes: append(accountRoutes(), passwordRoutes()...),
	}
}

func accountRoutes() []dialect.Route {
	username, password := drf.Field{Name: "username", Max: maxUsername}, secret("password", false)
	return []dialect.Route{
		{Action: "register", Method: http.MethodPost, Path: "/register", Summary: "Register", Limit: authcore.LimitRegister,
			Fields: []drf.Field{username, {Name: "email", Email: true}, password}, Replies: []int{201, 400, 403, 429}, Do: register},
		{Action: "verify", Method: http.MethodPost, Path: "/verify", Summary: "Verify the address", Limit: authcore.LimitVerify,
			Fields: []drf.Field{{Name: "token"}, secret("password", true), secret("new_password", true)}, Replies: []int{200, 400, 403, 429}, Do: verify},
		{Action: actionLogin, Method: http.MethodPost, Path: "/login", Summary: "Login", Limit: authcore.LimitLogin,
			Fields: []drf.Field{{Name: dialect.LoginName}, password, dialect.Signing}, Replies: []int{200, 400, 401, 403, 429}, Do: login},
		{Action: "user", Method: http.MethodGet, Path: "/user", Summary: "User", User: true, Replies: []int{200, 401}, Do: user},
		{Action: "logout", Method: http.MethodPost, Path: "/logout", Summary: "Logout", User: true, Replies: []int{204, 401}, Do: logout},
	}
}

func passwordRoutes() []dialect.Route {
	chosen := secret("new_password", false)
	return []dialect.Route{
		{Action: actionChange, Method: http.MethodPost, Path: "/password/change", Summary: "Change the password", User: true, Limit: authcore.LimitLogin,
			Fields: []drf.Field{secret("old_password", false), chosen}, Replies: []int{200, 400, 401, 429}, Do: change},
		{Action: "reset", Method: http.MethodPost, Path: "/password/reset", Summary: "Ask for a new password", Limit: authcore.LimitForgot,
			Fields: []drf.Field{{Name: "email", Email: true}}, Replies: []int{200, 400, 429}, Do: reset},
		{Action: "confirm", Method: http.MethodPost, Path: "/password/reset/confirm", Summary: "Set a new password", Limit: authcore.LimitForgot,
			Fields: []drf.Field{{Name: "token"}, chosen}, Replies: []int{200, 400, 429}, Do: confirm},
	}
}

func secret(name string, optional bool) drf.Field {
	return drf.Field{Name: name, Secret: true, Optional: optional}
}

// claims are those of a token: who it is of, how long it lives, and the session.
func claims(i dialect.Issued) []jwtkeys.Member {
	all := []jwtkeys.Member{{Name: "user_id", Value: i.UserID}}
	if i.Account.Username != "" {
		all = append(all, jwtkeys.Member{Name: "username", Value: i.Account.Username})
	}
	return append(all, jwtkeys.Member{Name: "exp", Value: i.ExpiresAt}, jwtkeys.Member{Name: "iat", Value: i.IssuedAt},
		jwtkeys.Member{Name: "jti", Value: i.ID}, jwtkeys.Member{Name: "sid", Value: i.Session})
}

// failure tells refusals of the flows as the app does.
func failure(x *dialect.Call, err error) *drf.Failure {
	switch authcore.CodeOf(err) {
	case authcore.InvalidToken:
		return drf.Detail(http.StatusUnauthorized, "Invalid token.")
	case authcore.AccountNotVerified:
		return drf.Detail(http.StatusForbidden, "Account is not activated.")
	case authcore.InvalidCredentials:
		if x.Route.Action == actionChange {
			return drf.Invalid("old_password", "Your old password was entered incorrectly. Please enter it again.")
		}
		return drf.NonField("Unable to log in with provided credentials.")
	case authcore.InvalidCode:
		if x.Route.Action == actionLogin {
			return drf.Invalid(dialect.Signing.Name, "The code is wrong or has expired.")
		}
		return drf.Invalid("token", "The token is invalid or has expired.")
	}
	return drf.FromError(x.R, x.Flows.Logger, err, x.Renamed())
}
