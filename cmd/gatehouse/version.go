package main

import (
	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/caddymodule"
)

// version tells which Gatehouse this is, and which Caddy it is built on, a line each.
func version() string {
	base, _ := caddy.Version()
	return "gatehouse " + caddymodule.Version() + "\ncaddy " + base
}
