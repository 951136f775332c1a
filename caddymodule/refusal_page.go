package caddymodule

import (
	"errors"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal"
)

// forbid refuses who is signed in but not among those whom the rules let in.
func (g *Guard) forbid(w http.ResponseWriter, r *http.Request, who *accesstoken.Verified, https bool) error {
	if !isNavigation(r) {
		return g.refuse(w, r, errForbidden, https)
	}
	p := who.Principal()
	if !g.showRefusal(w, r, errForbidden, &p, https) {
		return g.refuse(w, r, errForbidden, https)
	}
	guardOutcomes.result(errForbidden)
	return nil
}

// showRefusal answers a browser that navigates with a page about what it can do nothing about: a rule, an outage, a fault. It
// reports false, with nothing written, for every other request and error, and while there are no pages yet.
func (g *Guard) showRefusal(w http.ResponseWriter, r *http.Request, err error, who *authcore.Principal, https bool) bool {
	switch authcore.CodeOf(err) {
	case authcore.Forbidden, authcore.Unavailable, authcore.Internal:
	default:
		if !errors.Is(err, errUnnamedHost) {
			return false
		}
	}
	c := g.app.core.Load()
	// A browser that navigates sends no token of its own accord: who does is a program, whatever it accepts.
	if c == nil || !isNavigation(r) || len(r.Header["Authorization"]) > 0 {
		return false
	}
	c.pages.Refuse(w, r.WithContext(httpapi.WithIncoming(r.Context(), g.incoming(r))), portal.Refused{
		Err: err, Who: who, Prefix: g.portal, Login: g.login, Wanted: wanted(r, https),
	})
	return true
}
