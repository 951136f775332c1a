// Package jwtkeys makes, signs with, verifies with and publishes the keys of Gatehouse's
// JSON Web Tokens (RFC 7515, 7517, 7519, 8725, 9068).
//
// There are two kinds of token. A bearer token is signed, for upstreams and API clients
// to read, with `typ: at+jwt`. A cookie token is MACed with a random key that only our
// nodes have, with `typ: gatehouse-cookie+jwt`, and is refused wherever a bearer token
// belongs, and the other way round.
//
// A key is known by its `kid`, and is bound to one algorithm and one use: nothing in a
// token chooses how it is checked. This is the only package that imports golang-jwt. It
// owns no storage, no rotation schedule and no revocation; it may be imported by authcore,
// the capability packages and caddymodule.
package jwtkeys
