package dfauth

import (
	"errors"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/drf"
)

// kinds are the types of device, by the types of factor. The clients know no other.
var kinds = map[authcore.FactorType]string{authcore.FactorEmail: "email", authcore.FactorSMS: "sms", authcore.FactorTOTP: "totp", authcore.FactorRecovery: "static"}

// addable are the types that a client may add.
var addable = map[string]authcore.FactorType{"email": authcore.FactorEmail, "sms": authcore.FactorSMS, "totp": authcore.FactorTOTP}

// device is what clients call a factor, or an address or number that waits to be confirmed.
type device struct {
	id        int64
	name      string
	kind      string
	confirmed bool
	factor    uuid.UUID        // zero for an address or number that waits
	channel   authcore.Channel // of that
	address   string
	pending   bool // it is claimed, and not the account's yet
}

func (v device) object(extra drf.Object) drf.Object {
	if extra == nil {
		extra = drf.Object{}
	}
	return drf.Object{{Name: "id", Value: v.id}, {Name: "name", Value: v.name}, {Name: "type", Value: v.kind}, {Name: "confirmed", Value: v.confirmed}, {Name: "extra_data", Value: extra}}
}

// The ids of devices are integers of 31 bits, as the clients have them. A factor's is a digest of its own, and that of an address or number is made
// of the account's number: they are the same on every node, and mean something only among the devices of one account.
const factorIDs = 1 << 30

func factorID(f authcore.Factor) int64 {
	h := fnv.New32a()
	_, _ = h.Write(f.ID[:])
	return factorIDs | int64(h.Sum32())&(factorIDs-1)
}

// ownID is the id of the account's own address or number, or of the one that it wants to be known by.
func ownID(a authcore.Account, t authcore.FactorType, pending bool) int64 {
	id := a.Number * 4
	if t == authcore.FactorSMS {
		id++
	}
	if pending {
		id += 2
	}
	return id % factorIDs
}

// unproven are the account's own address and number that are not verified, and those that it wants to be known by.
func unproven(x *dialect.Call, a authcore.Account) (all []device) {
	if a.Email != "" && !a.EmailVerified() {
		all = append(all, ownDevice(a, authcore.ByEmail, a.Email, false))
	}
	if a.Phone != "" && !a.PhoneVerified() && x.Flows.Contact.SMS() {
		all = append(all, ownDevice(a, authcore.BySMS, a.Phone, false))
	}
	for _, p := range a.Pending(x.Flows.Now()) {
		if p.Address != a.Email && p.Address != a.Phone {
			all = append(all, ownDevice(a, p.Channel, p.Address, true))
		}
	}
	return all
}

func ownDevice(a authcore.Account, by authcore.Channel, address string, pending bool) device {
	t := authcore.FactorEmail
	if by == authcore.BySMS {
		t = authcore.FactorSMS
	}
	return device{id: ownID(a, t, pending), name: address, kind: kinds[t], channel: by, address: address, pending: pending}
}

// devicesOf are those of an account: its factors, and what waits to be confirmed.
func devicesOf(x *dialect.Call, a authcore.Account) (all []device, err error) {
	factors, err := factor.All(x.Context(), x.Flows.Factors, a.ID)
	if err != nil {
		return nil, err
	}
	waiting := unproven(x, a)
	for _, f := range factors {
		// A code that was sent for what waits may have made a factor of it, which waits with it.
		if !f.Confirmed() && slices.ContainsFunc(waiting, func(v device) bool { return v.address == f.Address }) {
			continue
		}
		if kind, ok := kinds[f.Type]; ok {
			v := factorDevice(a, f)
			for v.kind = kind; slices.ContainsFunc(all, func(o device) bool { return o.id == v.id }); v.id++ {
			}
			all = append(all, v)
		}
	}
	return append(all, waiting...), nil
}

// factorDevice is a factor as its owner sees it. An address that is not the account's own is shown in part, as everywhere.
func factorDevice(a authcore.Account, f authcore.Factor) device {
	v := device{id: factorID(f), name: f.Name, kind: kinds[f.Type], confirmed: f.Confirmed(), factor: f.ID}
	switch {
	case v.name != "" || f.Address == "":
	case f.Address == a.Email || f.Address == a.Phone:
		v.name = f.Address
	default:
		v.name = factor.Masked(f)
	}
	return v
}

