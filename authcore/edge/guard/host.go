package guard

import (
	"net/http"
	"strings"

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
	s, err := g.Await(r.Context())
	if err != nil {
		return true, g.refuse(w, r, err, nil, https)
	}
	// What is ours is so as the browser asks for it, not where a block before the guard has changed the path.
	if !s.Pages.HostHas(r.URL.Path) || g.Server.Asked(r).Path != r.URL.Path {
		return false, nil
	}
	if r.URL.Path == httpauth.HandoverPath && !g.ServesHost(hostname(r)) {
		return true, g.refuse(w, r, errUnnamedHost, nil, https)
	}
	ctx := httpauth.WithRequestInfo(r.Context(), g.requestInfo(r))
	s.Pages.Host(g.Login).ServeHTTP(w, g.AsBrowsersSee(r, https).WithContext(ctx))
	return true, nil
}

var errUnnamedHost = authcore.Refuse(authcore.InvalidRequest,
	"This site answers to any host name, so no sign-in is handed over to it. Its operator can name its hosts in the configuration.")
