package sanitize

import (
	"fmt"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
)

// families are the identity headers by family (contract §3.6): the header and the part of the identity it carries.
var families = map[string][]IdentityHeader{
	"remote": {
		{"Remote-User", nil}, {"Remote-Sub", subOf}, {"Remote-Email", emailOf}, {"Remote-Name", nameOf}, {"Remote-Groups", groupsOf},
	},
	"x_auth": {
		{"X-Auth-User-Id", subOf}, {"X-Auth-Username", usernameOf}, {"X-Auth-Email", emailOf}, {"X-Auth-Name", nameOf},
		{"X-Auth-Roles", groupsOf}, {"X-Auth-Session-Id", sessionOf},
	},
	"x_auth_request": forwarded("X-Auth-Request-"),
	"x_forwarded":    forwarded("X-Forwarded-"),
	"webauth": {
		{"X-Webauth-User", nil}, {"X-Webauth-Email", emailOf}, {"X-Webauth-Name", nameOf}, {"X-Webauth-Groups", groupsOf},
	},
	"none": {},
}

// assertionHeader is ours as well, whoever sends it.
const assertionHeader = "Gatehouse-Assertion"

// IdentityHeader is a header and what it carries; a nil value is the user as `remote_user` says.
type IdentityHeader struct {
	Name  string
	Value func(accesstoken.Identity) string
}

func forwarded(prefix string) []IdentityHeader {
	return []IdentityHeader{
		{prefix + "User", nil}, {prefix + "Email", emailOf}, {prefix + "Preferred-Username", usernameOf}, {prefix + "Groups", groupsOf},
	}
}

func subOf(id accesstoken.Identity) string      { return id.Sub }
func emailOf(id accesstoken.Identity) string    { return id.Email }
func nameOf(id accesstoken.Identity) string     { return id.Name }
func groupsOf(id accesstoken.Identity) string   { return id.Groups }
func usernameOf(id accesstoken.Identity) string { return id.Username }
func sessionOf(id accesstoken.Identity) string  { return id.Session }

// IdentityHeaders returns the headers of the configured families, each once.
func IdentityHeaders(names []string, user accesstoken.UserField) ([]IdentityHeader, error) {
	if len(names) == 0 {
		names = []string{"remote"}
	}
	var out []IdentityHeader
	for _, name := range names {
		family, ok := families[name]
		if !ok {
			return nil, fmt.Errorf("headers: unknown family %q", name)
		}
		for _, h := range family {
			if h.Value == nil {
				h.Value = func(id accesstoken.Identity) string { return id.User(user) }
			}
			out = append(out, h)
		}
	}
	return out, nil
}

// SetIdentity writes the identity headers of an admitted request. Every value has a slice of its own, for later handlers
// edit them in place; all slices share one allocation. What is empty is not sent: the request's own was stripped before.
func SetIdentity(h http.Header, headers []IdentityHeader, id accesstoken.Identity) {
	values := make([]string, len(headers))
	for i, want := range headers {
		if values[i] = want.Value(id); values[i] != "" {
			h[want.Name] = values[i : i+1 : i+1]
		}
	}
}
