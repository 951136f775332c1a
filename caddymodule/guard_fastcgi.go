package caddymodule

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Caddy's FastCGI transport fills REMOTE_USER, which PHP programs sign people in by, from {http.auth.user.id}. That is the
// account's id, for every placeholder and for access logs; REMOTE_USER is to be what `remote_user` says. So the transports
// behind a guard get the variable from a placeholder of their own, as if their `env` named it.
const (
	cgiUser      = "gatehouse.user"          // in the environment of transports
	admittedUser = "gatehouse.user.admitted" // of a request that a guard has admitted
)

// tellFastCGI adds the variable to every FastCGI transport that stands behind the guard in its block, unless the configuration
// sets it, and reports whether there is one. They are still as they were written, for Caddy provisions one after the other.
func tellFastCGI(ctx caddy.Context) (told bool) {
	srv, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return false
	}
	for _, route := range behind(ctx, srv) {
		for i, raw := range route.HandlersRaw {
			dec := json.NewDecoder(bytes.NewReader(raw))
			dec.UseNumber()
			var handler any
			if dec.Decode(&handler) != nil || !addCGIUser(handler) {
				continue // its own provisioning says what is wrong
			}
			if changed, err := json.Marshal(handler); err == nil {
				route.HandlersRaw[i], told = changed, true
			}
		}
	}
	return told
}

// behind returns the routes of the block in which a handler is being provisioned, from its own on. Those that follow a route
// with conditions may be reached by it.
func behind(ctx caddy.Context, srv *caddyhttp.Server) caddyhttp.RouteList {
	routes := srv.Routes
	for _, mod := range ctx.Modules() {
		if sub, ok := mod.(*caddyhttp.Subroute); ok {
			routes = sub.Routes
		}
	}
	for i, route := range routes {
		switch {
		case route.HandlersRaw == nil: // provisioned before
		case conditional(route):
			return routes[i : i+1]
		default:
			return routes[i:]
		}
	}
	return nil
}

// addCGIUser looks through a handler's JSON, whatever module it is of.
func addCGIUser(v any) (added bool) {
	switch v := v.(type) {
	case map[string]any:
		if transport, ok := v["transport"].(map[string]any); ok && v["handler"] == "reverse_proxy" && transport["protocol"] == "fastcgi" {
			env, _ := transport["env"].(map[string]any)
			if _, given := env["REMOTE_USER"]; given {
				return false
			}
			if env == nil {
				env = map[string]any{}
			}
			env["REMOTE_USER"] = "{" + cgiUser + "}"
			transport["env"] = env
			return true
		}
		for _, inner := range v {
			added = addCGIUser(inner) || added
		}
	case []any:
		for _, inner := range v {
			added = addCGIUser(inner) || added
		}
	}
	return added
}

// tellUser makes the placeholder known to a request: who was admitted, and where nobody was, whom another handler found out.
func tellUser(r *http.Request) {
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return
	}
	repl.Map(func(key string) (any, bool) {
		if key != cgiUser {
			return nil, false
		}
		if user, ok := repl.Get(admittedUser); ok {
			return user, true
		}
		return repl.Get("http.auth.user.id")
	})
}
