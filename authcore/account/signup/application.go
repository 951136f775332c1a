package signup

import (
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
)

// application is a registration's data in normalised form.
type application struct {
	email, username, firstName, lastName, phone string
	password, locale                            string
	fields                                      map[string]any
}

// check normalises in and collects every broken rule, so that a person need not correct one field at a time.
func (f *Flow) check(in RegisterInput) (application, authcore.FieldErrors) {
	var broken authcore.FieldErrors
	required := f.cfg.Settings.required(in)
	field := func(name string, normalise func(string) (string, error), value string) string {
		if value == "" {
			if rule, missing := required[name]; missing {
				broken.Add(name, rule)
			}
			return ""
		}
		normal, err := normalise(value)
		broken.AddError(name, err)
		return normal
	}
	a := application{
		email:     field("email", f.newEmail, in.Email),
		username:  field("username", identifier.Username, in.Username),
		firstName: field("first_name", identifier.PersonName, in.FirstName),
		lastName:  field("last_name", identifier.PersonName, in.LastName),
		phone:     field("phone", f.cfg.Numbers.Read, in.Phone),
		locale:    field("locale", f.cfg.Locales.Read, in.Locale),
	}
	fields, wrong := f.cfg.Fields.Register(in.Fields)
	a.fields, broken = fields, append(broken, wrong...)
	if _, err := f.cfg.Numbers.Read(a.username); err == nil && f.cfg.Settings.unique(authcore.KindPhone) {
		broken.Add("username", authcore.UsernameReserved) // it would sign in as somebody's number
	}
	normal, rules := password.CheckFirst(f.cfg.Policy, f.cfg.Settings.Passwords, in.Password, password.Words(a.account())...)
	a.password = normal
	broken.AddErrors("password", rules...)
	return a, broken
}

// required returns the field that is missing for the mode, if one is, and the rule that it breaks (contract §7).
func (s Settings) required(in RegisterInput) map[string]authcore.Rule {
	if s.Deferred {
		return map[string]authcore.Rule{"username": authcore.Required}
	}
	phone := s.unique(authcore.KindPhone)
	missing := map[string]authcore.Rule{"email": authcore.EmailRequired}
	switch {
	case s.Mode() != Open && (!phone || in.Phone == ""):
		if phone && !s.unique(authcore.KindEmail) {
			missing = map[string]authcore.Rule{"phone": authcore.Required}
		}
		return missing
	case s.Mode() != Open:
		return nil
	}
	for _, k := range s.Identities {
		if given := map[authcore.IdentifierKind]string{
			authcore.KindEmail: in.Email, authcore.KindUsername: in.Username, authcore.KindPhone: in.Phone}[k]; given != "" {
			return nil
		}
	}
	if first := s.Identities[0]; first != authcore.KindEmail {
		return map[string]authcore.Rule{string(first): authcore.Required}
	}
	return missing
}

// newEmail is [identifier.NewEmail] for an address that a mail has to reach now. What is known of the mail server decides, and
// nothing that is known of the address: an address with an account is answered as one without (L04).
func (f *Flow) newEmail(s string) (string, error) {
	address, err := identifier.NewEmail(s)
	if err == nil && f.cfg.CanReach != nil && !f.cfg.CanReach(address) {
		return "", authcore.FieldError{Rule: authcore.EmailNotPortable}
	}
	return address, err
}

// target returns what the registration is verified by; its address is "" for nothing. A field that signs in goes before one that does
// not, and an address before a number.
func (s Settings) target(a application) target {
	if a.phone != "" && s.unique(authcore.KindPhone) && (a.email == "" || !s.unique(authcore.KindEmail)) {
		return target{authcore.BySMS, a.phone}
	}
	return target{authcore.ByEmail, a.email}
}

// account returns the account that the application asks for, without a password.
func (a application) account() authcore.Account {
	return authcore.Account{
		Email: a.email, Username: a.username, FirstName: a.firstName, LastName: a.lastName, Phone: a.phone,
		Locale: a.locale, Fields: a.fields,
	}
}

// PendingLifetime is how long an address or number that an account has asked for waits to be verified.
const PendingLifetime = 7 * 24 * time.Hour

// setAside makes fields that sign in pending, except the one that is or becomes verified by its own proof: nothing that signs in is
// saved unverified beside it.
func (s Settings) setAside(a *authcore.Account, but authcore.Channel, now time.Time) {
	if a.Phone != "" && but != authcore.BySMS && s.unique(authcore.KindPhone) {
		a.PendingPhone, a.PendingPhoneUntil, a.Phone = a.Phone, now.Add(PendingLifetime), ""
	}
	if a.Email != "" && but != authcore.ByEmail && s.unique(authcore.KindEmail) {
		a.PendingEmail, a.PendingEmailUntil, a.Email = a.Email, now.Add(PendingLifetime), ""
	}
}
