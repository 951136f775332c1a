// Package rig owns what is measured: the upstream, bare Caddy, the peers that can be built here and the gateway, each a process
// of its own on loopback with its files in the run's folder; and the accounts, sessions and tokens that requests are made with.
//
// Tokens are made in number by the gateway's own keys, out of its own database, for sessions that were opened through its API.
// It does not measure.
package rig
