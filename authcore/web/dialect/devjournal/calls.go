package devjournal

import (
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/drf"
)

// register echoes what was sent, as the account will have it: in lower case the username.
func register(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	number, err := x.Register(signup.RegisterInput{Username: body["username"], Email: body["email"], Password: body["password"]})
	return account(http.StatusCreated, number, strings.ToLower(body["username"]), body["email"]), err
}

func account(status int, number int64, username, email string) drf.Answer {
	return drf.Answer{Status: status, Body: drf.Object{{Name: "id", Value: number}, {Name: "username", Value: username}, {Name: "email", Value: email}}}
}

// verify signs nobody in: its clients go on to login.
func verify(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	_, err := x.Flows.SignUp.Verify(x.Context(), signup.VerifyInput{Token: body["token"], Password: body["password"], NewPassword: body["new_password"],
		NoSession: true, Request: session.Request{Client: x.Info.Client}})
	return done(), err
}

func login(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	tokens, err := x.SignIn(body[dialect.LoginName], body["password"], body)
	return drf.Answer{Status: http.StatusOK, Body: drf.Object{{Name: "token", Value: tokens.Access}}}, err
}

func user(x *dialect.Call, _ drf.Values) (drf.Answer, error) {
	a, err := x.Account()
	return account(http.StatusOK, a.Number, a.Username, a.Email), err
}

func logout(x *dialect.Call, _ drf.Values) (drf.Answer, error) {
	return drf.Answer{Status: http.StatusNoContent}, x.Flows.Sessions.End(x.Context(), x.Who, x.Info.Client)
}

// change ends every session of the account, this one too.
func change(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	return done(), x.Flows.Password.Change(x.Context(), password.ChangeInput{AccountID: x.Who.AccountID, Current: body["old_password"], New: body["new_password"],
		Client: x.Info.Client})
}

// reset answers alike for every address.
func reset(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	return done(), x.Flows.Password.Forgot(x.Context(), body["email"], x.Info.Client)
}

// confirm ends every session of the account, and signs nobody in.
func confirm(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	return done(), x.Flows.Password.Reset(x.Context(), password.ResetInput{Token: body["token"], NewPassword: body["new_password"], Client: x.Info.Client})
}

func done() drf.Answer { return drf.Answer{Status: http.StatusOK, Body: drf.Object{}} }
