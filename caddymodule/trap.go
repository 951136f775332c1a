package caddymodule

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/honeytrap"
)

// baited is the baits of a portal.
type baited struct {
	app   *App
	srv   *caddyhttp.Server
	names func(host string) bool // of the portal's site
}

// checkBaits returns an error if a bait meets the paths of a portal.
func (a *App) checkBaits(prefix string) error {
	for _, b := range a.cfg.trap.baits {
		if err := b.CheckPrefix(prefix); err != nil {
			return fmt.Errorf("option honey_trap: %w", err)
		}
	}
	return nil
}

// take answers a request for a bait as servers answer what is not there, and reports false for every other one. A bait is never served in
// place of what a guard decides about.
func (b *baited) take(w http.ResponseWriter, r *http.Request) (taken bool, err error) {
	bait := b.at(r)
	if bait == nil {
		return false, nil
	}
	b.spring(w, r, *bait)
	return true, caddyhttp.Error(http.StatusNotFound, nil)
}

// at returns the bait that a request is for; nil for none.
func (b *baited) at(r *http.Request) *honeytrap.Bait {
	for i := range b.app.cfg.trap.baits {
		if bait := &b.app.cfg.trap.baits[i]; bait.Matches(r.URL.Path) && !b.guarded(r) {
			return bait
		}
	}
	return nil
}

// spring has the trap spring, if the gateway has started: a bait must not be told from what is not there by an error.
func (b *baited) spring(w http.ResponseWriter, r *http.Request, bait honeytrap.Bait) {
	c, err := b.app.await(r.Context())
	if err != nil {
		return
	}
	b.app.edge.Enter(r, true) // who is signed in is not caught
	in := b.app.edge.RequestInfo(r, b.names)
	in.IsProxy = b.isProxy
	c.trap.BaitTaken(w, r, in, bait)
}

// guarded reports whether the request, if it went on, would come to a guard that decides about it. It is only asked for baits.
func (b *baited) guarded(r *http.Request) (found bool) {
	ahead := r.Clone(r.Context()) // rewrites change it
	ahead.Body = http.NoBody
	repl, _ := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	w := &routeWalk{srv: b.srv, request: ahead, repl: repl, groups: map[string]bool{}}
	w.onGuard = func(g *Guard) bool {
		if g.way.Matches == nil {
			found = true
		} else if matches, err := g.way.Matches(ahead); matches || err != nil {
			found = true
		}
		return found
	}
	w.take(b.srv.Routes)
	return found
}

// isProxy reports whether Caddy would trust what somebody at an address says of the client.
func (b *baited) isProxy(addr netip.Addr) bool {
	if !addr.IsValid() {
		return false
	}
	peer := (&http.Request{URL: new(url.URL), Header: http.Header{}, RemoteAddr: netip.AddrPortFrom(addr, 1).String()}).WithContext(context.Background())
	peer = caddyhttp.PrepareRequest(peer, caddy.NewReplacer(), nil, b.srv)
	return caddyServer{}.Trusted(peer)
}
