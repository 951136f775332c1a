package caddymodule

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// maxReturn is the longest original URL that is handed to the sign-in page; it takes no longer one.
const maxReturn = 2048

// refuse answers a request that does not go on: a browser that navigates is led to the sign-in page or sees a page that says
// why, everything else gets the problem body (contract §3.3). who is the user whom a rule does not let in; else nil.
func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, err error, who *accesstoken.Verified, https bool) error {
	guardOutcomes.result(err)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if !authcore.IsAnonymous(err) || !httpauth.Navigates(r) {
		if g.showRefusal(w, r, err, who, https) {
			return nil
		}
		httpauth.SecureHeaders(h, https)
		g.app.cfg.origins.WriteCORS(w, r)
		httpauth.WriteError(w, r, g.app.logger, err)
		return nil
	}
	httpauth.NoteRefusal(h, r, g.app.jar(https), g.app.node.clock.Now(), g.wanted(r, https))
	h.Set("Location", g.signInURL(r, https))
	h.Add("Vary", httpauth.NavigationVary)
	w.WriteHeader(http.StatusFound)
	return nil
}

// preflight answers a browser that asks whether a page of a trusted origin may make a request that this guard takes (contract
// §3.5). A matcher may name methods: what counts is the request that is announced, as well as the question itself.
func (g *Guard) preflight(w http.ResponseWriter, r *http.Request, https bool) (done bool, err error) {
	if !g.app.cfg.origins.IsPreflight(r) {
		return false, nil
	}
	guarded, err := g.guards(r)
	if err == nil && !guarded {
		announced := *r
		announced.Method = r.Header["Access-Control-Request-Method"][0]
		guarded, err = g.guards(&announced)
	}
	if err != nil || !guarded {
		return err != nil, err
	}
	httpauth.SecureHeaders(w.Header(), https)
	g.app.cfg.origins.AnswerPreflight(w, r)
	return true, nil
}

// signInURL returns the sign-in page with the address to come back to.
func (g *Guard) signInURL(r *http.Request, https bool) string {
	sep := "?"
	if strings.Contains(g.login, "?") {
		sep = "&"
	}
	back := g.wanted(r, https)
	if back == "" {
		return g.login + sep + "lost=" + string(httpauth.LongReturn)
	}
	return g.login + sep + "rd=" + url.QueryEscape(back)
}

// wanted returns the URL as the client sent it, before any rewrite; "" for one that is too long to come back to.
func (g *Guard) wanted(r *http.Request, https bool) string {
	u := r.URL
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && original.URL != nil {
		u = original.URL
	}
	back := httpauth.OriginOf(g.app.seen(r, https), https) + u.RequestURI()
	if len(back) > maxReturn {
		return ""
	}
	return back
}
