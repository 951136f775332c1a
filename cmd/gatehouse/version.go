package main

import (
	"runtime/debug"

	"github.com/caddyserver/caddy/v2"
)

// version tells which Gatehouse this is, and which Caddy it is built on, a line each: the tag or, between tags, time and
// revision of the sources. It is "(devel)" where the build knew neither.
func version() string {
	own := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		own = info.Main.Version
	}
	base, _ := caddy.Version()
	return "gatehouse " + own + "\ncaddy " + base
}
