package caddymodule

import (
	"net/http"
	"net/netip"
	"net/url"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/guard"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal"
)

// newEdge makes what the handlers of this configuration have in common.
func (a *App) newEdge() *guard.Edge {
	e := guard.NewEdge()
	e.Server, e.Jars, e.Issuer, e.Issuers, e.Origins = caddyServer{}, a.cfg.jars, a.cfg.issuer, &a.sites.issuers, a.cfg.origins
	e.Logger, e.Now = a.logger, a.node.clock.Now
	e.Counts = guard.Counts{Admitted: guardOutcomes.each[outcomeSuccess], Renewed: guardOutcomes.each[guardRenewed],
		Anonymous: guardOutcomes.each[guardAnonymous], Refused: guardOutcomes.result, Shadowed: shadowRefusals.result}
	return e
}

// caddyServer is what Caddy knows of a request, and keeps for it among its variables.
type caddyServer struct{}

// Trusted implements guard.Server.
func (caddyServer) Trusted(r *http.Request) bool {
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return trusted
}

// Asked implements guard.Server.
func (caddyServer) Asked(r *http.Request) *url.URL {
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && original.URL != nil {
		return original.URL
	}
	return r.URL
}

// Client implements guard.Server, by what Caddy's trusted_proxies decide.
func (caddyServer) Client(r *http.Request) (addr netip.Addr, requestID string) {
	text, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	if parsed, err := netip.ParseAddr(text); err == nil {
		addr = parsed.Unmap().WithZone("")
	}
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		requestID, _ = repl.GetString("http.request.uuid")
	}
	return addr, requestID
}

// Get implements guard.Server.
func (caddyServer) Get(r *http.Request, name string) any { return caddyhttp.GetVar(r.Context(), name) }

// Set implements guard.Server.
func (caddyServer) Set(r *http.Request, name string, value any) {
	caddyhttp.SetVar(r.Context(), name, value)
}

// BadRequest implements guard.Server.
func (caddyServer) BadRequest(err error) error { return caddyhttp.Error(http.StatusBadRequest, err) }

// Interface guards
var (
	_ guard.Server = caddyServer{}
	_ guard.Pages  = (*portal.Pages)(nil)
)
