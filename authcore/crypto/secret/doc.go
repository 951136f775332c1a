// Package secret holds what must not be read: configured secrets that never print,
// digests compared in constant time, values sealed at rest, and opaque tokens.
//
// It owns no policy (lifetimes, attempts) and no storage. Every package of Gatehouse
// may import it; it imports the standard library only.
package secret
