package caddymodule

import (
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/sanitize"
)

// bombHeaders is room for 60 cookies of 4 KiB. What strangers may fill is kept small all the same: a browser that was made to
// keep more gets the bare 431.
const bombHeaders = 256 << 10

// raiseHeaderLimit lets the server of a portal read a cookie bomb. A host under the same parent domain can plant more cookies on
// a browser than Caddy reads by default; it would get a bare 431 from every path of ours for good, and no way to sign in
// again (D06). A limit that the operator has set to anything but the default stays, and so does that of a server with
// sites that have nothing of ours: nobody would check there what is behind it.
func (s *site) raiseHeaderLimit() {
	foreign := func(r caddyhttp.Route) bool { return !leadsTo(s.srv, r, ours) }
	if s.srv.MaxHeaderBytes == sanitize.CaddyHeaders && !slices.ContainsFunc(s.srv.Routes, foreign) {
		s.srv.MaxHeaderBytes = bombHeaders
	}
}
