// Package invite lets people who have an account invite others.
//
// An invitation that is bound to an address goes there alone, so whoever uses it has verified the address; whoever invites never sees
// its token, or they could verify a stranger's address with it. One that is bound to nobody is answered once and verifies nothing. Roles
// are for administrators to give, and `admin` and `auditor` stand in bound ones only. What an invitation gives is decided when it is
// used, by what the inviter may do then. Signing up with one is in package signup.
package invite