func (d *api) listDevices(x *dialect.Call, _ drf.Values) (drf.Answer, error) {
	a, err := x.Account()
	if err != nil {
		return drf.Answer{}, err
	}
	all, err := devicesOf(x, a)
	if err != nil {
		return drf.Answer{}, err
	}
	results := make([]drf.Object, len(all))
	for i, v := range all {
		results[i] = v.object(nil)
	}
	return drf.Answer{Status: http.StatusOK, Body: drf.Object{{Name: "count", Value: len(all)}, {Name: "next", Value: nil}, {Name: "previous", Value: nil}, {Name: "results", Value: results}}}, nil
}

// find returns the device of a path and the parameter type.
func find(x *dialect.Call, a authcore.Account) (device, error) {
	kind := x.R.URL.Query().Get("type")
	if kind != "static" && addable[kind] == "" {
		return device{}, invalid("", "Invalid device type. Must be one of email, sms, totp")
	}
	all, err := devicesOf(x, a)
	if err != nil {
		return device{}, err
	}
	// What was confirmed by a sign-up is no device any more, and can be confirmed once more.
	if a.EmailVerified() {
		all = append(all, confirmedDevice(a, authcore.ByEmail, a.Email))
	}
	if a.PhoneVerified() {
		all = append(all, confirmedDevice(a, authcore.BySMS, a.Phone))
	}
	for _, v := range all {
		if strconv.FormatInt(v.id, 10) == x.Param && v.kind == kind {
			return v, nil
		}
	}
	return device{}, drf.NotFound()
}

func confirmedDevice(a authcore.Account, by authcore.Channel, address string) device {
	v := ownDevice(a, by, address, false)
	v.confirmed = true
	return v
}

func (d *api) showDevice(x *dialect.Call, _ drf.Values) (drf.Answer, error) {
	a, err := x.Account()
	if err != nil {
		return drf.Answer{}, err
	}
	v, err := find(x, a)
	if err == nil && v.confirmed && v.factor == uuid.Nil {
		err = drf.NotFound()
	}
	return drf.Answer{Status: http.StatusOK, Body: v.object(nil)}, err
}

// checkFresh asks for a recent sign-in, or for the password and where a sign-in asks for it the code in the body. free is of calls that the
// option fresh lets be: they ask for neither, but what is in the body must be right.
func (d *api) checkFresh(x *dialect.Call, body drf.Values, free bool) error {
	err := x.Flows.Fresh.Check(x.Context(), x.Who, fresh.Proof{Password: body["password"], OTP: body["otp"], SentFor: sentFor}, x.Info.Client)
	switch authcore.CodeOf(err) {
	case authcore.InvalidCredentials, authcore.InvalidCode:
		return refuse(http.StatusForbidden, "The password or code is wrong.", "reauthentication_required", "")
	case authcore.ReauthenticationRequired, authcore.MFARequired:
		if free && body["password"] == "" {
			return nil
		}
	}
	return err
}

// addsFirst reports whether the option fresh lets the account of who asks have a device: while it has no second factor.
func (d *api) addsFirst(x *dialect.Call) (bool, error) {
	if d.Fresh {
		return false, nil
	}
	factors, err := x.Flows.Factors.Of(x.Context(), x.Who.AccountID)
	return err == nil && !factor.HasSecond(factors), err
}

// signIn is how the one is signed in who adds a factor.
func (d *api) signIn(x *dialect.Call) factor.SignIn {
	by := factor.SignInOf(x.Who)
	by.First = !d.Fresh
	return by
}

// addDevice adds an app; or an address or number, which becomes the account's own or a second factor once it is confirmed.
func (d *api) addDevice(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	t, ok := addable[body["type"]]
	if !ok {
		return drf.Answer{}, noType(body["type"])
	}
	first, err := d.addsFirst(x)
	if err == nil {
		err = d.checkFresh(x, body, first)
	}
	if err != nil {
		return drf.Answer{}, err
	}
	a, err := x.Account()
	if err != nil {
		return drf.Answer{}, err
	}
	by, own := authcore.ByEmail, a.VerifiedEmail()
	if t == authcore.FactorSMS {
		by, own = authcore.BySMS, ""
		if a.PhoneVerified() {
			own = a.Phone
		}
	}
	if address, err := x.Flows.Contact.Normal(by, body["name"]); t != authcore.FactorTOTP && d.IdentityUpdate && body["name"] != "" && (err != nil || address != own) {
		return d.addClaim(x, a, by, body["name"])
	}
	in := factor.AddInput{AccountID: a.ID, Type: t, Name: body["name"], SignIn: d.signIn(x), Client: x.Info.Client}
	switch t {
	case authcore.FactorEmail:
		in.Email = body["name"]
	case authcore.FactorSMS:
		in.Phone = body["name"]
	}
	added, err := x.Flows.Factors.Add(x.Context(), in)
	if err != nil {
		return drf.Answer{}, asName(err)
	}
	var extra drf.Object
	if added.URL != "" {
		extra = drf.Object{{Name: "url", Value: added.URL}}
	}
	return drf.Answer{Status: http.StatusCreated, Body: factorDevice(a, added.Factor).object(extra)}, nil
}

