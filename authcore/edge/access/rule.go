package access

import (
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Rule is a condition on the user: of each of its fields that is set, any word is enough.
type Rule struct {
	Roles    []string
	Verified bool     // the e-mail address is
	Users    []string // ids and e-mail addresses, lower case
}

func (r *Rule) holds(p *authcore.Principal) bool {
	if r.Verified && p.Email == "" { // tokens carry verified addresses only
		return false
	}
	if len(r.Roles) > 0 && !slices.ContainsFunc(r.Roles, func(role string) bool { return slices.Contains(p.Roles, role) }) {
		return false
	}
	if len(r.Users) > 0 && !slices.ContainsFunc(r.Users, func(u string) bool { return u == p.Subject || (p.Email != "" && u == p.Email) }) {
		return false
	}
	return true
}
