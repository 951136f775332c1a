package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// route declares one call: what serves it and what the OpenAPI document says of it. There is no other way to add a call,
// and none is mounted without its description:
//
//   - Write a method of the type that owns the noun, and a named struct for its body. The struct's json tags name its
//     members; doc, minLength, maxLength, pattern, format, enum and example are its description (see [huma.Schema]). Put
//     down only what breaking answers 422.
//   - Return a route from that type's routes, with does made by the constructor of [action] that says whose call it is.
//   - List in replies every success and in refuses the codes that the call itself can answer with. What follows from the
//     limit, the caller and the body is added (see [route.codes]).
//
// The tests of this package check every answer they get against the document, and fail where a route or a success was
// never seen.
type route struct {
	method, path string
	tag          tag
	summary      string // three to eight words
	text         string // what a caller needs to know, in Markdown
	limit        string // that its sender is counted against; "" for none
	does         action
	fresh        bool     // its sender must have signed in just now, or prove themselves by a FreshProof in the body
	optional     bool     // the call also works without a body
	params       []param  // in path and query
	cookies      []scheme // of a bodyOrCookie call: the cookies that it reads
	replies      []reply
	refuses      []authcore.Code
}

// param is a parameter of a path or query.
type param struct {
	in, name, text string
	kind           reflect.Type
	format         string
	most           int // the largest number; 0 for any
}

// reply is an answer of success.
type reply struct {
	status int
	text   string
	body   any // of the type that is answered; nil for none
}

// codes returns every code that the call can answer with: its own, and those that follow from what it takes.
func (to route) codes() []authcore.Code {
	all := slices.Concat(to.refuses, []authcore.Code{authcore.Internal, authcore.Unavailable, authcore.HeadersTooLarge})
	if to.limit != "" {
		all = append(all, authcore.RateLimited)
	}
	if to.does.body != nil {
		all = append(all, authcore.InvalidRequest, authcore.RequestTooLarge, authcore.UnsupportedMediaType)
	}
	if to.fresh {
		all = append(all, freshCodes...)
	}
	switch to.does.caller {
	case signedIn:
		all = append(all, authcore.AuthenticationRequired, authcore.InvalidToken, authcore.InvalidRequest, authcore.CrossOrigin)
	case holder:
		all = append(all, authcore.CrossOrigin)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// check returns what is missing in the declaration.
func (to route) check() error {
	switch {
	case to.does.do == nil:
		return errors.New("it does nothing")
	case to.summary == "" || to.text == "" || to.tag == "":
		return errors.New("summary, text and tag are required")
	case len(to.replies) == 0 && len(to.refuses) == 0:
		return errors.New("it says neither how it succeeds nor why it never does")
	case (to.does.caller == holder) != (to.does.body != nil && to.does.body.Implements(reflect.TypeFor[usesCookies]())):
		return errors.New("a body that speaks by cookies belongs to a bodyOrCookie call")
	case to.fresh && (to.does.caller != signedIn || to.does.body == nil || !to.does.body.Implements(reflect.TypeFor[proves]())):
		return errors.New("a fresh call is one of somebody who is signed in, and its body has a FreshProof")
	case strings.Contains(strings.Replace(to.path, "/{id}", "", 1), "{"):
		return errors.New("a path has no other parameter than one {id}")
	case strings.Contains(to.path, "{") != slices.ContainsFunc(to.params, func(p param) bool { return p.in == "path" }):
		return errors.New("the parameters of its path are not described")
	}
	for _, code := range to.codes() {
		if httpauth.Status(code) == http.StatusInternalServerError && code != authcore.Internal || meanings[code] == "" {
			return fmt.Errorf("the code %s has no status or no meaning", code)
		}
	}
	return nil
}

// routes maps paths below the prefix to their methods.
type routes map[string]map[string]route

func newRoutes(lists ...[]route) (routes, error) {
	rs := routes{}
	for _, to := range slices.Concat(lists...) {
		if err := to.check(); err != nil {
			return nil, fmt.Errorf("mount %s %s: %w", to.method, to.path, err)
		}
		if rs[to.path] == nil {
			rs[to.path] = make(map[string]route)
		}
		if _, twice := rs[to.path][to.method]; twice {
			return nil, fmt.Errorf("mount %s %s: it is there already", to.method, to.path)
		}
		rs[to.path][to.method] = to
	}
	return rs, nil
}

// find returns the methods of a path and, where it has an {id} at its end or before its last part, the id in it. It is an exact look-up and no ServeMux, which
// would answer //, /./ and /../ with redirects to what it takes them to mean.
func (rs routes) find(path string) (methods map[string]route, id string, ok bool) {
	if methods, ok = rs[path]; ok && !strings.Contains(path, "{id}") {
		return methods, "", true
	}
	last := strings.LastIndexByte(path, '/') + 1
	if methods, ok = rs[path[:last]+"{id}"]; ok && path[last:] != "" {
		return methods, path[last:], true
	}
	if last < 2 {
		return nil, "", false
	}
	before := strings.LastIndexByte(path[:last-1], '/') + 1
	id = path[before : last-1]
	methods, ok = rs[path[:before]+"{id}/"+path[last:]]
	return methods, id, ok && id != "" && id != "{id}"
}

// serve finds the call of a request and has it performed.
func (a *API) serve(x *call) error {
	w, r := x.w, x.r
	listed := a.auth.Origins().WriteCORS(w, r)
	path, ok := strings.CutPrefix(r.URL.Path, x.mount.prefix)
	if !ok {
		return errNoSuchPath()
	}
	methods, id, ok := a.routes.find(path)
	if !ok {
		return errNoSuchPath()
	}
	if r.Method == http.MethodOptions {
		w.Header().Set("Allow", allowed(methods))
		if listed {
			preflight(w.Header(), r, allowed(methods))
		}
		return x.done()
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	to, ok := methods[method]
	if !ok {
		w.Header().Set("Allow", allowed(methods))
		return authcore.Refuse(authcore.MethodNotAllowed, "Method not allowed; see the Allow header.")
	}
	r.SetPathValue("id", id)
	return a.perform(x, to)
}

func errNoSuchPath() error {
	return authcore.Refuse(authcore.NotFound, "There is nothing at this address.")
}

// allowed lists the methods of a path for the Allow header.
func allowed(methods map[string]route) string {
	names := []string{http.MethodOptions}
	for m := range methods {
		names = append(names, m)
		if m == http.MethodGet {
			names = append(names, http.MethodHead)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// preflight answers the question a browser asks before it lets a listed origin make a call.
func preflight(h http.Header, r *http.Request, allow string) {
	if r.Header.Get("Access-Control-Request-Method") == "" {
		return
	}
	h.Set("Access-Control-Allow-Methods", allow)
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	h.Set("Access-Control-Max-Age", "600")
}
