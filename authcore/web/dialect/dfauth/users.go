package dfauth

import (
	"context"
	"net/http"
	"strconv"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/drf"
)

// user is an account as clients see it.
func user(status int, a authcore.Account) drf.Answer {
	return drf.Answer{Status: status, Body: drf.Object{{Name: "first_name", Value: a.FirstName}, {Name: "last_name", Value: a.LastName}, {Name: "username", Value: a.Username},
		{Name: "email", Value: a.Email}, {Name: "phone_number", Value: a.Phone}, {Name: "id", Value: strconv.FormatInt(a.Number, 10)}}}
}

// createUser signs up or, for who shows a token, invites.
func (d *api) createUser(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	sent := authcore.Account{FirstName: body["first_name"], LastName: body["last_name"], Username: body["username"], Email: body["email"], Phone: body["phone_number"]}
	if x.Who != nil {
		return d.invite(x, sent)
	}
	number, err := d.register(x, signup.RegisterInput{Email: sent.Email, Phone: sent.Phone, Username: sent.Username, FirstName: sent.FirstName, LastName: sent.LastName, Password: body["password"]})
	switch authcore.CodeOf(err) {
	case authcore.SignupClosed, authcore.InvitationRequired:
		return drf.Answer{}, drf.NotAuthenticated()
	}
	if err != nil {
		return drf.Answer{}, err
	}
	if d.DeferIdentity { // they are the account's once they are confirmed
		sent.Email, sent.Phone = "", ""
	}
	sent.Number = number
	return user(http.StatusCreated, sent), nil
}

// register signs up. Of an account that is made at once it sends the codes by which confirm/ takes its address and number; a message that cannot
// be sent now can be asked for again.
func (d *api) register(x *dialect.Call, in signup.RegisterInput) (number int64, err error) {
	in.Client, in.Number = x.Info.Client, x.Flows.Accounts.ReserveNumber
	done, err := x.Flows.SignUp.Register(x.Context(), in)
	if err != nil || done.Account == nil {
		return done.Number, err
	}
	a, err := x.Flows.Accounts.AccountByID(x.Context(), done.Account.ID)
	if err == nil && d.AutoSend && !(d.DeferIdentity && d.IdentityUpdate) { // else the flow has sent them
		for _, v := range unproven(x, a) {
			_ = d.sendTo(x, a, v)
		}
	}
	return a.Number, err
}

// invite makes an invitation that is bound to an address or, without one, to a number.
func (d *api) invite(x *dialect.Call, sent authcore.Account) (drf.Answer, error) {
	if !d.Invite || x.Flows.SignUp.Mode() == signup.Closed {
		return drf.Answer{}, drf.PermissionDenied()
	}
	if err := x.Flows.Limits.TakeAccount(x.Context(), x.W.Header(), authcore.LimitInvite, x.Route.Path, x.Who.AccountID); err != nil {
		return drf.Answer{}, err
	}
	in := invite.Input{Email: sent.Email, Client: x.Info.Client}
	if in.Email == "" {
		in.Phone = sent.Phone
	}
	if in.Email == "" && in.Phone == "" {
		return drf.Answer{}, invalid("email", "An invitation is for an email or a phone_number.")
	}
	made, err := invite.ByDialect{Flow: x.Flows.Invite}.Create(x.Context(), x.Who.AccountID, in, x.Flows.Accounts.ReserveNumber)
	if authcore.CodeOf(err) == authcore.NotFound {
		err = invalid("phone_number", "Nobody is invited by number here.")
	}
	sent.Number = made.Number
	return user(http.StatusCreated, sent), err
}

func showUser(x *dialect.Call, _ drf.Values) (drf.Answer, error) {
	a, err := x.Account()
	return user(http.StatusOK, a), err
}

// changeUser changes names. An address or number changes by confirming it.
func changeUser(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	a, err := x.Account()
	if err != nil {
		return drf.Answer{}, err
	}
	given := func(name string) *string {
		if value, ok := body[name]; ok {
			return &value
		}
		return nil
	}
	patch := profile.Patch{Username: given("username"), FirstName: given("first_name"), LastName: given("last_name")}
	if email := body["email"]; email != "" {
		if address, err := x.Flows.Contact.Normal(authcore.ByEmail, email); err != nil || address != a.Email {
			return drf.Answer{}, invalid("email", "You need to confirm your email first.")
		}
	}
	switch phone := given("phone_number"); {
	case phone == nil:
	case x.Flows.Profile.Phone():
		patch.Phone = phone
	case *phone != "":
		if number, err := x.Flows.Contact.Normal(authcore.BySMS, *phone); err != nil || number != a.Phone {
			return drf.Answer{}, invalid("phone_number", "You need to confirm your phone number first.")
		}
	}
	a, err = x.Flows.Profile.Change(x.Context(), a.ID, patch, x.Info.Client)
	return user(http.StatusOK, a), err
}

// setPassword ends every session of the account, this one too.
func setPassword(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	err := x.Flows.Password.Change(context.WithoutCancel(x.Context()), password.ChangeInput{AccountID: x.Who.AccountID, Current: body["old_password"], New: body["new_password"],
		NotFresh: x.Flows.Fresh.Check(x.Context(), x.Who, fresh.Proof{}, x.Info.Client), Client: x.Info.Client})
	if authcore.CodeOf(err) == authcore.InvalidCredentials {
		err = invalid("old_password", "Old password is incorrect.")
	}
	return empty(), err
}

func showTwoFactor(x *dialect.Call, _ drf.Values) (drf.Answer, error) {
	s, err := x.Flows.Factors.Status(x.Context(), x.Who.AccountID)
	return drf.Answer{Status: http.StatusOK, Body: drf.Object{{Name: "is_required", Value: s.RequiredBy != ""}}}, err
}

func (d *api) switchTwoFactor(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	if !body.Given("is_required") {
		return showTwoFactor(x, nil)
	}
	on := body.Bool("is_required")
	err := d.checkFresh(x, body, on && !d.Fresh)
	switch {
	case err != nil:
	case on:
		_, err = factor.WithoutCodes{Factors: x.Flows.Factors}.Enable(x.Context(), x.Who.AccountID, d.signIn(x), x.Info.Client)
	default:
		err = x.Flows.Factors.Disable(x.Context(), x.Who.AccountID, x.Info.Client)
	}
	if err != nil {
		return drf.Answer{}, err
	}
	return showTwoFactor(x, nil)
}
