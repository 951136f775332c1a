package dfauth

import (
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
)

// sendTo sends the code of an address or number that waits to be confirmed.
func (d *api) sendTo(x *dialect.Call, a authcore.Account, v device) error {
	if !d.becomesFactor(a, v) {
		return claim(x, a, v.channel, v.address)
	}
	in := factor.AddInput{AccountID: a.ID, Type: authcore.FactorEmail, Email: v.address, Client: x.Info.Client}
	if v.channel == authcore.BySMS {
		in.Type, in.Email, in.Phone = authcore.FactorSMS, "", v.address
	}
	if x.Who != nil {
		in.SignIn = d.signIn(x)
	}
	_, err := x.Flows.Factors.Add(x.Context(), in)
	return err
}

// becomesFactor reports whether what waits is no address or number to be of an account that has none of its own: with identity_update off it
// becomes a second factor once it is confirmed. What takes the place of another was asked for elsewhere.
func (d *api) becomesFactor(a authcore.Account, v device) bool {
	own := a.Email
	if v.channel == authcore.BySMS {
		own = a.Phone
	}
	return v.pending && !d.IdentityUpdate && own == ""
}

// factorOf returns the factor that [api.sendTo] has made of an address or number that waits; found is false where no code was asked for.
func factorOf(x *dialect.Call, a authcore.Account, v device) (f authcore.Factor, found bool, err error) {
	factors, err := factor.All(x.Context(), x.Flows.Factors, a.ID)
	at := slices.IndexFunc(factors, func(f authcore.Factor) bool { return f.Address == v.address && !f.Confirmed() })
	if err != nil || at < 0 {
		return f, false, err
	}
	return factors[at], true, nil
}

// asFactor makes a second factor of an address or number that waits.
func asFactor(x *dialect.Call, a authcore.Account, v device, in contact.ConfirmInput) error {
	f, found, err := factorOf(x, a, v)
	switch {
	case err != nil:
		return err
	case !found:
		return authcore.Refuse(authcore.InvalidCode, wrongOTP)
	}
	if _, err := x.Flows.Factors.Confirm(x.Context(), factor.ConfirmInput{AccountID: a.ID, FactorID: f.ID, Code: in.OTP, Client: in.Client}); err != nil {
		return err
	}
	return x.Flows.Contact.Forget(x.Context(), a.ID, v.channel)
}

// forget drops an address or number that waits.
func forget(x *dialect.Call, a authcore.Account, v device) error {
	f, found, err := factorOf(x, a, v)
	if err == nil && found {
		err = x.Flows.Factors.Remove(x.Context(), a.ID, f.ID, x.Info.Client)
	}
	if err != nil {
		return err
	}
	return x.Flows.Contact.Forget(x.Context(), a.ID, v.channel)
}
