package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/gatehouse-auth/gatehouse/bench/internal/load"
	"github.com/gatehouse-auth/gatehouse/bench/internal/report"
	"github.com/gatehouse-auth/gatehouse/bench/internal/rig"
)

// kind is one way to send requests.
type kind struct {
	name, title string
	send        func(*stock) load.Load
	start       func(context.Context, *bench) (target, error)
	refused     bool   // 401 is the right answer to each
	fresh       bool   // each slice, the bare ones too, has a process of its own, so that no token was ever seen by it
	shares      string // cases with the same name here share a process; "" for one of its own
	peer        bool   // it is not ours
	secure      bool   // over TLS and HTTP/2, bare Caddy too
}

// target is what answers.
type target struct {
	proxy, auth *rig.Server // auth is nil where the proxy decides alone
	seen        string      // a token that it admits
}

// Names of the cases that goals are about.
const (
	bearerSeen   = "bearer-seen"
	bearerUnseen = "bearer-unseen"
	cookieSeen   = "cookie-seen"
	bearerTLS    = "bearer-seen-tls"
	cookieUnseen = "cookie-unseen"
	afterFlood   = "bearer-seen-after-flood"
	junkForged   = "junk-signature"
	junkText     = "junk-text"
	nodeBearer   = "bearer-seen-cluster"
	nodeCookie   = "cookie-seen-cluster"
)

// kinds are the cases, in the order of the tables.
var kinds = []kind{
	{name: bearerSeen, title: "bearer seen before", send: fixed("Authorization", seenBearer), start: ours, shares: "gateway"},
	{name: cookieSeen, title: "cookie seen before", send: fixed("Cookie", seenCookie), start: ours, shares: "gateway"},
	{name: bearerTLS, title: "bearer seen, over TLS and HTTP/2", send: fixed("Authorization", seenBearer), secure: true,
		start: func(_ context.Context, b *bench) (t target, err error) {
			t.seen = b.stock.bearer
			t.proxy, err = b.rig.GatewayTLS(b.stock.data)
			return t, err
		}},
	{name: afterFlood, title: "bearer seen, after the flood", send: fixed("Authorization", seenBearer), start: flooded},
	{name: nodeBearer, title: "bearer seen, with Postgres and Redis", start: node, shares: "node",
		send: fixed("Authorization", func(s *stock) string { return "Bearer " + s.nodeBearer })},
	{name: nodeCookie, title: "cookie seen, with Postgres and Redis", start: node, shares: "node",
		send: fixed("Cookie", func(s *stock) string { return s.nodeCookie })},
	{name: bearerUnseen, title: "bearer never seen (EdDSA)", start: ours, fresh: true, shares: "new",
		send: pooled("Authorization", "Bearer ", func(s *stock) string { return s.bearerPool })},
	{name: cookieUnseen, title: "cookie never seen", start: ours, fresh: true, shares: "new",
		send: pooled("Cookie", rig.CookieName+"=", func(s *stock) string { return s.cookiePool })},
	{name: "revoked", title: "bearer of an ended session (401)", start: ours, refused: true, shares: "gateway",
		send: fixed("Authorization", func(s *stock) string { return "Bearer " + s.revoked })},
	{name: junkForged, title: "junk: wrong signature (401)", start: ours, refused: true, shares: "gateway",
		send: pooled("Authorization", "Bearer ", func(s *stock) string { return s.forgedPool })},
	{name: junkText, title: "junk: random text (401)", start: ours, refused: true, shares: "gateway",
		send: pooled("Authorization", "Bearer ", func(s *stock) string { return s.junkPool })},
	{name: "forward-auth", title: "Caddy forward_auth, trivial server", send: fixed("Authorization", seenBearer), peer: true,
		start: func(_ context.Context, b *bench) (t target, err error) {
			t.seen = b.stock.bearer
			t.proxy, t.auth, err = b.rig.ForwardAuth()
			return t, err
		}},
	{name: "nginx-auth-request", title: "nginx auth_request, trivial server", send: fixed("Authorization", seenBearer), peer: true,
		start: func(_ context.Context, b *bench) (t target, err error) {
			t.seen = b.stock.bearer
			t.proxy, t.auth, err = b.rig.Nginx()
			return t, err
		}},
}

func seenBearer(s *stock) string { return "Bearer " + s.bearer }
func seenCookie(s *stock) string { return s.cookie }

