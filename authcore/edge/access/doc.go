// Package access decides whether a request may pass: one pure function of who makes the request and of a policy, without I/O,
// memory or clock of its own. Whoever lets requests in by a policy calls it; what is answered to those that do not pass is
// theirs.
package access
