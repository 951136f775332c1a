package caddymodule

import (
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
)

// rule is one `require` line in the form requests are checked against: any of its words is enough.
type rule struct {
	roles    []string
	verified bool
	users    []string // ids and e-mail addresses, lower case
}

func ruleOf(r Rule) rule {
	out := rule{roles: r.Role, verified: r.Verified}
	for _, u := range r.User {
		out.users = append(out.users, strings.ToLower(u))
	}
	return out
}

var errForbidden = authcore.Refuse(authcore.Forbidden, "Your account may not use this.")

// allows reports whether every rule holds.
func (g *Guard) allows(v *accesstoken.Verified) bool {
	if len(g.rules) == 0 {
		return true
	}
	p := v.Principal()
	for i := range g.rules {
		if !g.rules[i].holds(&p) {
			return false
		}
	}
	return true
}

func (r *rule) holds(p *authcore.Principal) bool {
	if r.verified && p.Email == "" { // tokens carry verified addresses only
		return false
	}
	if len(r.roles) > 0 && !slices.ContainsFunc(r.roles, func(role string) bool { return slices.Contains(p.Roles, role) }) {
		return false
	}
	if len(r.users) > 0 && !slices.ContainsFunc(r.users, func(u string) bool { return u == p.Subject || (p.Email != "" && u == p.Email) }) {
		return false
	}
	return true
}
