//go:build !linux

package caddymodule

// Elsewhere this process cannot tell whose a socket is.
func listening() []socket         { return nil }
func ownSockets() map[string]bool { return nil }
