// Package constancejwt is the dialect `constance_jwt`: the API of a Django app whose access tokens live for seconds and whose refresh
// tokens are UUIDs (RFC 9562 §5.4), with lifetimes that django-constance changes while it runs.
package constancejwt

import (
	"net/http"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/drf"
)

// Name is that of the dialect.
const Name = "constance_jwt"

// maxUsername is the length of what is called a username, in characters.
const maxUsername = 150

// New returns the dialect. admin is a path that leads to the console, "" for none.
func New(admin string) dialect.Dialect {
	return dialect.Dialect{
		Name: Name, Title: "Accounts", Intercept: show,
		Beside: func(prefix string) map[string]func(*dialect.Call) {
			pages := map[string]func(*dialect.Call){prefix + docs: page, prefix + docs + "/*": page}
			if admin != "" {
				pages[admin] = toConsole
			}
			return pages
		},
		Prefix: "/api", LoginField: "email", UserID: dialect.UserIDNumber,
		Form: dialect.Form{Lifetimes: dialect.Lifetimes{Access: 30 * time.Second, Refresh: 30 * 24 * time.Hour}, Access: claims},
		Routes: []dialect.Route{
			{Action: "register", Method: http.MethodPost, Path: "/register", Summary: "Register", Limit: authcore.LimitRegister,
				Fields: []drf.Field{{Name: "email", Email: true}, {Name: "password", Secret: true}}, Replies: []int{201, 400, 403, 429}, Do: register},
			{Action: "login", Method: http.MethodPost, Path: "/login", Summary: "Login", Limit: authcore.LimitLogin,
				Fields: []drf.Field{{Name: dialect.LoginName}, {Name: "password", Secret: true}, dialect.Signing}, Replies: []int{200, 400, 401, 403, 429}, Do: login},
			{Action: "refresh", Method: http.MethodPost, Path: "/refresh", Summary: "Refresh", Limit: authcore.LimitRefresh,
				Fields: []drf.Field{{Name: "refresh_token"}}, Replies: []int{200, 400, 401, 429}, Do: refresh},
			{Action: "logout", Method: http.MethodPost, Path: "/logout", Summary: "Logout", Limit: authcore.LimitRefresh,
				Fields: []drf.Field{{Name: "refresh_token"}}, Replies: []int{200, 400, 401, 429}, Do: logout},
			{Action: "me", Method: http.MethodGet, Path: "/me", Summary: "Me", User: true, Replies: []int{200, 401}, Do: me},
			{Action: "me", Method: http.MethodPut, Path: "/me", Summary: "Me", User: true,
				Fields: []drf.Field{{Name: "username", Blank: true, Max: maxUsername}}, Replies: []int{200, 400, 401, 403}, Do: rename},
		},
	}
}

// claims are those of the app's own tokens, and the session.
func claims(i dialect.Issued) []jwtkeys.Member {
	all := []jwtkeys.Member{{Name: "user_id", Value: i.UserID}}
	if name := i.Account.Name(); name != "" {
		all = append(all, jwtkeys.Member{Name: "username", Value: name})
	}
	return append(all, jwtkeys.Member{Name: "exp", Value: i.ExpiresAt}, jwtkeys.Member{Name: "iat", Value: i.IssuedAt}, jwtkeys.Member{Name: "sid", Value: i.Session})
}

func register(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	number, err := x.Register(signup.RegisterInput{Email: body["email"], Password: body["password"]})
	return drf.Answer{Status: http.StatusCreated, Body: drf.Object{{Name: "id", Value: number}, {Name: "email", Value: body["email"]}}}, err
}

func rename(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	a, err := x.Rename(body["username"])
	return user(a), err
}

func login(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	tokens, err := x.SignIn(body[dialect.LoginName], body["password"], body)
	return pair(tokens), err
}

func pair(t session.Tokens) drf.Answer {
	return drf.Answer{Status: http.StatusOK, Body: drf.Object{{Name: "access_token", Value: t.Access}, {Name: "refresh_token", Value: t.Refresh}}}
}

func refresh(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	p, err := x.Presented(body["refresh_token"])
	if err != nil {
		return drf.Answer{}, err
	}
	tokens, err := x.Rotate(p)
	return pair(tokens), err
}

// logout answers for a token that ends nothing as for a bad one, as the app did.
func logout(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	p, err := x.Presented(body["refresh_token"])
	if err != nil {
		return drf.Answer{}, err
	}
	ended, err := x.End(p)
	if err == nil && !ended {
		err = session.InvalidRefresh()
	}
	return drf.Answer{Status: http.StatusOK, Body: drf.Object{{Name: "success", Value: "User logged out."}}}, err
}

func me(x *dialect.Call, _ drf.Values) (drf.Answer, error) {
	a, err := x.Account()
	return user(a), err
}

func user(a authcore.Account) drf.Answer {
	return drf.Answer{Status: http.StatusOK, Body: drf.Object{{Name: "id", Value: a.Number}, {Name: "username", Value: a.Name()}, {Name: "email", Value: a.Email}}}
}
