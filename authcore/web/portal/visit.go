package portal

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// visit is one request.
type visit struct {
	*Pages
	*words
	w       http.ResponseWriter
	r       *http.Request
	in      httpauth.RequestInfo
	prefix  string
	path    string     // below the prefix
	form    url.Values // what was typed; nil on a GET
	problem *httpauth.Problem
}

// setHeaders sets what every answer carries, whatever its status (B08, P26).
func (v *visit) setHeaders() {
	h := v.w.Header()
	httpauth.SecureHeaders(h, v.in.HTTPS)
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", v.referrerPolicy())
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept-Language")
	h.Add("Vary", "Cookie")
}

// policy is the content security policy of documents. Nothing is loaded but the look, from here, and forms stay here.
var policy = policyTo("")

// policyTo is the policy of a page whose form leads on to another origin as well; "" for none.
func policyTo(origin string) string {
	if origin != "" {
		origin = " " + origin
	}
	return "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'" + origin + "; base-uri 'none'; frame-ancestors 'none'"
}

// referrerPolicy lets browsers say to ourselves alone where a form came from. With no-referrer they write `Origin: null`
// into form posts, and those that send no Sec-Fetch-Site could not post at all. Where a link leads to it is no-referrer
// wherever Sec-Fetch-Site is sent: on https and on loopback hosts (R09).
func (v *visit) referrerPolicy() string {
	path := strings.TrimPrefix(v.r.URL.Path, v.prefix)
	if v.routes[path].link != "" && (v.in.HTTPS || isLoopback(v.r.Host)) {
		return "no-referrer"
	}
	return "same-origin"
}

// here returns the address of a page as a path.
func (v *visit) here(path string) string { return v.prefix + path }

// home is where the name of the house leads: below the portal's prefix, or on a host that has none the host itself.
func (v *visit) home() string {
	if v.prefix == httpauth.HostPrefix {
		return "/"
	}
	return v.here("/")
}

// redirect sends the browser on with a GET. target is ours or has passed [httpauth.ReturnURL].
func (v *visit) redirect(target string) error {
	v.w.Header().Set("Location", target)
	v.w.WriteHeader(http.StatusSeeOther)
	return nil
}

// done shows another page with word of what has been done.
func (v *visit) done(path, what string) error { return v.redirect(v.here(path) + "?done=" + what) }

// typed returns what stands in a field: what was typed, or else known.
func (v *visit) typed(name, known string) string {
	if v.form != nil {
		return v.form.Get(name)
	}
	return known
}

// status is that of the page shown: of the problem, if there is one.
func (v *visit) status() int {
	if v.problem != nil {
		return v.problem.Status
	}
	return http.StatusOK
}

// fail answers with a page about an error.
func (v *visit) fail(err error) {
	problem := httpauth.ToProblem(v.w.Header(), v.r, v.cfg.Logger, err)
	v.problem = &problem
	c := card{Title: v.t("error.title." + titleOf(problem)), Intro: []string{v.explain(&problem)}}
	c.Links = []link{{v.home(), v.t("error.home")}}
	if problem.Code == authcore.CrossOrigin && v.overHTTP() {
		c.Title, c.Intro = v.t("circle.http"), []string{v.t("circle.http.text")}
	}
	c.Intro = append(c.Intro, v.quote(&problem)...)
	if err := v.draw("card", &c); err != nil {
		v.cfg.Logger.ErrorContext(v.r.Context(), "could not render the error page", "error", err)
		http.Error(v.w, http.StatusText(problem.Status), problem.Status)
	}
}

// overHTTP reports whether a browser sent a form over http to what is served over https: it would not keep the cookies of
// a sign-in, and its Origin is not ours.
func (v *visit) overHTTP() bool {
	return v.in.HTTPS && strings.EqualFold(v.r.Header.Get("Origin"), "http://"+v.r.Host)
}

// titleOf names the heading of an error page.
func titleOf(p httpauth.Problem) string {
	switch p.Code {
	case authcore.NotFound, authcore.MethodNotAllowed:
		return "missing"
	case authcore.CrossOrigin:
		return "foreign"
	case authcore.Unavailable:
		return "unavailable"
	case authcore.Internal:
		return "internal"
	case authcore.RateLimited:
		return "slow_down"
	}
	return "refused"
}

// person returns who is signed in; nil for nobody, whose dead cookies are forgotten (B10).
func (v *visit) person() (*authcore.Principal, error) {
	p, err := v.cfg.Authenticator.Authenticate(v.w, v.r, v.in)
	if err == nil || !authcore.IsAnonymous(err) {
		return p, err
	}
	var refusal *authcore.Error
	if errors.As(err, &refusal) && refusal.Code != authcore.AuthenticationRequired {
		v.cfg.Authenticator.ClearDeadCookies(v.w.Header(), v.r, v.in.Cookies())
	}
	return nil, nil
}

// enter leads from the prefix itself to where a visitor belongs.
func (v *visit) enter() error {
	p, err := v.person()
	if err != nil {
		return err
	}
	if p == nil {
		return v.toLogin()
	}
	return v.redirect(v.here("/account"))
}

func (v *visit) toLogin() error { return v.redirect(v.here("/login")) }

// guarded reports whether a service stands behind a guard on this host.
func (v *visit) guarded() bool {
	scheme, host, _ := strings.Cut(httpauth.OriginOf(v.r, v.in.HTTPS), "://")
	return httpauth.HostAllowed(scheme, host, v.cfg.ReturnHosts(v.r.Host))
}
