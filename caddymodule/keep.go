package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// keptVar is where identity headers of a gateway in front wait for the guard that keeps them (contract §3.7). They are taken off
// the request with all others, whoever does it first: a request on which no such guard stands has them nowhere.
const keptVar = "gatehouse.kept"

// keptHeaders are headers from a peer that Caddy's trusted_proxies name.
type keptHeaders struct {
	lines http.Header
	back  map[string]bool // those that a guard has put back: the next one on the way does not take them off again
}

// setAside remembers a header of a trusted peer that some guard keeps, and reports whether it stays on the request. Only the
// name as it is written counts: what another client had passed through that peer under `X_Remote_User` is not its word.
func setAside(r *http.Request, name string, lines []string) (stays bool) {
	if trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool); !trusted {
		return false
	}
	kept, ok := caddyhttp.GetVar(r.Context(), keptVar).(*keptHeaders)
	if !ok {
		kept = &keptHeaders{lines: http.Header{}, back: map[string]bool{}}
		caddyhttp.SetVar(r.Context(), keptVar, kept)
	}
	if !kept.back[name] {
		kept.lines[name] = lines
	}
	return kept.back[name]
}

// putBack gives a request that the guard takes what the guard keeps.
func (g *Guard) putBack(r *http.Request) {
	if len(g.keep) == 0 {
		return
	}
	kept, ok := caddyhttp.GetVar(r.Context(), keptVar).(*keptHeaders)
	if !ok {
		return
	}
	for _, name := range g.keep {
		_, set := r.Header[name] // by another guard on the way, from an account
		if lines, ok := kept.lines[name]; ok && !set {
			r.Header[name], kept.back[name] = lines, true
			delete(kept.lines, name)
		}
	}
}

// needsTrusted is the error of `keep` where nobody's headers would ever be kept.
func needsTrusted(trusted bool) error {
	if trusted {
		return nil
	}
	return errors.New("it needs trusted_proxies, which names the gateway in front, in the global block: " +
		"servers { trusted_proxies static 192.0.2.10 }")
}

// checkPeers refuses a `keep` on a server that trusts nobody.
func (g *Guard) checkPeers(ctx caddy.Context) error {
	if srv, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok && len(g.Keep) > 0 {
		if err := needsTrusted(trusts(srv)); err != nil {
			return fmt.Errorf("gatehouse_guard: keep: %w", err)
		}
	}
	return nil
}

// trusts reports whether a server has trusted_proxies; Caddy has loaded them before its handlers, and keeps them to itself.
func trusts(srv *caddyhttp.Server) bool {
	source := reflect.ValueOf(srv).Elem().FieldByName("trustedProxies")
	return srv.TrustedProxiesUnix || len(srv.TrustedProxiesRaw) > 0 || source.IsValid() && !source.IsNil()
}

// trustsIn reports whether any `servers` block of a Caddyfile has trusted_proxies. Its type is not to be had by name.
func trustsIn(servers any) bool {
	all := reflect.ValueOf(servers)
	if all.Kind() != reflect.Slice {
		return false
	}
	for i := range all.Len() {
		of := all.Index(i)
		raw, unix := of.FieldByName("TrustedProxiesRaw"), of.FieldByName("TrustedProxiesUnix")
		if raw.IsValid() && !raw.IsZero() || unix.IsValid() && !unix.IsZero() {
			return true
		}
	}
	return false
}
