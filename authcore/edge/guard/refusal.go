package guard

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// maxReturn is the longest original URL that is handed to the sign-in page; it takes no longer one.
const maxReturn = 2048

// Refusal is a navigation on a guarded host that did not get through, though not for want of a sign-in.
type Refusal struct {
	Err    error
	Who    *authcore.Principal // who is signed in; nil where that is not known
	Prefix string              // of the portal on this host; "" where it has none
	Login  string              // where its guard sends browsers to sign in: a path, or a URL on another host
	Wanted string              // URL that was asked for; "" where it is too long to come back to, and for a form
	Form   bool                // the browser has sent a form, which went no further
}

// refuse answers a request that does not go on: a browser that navigates is led to the sign-in page or sees a page that says
// why, everything else gets the problem body (contract §3.3). who is the user whom a rule does not let in; else nil.
func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, err error, who *accesstoken.Verified, https bool) error {
	g.Counts.Refused(err)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if !authcore.IsAnonymous(err) || !httpauth.Navigates(r) {
		if g.showRefusal(w, r, err, who, https) {
			return nil
		}
		httpauth.SecureHeaders(h, https)
		g.Origins.WriteCORS(w, r)
		httpauth.WriteError(w, r, g.Logger, err)
		return nil
	}
	httpauth.NoteRefusal(h, r, g.Jar(https), g.Now(), g.wanted(r, https))
	h.Set("Location", g.signInURL(r, https))
	h.Add("Vary", httpauth.NavigationVary)
	w.WriteHeader(http.StatusFound)
	return nil
}

// preflight answers a browser that asks whether a page of a trusted origin may make a request that this guard takes (contract
// §3.5). A matcher may name methods: what counts is the request that is announced, as well as the question itself.
func (g *Guard) preflight(w http.ResponseWriter, r *http.Request, https bool) (done bool, err error) {
	if !g.Origins.IsPreflight(r) {
		return false, nil
	}
	guarded, err := g.matches(r)
	if err == nil && !guarded {
		announced := *r
		announced.Method = r.Header["Access-Control-Request-Method"][0]
		guarded, err = g.matches(&announced)
	}
	if err != nil || !guarded {
		return err != nil, err
	}
	httpauth.SecureHeaders(w.Header(), https)
	g.Origins.AnswerPreflight(w, r)
	return true, nil
}

// signInURL returns the sign-in page with the address to come back to.
func (g *Guard) signInURL(r *http.Request, https bool) string {
	sep := "?"
	if strings.Contains(g.Login, "?") {
		sep = "&"
	}
	back := g.wanted(r, https)
	if back == "" {
		return g.Login + sep + "lost=" + string(httpauth.LongReturn)
	}
	return g.Login + sep + "rd=" + url.QueryEscape(back)
}

// wanted returns the URL as the client sent it, before any rewrite; "" for one that is too long to come back to.
func (g *Guard) wanted(r *http.Request, https bool) string {
	back := httpauth.OriginOf(g.AsBrowsersSee(r, https), https) + g.Server.Asked(r).RequestURI()
	if len(back) > maxReturn {
		return ""
	}
	return back
}

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
	case (code == authcore.MFARequired || code == authcore.ReauthenticationRequired) && form:
	case errors.Is(err, errUnnamedHost):
	default:
		return false
	}
	s := g.started.Load()
	// A browser that navigates sends no token of its own accord: who does is a program, whatever it accepts.
	if s == nil || !form && !httpauth.Navigates(r) || len(r.Header["Authorization"]) > 0 {
		return false
	}
	refused := Refusal{Err: err, Prefix: g.Portal, Login: g.Login, Wanted: back, Form: form}
	if who != nil {
		p := who.Principal()
		refused.Who = &p
	}
	s.Pages.Refuse(w, g.AsBrowsersSee(r, https).WithContext(httpauth.WithRequestInfo(r.Context(), g.requestInfo(r))), refused)
	return true
}
