package caddymodule

import (
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("gatehouse", parseGlobal)
	httpcaddyfile.RegisterDirective("gatehouse", parsePortal)
	httpcaddyfile.RegisterDirective("gatehouse_dialect", parseDialect)
	httpcaddyfile.RegisterDirective("gatehouse_guard", parseGuard)
	// As early as refusals can still carry what `header` sets on every answer: no rewrite may hide the portal's paths (a
	// try_files for a single-page application would), and whatever fails later, error routes see a request that is stripped.
	// Each is put directly before request_body, so the one registered last stands closest to it.
	httpcaddyfile.RegisterDirectiveOrder("gatehouse", httpcaddyfile.Before, "request_body")
	httpcaddyfile.RegisterDirectiveOrder("gatehouse_dialect", httpcaddyfile.Before, "request_body")
	httpcaddyfile.RegisterDirectiveOrder("gatehouse_guard", httpcaddyfile.Before, "request_body")
}

// parseGlobal reads the global option
//
//	gatehouse {
//		<option> …
//	}
//
// whose options are those of globalOptions.
func parseGlobal(d *caddyfile.Dispenser, existing any) (any, error) {
	d.Next() // the option's name
	if existing != nil {
		return nil, d.Err("the global option is given twice; put its options into one block")
	}
	if d.CountRemainingArgs() > 0 {
		return nil, d.Err("the global option takes a block and no value")
	}
	var s Settings
	if err := parseBlock(d, globalOptions, &s); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "gatehouse", Value: caddyconfig.JSON(s, nil)}, nil
}

// parsePortal reads the site directive
//
//	gatehouse [<prefix>]
//
// The prefix is no matcher: the handler needs it to write links, and passes on what is outside of it by itself.
func parsePortal(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // the directive's name
	at := h.Token()
	var p PortalSettings
	switch args := h.RemainingArgs(); {
	case len(args) > 1, len(args) == 1 && args[0] == "":
		return nil, h.Err("gatehouse takes at most one value, the prefix: gatehouse /auth")
	case len(args) == 1:
		p.Prefix = args[0]
	}
	if h.NextBlock(0) {
		return nil, h.Err("gatehouse takes no block in a site; its options belong into the global options: { gatehouse { … } }")
	}
	if err := p.check(); err != nil {
		return nil, h.WrapErr(err)
	}
	if err := claimPaths(h, at, pathClaim{by: "gatehouse", portal: p.prefix()}); err != nil {
		return nil, errorAt(at, err)
	}
	return h.NewRoute(nil, &Portal{PortalSettings: p}), nil
}
