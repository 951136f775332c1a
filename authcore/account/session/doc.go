// Package session owns sign-ins: it opens, renews, lists and ends them and issues their tokens. A session is the family
// of its refresh tokens (RFC 9700 §4.14.2): each refresh replaces the token, and a dead one that comes back ends it all.
//
// It does not decide who may sign in (signin, signup) and does not check access tokens (edge).
package session
