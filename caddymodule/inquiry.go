package caddymodule

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/access"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// inquiry answers questions about a running gateway: what becomes of a request, and what is wrong with the gateway itself. It changes
// nothing, and may be used concurrently.
type inquiry struct{ app *App }

// explain answers a question about a request by the routes of the running configuration. It changes nothing. Refusals:
// [authcore.InvalidFields]; [authcore.NotFound] for an unknown user, and where no site takes the request.
func (i inquiry) explain(ctx context.Context, q access.Question) (access.Explanation, error) {
	to, addr, err := readQuestion(q)
	if err != nil {
		return access.Explanation{}, err
	}
	c, err := i.app.await(ctx)
	if err != nil {
		return access.Explanation{}, err
	}
	account, err := i.asked(ctx, c, q.User)
	if err != nil {
		return access.Explanation{}, err
	}
	srv := i.serverFor(to)
	if srv == nil {
		return access.Explanation{}, errNoSite()
	}
	w := newRouteWalk(i, srv, q, to, addr)
	w.account = account
	w.take(srv.Routes)
	if w.site == "" {
		return access.Explanation{}, errNoSite()
	}
	w.out.Site = w.site
	return w.out, nil
}

func errNoSite() error {
	return authcore.Refuse(authcore.NotFound, "No site of the configuration takes this address.").Because(access.ErrNoSite)
}

// asked returns the account that a question names; nil for none.
func (i inquiry) asked(ctx context.Context, c *core, user string) (*authcore.Account, error) {
	if user == "" {
		return nil, nil
	}
	account, err := admin.Find(ctx, c.store, user)
	if err != nil {
		return nil, err
	}
	return &account, nil
}

// signedIn is an account as if it had signed in just now.
func (i inquiry) signedIn(u *authcore.Account, issuer string) (httpauth.Result, error) {
	if u.Disabled() {
		return httpauth.Result{}, authcore.Refuse(authcore.AuthenticationRequired, "The account is disabled: it has no sessions, and nobody can sign in to it.")
	}
	now := i.app.node.clock.Now()
	p := authcore.Principal{AccountID: u.ID, Subject: u.ID.String(), Epoch: u.Epoch, RolesVersion: u.RolesVersion, Email: u.VerifiedEmail(), EmailReused: u.EmailReused,
		Username: u.Username, Name: u.Name(), Fields: i.app.cfg.userFields.Claims(u.Fields), Roles: i.app.cfg.admins.Roles(*u), Issuer: issuer, AMR: []string{authcore.AMRPassword},
		AuthTime: now, ExpiresAt: now.Add(time.Minute), Credential: authcore.BearerToken}
	if u.MFAEnabled() {
		p.AMR = append(p.AMR, authcore.AMRMulti)
	}
	return httpauth.Result{Verified: i.app.node.verifier.Admit(p)}, nil
}

// serverFor returns the server that takes requests to an address: one that listens on its port, else one with a site of its name, since
// something in front may have another port; nil for none.
func (i inquiry) serverFor(to *url.URL) *caddyhttp.Server {
	app, err := i.app.ctx.AppIfConfigured("http")
	sites, ok := app.(*caddyhttp.App)
	if err != nil || !ok {
		return nil
	}
	servers := sites.Servers
	port := to.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[to.Scheme]
	}
	var named *caddyhttp.Server
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		srv := servers[name]
		takes := slices.ContainsFunc(srv.Routes, func(r caddyhttp.Route) bool {
			hosts := matchedHosts(r)
			return len(hosts) == 0 || hostCertainty(hosts, to.Hostname()) != never
		})
		listens := slices.ContainsFunc(srv.Listen, func(l string) bool {
			_, at, err := net.SplitHostPort(l[strings.LastIndex(l, "/")+1:])
			return err == nil && at == port
		})
		switch {
		case takes && listens:
			return srv
		case takes && named == nil:
			named = srv
		}
	}
	return named
}

// condition is what is found of the running gateway itself.
func (i inquiry) condition(ctx context.Context) (f findings, err error) {
	c, err := i.app.await(ctx)
	if err != nil {
		return f, err
	}
	s := nodeState{signs: c.ring.Signs(), clockWrong: i.app.node.clock.Wrong(), skew: i.app.node.clock.Skew(), database: i.app.node.health.ask(ctx, i.app.ping)}
	s.waiting, _, s.mail = c.notifier.Health()
	if i.app.feed != nil {
		s.redis = i.app.feed.Cause()
	}
	f.node(s)
	if s.database != nil {
		return f, nil // nobody can say who administers
	}
	all, _, err := c.tuning.List(ctx)
	if err != nil {
		return f, err
	}
	f.overridden(all)
	if i.app.cfg.issuer != nil {
		f.issuer(ctx, &i.app.issuerLook, i.app.sites.portalURL())
	}
	return f, errors.Join(f.migrations(ctx, c.store), f.administrators(ctx, c.store))
}
