package caddymodule

import (
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore/httpapi"
)

// host answers what Gatehouse serves on every guarded host, whatever the guard's matcher says: the end of a hand-over and
// signing out. It reports whether the request was one for it; no service behind the guard sees those.
func (g *Guard) host(w http.ResponseWriter, r *http.Request, https bool) (done bool, err error) {
	if !strings.HasPrefix(r.URL.Path, httpapi.HostPrefix) {
		return false, nil
	}
	c, err := g.app.await(r.Context())
	if err != nil {
		return true, g.refuse(w, r, err, https)
	}
	if !c.pages.HostHas(r.URL.Path) {
		return false, nil
	}
	ctx := httpapi.WithIncoming(r.Context(), g.app.incoming(r))
	c.pages.Host(g.login).ServeHTTP(w, r.WithContext(ctx))
	return true, nil
}
