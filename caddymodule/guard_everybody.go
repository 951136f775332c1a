package caddymodule

import (
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
)

// warnOfEverybody tells, once for a configuration, that a guard keeps nobody out for long: who is not let in signs up. Where all
// hosts are this machine's own names there is nobody else.
func (g *Guard) warnOfEverybody(ctx caddy.Context, at *site) {
	if g.Optional || slices.ContainsFunc(g.Require, Rule.chooses) || g.app.cfg.signupMode()() == signup.Closed {
		return
	}
	where := "a site for all host names"
	if hosts := at.hosts(); len(hosts) > 0 {
		public := slices.DeleteFunc(slices.Clone(hosts), isLoopback)
		if len(public) == 0 {
			return
		}
		where = public[0]
	} else if boundToLoopback(at.srv.Listen) {
		return
	}
	if !g.app.sites.everybody.CompareAndSwap(false, true) {
		return
	}
	ctx.Slogger().Warn("gatehouse_guard at " + where + " has no `require`, and anyone can sign up: everyone who can receive mail at any address " +
		"gets in; write `require user <e-mail…>` or `require role <role…>` into the guard, or set signup closed")
}

// warnOfErrorsOnly tells that a server's guards stand among its routes for errors alone: they keep nobody from the services.
func (g *Guard) warnOfErrorsOnly(ctx caddy.Context, at *site) {
	if at.srv.Errors == nil || !slices.ContainsFunc(at.srv.Errors.Routes, isRaw) || // not in one of these
		slices.ContainsFunc(at.routes, func(r caddyhttp.Route) bool { return leadsTo(at.srv, r, []string{"gatehouse_guard"}) }) {
		return
	}
	ctx.Slogger().Warn("gatehouse_guard stands only inside handle_errors: it guards error pages, and every other request of the site passes; " +
		"write it outside of handle_errors")
}
