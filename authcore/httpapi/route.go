package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// call answers a request, or returns the error that WriteError answers with. Then it has written no body.
type call func(w http.ResponseWriter, r *http.Request, in Incoming) error

// route is one call and the limit that its sender is counted against; "" for none.
type route struct {
	limit string
	call  call
}

// routes maps paths below the prefix to their methods.
type routes map[string]map[string]route

func (rs routes) add(method, path, limit string, c call) {
	if rs[path] == nil {
		rs[path] = make(map[string]route)
	}
	rs[path][method] = route{limit, c}
}

// sessionPath is the one path with a parameter.
const sessionPath = "/sessions/{id}"

// find returns the methods of a path and, for sessionPath, the id in it. It is an exact look-up and no ServeMux, which
// would answer //, /./ and /../ with redirects to what it takes them to mean.
func (rs routes) find(path string) (methods map[string]route, id string, ok bool) {
	if methods, ok = rs[path]; ok && path != sessionPath {
		return methods, "", true
	}
	id, ok = strings.CutPrefix(path, "/sessions/")
	if !ok || id == "" || strings.Contains(id, "/") {
		return nil, "", false
	}
	return rs[sessionPath], id, true
}

func (a *API) serve(w http.ResponseWriter, r *http.Request, in Incoming, prefix string) error {
	listed := a.origins.cors(w, r)
	path, ok := strings.CutPrefix(r.URL.Path, prefix)
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
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	to, ok := methods[method]
	if !ok {
		w.Header().Set("Allow", allowed(methods))
		return authcore.Refuse(authcore.MethodNotAllowed, "This path does not know the method. The Allow header says which it knows.")
	}
	if err := a.limits.Take(r.Context(), to.limit, in.Client.Addr); err != nil {
		return err
	}
	r.SetPathValue("id", id)
	return to.call(w, r, in)
}

func errNoSuchPath() error {
	return authcore.Refuse(authcore.NotFound, "There is nothing at this path.")
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

// Limits counts calls by client address, before a byte of the body is read. It is safe for concurrent use.
type Limits struct {
	limiter    authcore.Limiter
	addressKey func(netip.Addr) string
}

// NewLimits returns the limits that the API of cfg has: what is counted here counts there.
func NewLimits(cfg Config) *Limits { return &Limits{cfg.Limiter, cfg.AddressKey} }

// Take counts one call from addr against the named limit; "" is none. It refuses with RateLimited.
func (l *Limits) Take(ctx context.Context, name string, addr netip.Addr) error {
	if name == "" {
		return nil
	}
	wait, err := l.limiter.Take(ctx, authcore.Limit{Name: name, Key: l.addressKey(addr)})
	if err != nil {
		return fmt.Errorf("count against limit %s: %w", name, err)
	}
	if wait > 0 {
		return authcore.RefuseFor(authcore.RateLimited, "Too many requests from your address. The Retry-After header says when to try again.", wait)
	}
	return nil
}

// recoverPanic turns a panic into a generic answer; the process lives on (M10). http.ErrAbortHandler is net/http's own
// way to drop a connection and goes on its way.
func (a *API) recoverPanic(w http.ResponseWriter, r *http.Request) {
	switch p := recover(); p {
	case nil:
	case http.ErrAbortHandler:
		panic(p)
	default:
		WriteError(w, r, a.log, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
	}
}
