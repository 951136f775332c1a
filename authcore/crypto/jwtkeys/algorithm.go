package jwtkeys

import "fmt"

// Algorithm is a JWS algorithm (RFC 7518, RFC 8037) that Gatehouse signs with.
type Algorithm string

// The algorithms of bearer tokens. HS256 has no public key, so that only who is given
// the key can check a token; it is also the one algorithm of cookie tokens.
const (
	EdDSA Algorithm = "EdDSA"
	ES256 Algorithm = "ES256"
	RS256 Algorithm = "RS256"
	HS256 Algorithm = "HS256"
)

// ParseAlgorithm returns the algorithm of exactly this name.
func ParseAlgorithm(s string) (Algorithm, error) {
	switch a := Algorithm(s); a {
	case EdDSA, ES256, RS256, HS256:
		return a, nil
	}
	return "", fmt.Errorf("unknown algorithm %q: it is EdDSA, ES256, RS256 or HS256", s)
}

// Use is a kind of token. A key serves one use, and a token of one use is refused as
// the other (RFC 8725 §3.11).
type Use string

const (
	// Bearer tokens go to clients and upstreams, in the Authorization header.
	Bearer Use = "bearer"
	// Cookie tokens are read by our own nodes only, from the access cookie.
	Cookie Use = "cookie"
)

// typ is the header by which the two kinds differ (RFC 9068 §2.1 for bearer tokens).
func (u Use) typ() string {
	if u == Bearer {
		return "at+jwt"
	}
	return "gatehouse-cookie+jwt"
}
