package caddymodule

import "runtime/debug"

// module is the path of Gatehouse's Go module, and the name under which its spans are found (OpenTelemetry: the instrumentation scope).
const module = "github.com/gatehouse-auth/gatehouse"

// Version tells which Gatehouse this program has in it: the tag or, between tags, time and revision of the sources. It is "(devel)" where the
// build knew neither.
func Version() string {
	info, _ := debug.ReadBuildInfo()
	return versionIn(info)
}

// versionIn looks among the modules of a build: Gatehouse is the main one, or one that another program was built with.
func versionIn(info *debug.BuildInfo) string {
	if info != nil {
		for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
			if m.Path == module && m.Version != "" {
				return m.Version
			}
		}
	}
	return "(devel)"
}
