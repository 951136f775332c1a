package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
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
	adminRevoke = "/gatehouse/sessions/revoke"
	adminSecret = "/gatehouse/secret/rotate"
	adminMail   = "/gatehouse/mail/test"
)

// Routes returns the operations.
func (*Admin) Routes() []caddy.AdminRoute {
	return append(slices.Concat(userRoutes(), sessionRoutes(), eventRoutes(), invitationRoutes(), blockRoutes(), settingRoutes(), smsRoutes(), explainRoutes(), doctorRoutes()), []caddy.AdminRoute{
		{Pattern: adminKeys, Handler: operation(http.MethodGet, plain(listKeys))},
		{Pattern: adminRotate, Handler: operation(http.MethodPost, plain(rotateKeys))},
		{Pattern: adminSecret, Handler: operation(http.MethodPost, plain(rotateSecret))},
		{Pattern: adminRevoke, Handler: operation(http.MethodPost, func(r *http.Request, d *adminOps) (any, error) {
			var w target
			if err := json.NewDecoder(r.Body).Decode(&w); err != nil || w.All == (w.User != "") {
				return nil, authcore.Refuse(authcore.InvalidRequest, `The body says either {"user": "…"} or {"all": true}.`)
			}
			return w.revoke(r.Context(), d)
		})},
		{Pattern: adminMail, Handler: operation(http.MethodPost, func(r *http.Request, d *adminOps) (any, error) {
			var m mailTest
			if err := json.NewDecoder(r.Body).Decode(&m); err != nil || notify.CheckAddress(m.Address) != nil {
				return nil, authcore.Refuse(authcore.InvalidRequest, `The body says one address: {"address": "…"}.`)
			}
			return d.notifier.Test(r.Context(), m.Address)
		})},
	}...)
}

// plain is an operation that looks at nothing of the request.
func plain[T any](do func(context.Context, *adminOps) (T, error)) func(*http.Request, *adminOps) (any, error) {
	return func(r *http.Request, d *adminOps) (any, error) { return do(r.Context(), d) }
}

// operation answers one method with what do returns, as JSON. 404 says that the running configuration has no gatehouse,
// and nothing else: the commands then open the database themselves.
func operation(method string, do func(*http.Request, *adminOps) (any, error)) caddy.AdminHandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.Method != method {
			w.Header().Set("Allow", method)
			return caddy.APIError{HTTPStatus: http.StatusMethodNotAllowed, Message: "the method is " + method}
		}
		app := running()
		if app == nil {
			return caddy.APIError{HTTPStatus: http.StatusNotFound, Message: "the running configuration has no gatehouse"}
		}
		d, err := adminOpsOf(r.Context(), app)
		if err != nil {
			return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: err, Message: "gatehouse has not started"}
		}
		out, err := do(r, d)
		var refused *authcore.Error
		switch {
		case errors.As(err, &refused):
			return refuseCommand(w, refused)
		case errors.Is(err, authcore.ErrUnavailable):
			return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: err}
		case err != nil:
			return caddy.APIError{HTTPStatus: http.StatusInternalServerError, Err: err}
		}
		w.Header().Set("Content-Type", "application/json")
		return json.NewEncoder(w).Encode(out)
	}
}

// refuseCommand answers with the problem that a client of the API would get. Its status is 422 whatever the code: a command takes
// 404 for no gateway at all.
func refuseCommand(w http.ResponseWriter, refused *authcore.Error) error {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusUnprocessableEntity)
	return json.NewEncoder(w).Encode(httpauth.ProblemOf(refused))
}

// Interface guards
var _ caddy.AdminRouter = (*Admin)(nil)
