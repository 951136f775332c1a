package dfauth

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/drf"
)

// obtain signs in by a password, a code, or both.
func (d *api) obtain(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	password, otp := body["password"], body["otp"]
	var out secondstep.Outcome
	var err error
	switch {
	case named(body) == "" || password == "" && otp == "":
		return drf.Answer{}, unauthorized(badCredentials, "authentication_failed")
	case password == "":
		out, err = x.Flows.Codes.Finish(x.Context(), passwordless.Input{Login: loginOf(body), OTP: otp, Request: request(x, "")})
		code := authcore.CodeOf(err)
		if code == authcore.NotFound || code == authcore.InvalidFields && !wellFormed(x, loginOf(body)) { // NotFound: a number where no SMS are sent
			err = authcore.Refuse(authcore.InvalidCredentials, badCredentials)
		}
	default:
		out, err = x.Flows.SignIn.Password(x.Context(), signin.Input{Login: named(body), Password: password, Request: request(x, otp)})
		switch code := authcore.CodeOf(err); {
		case otp == "":
		case code == authcore.AccountNotVerified:
			out, err = complete(x, body)
		case code == authcore.InvalidCode:
			out, err = codeFirst(x, body, err)
		}
	}
	if err != nil {
		return drf.Answer{}, err
	}
	return signedIn(x, out)
}

// wellFormed reports whether l is an address or number by its form; a username may be anything.
func wellFormed(x *dialect.Call, l passwordless.Login) bool {
	var err error
	switch {
	case l.Email != "":
		_, err = x.Flows.Contact.Normal(authcore.ByEmail, l.Email)
	case l.Phone != "":
		_, err = x.Flows.Contact.Normal(authcore.BySMS, l.Phone)
	}
	return err == nil
}

// complete makes the account of a registration that waits, for who has its password: by its own code, or by one that otp/ has sent.
func complete(x *dialect.Call, body drf.Values) (out secondstep.Outcome, err error) {
	in := signup.VerifyInput{OTP: body["otp"], Password: body["password"], Request: request(x, "")}
	login := loginOf(body)
	switch in.Email, in.Phone = login.Email, login.Phone; {
	case login.Login != "":
		return out, authcore.Refuse(authcore.AccountNotVerified, badCredentials)
	default:
		out, err = x.Flows.SignUp.Verify(x.Context(), in)
	}
	if code := authcore.CodeOf(err); code != authcore.InvalidCode && code != authcore.TooManyAttempts {
		return out, err
	}
	return x.Flows.Codes.Finish(x.Context(), passwordless.Input{Login: login, OTP: body["otp"], Registered: body["password"], Request: request(x, "")})
}

// codeFirst takes the code of a sign-in in place of one that was sent beside the password: the first proof is the code then, and the password
// the second. It went to whom the body names, or to the address or number of a device of theirs. What the two are worth together is decided as for
// everybody.
func codeFirst(x *dialect.Call, body drf.Values, wrong error) (out secondstep.Outcome, err error) {
	by := func(l passwordless.Login) (secondstep.Outcome, error) {
		return x.Flows.Codes.Finish(x.Context(), passwordless.Input{Login: l, OTP: body["otp"], Request: request(x, "")})
	}
	if out, err = by(loginOf(body)); authcore.CodeOf(err) == authcore.InvalidCode {
		if device, found := otherDevice(x, body); found {
			out, err = by(device)
		}
	}
	if err != nil {
		return out, wrong
	}
	if out.Pending == nil {
		return out, nil
	}
	return x.Flows.Steps.Proceed(x.Context(), secondstep.Input{Token: out.Pending.Token, Method: secondstep.MethodPassword, Password: body["password"], Beside: true, Request: request(x, "")})
}

