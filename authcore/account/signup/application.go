package signup

import (
	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
)

// application is a registration's data in normalised form.
type application struct {
	email, username, firstName, lastName, phone string
	password                                    string
}

// check normalises in and collects every broken rule, so that a person need not correct one field at a time.
func (f *Flow) check(in RegisterInput) (application, authcore.FieldErrors) {
	var broken authcore.FieldErrors
	field := func(name string, normalise func(string) (string, error), value string, required bool) string {
		if value == "" && !required {
			return ""
		}
		normal, err := normalise(value)
		broken.AddError(name, err)
		return normal
	}
	a := application{
		email:     field("email", f.newEmail, in.Email, true),
		username:  field("username", identifier.Username, in.Username, false),
		firstName: field("first_name", identifier.PersonName, in.FirstName, false),
		lastName:  field("last_name", identifier.PersonName, in.LastName, false),
		phone:     field("phone", identifier.Phone, in.Phone, false),
	}
	normal, rules := password.Check(f.cfg.Policy, in.Password, password.Words(a.account())...)
	a.password = normal
	broken.AddErrors("password", rules...)
	return a, broken
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

// account returns the account that the application asks for, without a password.
func (a application) account() authcore.Account {
	return authcore.Account{
		Email: a.email, Username: a.username, FirstName: a.firstName, LastName: a.lastName, Phone: a.phone,
	}
}
