package caddymodule

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
)

// identify finds out who the request is made by. Whoever brings nothing is told so before the node has started.
func (g *Guard) identify(w http.ResponseWriter, r *http.Request, https bool) (httpapi.Visitor, error) {
	given, err := httpapi.Present(r, g.app.jar(https), g.names)
	if err != nil {
		return httpapi.Visitor{}, err
	}
	c, err := g.app.await(r.Context())
	if err != nil {
		return httpapi.Visitor{}, err
	}
	if len(r.Header["Origin"]) > 0 { // it is held against the host that the browser knows
		r = g.app.seen(r, https)
	}
	who, err := c.door.Admit(w, r, given, g.incoming)
	if who.Forget {
		c.door.Forget(w.Header(), r, g.app.jar(https))
	}
	return who, err
}
