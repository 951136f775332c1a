package caddymodule

import (
	"encoding/json"
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/keyring"
)

func init() { caddy.RegisterModule(new(Admin)) }

// Admin adds Gatehouse's operations to Caddy's admin endpoint, under /gatehouse/. Who can reach that endpoint owns the
// server: it is off or on a unix socket in every configuration we ship (P29).
type Admin struct{}

// CaddyModule returns the module's description.
func (*Admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.gatehouse", New: func() caddy.Module { return new(Admin) }}
}

const (
	adminKeys   = "/gatehouse/keys"
	adminRotate = "/gatehouse/keys/rotate"
)

// Routes returns the operations.
func (*Admin) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		{Pattern: adminKeys, Handler: operation(http.MethodGet, func(c *core, r *http.Request) ([]keyring.Info, error) {
			return c.ring.List(r.Context())
		})},
		{Pattern: adminRotate, Handler: operation(http.MethodPost, func(c *core, r *http.Request) ([]keyring.Info, error) {
			return c.ring.Rotate(r.Context())
		})},
	}
}

// operation answers one method with what do returns, as JSON.
func operation[T any](method string, do func(*core, *http.Request) (T, error)) caddy.AdminHandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.Method != method {
			w.Header().Set("Allow", method)
			return caddy.APIError{HTTPStatus: http.StatusMethodNotAllowed, Message: "the method is " + method}
		}
		app := running()
		if app == nil {
			return caddy.APIError{HTTPStatus: http.StatusNotFound, Message: "the running configuration has no gatehouse"}
		}
		c, err := app.await(r.Context())
		if err != nil {
			return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: err, Message: "gatehouse has not started"}
		}
		out, err := do(c, r)
		switch {
		case authcore.CodeOf(err) == authcore.Unavailable && err != nil:
			return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: err}
		case err != nil:
			return caddy.APIError{HTTPStatus: http.StatusInternalServerError, Err: err}
		}
		w.Header().Set("Content-Type", "application/json")
		return json.NewEncoder(w).Encode(out)
	}
}

// Interface guards
var _ caddy.AdminRouter = (*Admin)(nil)
