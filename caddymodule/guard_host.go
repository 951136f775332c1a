package caddymodule

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// host answers what Gatehouse serves on every guarded host, whatever the guard's matcher says: the end of a hand-over and
// signing out; and preflights, where the guard takes what they ask for. It reports whether the request was one for it; no
// service behind the guard sees those.
func (g *Guard) host(w http.ResponseWriter, r *http.Request, https bool) (done bool, err error) {
	if !strings.HasPrefix(r.URL.Path, httpauth.HostPrefix) {
		return g.preflight(w, r, https)
	}
	c, err := g.app.await(r.Context())
	if err != nil {
		return true, g.refuse(w, r, err, nil, https)
	}
	if !c.pages.HostHas(r.URL.Path) || rewritten(r) {
		return false, nil
	}
	if r.URL.Path == httpauth.HandoverPath && !g.names(strings.ToLower((&url.URL{Host: r.Host}).Hostname())) {
		return true, g.refuse(w, r, errUnnamedHost, nil, https)
	}
	ctx := httpauth.WithRequestInfo(r.Context(), g.requestInfo(r))
	c.pages.Host(g.login).ServeHTTP(w, g.app.seen(r, https).WithContext(ctx))
	return true, nil
}

// rewritten reports whether a block before the guard has changed the path: what is ours is so as the browser asks for it.
func rewritten(r *http.Request) bool {
	original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	return ok && original.URL != nil && original.URL.Path != r.URL.Path
}

var errUnnamedHost = authcore.Refuse(authcore.InvalidRequest,
	"This site answers to any host name, so no sign-in is handed over to it. Its operator can name its hosts in the configuration.")
