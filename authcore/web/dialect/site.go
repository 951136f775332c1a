package dialect

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/drf"
)

// Settings are what an operator chooses for a dialect at a site.
type Settings struct {
	Prefix string // begins with a slash and does not end with one
	// Paths are more paths of calls by their actions: below the prefix, or from the root with a leading slash.
	Paths      map[string][]string
	Schemes    []string // nil: the dialect's
	UserID     UserID   // "": the dialect's
	LoginField string   // "": the dialect's
	// Lifetimes returns those of what is issued now. It is asked at each use and waits for nothing.
	Lifetimes func() Lifetimes
	Keys      *jwtkeys.ForeignKeys // nil where the dialect borrows
	// Lender returns the site of the dialect that this one borrows from; nil while there is none.
	Lender func() *Site
	// Siblings returns the sites of the dialects under the same prefix, this one included; nil: there is no other.
	Siblings func() []*Site
	// DigestKey returns the key that digests of refresh tokens are made with. It is the same on every node.
	DigestKey func() secret.MACKey
}

// Site serves a dialect at a site. It is safe for concurrent use.
type Site struct {
	Dialect  Dialect
	Settings Settings
	Flows    Flows

	table Table
}

// New checks d and its settings. What s has not set is as d says.
func New(d Dialect, s Settings, f Flows) (*Site, error) {
	table, err := NewTable(d, s.Prefix, s.Paths)
	if err != nil {
		return nil, err
	}
	if s.Lifetimes == nil || s.Keys == nil && d.Borrows == "" || s.Lender == nil && d.Borrows != "" || s.DigestKey == nil || f.Sessions == nil || f.Dialects == nil || f.Auth == nil || f.Limits == nil || f.Now == nil || f.Logger == nil {
		return nil, fmt.Errorf("dialect %s: lifetimes, keys or who lends them, sessions, authenticator, limits, clock and logger are required", d.Name)
	}
	if f.Count == nil {
		f.Count = func(string, error) {}
	}
	if d.Prepare != nil {
		if err := d.Prepare(&f); err != nil {
			return nil, fmt.Errorf("dialect %s: %w", d.Name, err)
		}
	}
	if len(s.Schemes) == 0 {
		s.Schemes = SchemesOf(d)
	}
	if s.UserID == "" {
		s.UserID = d.UserID
	}
	if s.LoginField == "" {
		s.LoginField = d.LoginField
	}
	return &Site{Dialect: d, Settings: s, Flows: f, table: table}, nil
}

// SchemesOf are the words in front of a dialect's tokens, by default.
func SchemesOf(d Dialect) []string {
	if len(d.Schemes) == 0 {
		return []string{"Bearer"}
	}
	return d.Schemes
}

// Has reports whether the site has something at a path.
func (s *Site) Has(path string) bool { return s.table.Has(path) }

// ServeHTTP answers a request for which Has is true. Its context carries what [httpauth.WithRequestInfo] puts there.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &Call{Site: s, W: w, R: r}
	defer x.recoverPanic()
	var err error
	x.Info, err = httpauth.RequestInfoFrom(r.Context())
	httpauth.SecureHeaders(w.Header(), x.Info.HTTPS)
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		x.fail(err)
		return
	}
	if page := s.table.page(r.URL.Path); page != nil {
		page(x)
		return
	}
	if s.Flows.Auth.Origins().IsPreflight(r) {
		s.Flows.Auth.Origins().AnswerPreflight(w, r)
		return
	}
	s.Flows.Auth.Origins().WriteCORS(w, r)
	if x.below() {
		return
	}
	if s.Dialect.Intercept != nil && s.Dialect.Intercept(x) {
		return
	}
	answer, err := x.perform()
	s.Flows.Count(s.Dialect.Name, counted(err))
	if err != nil {
		x.fail(err)
		return
	}
	drf.Write(w, r, answer)
}