// otherDevice is what codes are asked for by whose device has the other kind of address than the body names: by a number beside an email, and the
// reverse. A username stands for the address, or without one the number, as for whoever asks by it.
func otherDevice(x *dialect.Call, body drf.Values) (l passwordless.Login, found bool) {
	a, err := x.Flows.SignIn.Owner(x.Context(), signin.Input{Login: named(body), Password: body["password"], Request: request(x, "")})
	if err != nil {
		return l, false
	}
	address, kind, asked := a.Phone, authcore.FactorSMS, loginOf(body)
	l = passwordless.Login{Phone: address}
	if asked.Phone != "" || asked.Login != "" && !a.EmailVerified() {
		address, kind = a.Email, authcore.FactorEmail
		l = passwordless.Login{Email: address}
	}
	factors, err := x.Flows.Factors.Of(x.Context(), a.ID)
	return l, err == nil && slices.ContainsFunc(factors, func(f authcore.Factor) bool { return f.Type == kind && f.Address == address })
}

// signedIn answers a sign-in.
func signedIn(x *dialect.Call, out secondstep.Outcome) (drf.Answer, error) {
	if out.Pending != nil {
		return drf.Answer{}, owed(x, out.Pending)
	}
	return tokenOf(out.Tokens), nil
}

func tokenOf(t session.Tokens) drf.Answer {
	return drf.Answer{Status: http.StatusOK, Body: drf.Object{{Name: "token", Value: t.Access}}}
}

// owed is the answer to a sign-in that also asks for a second factor, with the devices that have one. Where codes go is hidden, but for who
// is signed in.
func owed(x *dialect.Call, p *secondstep.Pending) error {
	devices := []drf.Object{}
	for _, m := range p.Methods {
		kind, ok := kinds[m.Factor.Type]
		if !ok {
			continue
		}
		id := factorID(m.Factor)
		if m.Factor.ID == (authcore.Factor{}).ID {
			a, err := x.Flows.Accounts.AccountByID(x.Context(), m.Factor.AccountID)
			if err != nil {
				return err
			}
			id = ownID(a, m.Factor.Type, false)
		}
		name := m.Factor.Name
		if to := m.To(); to != "" {
			name = to
		}
		devices = append(devices, device{id: id, name: name, kind: kind, confirmed: true}.object(nil))
	}
	e := append(one("2FA is required for this user.", "2fa_required", ""), drf.Member{Name: "extra_data", Value: drf.Object{{Name: "devices", Value: devices}}})
	return told{envelope(http.StatusUnauthorized, e)}
}

// opened returns a token that has not expired. Whether its session lives is not looked at.
func opened(x *dialect.Call, raw string) (session.Presented, jwtkeys.ForeignToken, error) {
	t, err := x.Open(raw)
	if err != nil {
		return session.Presented{}, t, authcore.Refuse(authcore.InvalidToken, badToken).Because(err)
	}
	p, err := x.PresentedJWT(raw, t)
	return p, t, err
}

// refresh issues another token of the session, for as long after the sign-in as a token lives. The former stays good. One that other roles of the
// account have ended does too: the next has these.
func refresh(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	p, t, err := opened(x, body["token"])
	if err != nil {
		return drf.Answer{}, err
	}
	if end, err := strconv.ParseInt(string(t.Members["refresh_exp"]), 10, 64); err != nil || x.Flows.Now().Unix() >= end {
		return drf.Answer{}, unauthorized("Token 'refresh_exp' claim has expired", "token_not_valid")
	}
	tokens, err := x.Renew(p, true)
	return tokenOf(tokens), err
}

func verify(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	_, err := x.Flows.Auth.AuthenticateDialect(body["token"], x.Settings.Keys.Has)
	return empty(), err
}

// blacklist ends the session.
func blacklist(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	p, _, err := opened(x, body["refresh"])
	if err != nil {
		return drf.Answer{}, err
	}
	ended, err := x.Flows.Dialects.End(context.WithoutCancel(x.Context()), p, x.Info.Client)
	if err == nil && !ended {
		err = authcore.Refuse(authcore.InvalidToken, badToken)
	}
	return empty(), err
}
