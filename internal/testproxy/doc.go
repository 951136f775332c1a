// Package testproxy puts a network between a test's client and its server, and breaks it.
//
// A [Proxy] carries TCP connections on loopback and can be cut, stalled, slowed down, or made to
// reset connections in mid-answer while they run. It knows nothing of what it carries.
//
// Only tests import this package.
package testproxy
