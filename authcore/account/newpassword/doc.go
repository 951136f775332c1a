// Package newpassword owns what happens to a password that somebody chooses, at registration and at a reset alike: one
// normal form, one check against the policy with what is known of the person, one hash. Only capabilities import it.
package newpassword
