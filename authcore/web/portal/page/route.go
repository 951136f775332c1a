package page

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// Route declares one page: its address, who may use it, what it shows and what its form does. There is no other way to add a page.
type Route struct {
	Path string // below the prefix; a segment in braces stands for any, [Param] returns it
	For  Users
	// Show answers a GET. After a submit that was refused it is called again, with Problem and Form of the request set; it must then
	// change nothing.
	Show func(*Request) error
	// Submit answers a POST with a redirect, or returns why it did not happen. Nil: there is no form.
	Submit func(*Request) error
	// Foreign answers a POST from any site in place of Submit. It must do nothing by what the browser keeps. Nil: no other site may post here.
	Foreign func(*Request) error
	// Asks says that the form changes nothing: an auditor sends it too, and Submit may answer with the page.
	Asks bool
	// Fresh pages take a form only from somebody who has signed in just now, or who gives the password with it.
	Fresh bool
	// Upload is how large a file its form may bring, in bytes; 0: none. Only who is signed in may send one.
	Upload int64
	Limit  string // that submits are counted against; "" for none
	Link   string // which kind of link from a mail leads here; "" for none
	params map[string]string
}

// Users says who may use a page.
type Users int

// Who may use a page.
const (
	Anyone   Users = iota
	SignedIn       // others are sent to the sign-in page; User of the request is set
	Readers        // SignedIn, and of them administrators and auditors; only administrators send its forms, unless the route Asks
)

// Routes finds the page of a path.
type Routes map[string]Route

// Find returns the page of a path below the prefix. Where one has the very path, it comes before those with braces in theirs.
func (rs Routes) Find(path string) (Route, bool) {
	if to, ok := rs[path]; ok {
		return to, true
	}
	for at, to := range rs {
		if params, ok := match(at, path); ok {
			to.Path, to.params = path, params
			return to, true
		}
	}
	return Route{}, false
}

// match returns what stands in a path where the pattern has names in braces; false where it has none, or the path is another.
func match(pattern, path string) (map[string]string, bool) {
	names, parts := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(names) != len(parts) {
		return nil, false
	}
	params := map[string]string{}
	for i, name := range names {
		inner, open := strings.CutPrefix(name, "{")
		switch {
		case open && parts[i] != "":
			params[strings.TrimSuffix(inner, "}")] = parts[i]
		case name != parts[i]:
			return nil, false
		}
	}
	return params, len(params) > 0
}

// NewRoutes refuses two pages of one path, a page that shows nothing, and a fresh one for anyone.
func NewRoutes(all ...Route) (Routes, error) {
	routes := make(Routes, len(all))
	for _, to := range all {
		if _, twice := routes[to.Path]; twice || to.Show == nil {
			return nil, fmt.Errorf("mount page %q: it is there already, or shows nothing", to.Path)
		}
		if to.Fresh && (to.For == Anyone || to.Submit == nil) {
			return nil, fmt.Errorf("mount page %q: a fresh page has a form for somebody who is signed in", to.Path)
		}
		if to.Upload > 0 && (to.For == Anyone || to.Submit == nil || to.Fresh) {
			return nil, fmt.Errorf("mount page %q: a file is taken by a form for somebody who is signed in", to.Path)
		}
		routes[to.Path] = to
	}
	return routes, nil
}

// Serve answers a request for a page, or returns the error to show instead.
func (to Route) Serve(q *Request) error {
	q.route = to
	// Where a link leads, its token must reach no other page (R09). Over http, but for loopback hosts, browsers send no Sec-Fetch-Site.
	if to.Link != "" && (q.Info.HTTPS || isLoopback(q.R.Host)) {
		q.W.Header().Set("Referrer-Policy", "no-referrer")
	}
	switch q.R.Method {
	case http.MethodGet, http.MethodHead:
		if to.Link != "" && to.takeLink(q) {
			return nil
		}
		return to.show(q)
	case http.MethodPost:
		if to.Foreign != nil {
			return to.foreign(q)
		}
		if to.Submit != nil {
			return to.post(q)
		}
	}
	q.W.Header().Set("Allow", "GET, HEAD")
	if to.Submit != nil {
		q.W.Header().Set("Allow", "GET, HEAD, POST")
	}
	return authcore.Refuse(authcore.MethodNotAllowed, "Method not allowed; see the Allow header.")
}

