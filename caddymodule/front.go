package caddymodule

import (
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// front stands before handlers that a request may come to by no other handler of ours: those of a site that has guards in its
// blocks alone, and those for errors, whose answers no handler of the site sees. The configuration does not name it.
type front struct {
	app    *App
	errors bool // it stands before handlers for errors
}

// CaddyModule returns the description that Caddy's traces and metrics ask for. It is not registered.
func (*front) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.gatehouse_front", New: func() caddy.Module { return new(front) }}
}

// ServeHTTP begins the passage of a request.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return f.app.edge.Front(w, r, next, f.errors)
}

// putFronts sees to it that every request of the site comes by a handler of ours, and its errors as well. It reports false where a
// site cannot be changed any more: one without an address, whose only guard stands in a named route. inSite says that a handler
// in the site sees its requests already.
func (s *site) putFronts(ctx caddy.Context, app *App, inSite bool) (all bool) {
	if s.srv.Errors != nil {
		putBefore(ctx, &s.srv.Errors.Routes, &front{app, true}, !s.apart)
	}
	blocks := blocksAround(ctx)
	for _, sub := range blocks {
		if sub.Errors != nil {
			putBefore(ctx, &sub.Errors.Routes, &front{app, true}, slices.ContainsFunc(sub.Routes, isRaw))
		}
	}
	switch {
	case inSite:
	case s.apart:
		return s.putLateFronts(ctx, app)
	case s.flat:
		putBefore(ctx, &s.srv.Routes, &front{app, false}, false)
	default:
		putBefore(ctx, &blocks[0].Routes, &front{app, false}, false)
	}
	return true
}

// putLateFronts is putFronts for a handler outside of the sites, which are all provisioned by then.
func (s *site) putLateFronts(ctx caddy.Context, app *App) (all bool) {
	all = true
	for _, one := range s.all() {
		if one.hasPortal() || !slices.ContainsFunc(one.routes, func(r caddyhttp.Route) bool { return leadsTo(s.srv, r, []string{"gatehouse_guard"}) }) {
			continue
		}
		if one.flat {
			all = all && hasFront(s.srv.Routes)
			continue
		}
		for _, handler := range one.routes[0].Handlers {
			if sub, ok := handler.(*caddyhttp.Subroute); ok {
				putBefore(ctx, &sub.Routes, &front{app, false}, false)
			}
		}
	}
	return all
}

// blocksAround returns the subroutes that the handler which is being provisioned stands in, from the outermost.
func blocksAround(ctx caddy.Context) (blocks []*caddyhttp.Subroute) {
	for _, mod := range ctx.Modules() {
		if sub, ok := mod.(*caddyhttp.Subroute); ok {
			blocks = append(blocks, sub)
		}
	}
	return blocks
}

// putBefore puts f before some routes, once. untouched says that Caddy has yet to provision them. Others may be in the middle of
// that: they stay where they are in memory, in a subroute that follows f.
func putBefore(ctx caddy.Context, routes *caddyhttp.RouteList, f *front, untouched bool) {
	if len(*routes) == 0 || hasFront(*routes) {
		return
	}
	if untouched {
		*routes = append(caddyhttp.RouteList{{Handlers: []caddyhttp.MiddlewareHandler{f}}}, *routes...)
		return
	}
	both := caddyhttp.Route{Handlers: []caddyhttp.MiddlewareHandler{f, &caddyhttp.Subroute{Routes: *routes}}}
	_ = both.ProvisionHandlers(ctx, nil) // loads nothing, so it cannot fail
	*routes = caddyhttp.RouteList{both}
}

func hasFront(routes caddyhttp.RouteList) bool {
	if len(routes) == 0 || len(routes[0].Handlers) == 0 {
		return false
	}
	_, ok := routes[0].Handlers[0].(*front)
	return ok
}

// behindFront returns the routes at the top of a server as the configuration has them.
func behindFront(routes caddyhttp.RouteList) caddyhttp.RouteList {
	if hasFront(routes) && len(routes[0].Handlers) == 2 {
		return routes[0].Handlers[1].(*caddyhttp.Subroute).Routes
	}
	return routes
}

// Interface guards
var (
	_ caddy.Module                = (*front)(nil)
	_ caddyhttp.MiddlewareHandler = (*front)(nil)
)
