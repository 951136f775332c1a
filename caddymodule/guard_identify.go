package caddymodule

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// identify finds out who the request is made by. Whoever brings nothing is told so before the node has started.
func (g *Guard) identify(w http.ResponseWriter, r *http.Request, https bool) (httpauth.Result, error) {
	given, err := httpauth.FindCredentials(r, g.app.jar(https), g.names)
	if err != nil {
		return httpauth.Result{}, err
	}
	c, err := g.app.await(r.Context())
	if err != nil {
		return httpauth.Result{}, err
	}
	if len(r.Header["Origin"]) > 0 { // it is held against the host that the browser knows
		r = g.app.seen(r, https)
	}
	who, err := c.auth.AuthenticateRequest(w, r, given, g.requestInfo)
	if who.ClearCookies {
		c.auth.ClearDeadCookies(w.Header(), r, g.app.jar(https))
	}
	return who, err
}
