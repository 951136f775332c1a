package page

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// Request is one request for a page and the answer to it. It belongs to one goroutine.
type Request struct {
	*Kit
	*Texts  // in the visitor's language
	State   // what the browser keeps
	W       http.ResponseWriter
	R       *http.Request
	Info    httpauth.RequestInfo
	Prefix  string              // that the pages are under
	Form    url.Values          // what was typed; nil on a GET
	File    []byte              // of a form with an upload; nil where none was chosen
	User    *authcore.Principal // who is signed in, on a route that requires it
	Problem *httpauth.Problem   // why the form was refused
	route   Route               // where the request was led
	proof   proof               // what the form needs as well
	code    authcore.FactorType // what the code that the page asks for is of; "" for one that was sent
}

// Path returns the address of a page.
func (q *Request) Path(name string) string { return q.Prefix + name }

// Home is where the name of the house leads: below the portal's prefix, or on a host that has none the host itself.
func (q *Request) Home() string {
	if q.Prefix == httpauth.HostPrefix {
		return "/"
	}
	return q.Path("/")
}

// Redirect sends the browser on with a GET. target is ours or has passed [httpauth.CheckReturn].
func (q *Request) Redirect(target string) error {
	q.W.Header().Set("Location", target)
	q.W.WriteHeader(http.StatusSeeOther)
	return nil
}

// Done shows another page with word of what has been done, a text "done." and what.
func (q *Request) Done(name, what string) error { return q.Redirect(q.Path(name) + "?done=" + what) }

// ToLogin sends the browser to the sign-in page.
func (q *Request) ToLogin() error { return q.Redirect(q.Path("/login")) }

// At reports whether the request is for the page of a name.
func (q *Request) At(name string) bool { return q.route.Path == name }

// Param returns the segment of the address that stands where the path of the route has its name in braces.
func Param(q *Request, name string) string { return q.route.params[name] }

// MayChange reports whether who is signed in is an administrator: forms of the console are theirs alone.
func MayChange(q *Request) bool {
	return q.User != nil && slices.Contains(q.User.Roles, authcore.RoleAdmin)
}

// MayRead reports whether they may see the console: an administrator, or an auditor.
func MayRead(q *Request) bool {
	return MayChange(q) || q.User != nil && slices.Contains(q.User.Roles, authcore.RoleAuditor)
}

// Value returns what stands in a field: what was typed, or else known.
func (q *Request) Value(name, known string) string {
	if q.Form != nil {
		return q.Form.Get(name)
	}
	return known
}

// SetProblem lets the page that is shown tell of err, under its status.
func (q *Request) SetProblem(err error) *httpauth.Problem {
	problem := httpauth.ToProblem(q.W.Header(), q.R, q.Logger, err)
	q.Problem = &problem
	return q.Problem
}

// Is reports whether the problem has the code.
func (q *Request) Is(code authcore.Code) bool { return q.Problem != nil && q.Problem.Code == code }

// RequireUser returns who is signed in, or the refusal of whoever is not. From then on changes of the request are theirs.
func (q *Request) RequireUser() (*authcore.Principal, error) {
	user, err := q.authenticate()
	if err != nil {
		return user, err
	}
	q.R = q.R.WithContext(authcore.ActAs(q.R.Context(), user.Holder()))
	return user, nil
}

// authenticate finds out who is signed in. From then on the page is in the language that they have chosen.
func (q *Request) authenticate() (*authcore.Principal, error) {
	user, err := q.Authenticator.Authenticate(q.W, q.R, q.Info)
	if err != nil {
		return user, err
	}
	if locale := q.Locale(q.R.Context(), user.AccountID); locale != "" {
		q.Texts = q.textsIn(locale)
	}
	return user, nil
}

// CurrentUser returns who is signed in; nil for nobody, whose dead cookies are forgotten (B10).
func (q *Request) CurrentUser() (*authcore.Principal, error) {
	if q.User != nil {
		return q.User, nil
	}
	p, err := q.authenticate()
	if err == nil || !authcore.IsAnonymous(err) {
		return p, err
	}
	var refusal *authcore.Error
	if errors.As(err, &refusal) && refusal.Code != authcore.AuthenticationRequired {
		q.Authenticator.ClearDeadCookies(q.W.Header(), q.R, q.Info.Cookies())
	}
	return nil, nil
}

// Origin returns that of this host, as browsers write it.
func (q *Request) Origin() string { return httpauth.OriginOf(q.R, q.Info.HTTPS) }

// OriginOf returns the origin of an absolute URL, as browsers write it.
func OriginOf(u *url.URL) string {
	return httpauth.OriginOf(&http.Request{Host: u.Host}, strings.EqualFold(u.Scheme, "https"))
}
