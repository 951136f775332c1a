package caddymodule

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

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
