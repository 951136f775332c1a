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
//   - A limit that counts by address is taken before its sender is asked for, one that counts by account after, and both before the
//     body is read.
//
// The tests of this package check every answer they get against the document, and fail where a route or a success was
// never seen.
type route struct {
	method, path string
	tag          tag
	summary      string // three to eight words
	text         string // what a caller needs to know, in Markdown
	limit        string // that its sender is counted against; "" for none
	mayCount     bool   // the call itself counts some of its uses against a limit
	does         action
	fresh        bool     // its sender must have signed in just now, or prove themselves by a FreshProof in the body
	optional     bool     // the call also works without a body
	params       []param  // in path and query
	cookies      []scheme // of a bodyOrCookie call: the cookies that it reads
	// admin says who may make a call of the administration, and event which event tells of it. Every path below /admin/ is one.
	admin   authcore.Access
	event   authcore.EventKind
	replies []reply
	refuses []authcore.Code
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
	if to.limit != "" || to.mayCount {
		all = append(all, authcore.RateLimited)
	}
	if to.does.body != nil {
		all = append(all, authcore.InvalidRequest, authcore.RequestTooLarge, authcore.UnsupportedMediaType)
	}
	if to.fresh {
		all = append(all, freshCodes...)
	}
	if to.admin != authcore.NoAccess {
		all = append(all, authcore.Forbidden, authcore.RateLimited)
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
	case strings.Count(to.path, "/{") != strings.Count(to.path, "{") || !slices.Equal(to.pathParams(), placeholders(to.path)):
		return errors.New("the parameters of its path are not described, in their order")
	case strings.HasPrefix(to.path, "/admin/") != (to.admin != authcore.NoAccess):
		return errors.New("a call below /admin/ says who may make it, and no other does")
	case to.admin != authcore.NoAccess && (to.does.caller != signedIn || to.limit != "" || to.fresh && to.admin != authcore.Changes):
		return errors.New("a call of the administration is one of somebody who is signed in, and is counted as such")
	case to.event.IsAdministration() != (to.admin != authcore.NoAccess) || to.event != "" && !slices.Contains(authcore.EventKinds(), to.event):
		return errors.New("a call of the administration is told by an event of its own kind, admin.<resource>.<verb>")
	}
	for _, code := range to.codes() {
		if httpauth.Status(code) == http.StatusInternalServerError && code != authcore.Internal || meanings[code] == "" {
			return fmt.Errorf("the code %s has no status or no meaning", code)
		}
	}
	return nil
}

// pathParams are the names of the parameters in the path, as they are described.
func (to route) pathParams() (names []string) {
	for _, p := range to.params {
		if p.in == "path" {
			names = append(names, p.name)
		}
	}
	return names
}

// placeholders are the names of the parameters of a path: id in /sessions/{id}.
func placeholders(path string) (names []string) {
	for segment := range strings.SplitSeq(path, "/") {
		if name, ok := placeholder(segment); ok {
			names = append(names, name)
		}
	}
	return names
}

func placeholder(segment string) (name string, ok bool) {
	if strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}") {
		return segment[1 : len(segment)-1], true
	}
	return "", false
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
			if like := rs.like(to.path); like != "" {
				return nil, fmt.Errorf("mount %s %s: it cannot be told from %s", to.method, to.path, like)
			}
			rs[to.path] = make(map[string]route)
		}
		if _, twice := rs[to.path][to.method]; twice {
			return nil, fmt.Errorf("mount %s %s: it is there already", to.method, to.path)
		}
		rs[to.path][to.method] = to
	}
	return rs, nil
}

// like returns another path that is written out in as many places, and fits all that path does; "" for none.
func (rs routes) like(path string) string {
	for other := range rs {
		_, a := fit(other, strings.Split(path, "/"))
		_, b := fit(path, strings.Split(other, "/"))
		if (a || b) && written(other) == written(path) {
			return other
		}
	}
	return ""
}

// find returns the methods of a path, and what stands in it for the parameters of theirs; a path that is written out goes before one
// with parameters. It is no ServeMux, which would answer //, /./ and /../ with redirects to what it takes them to mean.
func (rs routes) find(path string) (methods map[string]route, given []string, ok bool) {
	if methods, ok = rs[path]; ok && !strings.Contains(path, "{") {
		return methods, nil, true
	}
	segments, best := strings.Split(path, "/"), ""
	for pattern := range rs {
		if values, fits := fit(pattern, segments); fits && (best == "" || written(pattern) > written(best)) { // newRoutes refuses two that are alike
			best, given = pattern, values
		}
	}
	return rs[best], given, best != ""
}

// fit returns what stands in the segments of a path for the parameters of a pattern; none of them is empty.
func fit(pattern string, segments []string) (values []string, ok bool) {
	if !strings.Contains(pattern, "{") || strings.Count(pattern, "/")+1 != len(segments) {
		return nil, false
	}
	i := 0
	for want := range strings.SplitSeq(pattern, "/") {
		if _, free := placeholder(want); free && segments[i] != "" {
			values = append(values, segments[i])
		} else if free || want != segments[i] {
			return nil, false
		}
		i++
	}
	return values, true
}

// written counts what of a pattern is written out: of two that fit a path the one with more is meant.
func written(pattern string) int { return strings.Count(pattern, "/") - strings.Count(pattern, "{") }

// serve finds the call of a request and has it performed.
func (a *API) serve(x *call) error {
	w, r := x.w, x.r
	listed := a.auth.Origins().WriteCORS(w, r)
	path, ok := strings.CutPrefix(r.URL.Path, x.mount.prefix)
	if !ok {
		return errNoSuchPath()
	}
	methods, given, ok := a.routes.find(path)
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
	for i, name := range placeholders(to.path) {
		r.SetPathValue(name, given[i])
	}
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
