package sanitize

import (
	"fmt"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
)

// families are the identity headers by family (contract §3.6): the header and the part of the identity it carries.
var families = map[string][]IdentityHeader{
	"remote": {
		{"Remote-User", user}, {"Remote-Sub", sub}, {"Remote-Email", email}, {"Remote-Name", name}, {"Remote-Groups", groups},
	},
	"x_auth": {
		{"X-Auth-User-Id", sub}, {"X-Auth-Username", username}, {"X-Auth-Email", email}, {"X-Auth-Name", name},
		{"X-Auth-Roles", groups}, {"X-Auth-Session-Id", session},
	},
	"x_auth_request": forwarded("X-Auth-Request-"),
	"x_forwarded":    forwarded("X-Forwarded-"),
	"webauth": {
		{"X-Webauth-User", user}, {"X-Webauth-Email", email}, {"X-Webauth-Name", name}, {"X-Webauth-Groups", groups},
	},
	"none": {},
}

// foreign are the identity headers of other gateways (contract §3.7): services believe them as they believe ours, and those
// gateways are not there to take them away.
var foreign = []string{
	"X-Remote-User", "X-Remote-Email", "X-Remote-Name", "X-Remote-Groups",
	"X-Authenticated-User", "X-Authenticated-Userid", "X-Authenticated-Groups", "X-Auth-User",
	"X-Authentik-Username", "X-Authentik-Groups", "X-Authentik-Email", "X-Authentik-Name", "X-Authentik-Uid", "X-Authentik-Jwt",
	"X-Authentik-Entitlements",
	"X-Forwarded-Access-Token", "X-Pomerium-Claim-*", "X-Pomerium-Jwt-Assertion",
	"Cf-Access-Authenticated-User-Email", "Cf-Access-Jwt-Assertion",
	"X-Goog-Authenticated-User-*", "X-Goog-Iap-Jwt-Assertion", "X-Amzn-Oidc-*", "X-MS-Client-Principal*",
	"X-Token-User-*", "X-Token-Subject", "Tailscale-User-*",
}

// assertionHeader is ours as well, whoever sends it.
const assertionHeader = "Gatehouse-Assertion"

// IdentityHeader is a header and the part of the identity that it carries.
type IdentityHeader struct {
	Name string
	Part accesstoken.Part
}

const (
	user     = accesstoken.UserPart
	sub      = accesstoken.SubPart
	email    = accesstoken.EmailPart
	username = accesstoken.UsernamePart
	name     = accesstoken.NamePart
	groups   = accesstoken.GroupsPart
	session  = accesstoken.SessionPart
)

func forwarded(prefix string) []IdentityHeader {
	return []IdentityHeader{
		{prefix + "User", user}, {prefix + "Email", email}, {prefix + "Preferred-Username", username}, {prefix + "Groups", groups},
	}
}

// IdentityHeaders returns the headers of the configured families, each once.
func IdentityHeaders(names []string) ([]IdentityHeader, error) {
	if len(names) == 0 {
		names = []string{"remote"}
	}
	var out []IdentityHeader
	for _, name := range names {
		family, ok := families[name]
		if !ok {
			return nil, fmt.Errorf("headers: unknown family %q", name)
		}
		out = append(out, family...)
	}
	return out, nil
}
