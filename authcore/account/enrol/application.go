package enrol

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
func (f *Flow) check(in Registering) (application, map[string][]string) {
	broken := map[string][]string{}
	field := func(name string, normalise func(string) (string, error), value string, required bool) string {
		if value == "" && !required {
			return ""
		}
		normal, err := normalise(value)
		if err != nil {
			broken[name] = append(broken[name], err.Error())
		}
		return normal
	}
	a := application{
		email:     field("email", identifier.NewEmail, in.Email, true),
		username:  field("username", identifier.Username, in.Username, false),
		firstName: field("first_name", identifier.PersonName, in.FirstName, false),
		lastName:  field("last_name", identifier.PersonName, in.LastName, false),
		phone:     field("phone", identifier.Phone, in.Phone, false),
	}
	var rules []string
	if a.password, rules = password.Check(f.cfg.Policy, in.Password, password.Words(a.account())...); len(rules) > 0 {
		broken["password"] = rules
	}
	return a, broken
}

// account returns the account that the application asks for, without a password.
func (a application) account() authcore.Account {
	return authcore.Account{
		Email: a.email, Username: a.username, FirstName: a.firstName, LastName: a.lastName, Phone: a.phone,
	}
}
