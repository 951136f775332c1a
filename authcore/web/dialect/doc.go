// Package dialect serves the APIs that clients of other systems already speak, each by a package below. A [Dialect] is a table: paths,
// fields, envelope and the form of its tokens. It owns no rule: what an account may do is decided by the same flows as for the API,
// and every token it issues belongs to a session like any other.
//
// docs/contributing.md says how to add one.
package dialect
