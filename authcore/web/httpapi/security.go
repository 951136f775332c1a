package httpapi

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// scheme is a way to say who makes a call. A cookie has two names: the plain one over http, the other over https.
type scheme string

const (
	bearerScheme       scheme = "bearer"
	accessScheme       scheme = "access_cookie"
	refreshScheme      scheme = "refresh_cookie"
	registrationScheme scheme = "registration_cookie"
	mfaScheme          scheme = "mfa_cookie"
	bindingScheme      scheme = "binding_cookie"
	socialScheme       scheme = "social_cookie"
	overHTTP                  = "_http" // ends the name of the variant for plain http
)

func securitySchemes(prefix string) map[string]*huma.SecurityScheme {
	all := map[string]*huma.SecurityScheme{string(bearerScheme): {
		Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "The `access_token` of a token pair.",
	}}
	for _, https := range []bool{true, false} {
		jar, over := httpauth.NewJar(prefix, https), "http"
		if https {
			over = "https"
		}
		for s, name := range map[scheme]string{
			accessScheme: jar.Access(), refreshScheme: jar.Refresh(), registrationScheme: httpauth.RegistrationCookie.Name(jar),
			mfaScheme: httpauth.MFACookie.Name(jar), bindingScheme: httpauth.BindingCookie.Name(jar),
			socialScheme: httpauth.SocialCookie.Of(httpauth.SocialToken).Name(jar),
		} {
			all[s.name(https)] = &huma.SecurityScheme{
				Type: "apiKey", In: "cookie", Name: name, Description: "Over " + over +
					". Set by the pages, and by a call with `\"cookies\": true`; browsers send it automatically.",
			}
		}
	}
	return all
}

func (s scheme) name(https bool) string {
	if https || s == bearerScheme {
		return string(s)
	}
	return string(s) + overHTTP
}

// security lists the ways to make the call, any of which will do.
func (to route) security() []map[string][]string {
	ways := []map[string][]string{}
	schemes := to.cookies
	switch {
	case to.does.caller == signedIn:
		schemes = []scheme{bearerScheme, accessScheme, refreshScheme}
	case len(schemes) > 0:
		ways = append(ways, map[string][]string{}) // what the body holds is enough
	}
	for _, s := range schemes {
		ways = append(ways, map[string][]string{s.name(true): {}})
		if s != bearerScheme {
			ways = append(ways, map[string][]string{s.name(false): {}})
		}
	}
	return ways
}