func (d *api) addClaim(x *dialect.Call, a authcore.Account, by authcore.Channel, typed string) (drf.Answer, error) {
	err := claim(x, a, by, typed)
	if authcore.CodeOf(err) == authcore.NotFound { // a number where no SMS are sent
		err = noType(kinds[authcore.FactorSMS])
	}
	if err != nil {
		return drf.Answer{}, asName(err)
	}
	if a, err = x.Account(); err != nil {
		return drf.Answer{}, err
	}
	for _, v := range unproven(x, a) {
		if address, err := x.Flows.Contact.Normal(by, typed); err == nil && v.address == address {
			return drf.Answer{Status: http.StatusCreated, Body: v.object(nil)}, nil
		}
	}
	// It was asked for a moment ago, and confirmed since.
	return drf.Answer{}, invalid("name", "This address or number is confirmed already.")
}

// noType is the answer about a type that nobody can add here.
func noType(kind string) error { return invalid("type", `"`+kind+`" is not a valid choice.`) }

// asName puts at the field name what is wrong with the address or number.
func asName(err error) error {
	var e *authcore.Error
	if errors.As(err, &e) {
		if wrong := append(e.Fields.At("email"), e.Fields.At("phone")...); len(wrong) > 0 {
			text := drf.Text(wrong[0])
			return refuse(http.StatusBadRequest, text, ofField(text), "name")
		}
	}
	return err
}

func (d *api) removeDevice(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	if err := d.checkFresh(x, body, false); err != nil {
		return drf.Answer{}, err
	}
	a, err := x.Account()
	if err != nil {
		return drf.Answer{}, err
	}
	v, err := find(x, a)
	switch {
	case err != nil:
	case v.factor != uuid.Nil:
		err = x.Flows.Factors.Remove(x.Context(), a.ID, v.factor, x.Info.Client)
	case v.confirmed:
		err = drf.NotFound()
	case v.pending:
		err = forget(x, a, v)
	case v.channel == authcore.BySMS:
		_, err = x.Flows.Contact.RemovePhone(x.Context(), a.ID, x.Info.Client)
	default:
		_, err = x.Flows.Contact.RemoveEmail(x.Context(), a.ID, x.Info.Client)
	}
	return drf.Answer{Status: http.StatusNoContent}, err
}

// confirmDevice takes the code of a device: by who shows a token or, of an address or number, knows the password of its account.
func (d *api) confirmDevice(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	a, err := owner(x, body)
	if err != nil {
		return drf.Answer{}, err
	}
	v, err := find(x, a)
	if err != nil {
		return drf.Answer{}, err
	}
	in := contact.ConfirmInput{AccountID: a.ID, OTP: body["otp"], Client: x.Info.Client}
	switch {
	case v.factor != uuid.Nil && x.Who == nil:
		err = drf.NotAuthenticated()
	case v.factor != uuid.Nil:
		_, err = x.Flows.Factors.Confirm(x.Context(), factor.ConfirmInput{AccountID: a.ID, FactorID: v.factor, Code: body["otp"], Client: x.Info.Client})
	case v.confirmed:
	case d.becomesFactor(a, v):
		err = asFactor(x, a, v, in)
	case v.channel == authcore.BySMS:
		_, err = x.Flows.Contact.ConfirmPhone(x.Context(), in)
	default:
		_, err = x.Flows.Contact.ConfirmEmail(x.Context(), in)
	}
	if authcore.CodeOf(err) == authcore.InvalidCode {
		err = invalid("otp", wrongOTP)
	}
	return empty(), err
}

// owner is who makes a call: by a token, or by the password of the account that the body names, which counts against the limit of sign-ins.
func owner(x *dialect.Call, body drf.Values) (authcore.Account, error) {
	if x.Who != nil {
		return x.Account()
	}
	if body["password"] == "" || named(body) == "" {
		return authcore.Account{}, drf.NotAuthenticated()
	}
	if err := x.Flows.Limits.Take(x.Context(), x.W.Header(), authcore.LimitLogin, x.Route.Path, x.Info.Client.Addr); err != nil {
		return authcore.Account{}, err
	}
	return x.Flows.SignIn.Owner(x.Context(), signin.Input{Login: named(body), Password: body["password"], Request: request(x, "")})
}