// foreign takes a form of any site.
func (to Route) foreign(q *Request) (err error) {
	if err = to.count(q); err != nil {
		return err
	}
	if q.Form, err = readForm(q.W, q.R); err != nil {
		return err
	}
	return to.Foreign(q)
}

// show shows the page to whoever may use it.
func (to Route) show(q *Request) (err error) {
	if to.For != Anyone {
		if q.User, err = q.CurrentUser(); err != nil {
			return err
		}
		if q.User == nil {
			return to.toLogin(q)
		}
	}
	if to.For == Readers && !MayRead(q) {
		return errNotForYou()
	}
	err = to.Show(q)
	if to.For != Anyone && authcore.IsAnonymous(err) { // the account is gone
		q.Info.Cookies().ClearSession(q.W.Header())
		return q.ToLogin()
	}
	return err
}

// toLogin sends the browser to the sign-in page, and from a page of the console back again.
func (to Route) toLogin(q *Request) error {
	if to.For == Readers {
		return q.Redirect(q.Path("/login") + "?rd=" + url.QueryEscape(q.R.URL.RequestURI()))
	}
	return q.ToLogin()
}

// errNotForYou refuses who may neither read nor change what administrators see. No page says what there would be.
func errNotForYou() error {
	return authcore.Refuse(authcore.Forbidden, "Administrators and auditors alone may see this.")
}

// post reads a form and does what it asks. What is refused is shown in the form, with what was typed.
func (to Route) post(q *Request) error {
	err := to.count(q)
	if err != nil && authcore.CodeOf(err) != authcore.RateLimited {
		return err
	}
	if unread := to.read(q, err != nil); unread != nil {
		return unread
	}
	if err == nil {
		if err = to.submit(q); err == nil {
			return nil
		}
	}
	if authcore.IsAnonymous(err) { // the session ended while the form was open; what was typed is gone, and the page says so
		return q.Redirect(q.Path("/login") + "?done=" + notSaved)
	}
	if q.SetProblem(err); (q.Is(authcore.ReauthenticationRequired) || q.Is(authcore.MFARequired)) && q.proof == noProof {
		q.proof = stepUp // the page has no field for a proof
	}
	return to.show(q)
}

// count counts a form against the limit of the page, and finds out who sends one that counts by account.
func (to Route) count(q *Request) (err error) {
	h := q.W.Header()
	if err := q.Limits.Take(q.R.Context(), h, to.Limit, to.Path, q.Info.Client.Addr); err != nil {
		return err
	}
	if to.For == Anyone {
		return q.Limits.TakeCaller(h, q.R, q.Info, q.Authenticator, to.Limit, to.Path)
	}
	if !q.Limits.CountAccounts(to.Limit) {
		return nil
	}
	if err := q.Authenticator.Origins().CheckForm(q.R, q.Info.HTTPS); err != nil {
		return err
	}
	if q.User, err = q.CurrentUser(); err != nil || q.User == nil {
		return err // submit says so
	}
	return q.Limits.TakeAccount(q.R.Context(), h, to.Limit, to.Path, q.User.AccountID)
}

// read reads what the form has. Who sends a file is asked before it is read: of anybody's, memory would hold as many as they like. A file
// is not read where the form is refused.
func (to Route) read(q *Request, refused bool) (err error) {
	if to.Upload == 0 {
		return q.ReadForm()
	}
	if refused {
		q.Form = url.Values{}
		return nil
	}
	if err := q.Authenticator.Origins().CheckForm(q.R, q.Info.HTTPS); err != nil {
		return err
	}
	if q.User, err = q.CurrentUser(); err != nil {
		return err
	}
	if q.User == nil {
		q.Form = url.Values{}
		return nil // submit says so
	}
	q.Form, q.File, err = readUpload(q.W, q.R, to.Upload)
	return err
}

func (to Route) submit(q *Request) (err error) {
	if to.For != Anyone {
		if q.User, err = q.RequireUser(); err != nil {
			return err
		}
	}
	if to.For == Readers && !MayChange(q) && !(to.Asks && MayRead(q)) { // a form that an auditor was never shown (S17)
		return errNotForYou()
	}
	if to.Fresh {
		if err := CheckFresh(q); err != nil {
			return err
		}
	}
	return to.Submit(q)
}

func isLoopback(host string) bool {
	u, err := url.Parse("http://" + host)
	return err == nil && httpauth.IsLoopback(strings.ToLower(u.Hostname()))
}
