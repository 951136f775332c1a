package dfauth

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/drf"
)

// otp sends a code. Whatever the address or number, the answer is the same.
func (d *api) otp(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	if x.Who == nil && !d.AnonymousOTP {
		return drf.Answer{}, unauthorized("Please log in to request your OTP code.", "unauthorized_otp_request")
	}
	login := loginOf(body)
	if login.Email == "" && login.Phone == "" {
		return drf.Answer{}, unauthorized(noBackend, "not_found")
	}
	back, err := returnOf(x, body["redirect_path"])
	if err != nil {
		return drf.Answer{}, err
	}
	sent := false
	if x.Who != nil {
		sent, err = d.sendOwn(x, login)
	}
	if err == nil && !sent {
		err = d.sendAny(x, login, back)
	}
	if err != nil {
		return drf.Answer{}, err
	}
	var echo drf.Object
	for _, name := range identities {
		if body[name] != "" {
			echo = append(echo, drf.Member{Name: name, Value: body[name]})
		}
	}
	return drf.Answer{Status: http.StatusOK, Body: echo}, nil
}

// sendAny sends the code of a sign-in, or of a registration that waits where who is new gets none.
func (d *api) sendAny(x *dialect.Call, login passwordless.Login, back string) error {
	_, err := x.Flows.Codes.Start(x.Context(), passwordless.StartInput{Login: login, Return: back, Client: x.Info.Client})
	if authcore.CodeOf(err) == authcore.NotFound {
		return unauthorized(noBackend, "not_found")
	}
	if err != nil || d.AutoCreate || x.Flows.SignUp.Mode() == signup.Open {
		return err
	}
	err = x.Flows.SignUp.Resend(x.Context(), signup.ResendInput{Email: login.Email, Phone: login.Phone, Client: x.Info.Client})
	if authcore.CodeOf(err) == authcore.RateLimited { // it would tell that a registration waits
		return nil
	}
	return err
}

// sendOwn sends the code of what the account of who asks is to confirm, or of a factor that it has; sent is false where the address or number is
// none of these.
func (d *api) sendOwn(x *dialect.Call, login passwordless.Login) (sent bool, err error) {
	a, err := x.Account()
	if err != nil {
		return false, err
	}
	by, typed, kind := authcore.ByEmail, login.Email, authcore.FactorEmail
	if login.Phone != "" {
		by, typed, kind = authcore.BySMS, login.Phone, authcore.FactorSMS
	}
	address, err := x.Flows.Contact.Normal(by, typed)
	if err != nil { // no address, which whoever sends codes to anybody says
		return false, nil
	}
	factors, err := factor.All(x.Context(), x.Flows.Factors, a.ID)
	if err != nil {
		return false, err
	}
	for _, f := range factors {
		switch {
		case f.Type != kind || f.Address != address:
		case !f.Confirmed():
			_, err = x.Flows.Factors.Add(x.Context(), factor.AddInput{AccountID: a.ID, Type: kind, Name: f.Name, Email: login.Email, Phone: login.Phone,
				SignIn: factor.SignIn{First: true}, Client: x.Info.Client})
			return true, err
		case x.Flows.Steps.RequiredBy(a) != "":
			return true, secondstep.Ahead{Flow: x.Flows.Steps}.Send(x.Context(), a, f, sentFor, x.Info.Client)
		}
	}
	for _, own := range unproven(x, a) {
		if own.channel == by && own.address == address {
			return true, d.sendTo(x, a, own)
		}
	}
	return false, nil
}

// claim has a code sent for an address or number that the account wants to be known by.
func claim(x *dialect.Call, a authcore.Account, by authcore.Channel, typed string) (err error) {
	if by == authcore.BySMS {
		_, err = x.Flows.Contact.RequestPhone(x.Context(), a.ID, typed, x.Info.Client)
	} else {
		_, err = x.Flows.Contact.RequestEmail(x.Context(), a.ID, typed, x.Info.Client)
	}
	return err
}

// returnOf reads a path of this host. Where the pages are at another one, what it returns names this one.
func returnOf(x *dialect.Call, raw string) (string, error) {
	if raw == "" {
		return "", nil
	}
	pages, err := url.Parse(x.Info.Client.Portal)
	if err != nil { // unreachable: it is of the configuration
		return "", err
	}
	back, why := httpauth.CheckReturn(raw, httpauth.ReturnRules{Host: x.R.Host, HTTPS: x.Info.HTTPS, Prefix: pages.Path})
	if why != "" || !strings.HasPrefix(back, "/") {
		return "", invalid("redirect_path", "Enter a path of this host.")
	}
	// A host that the configuration does not name is what the sender says.
	if here := httpauth.OriginOf(x.R, x.Info.HTTPS); x.Info.Client.Origin != "" && here != httpauth.Origin(pages.Scheme, pages.Host) {
		back = here + back
	}
	return back, nil
}
