// Package ratelimit counts requests against rate limits, in the memory of one node ([Memory]) or in a Redis that several
// nodes share ([Redis]).
//
// It owns the algorithm, the closed list of limit names and their defaults, and what counts as one client address
// ([AddressKey]). It does not decide which limits a flow takes from, nor what the client is told. Only caddymodule and tests
// import it.
package ratelimit
