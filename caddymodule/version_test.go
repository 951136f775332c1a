package caddymodule

import (
	"runtime/debug"
	"testing"
)

// TestVersion: it is Gatehouse's own, in our program and in one that xcaddy has built.
func TestVersion(t *testing.T) {
	t.Parallel()
	caddy := &debug.Module{Path: "github.com/caddyserver/caddy/v2", Version: "v2.10.0"}
	for want, info := range map[string]*debug.BuildInfo{
		"v1.2.3":  {Main: debug.Module{Path: module, Version: "v1.2.3"}, Deps: []*debug.Module{caddy}},
		"v1.2.4":  {Main: debug.Module{Path: "caddy", Version: "(devel)"}, Deps: []*debug.Module{caddy, {Path: module, Version: "v1.2.4"}}},
		"(devel)": {Main: debug.Module{Path: module}, Deps: []*debug.Module{caddy}},
	} {
		if got := versionIn(info); got != want {
			t.Errorf("it is %s, want %s", got, want)
		}
	}
	if got := versionIn(nil); got != "(devel)" {
		t.Errorf("without any information it is %s", got)
	}
}