// recoverPanic is as that of the API (M10).
func (x *Call) recoverPanic() {
	switch p := recover(); p {
	case nil:
	case http.ErrAbortHandler:
		panic(p)
	default:
		x.fail(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
	}
}

// perform finds the call and has it done.
func (x *Call) perform() (drf.Answer, error) {
	routes, param := x.table.find(x.R.URL.Path)
	x.Param = param
	x.allow(routes)
	method := x.R.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if method == http.MethodOptions {
		return x.options(routes)
	}
	at := slices.IndexFunc(routes, func(to *Route) bool { return to.Method == method })
	if at < 0 {
		// DRF asks who it is before it looks whether there is such a method.
		if len(routes) > 0 && routes[0].User {
			if err := x.authenticate(); err != nil {
				return drf.Answer{}, err
			}
		}
		return drf.Answer{}, drf.MethodNotAllowed(x.R.Method)
	}
	to := routes[at]
	x.Route = to
	if err := x.Flows.Limits.Take(x.Context(), x.W.Header(), to.Limit, to.Path, x.Info.Client.Addr); err != nil {
		return drf.Answer{}, err
	}
	if err := x.whoever(to); err != nil {
		return drf.Answer{}, err
	}
	if x.Who != nil {
		if err := x.Flows.Limits.TakeAccount(x.Context(), x.W.Header(), to.Limit, to.Path, x.Who.AccountID); err != nil {
			return drf.Answer{}, err
		}
	}
	var body drf.Values
	if len(to.Fields) > 0 {
		data, err := drf.Read(x.W, x.R)
		if err != nil {
			return drf.Answer{}, err
		}
		if body, err = data.Check(x.Named(to.Fields)...); err != nil {
			return drf.Answer{}, err
		}
		if login, given := body[x.Settings.LoginField]; given && x.Settings.LoginField != "" {
			body[LoginName] = login
		}
	}
	return to.Do(x, body)
}

// whoever finds out who makes a call, where the call asks for it.
func (x *Call) whoever(to *Route) error {
	if to.Maybe {
		if _, shown, err := x.Token(); err != nil || !shown {
			return err
		}
	}
	if to.User || to.Maybe {
		return x.authenticate()
	}
	return nil
}

// Named returns fields as the site calls them: of who signs in as the option login_field says.
func (s *Site) Named(fields []drf.Field) []drf.Field {
	at := slices.IndexFunc(fields, func(f drf.Field) bool { return f.Name == LoginName })
	if at < 0 {
		return fields
	}
	all := slices.Clone(fields)
	all[at].Name = s.Settings.LoginField
	return all
}

func (x *Call) options(routes []*Route) (drf.Answer, error) {
	if len(routes) > 0 && routes[0].User {
		if err := x.authenticate(); err != nil {
			return drf.Answer{}, err
		}
	}
	if x.Dialect.Options != nil {
		return x.Dialect.Options(x, routes)
	}
	name := ""
	if len(routes) > 0 {
		name = routes[0].Summary
	}
	return drf.Metadata(name, "", ""), nil
}

// allow sets the header field Allow, as DRF does on every answer.
func (x *Call) allow(routes []*Route) {
	var methods []string
	for _, to := range routes {
		methods = append(methods, to.Method)
	}
	x.W.Header().Set("Allow", drf.Allow(methods...))
}

// authenticate finds out who makes the call, by an access token of this dialect alone. Everything the flows do then is done by that
// account.
func (x *Call) authenticate() (err error) {
	token, found, err := x.Token()
	if err != nil {
		return err
	}
	if !found {
		return drf.NotAuthenticated()
	}
	if x.Who, err = x.whose(token); err != nil {
		return err
	}
	x.R = x.R.WithContext(authcore.ActAs(x.R.Context(), x.Who.Holder()))
	return nil
}

// Token returns what stands in the Authorization header under one of the dialect's words; found is false for no such header, and for one
// with another word, which is as none.
func (x *Call) Token() (token string, found bool, err error) {
	lines := x.R.Header["Authorization"]
	if len(lines) == 0 {
		return "", false, nil
	}
	if len(lines) > 1 {
		return "", false, authcore.Refuse(authcore.InvalidRequest, "Send only one Authorization header.")
	}
	words := strings.Fields(lines[0])
	if len(words) == 0 || !slices.ContainsFunc(x.schemes(), func(s string) bool {
		return s == words[0] || x.Dialect.AnyCase && strings.EqualFold(s, words[0])
	}) {
		return "", false, nil
	}
	switch {
	case len(words) == 2:
		return words[1], true, nil
	case x.Dialect.AnyCase && len(words) == 1:
		return "", true, drf.Detail(http.StatusUnauthorized, "Invalid token header. No credentials provided.")
	case x.Dialect.AnyCase:
		return "", true, drf.Detail(http.StatusUnauthorized, "Invalid token header. Token string should not contain spaces.")
	}
	return "", true, drf.DetailCode(http.StatusUnauthorized, "Authorization header must contain two space-delimited values", "bad_authorization_header")
}

// fail answers with an error, in the dialect's envelope.
func (x *Call) fail(err error) {
	var f *drf.Failure
	if x.Dialect.Failure != nil {
		f = x.Dialect.Failure(x, err)
	} else {
		f = drf.FromError(x.R, x.Flows.Logger, err, x.Renamed())
	}
	f.Write(x.W, x.R, drf.Challenge(x.schemes()[0]))
}

// Renamed says what fields of flows are called here.
func (x *Call) Renamed() map[string]string { return map[string]string{"login": x.Settings.LoginField} }

// counted is an error as the metric has it: a failure of DRF is a refusal, but for faults.
func counted(err error) error {
	var f *drf.Failure
	if !errors.As(err, &f) {
		return err
	}
	switch f.Status {
	case http.StatusUnauthorized:
		return authcore.Refuse(authcore.InvalidToken, "")
	case http.StatusForbidden:
		return authcore.Refuse(authcore.Forbidden, "")
	case http.StatusNotFound:
		return authcore.Refuse(authcore.NotFound, "")
	case http.StatusServiceUnavailable:
		return authcore.ErrUnavailable
	}
	return authcore.Refuse(authcore.InvalidRequest, "")
}

// RouteHere returns the call at the request's path: that which GET is for, or else the first; nil for none.
func (x *Call) RouteHere() *Route {
	routes, _ := x.table.find(x.R.URL.Path)
	for _, to := range routes {
		if to.Method == http.MethodGet {
			return to
		}
	}
	if len(routes) == 0 {
		return nil
	}
	return routes[0]
}

// ServeAPIPage answers with what the page of the calls has at a path.
func (x *Call) ServeAPIPage(at, prefix string) {
	if err := x.Flows.APIPage.Serve(x.W, x.R, at, prefix, "#"); err != nil {
		x.fail(err)
	}
}
