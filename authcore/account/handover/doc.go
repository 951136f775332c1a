// Package handover owns how a browser that is signed in at one host becomes signed in at another, without a cookie that
// both hosts see: the host where the session is issues a one-time code, which the other one redeems for a child session of that
// session with tokens of its own (design §1.8).
//
// A code is worth something only for the origin that it was issued for, in the browser that asked for it, for a minute and
// once. The browser is known by a verifier that the asking host has given it, of which the code's issuer sees the SHA-256
// alone, as in PKCE (RFC 7636, S256): so a code that is stolen on its way opens nothing, and nobody's browser can be signed in with
// somebody else's code (login CSRF, RFC 9700 §4.7).
//
// It does not know cookies and addresses: those are httpauth's and portal's. What becomes of child sessions afterwards is session's.
package handover
