package caddymodule

import (
	"errors"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal"
)

// showRefusal answers a browser that navigates with a page about what it can do nothing about: a rule, an outage, a fault. One
// that sends a form sees why that was not passed on, for a redirect to the sign-in page would lose it. It reports false, with
// nothing written, for every other request and error, and while there are no pages yet.
func (g *Guard) showRefusal(w http.ResponseWriter, r *http.Request, err error, who *accesstoken.Verified, https bool) bool {
	form, back := httpauth.SubmitsForm(r), ""
	if !form { // what a form is sent to is no page to come back to
		back = g.wanted(r, https)
	}
	switch code := authcore.CodeOf(err); {
	case code == authcore.Forbidden || code == authcore.Unavailable || code == authcore.Internal || code == authcore.CrossOrigin:
	case authcore.IsAnonymous(err) && form:
	case errors.Is(err, errUnnamedHost):
	default:
		return false
	}
	c := g.app.core.Load()
	// A browser that navigates sends no token of its own accord: who does is a program, whatever it accepts.
	if c == nil || !form && !httpauth.Navigates(r) || len(r.Header["Authorization"]) > 0 {
		return false
	}
	refused := portal.Refused{Err: err, Prefix: g.portal, Login: g.login, Wanted: back, Form: form}
	if who != nil {
		p := who.Principal()
		refused.Who = &p
	}
	c.pages.Refuse(w, g.app.seen(r, https).WithContext(httpauth.WithRequestInfo(r.Context(), g.requestInfo(r))), refused)
	return true
}
