// Package throttle counts: requests against rate limits ([Memory], [Redis]), failed
// sign-ins against locks ([Lockouts]), in the memory of one node or in a Redis that
// several nodes share.
//
// It owns the algorithms, the closed list of limit names and their defaults, and what
// counts as one client address ([AddressKey]). It does not decide which limits a flow
// takes from, nor what the client is told. It imports no other adapter. Only
// caddymodule and tests import it.
package throttle