// fixed sends one value with every request.
func fixed(header string, value func(*stock) string) func(*stock) load.Load {
	return func(s *stock) load.Load { return load.Load{Header: header, Value: value(s)} }
}

// pooled sends each value of a pool in turn.
func pooled(header, before string, pool func(*stock) string) func(*stock) load.Load {
	return func(s *stock) load.Load { return load.Load{Header: header, Value: before, Pool: pool(s)} }
}

// ours starts the gateway on a copy of the stock's data folder.
func ours(_ context.Context, b *bench) (t target, err error) {
	t.seen = b.stock.bearer
	t.proxy, err = b.rig.Gateway(b.stock.data)
	return t, err
}

// flooded is ours after a flood of distinct valid tokens.
func flooded(ctx context.Context, b *bench) (target, error) {
	t, err := ours(ctx, b)
	if err != nil {
		return t, err
	}
	say("flood of %d distinct tokens", b.flood)
	return t, b.twice(ctx, t.proxy, b.stock.bearers[:b.flood])
}

// twice sends each token twice, not at once, so that it is cached, and wants every one to be admitted.
func (b *bench) twice(ctx context.Context, s *rig.Server, tokens []string) error {
	values := make([]string, 0, 2*len(tokens))
	for some := range slices.Chunk(tokens, 1000) {
		for range 2 {
			for _, token := range some {
				values = append(values, "Bearer "+token)
			}
		}
	}
	return load.Once(ctx, s.Addr, "Authorization", values)
}

func caseNames() (names []string) {
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

func isPeer(name string) bool {
	return slices.ContainsFunc(kinds, func(k kind) bool { return k.name == name && k.peer })
}

// running is a case with its servers.
type running struct {
	kind
	target
	bare   target
	result *report.Case
}

// cases measures every case that is wanted, round by round, so that a drift of the machine meets all of them.
func (b *bench) cases(ctx context.Context) error {
	all, err := b.ready(ctx)
	if err != nil {
		return err
	}
	for round := range b.rounds {
		for _, c := range all {
			say("round %d of %d: %s", round+1, b.rounds, c.name)
			r, err := b.round(ctx, c)
			if err != nil {
				return fmt.Errorf("measure %s: %w", c.name, err)
			}
			c.result.Rounds = append(c.result.Rounds, r)
		}
	}
	for _, c := range all {
		c.result.Summarise()
		b.report.Cases = append(b.report.Cases, c.result)
	}
	return b.stop(all)
}

// ready starts what the wanted cases need. Cases with the same way to start share a process, and so do all bare ones.
func (b *bench) ready(ctx context.Context) (all []*running, err error) {
	var bare, fresh, encrypted target
	shared := map[string]*target{}
	share := func(t *target, start func(context.Context, *bench) (target, error)) error {
		if t.proxy != nil {
			return nil
		}
		*t, err = start(ctx, b)
		return err
	}
	plain := func(context.Context, *bench) (t target, err error) {
		t.seen = b.stock.bearer
		t.proxy, err = b.rig.Bare()
		return t, err
	}
	plainTLS := func(context.Context, *bench) (t target, err error) {
		t.seen = b.stock.bearer
		t.proxy, err = b.rig.BareTLS()
		return t, err
	}
	for _, k := range kinds {
		if !b.wants(k.name) {
			continue
		}
		c := &running{kind: k, result: &report.Case{Name: k.name, Title: k.title}}
		base, own := &bare, &c.target
		baseline := plain
		switch {
		case k.fresh:
			base = &fresh
		case k.secure:
			base, baseline = &encrypted, plainTLS
		}
		if k.shares != "" {
			if shared[k.shares] == nil {
				shared[k.shares] = new(target)
			}
			own = shared[k.shares]
		}
		if err := share(base, baseline); err != nil {
			return nil, err
		}
		if err := share(own, k.start); err != nil {
			return nil, err
		}
		c.bare, c.target = *base, *own
		all = append(all, c)
	}
	return all, nil
}

// stop ends the servers of the cases, each once.
func (b *bench) stop(all []*running) error {
	stopped := map[*rig.Server]bool{nil: true}
	for _, c := range all {
		for _, s := range []*rig.Server{c.proxy, c.auth, c.bare.proxy} {
			if stopped[s] {
				continue
			}
			stopped[s] = true
			if err := b.rig.Stop(s); err != nil {
				return err
			}
		}
	}
	return nil
}
