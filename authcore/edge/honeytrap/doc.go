// Package honeytrap notices programs that fill in every field of a form or ask for paths that nothing of the site leads to, and keeps their
// addresses from signing up. What becomes of an address is decided by [github.com/gatehouse-auth/gatehouse/authcore/account/block.Trap];
// whose requests count is decided here.
package honeytrap
