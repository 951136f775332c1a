// Package contact owns the address and the number that an account is known by: how their owner changes and removes them.
//
// It does not own the identifiers of a registration (signup), nor names (profile).
package contact
